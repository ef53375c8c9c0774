use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    process,
    sync::Arc,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, sockopt};
use signet_authn::DeviceKind;
use signet_device_link::{Decoder, FromHost, LinkError, ToHost, VERSION};
use signet_port_pcsc::{Limits, Port};
use zeroize::{Zeroize, Zeroizing};

use crate::{Options, SandboxError, link::Uplink, probe};

/// The daemon is taken for dead when it reads nothing for so long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Exit code where the daemon does not read.
const EXIT_UPLINK: i32 = 3;

/// Why the host ended other than by the end of the link.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Standard input is no socket.
    #[error("standard input must be one end of a unix stream socket pair; signetd starts this program")]
    NoSocket,
    /// The socket cannot be set up, or reading from it failed.
    #[error("the link to the daemon failed")]
    Io(#[from] io::Error),
    /// The sandbox could not be built.
    #[error("the sandbox could not be built")]
    Sandbox(#[from] SandboxError),
    /// What came is no message.
    #[error("the daemon's message was refused")]
    Link(#[from] LinkError),
    /// The stream ended inside a message.
    #[error("the link ended inside a message")]
    Cut,
    /// Messages in an impossible order.
    #[error("the daemon used a lease out of turn")]
    Misuse,
    /// The first message could not be sent.
    #[error("the daemon does not listen")]
    Uplink(#[from] crate::link::UplinkError),
}

/// Builds the sandbox and serves until the link ends.
pub fn run(options: &Options) -> Result<(), HostError> {
    if let Some(probe) = options.probe {
        options.sandbox.enter()?;
        probe::run(probe);
        return Ok(());
    }
    let stream = link()?;
    options.sandbox.enter()?;
    let uplink = Arc::new(Uplink::new(stream.try_clone()?));
    match uplink.send(&FromHost::Hello { version: VERSION, kinds: vec![DeviceKind::Pcsc] }) {
        Err(error) if error.is_end() => return Ok(()),
        result => result?,
    }
    let limits = Limits { open: options.open, exchange: options.exchange };
    let port = Port::start(limits, move |report| match uplink.report(report) {
        Ok(()) => {}
        Err(error) if error.is_end() => process::exit(0),
        Err(error) => {
            tracing::error!(%error, "ending: the link does not take messages");
            process::exit(EXIT_UPLINK);
        }
    })?;
    serve(stream, &port)
}

/// Takes standard input as the link.
fn link() -> Result<UnixStream, HostError> {
    let stdin = io::stdin();
    let domain = sockopt::socket_domain(stdin.as_fd()).map_err(|_| HostError::NoSocket)?;
    let kind = sockopt::socket_type(stdin.as_fd()).map_err(|_| HostError::NoSocket)?;
    if domain != AddressFamily::UNIX || kind != SocketType::STREAM {
        return Err(HostError::NoSocket);
    }
    let stream = UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Ok(stream)
}

/// Reads messages until the link ends.
fn serve(mut stream: UnixStream, port: &Port) -> Result<(), HostError> {
    let mut decoder = Decoder::<ToHost>::new();
    let mut buffer = Zeroizing::new(vec![0; signet_device_link::MAX_MESSAGE]);
    loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) if decoder.is_between_messages() => return Ok(()),
            Ok(0) => return Err(HostError::Cut),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // The daemon ended with messages unread.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let read = buffer.get_mut(..length).unwrap_or_default();
        decoder.feed(read)?;
        read.zeroize();
        while let Some(message) = decoder.message()? {
            match message {
                ToHost::Open { lease, device } => port.open(lease, &device),
                ToHost::Exchange { lease, frame } => port.exchange(lease, frame),
                ToHost::Close { lease } => {
                    port.close(lease);
                    Ok(())
                }
            }
            .map_err(|_| HostError::Misuse)?;
        }
    }
}
