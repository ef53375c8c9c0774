use std::{
    env,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use pcsc::{Context, Error, Scope};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{CreateFlags, WatchFlags, add_watch, init},
};
use signet_device_link::{Health, Line};

use crate::table::Table;

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// A context of pcscd, as soon as there is one. Until then the table knows what is missing.
pub(crate) fn context(table: &Table) -> Context {
    let mut wait = FIRST_WAIT;
    loop {
        // Watched first: a socket that appears after the attempt must not be missed.
        let watch = watch_socket();
        match Context::establish(Scope::System) {
            Ok(context) => return context,
            Err(error) => table.health(health(error)),
        }
        wait = if rests(watch.as_ref(), wait) { (wait * 2).min(LONGEST_WAIT) } else { FIRST_WAIT };
    }
}

/// Waits a second, or until something changes at pcscd's socket.
pub(crate) fn rest() {
    rests(watch_socket().as_ref(), Duration::from_secs(1));
}

/// Where pcscd listens: libpcsclite reads the same variable.
fn socket() -> PathBuf {
    env::var_os("PCSCLITE_CSOCK_NAME").map_or_else(|| "/run/pcscd/pcscd.comm".into(), PathBuf::from)
}

/// An inotify descriptor on the nearest directory above the socket that is there.
fn watch_socket() -> Option<OwnedFd> {
    let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::ONLYDIR;
    socket()
        .ancestors()
        .skip(1)
        .filter(|path| *path != Path::new(""))
        .find(|path| add_watch(&watch, *path, flags).is_ok())?;
    Some(watch)
}

/// Waits that long at most; false if something changed where the socket belongs.
fn rests(watch: Option<&OwnedFd>, wait: Duration) -> bool {
    let timeout = Timespec::try_from(wait).ok();
    let mut fds: Vec<_> = watch.iter().map(|fd| PollFd::new(*fd, PollFlags::IN)).collect();
    !matches!(poll(&mut fds, timeout.as_ref()), Ok(changed) if changed > 0)
}

/// What to tell the person who can mend it.
pub(crate) fn health(error: Error) -> Health {
    match error {
        Error::NoService | Error::ServiceStopped => Health::Missing {
            part: Line::new("pcscd"),
            advice: Line::new("install the package pcscd and run `systemctl enable --now pcscd.socket`"),
        },
        Error::NoAccess | Error::SecurityViolation => Health::Failing {
            part: Line::new("pcscd's permission"),
            advice: Line::new(
                "allow org.debian.pcsc-lite.access_pcsc and access_card to the user of the device host (polkit)",
            ),
        },
        error => Health::Failing {
            part: Line::new("pcscd"),
            advice: Line::new(&format!("see `journalctl -u pcscd` ({error})")),
        },
    }
}

/// pcscd runs and knows no reader.
pub(crate) fn no_reader() -> Health {
    Health::Missing {
        part: Line::new("a smart card reader"),
        advice: Line::new("plug one in; if it is, install its driver (the package libccid for most)"),
    }
}
