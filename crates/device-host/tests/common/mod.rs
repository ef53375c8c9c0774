//! The daemon's side of the link, for tests.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::{
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use signet_authn::{DeviceChange, DeviceError, DeviceEvent, Frame};
use signet_device_link::{Decoder, FromHost, Lease, ToHost, encode};
use signet_types::DeviceId;

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_signet-device-host");

/// A running device host and the daemon's end of its link.
pub(crate) struct Host {
    pub(crate) child: Child,
    pub(crate) stream: UnixStream,
    decoder: Decoder<FromHost>,
    leases: u32,
}

impl Host {
    /// Starts it as the same user, with a second for each exchange.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--keep-user", "--exchange-timeout", "1000", "--open-timeout", "1000"])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut host = Self { child, stream: ours, decoder: Decoder::new(), leases: 0 };
        assert!(matches!(host.next(), FromHost::Hello { version: signet_device_link::VERSION, .. }));
        host
    }

    pub(crate) fn send(&mut self, message: &ToHost) {
        self.stream.write_all(&encode(message).unwrap()).unwrap();
    }

    /// The next message; panics when none comes.
    pub(crate) fn next(&mut self) -> FromHost {
        self.next_within(PATIENCE).expect("a message from the host")
    }

    pub(crate) fn next_within(&mut self, time: Duration) -> Option<FromHost> {
        let end = Instant::now() + time;
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.decoder.message().unwrap() {
                return Some(message);
            }
            let rest = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(rest)).unwrap();
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the host ended: {}", self.end().1),
                Ok(length) => self.decoder.feed(&buffer[..length]).unwrap(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Skips messages until `wanted` gives something.
    pub(crate) fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&FromHost) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = self.next_within(PATIENCE).as_ref().and_then(&mut wanted) {
                return found;
            }
        }
        panic!("waited for {what}")
    }

    /// Waits for a change at a device; gives the event's number.
    pub(crate) fn change(&mut self, device: &DeviceId, change: DeviceChange) -> u64 {
        self.until(&format!("{change:?} at {device}"), |message| match message {
            FromHost::Event { number, event: DeviceEvent { device: d, change: c, .. } }
                if d == device && *c == change =>
            {
                Some(*number)
            }
            _ => None,
        })
    }

    /// Opens a device under a new lease.
    pub(crate) fn open(&mut self, device: &DeviceId) -> (Lease, Result<(), DeviceError>) {
        self.leases += 1;
        let lease = Lease(self.leases);
        self.send(&ToHost::Open { lease, device: device.clone() });
        let result = self.until("Opened", |message| match message {
            FromHost::Opened { lease: l, result } if *l == lease => Some(*result),
            _ => None,
        });
        (lease, result)
    }

    /// Opens a device that must open.
    pub(crate) fn opened(&mut self, device: &DeviceId) -> Lease {
        let (lease, result) = self.open(device);
        assert_eq!(result, Ok(()));
        lease
    }

    /// Opens a device as soon as nobody else holds it.
    pub(crate) fn until_open(&mut self, device: &DeviceId) -> Lease {
        for _ in 0..10 {
            match self.open(device) {
                (lease, Ok(())) => return lease,
                (lease, Err(DeviceError::Busy)) => self.close(lease),
                (_, Err(error)) => panic!("{error}"),
            }
        }
        panic!("{device} stays busy")
    }

    pub(crate) fn begin(&mut self, lease: Lease, apdu: &[u8]) {
        self.send(&ToHost::Exchange { lease, frame: Frame::new(apdu.to_vec()).unwrap() });
    }

    pub(crate) fn reply(&mut self, lease: Lease) -> Result<Vec<u8>, DeviceError> {
        self.until("Reply", |message| match message {
            FromHost::Reply { lease: l, result } if *l == lease => {
                Some(result.as_ref().map(|frame| frame.expose().to_vec()).map_err(|&error| error))
            }
            _ => None,
        })
    }

    pub(crate) fn exchange(&mut self, lease: Lease, apdu: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.begin(lease, apdu);
        self.reply(lease)
    }

    pub(crate) fn close(&mut self, lease: Lease) {
        self.send(&ToHost::Close { lease });
        self.until("Closed", |message| {
            matches!(message, FromHost::Closed { lease: l } if *l == lease).then_some(())
        });
    }

    /// Waits for the host's end; its exit status and what it logged.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the host goes on");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, log)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
