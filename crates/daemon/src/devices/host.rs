//! The device host's process: started over a socket pair, restarted with back-off when it ends.

use std::{os::fd::OwnedFd, os::unix::net::UnixStream as StdStream, path::PathBuf, rc::Rc, time::Duration};

use signet_device_link::{Decoder, FromHost, ToHost, VERSION, encode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::OwnedReadHalf},
    process::{Child, Command},
    sync::mpsc,
    time::Instant,
};

use super::Devices;

/// The first wait before a restart; doubled up to [`LONGEST_WAIT`] while the host keeps ending.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A host that ran this long has proved itself: the waits begin anew.
const PROVEN: Duration = Duration::from_secs(60);

/// How to start the device host.
#[derive(Clone, Debug)]
pub(crate) struct HostProgram {
    /// The program.
    pub(crate) path: PathBuf,
    /// The user it runs as; empty: the daemon's own.
    pub(crate) user: String,
}

/// What the host did ends this host's life; the next one starts afresh.
#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("it could not be started or talked to: {0}")]
    Io(#[from] std::io::Error),
    #[error("it broke the protocol: {0}")]
    Link(#[from] signet_device_link::LinkError),
    #[error("it speaks version {0} of the link, this daemon {VERSION}")]
    Version(u16),
    #[error("it ended")]
    Ended,
}

impl Devices {
    /// Keeps a device host running, for ever.
    pub(crate) async fn supervise(self: Rc<Self>, program: HostProgram) {
        let mut pause = FIRST_WAIT;
        loop {
            let started = Instant::now();
            let Err(error) = self.run_host(&program).await;
            self.lost();
            if started.elapsed() > PROVEN {
                pause = FIRST_WAIT;
            }
            tracing::error!(%error, program = %program.path.display(), restart_in = ?pause, "the device host is gone");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }

    /// One life of the device host. Dropping the child ends it.
    async fn run_host(&self, program: &HostProgram) -> Result<std::convert::Infallible, HostError> {
        let (ours, theirs) = StdStream::pair()?;
        let _child = spawn(program, theirs.into())?;
        ours.set_nonblocking(true)?;
        let (input, mut output) = UnixStream::from_std(ours)?.into_split();
        let (link, mut outgoing) = mpsc::unbounded_channel::<ToHost>();
        *self.link.borrow_mut() = Some(link);
        let write = async {
            while let Some(message) = outgoing.recv().await {
                output.write_all(&encode(&message)?).await?;
            }
            Err(HostError::Ended)
        };
        tokio::select! {
            result = write => result,
            result = self.read_host(input) => result,
        }
    }

    async fn read_host(&self, mut input: OwnedReadHalf) -> Result<std::convert::Infallible, HostError> {
        let mut decoder = Decoder::<FromHost>::new();
        let mut buffer = zeroize::Zeroizing::new([0; 4096]);
        let mut greeted = false;
        loop {
            let length = input.read(&mut *buffer).await?;
            decoder.feed(buffer.get(..length).filter(|bytes| !bytes.is_empty()).ok_or(HostError::Ended)?)?;
            while let Some(message) = decoder.message()? {
                match message {
                    FromHost::Hello { version: VERSION, .. } if !greeted => greeted = true,
                    FromHost::Hello { version, .. } => return Err(HostError::Version(version)),
                    message if greeted => self.receive(message),
                    _ => return Err(HostError::Ended),
                }
            }
        }
    }
}

fn spawn(program: &HostProgram, link: OwnedFd) -> std::io::Result<Child> {
    let mut command = Command::new(&program.path);
    command.env_clear().stdin(link).kill_on_drop(true);
    // Where the demo and the tests run a private pcscd, its socket is named to us and to the host.
    for name in ["PCSCLITE_CSOCK_NAME", "RUST_LOG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if !program.user.is_empty() {
        command.arg("--user").arg(&program.user);
    }
    command.spawn()
}
