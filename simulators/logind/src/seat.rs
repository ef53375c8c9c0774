//! The sessions, and the locker of each.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use zbus::{Connection, ObjectPath, OwnedObjectPath};

use crate::{
    manager::{self, Manager},
    session::Session,
};

/// How many calls are remembered.
const CALLS: usize = 1000;

/// One session as it was made by a command.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) uid: u32,
    pub(crate) seat: Option<String>,
    pub(crate) tty: Option<String>,
    pub(crate) remote: bool,
    pub(crate) active: bool,
    pub(crate) leader: u32,
    pub(crate) kind: String,
    pub(crate) class: String,
    pub(crate) service: String,
}

pub(crate) struct Seat {
    connection: Connection,
    inner: Mutex<Inner>,
}

struct Inner {
    sessions: BTreeMap<String, (Description, bool)>,
    locker: Option<Duration>,
    calls: VecDeque<String>,
}

/// The errors of logind that its clients know by name.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.login1")]
pub(crate) enum LoginError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchSession(String),
    NoSessionForPID(String),
}

impl Seat {
    pub(crate) fn new(connection: Connection, locker: Option<Duration>) -> Self {
        let inner = Inner { sessions: BTreeMap::new(), locker, calls: VecDeque::new() };
        Self { connection, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a call with the time of `CLOCK_MONOTONIC` in microseconds.
    pub(crate) fn note(&self, call: &str) {
        let now = clock_gettime(ClockId::Monotonic);
        let mut inner = self.lock();
        if inner.calls.len() == CALLS {
            inner.calls.pop_front();
        }
        inner.calls.push_back(format!("{}.{:06} {call}", now.tv_sec, now.tv_nsec / 1000));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.iter().cloned().collect()
    }

    pub(crate) fn set_locker(&self, locker: Option<Duration>) {
        self.lock().locker = locker;
    }

    pub(crate) fn sessions(&self) -> Vec<Description> {
        self.lock().sessions.values().map(|(session, _)| session.clone()).collect()
    }

    pub(crate) fn session(&self, id: &str) -> Result<Description, LoginError> {
        let found = self.lock().sessions.get(id).map(|(session, _)| session.clone());
        found.ok_or_else(|| LoginError::NoSuchSession(format!("No session '{id}' known")))
    }

    /// The session whose leader is the process or one of its ancestors. The real logind asks the
    /// process's control group.
    pub(crate) fn session_of(&self, pid: u32) -> Result<Description, LoginError> {
        let mut at = pid;
        while at > 1 {
            if let Some(session) = self.sessions().into_iter().find(|session| session.leader == at) {
                return Ok(session);
            }
            at = parent(at).unwrap_or(0);
        }
        let message = format!("PID {pid} does not belong to any known session");
        Err(LoginError::NoSessionForPID(message))
    }

    pub(crate) fn is_locked(&self, id: &str) -> Option<bool> {
        self.lock().sessions.get(id).map(|(_, locked)| *locked)
    }

    /// Makes a session and tells the bus.
    pub(crate) async fn add(self: &Arc<Self>, session: Description) -> zbus::Result<()> {
        let path = path(&session.id)?;
        self.lock().sessions.insert(session.id.clone(), (session.clone(), false));
        let object = Session::new(Arc::clone(self), session.clone());
        self.connection.object_server().at(path.clone(), object).await?;
        let manager = self.connection.object_server().interface::<_, Manager>(manager::PATH).await?;
        Manager::session_new(manager.signal_emitter(), &session.id, path).await
    }

    /// Ends a session and tells the bus. False when there is none.
    pub(crate) async fn remove(&self, id: &str) -> zbus::Result<bool> {
        if self.lock().sessions.remove(id).is_none() {
            return Ok(false);
        }
        let path = path(id)?;
        self.connection.object_server().remove::<Session, _>(path.clone()).await?;
        let manager = self.connection.object_server().interface::<_, Manager>(manager::PATH).await?;
        Manager::session_removed(manager.signal_emitter(), id, path).await?;
        Ok(true)
    }

    /// Sends the session's `Lock` or `Unlock` signal; its locker follows in its own time.
    pub(crate) async fn ask_locker(self: &Arc<Self>, id: &str, lock: bool) -> zbus::Result<()> {
        let object = self.connection.object_server().interface::<_, Session>(path(id)?).await?;
        if lock {
            Session::lock_signal(object.signal_emitter()).await?;
        } else {
            Session::unlock_signal(object.signal_emitter()).await?;
        }
        let locker = self.lock().locker;
        match locker {
            None => Ok(()),
            Some(delay) if delay.is_zero() => self.set_locked(id, lock).await,
            Some(delay) => {
                let (seat, id) = (Arc::clone(self), id.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // The session may have ended meanwhile.
                    let _ = seat.set_locked(&id, lock).await;
                });
                Ok(())
            }
        }
    }

    /// Sets `LockedHint` and tells the bus if it changed.
    pub(crate) async fn set_locked(&self, id: &str, locked: bool) -> zbus::Result<()> {
        let changed = match self.lock().sessions.get_mut(id) {
            Some((_, now)) => std::mem::replace(now, locked) != locked,
            None => false,
        };
        if changed {
            let object = self.connection.object_server().interface::<_, Session>(path(id)?).await?;
            object.get().await.locked_hint_changed(object.signal_emitter()).await?;
        }
        Ok(())
    }

    /// The machine is about to sleep, or woke up.
    pub(crate) async fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()> {
        let manager = self.connection.object_server().interface::<_, Manager>(manager::PATH).await?;
        Manager::prepare_for_sleep(manager.signal_emitter(), start).await
    }
}

/// The session's object path. Like logind's: letters and digits as they are, but for a digit in
/// front; any other byte as `_` and two hexadecimal digits.
pub(crate) fn path(id: &str) -> zbus::Result<OwnedObjectPath> {
    let mut text = String::from("/org/freedesktop/login1/session/");
    for (i, byte) in id.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (i > 0 && byte.is_ascii_digit()) {
            text.push(char::from(byte));
        } else {
            text.push('_');
            text.extend(
                [byte >> 4, byte & 0x0F].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')),
            );
        }
    }
    Ok(ObjectPath::try_from(text)?.into())
}

/// The parent from `/proc/PID/stat`: the second field after the command's closing bracket.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}
