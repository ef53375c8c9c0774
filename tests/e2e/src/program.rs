use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc::channel},
    thread,
    time::Duration,
};

use signet_rig::program;

use crate::{E2eError, io};

/// How long signetd may take to listen.
const READY: Duration = Duration::from_secs(60);
/// What it says then.
const LISTENING: &str = "listening on";

/// The running daemon; it ends, by its process id, when this is dropped.
pub struct Signetd {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Signetd {
    /// Starts the daemon and waits until it listens.
    pub fn start(arguments: &[&str], log_level: &str) -> Result<Self, E2eError> {
        let path = program("signetd", "signet-daemon")?;
        let mut command = Command::new(&path);
        command.args(arguments).env("RUST_LOG", log_level).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(io(format!("cannot start {}", path.display())))?;
        let log = Arc::new(Mutex::new(String::new()));
        let (listening, heard) = channel();
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if line.contains(LISTENING) {
                        // Nobody waits any more after the first time.
                        let _ = listening.send(());
                    }
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        let daemon = Self { child, log };
        match heard.recv_timeout(READY) {
            Ok(()) => Ok(daemon),
            Err(_) => Err(E2eError::Silent {
                program: "signetd".into(),
                wanted: LISTENING.into(),
                said: daemon.log(),
            }),
        }
    }

    /// All that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would: nothing is tidied up.
    pub fn kill(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Signetd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `signetctl`, ready for more arguments.
pub fn signetctl(arguments: &[&str]) -> Result<Command, E2eError> {
    let mut command = Command::new(program("signetctl", "signet-ctl")?);
    command.args(arguments);
    Ok(command)
}

/// The path of `pam_signet.so` as cargo built it.
pub fn library() -> Result<PathBuf, E2eError> {
    let beside = program("signetctl", "signet-ctl")?;
    let directory = beside.parent().unwrap_or(Path::new("/"));
    Ok(directory.join("libpam_signet.so"))
}
