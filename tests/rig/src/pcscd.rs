use std::{
    ffi::CString,
    fmt::Write,
    fs,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use pcsc::{Context, ReaderState, Scope, State};

use crate::{Child, RigError};

/// Where every client looks for pcscd.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// vpcd's driver as Debian installs it.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// The port of the first reader. Each entry takes two ports, one for each of its slots.
const FIRST_PORT: u16 = 0x9C41;
const PORTS_APART: u16 = 16;
/// How long pcscd may take to show a change; it asks vpcd every 400 ms.
const PATIENCE: Duration = Duration::from_secs(10);

/// The real pcscd with vpcd readers, at its usual socket inside the sandbox.
pub struct Pcscd {
    readers: u16,
    process: Option<Child>,
}

impl Pcscd {
    /// Starts pcscd with this many independent readers. They are called `Signet Reader A`, `B`, ...
    ///
    /// It takes clients when this returns: the socket is made here and handed over, as systemd would.
    pub fn start(readers: u16) -> Result<Self, RigError> {
        let directory = PathBuf::from("/run/signet-rig/pcscd");
        fs::create_dir_all(&directory).map_err(RigError::system("make the directory of reader.conf"))?;
        let mut text = String::new();
        for index in 0..readers {
            // A driver's library has one state for all its entries: each reader has its own copy.
            let driver = format!("/run/signet-rig/libifdvpcd-{index}.so");
            fs::copy(DRIVER, &driver).map_err(RigError::system(format!(
                "copy {DRIVER} (on Debian it comes with the package vsmartcard-vpcd)"
            )))?;
            let (name, port) = (reader_name(index), FIRST_PORT + index * PORTS_APART);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:{port:#06X}\nLIBPATH {driver}\nCHANNELID {port:#06X}\n"
            );
        }
        fs::write(directory.join("reader.conf"), text).map_err(RigError::system("write reader.conf"))?;
        let mut pcscd = Self { readers, process: None };
        pcscd.restart()?;
        Ok(pcscd)
    }

    /// Kills pcscd as a crash would: its clients' connections break and new ones find nobody.
    pub fn kill(&mut self) -> Result<(), RigError> {
        if let Some(mut process) = self.process.take() {
            process.kill().map_err(RigError::system("kill pcscd"))?;
        }
        match fs::remove_file(SOCKET) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(RigError::system("remove pcscd's socket")(error))
            }
            _ => Ok(()),
        }
    }

    /// Kills pcscd if it runs, and starts it with the same readers.
    pub fn restart(&mut self) -> Result<(), RigError> {
        self.kill()?;
        let listener = UnixListener::bind(SOCKET).map_err(RigError::system("make pcscd's socket"))?;
        open_to_all(SOCKET)?;
        let log = fs::File::options().create(true).append(true).open("/run/signet-rig/pcscd.log");
        let log = log.map_err(RigError::system("open pcscd's log"))?;
        let errors = log.try_clone().map_err(RigError::system("open pcscd's log"))?;
        // Only the program itself can tell its process id in LISTEN_PID (sd_listen_fds(3)).
        let script = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; \
                      exec pcscd --foreground --config /run/signet-rig/pcscd";
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::from(OwnedFd::from(listener))).stdout(log).stderr(errors);
        self.process = Some(Child::start(&mut command, "pcscd")?);
        Ok(())
    }

    /// pcscd's process id while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// The port on which the reader's first slot waits for a card.
    pub fn port(&self, index: u16) -> Result<u16, RigError> {
        self.check(index).map(|()| FIRST_PORT + index * PORTS_APART)
    }

    /// The name that pcscd shows for the reader's first slot: `Signet Reader A 00 00`.
    pub fn reader(&self, index: u16) -> Result<String, RigError> {
        self.check(index).map(|()| format!("{} 00 00", reader_name(index)))
    }

    fn check(&self, index: u16) -> Result<(), RigError> {
        let readers = self.readers;
        if index < readers { Ok(()) } else { Err(RigError::NoReader { index, readers }) }
    }

    /// What pcscd wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string("/run/signet-rig/pcscd.log").unwrap_or_default()
    }

    /// Waits by event until pcscd shows a card in the reader, or none; how long it took.
    pub fn wait_for_card(&self, index: u16, present: bool) -> Result<Duration, RigError> {
        let started = Instant::now();
        let failed = |what| move |source| RigError::Pcsc { what, source };
        let context = Context::establish(Scope::System).map_err(failed("no context"))?;
        let name = CString::new(self.reader(index)?).map_err(RigError::system("write a reader's name"))?;
        let mut reader = [ReaderState::new(name, State::UNAWARE)];
        // The reader itself may be still to come, which this pseudo-reader announces.
        let mut readers = [ReaderState::new(pcsc::PNP_NOTIFICATION(), State::UNAWARE)];
        while started.elapsed() < PATIENCE {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match context.get_status_change(left, &mut reader) {
                Ok(()) => {}
                Err(pcsc::Error::UnknownReader) => {
                    readers.iter_mut().for_each(ReaderState::sync_current_state);
                    match context.get_status_change(left, &mut readers) {
                        Ok(()) | Err(pcsc::Error::Timeout) => continue,
                        Err(error) => return Err(failed("no change of the readers")(error)),
                    }
                }
                Err(pcsc::Error::Timeout) => break,
                Err(error) => return Err(failed("no change of the reader's state")(error)),
            }
            let [state] = &mut reader;
            if state.event_state().contains(if present { State::PRESENT } else { State::EMPTY }) {
                return Ok(started.elapsed());
            }
            state.sync_current_state();
        }
        Err(RigError::Late(if present { "a card in the reader" } else { "an empty reader" }))
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // The sandbox's end ends it in any case.
        let _ = self.kill();
    }
}

fn reader_name(index: u16) -> String {
    let letter = u8::try_from(index).ok().and_then(|index| b'A'.checked_add(index)).unwrap_or(b'?');
    format!("Signet Reader {}", char::from(letter))
}

fn open_to_all(path: &str) -> Result<(), RigError> {
    use std::os::unix::fs::PermissionsExt;
    let all = fs::Permissions::from_mode(0o666);
    fs::set_permissions(path, all).map_err(RigError::system(format!("open {path} to all users")))
}
