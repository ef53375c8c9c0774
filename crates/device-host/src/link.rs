use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::{Mutex, PoisonError},
};

use signet_authn::{DeviceEvent, DeviceKind};
use signet_device_link::{FromHost, LinkError, encode};
use signet_port_pcsc::Report;

/// The way to the daemon, for all ports; numbers the events.
pub(crate) struct Uplink {
    state: Mutex<State>,
}

struct State {
    stream: UnixStream,
    events: u64,
}

/// A message could not be given to the daemon.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// It is no message of the link.
    #[error("a message does not fit the link")]
    Message(#[from] LinkError),
    /// The daemon does not read, or is gone.
    #[error("the daemon does not take messages")]
    Stream(#[from] io::Error),
}

impl UplinkError {
    /// Whether the daemon closed the link: no fault of anybody.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Stream(error)
            if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset))
    }
}

impl Uplink {
    /// Over a stream that has a time-out for writing.
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { state: Mutex::new(State { stream, events: 0 }) }
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: &FromHost) -> Result<(), UplinkError> {
        let bytes = encode(message)?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stream.write_all(&bytes)?;
        Ok(())
    }

    fn send_event(&self, event: DeviceEvent) -> Result<(), UplinkError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.events += 1;
        let bytes = encode(&FromHost::Event { number: state.events, event })?;
        state.stream.write_all(&bytes)?;
        Ok(())
    }

    /// Passes on what the port for smart cards says.
    pub(crate) fn report(&self, report: Report) -> Result<(), UplinkError> {
        match report {
            Report::Event(event) => self.send_event(event),
            Report::Health(health) => self.send(&FromHost::Health { kind: DeviceKind::Pcsc, health }),
            Report::Opened(lease, result) => self.send(&FromHost::Opened { lease, result }),
            Report::Reply(lease, result) => self.send(&FromHost::Reply { lease, result }),
            Report::Closed(lease) => self.send(&FromHost::Closed { lease }),
        }
    }
}
