//! `org.freedesktop.login1.Manager`, the part that has to do with sessions.

use std::sync::Arc;

use zbus::{OwnedObjectPath, interface, object_server::SignalEmitter};

use crate::seat::{LoginError, Seat, path};

/// The manager's object path.
pub(crate) const PATH: &str = "/org/freedesktop/login1";

/// Id, uid, user name, seat and object path of a session.
type Listed = (String, u32, String, String, OwnedObjectPath);

pub(crate) struct Manager {
    seat: Arc<Seat>,
}

impl Manager {
    pub(crate) fn new(seat: Arc<Seat>) -> Self {
        Self { seat }
    }
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn list_sessions(&self) -> Result<Vec<Listed>, LoginError> {
        let sessions = self.seat.sessions().into_iter();
        sessions
            .map(|session| {
                let path = path(&session.id)?;
                Ok((session.id, session.uid, session.user, session.seat.unwrap_or_default(), path))
            })
            .collect()
    }

    fn get_session(&self, id: &str) -> Result<OwnedObjectPath, LoginError> {
        Ok(path(&self.seat.session(id)?.id)?)
    }

    #[zbus(name = "GetSessionByPID")]
    fn get_session_by_pid(&self, pid: u32) -> Result<OwnedObjectPath, LoginError> {
        Ok(path(&self.seat.session_of(pid)?.id)?)
    }

    async fn lock_session(&self, id: String) -> Result<(), LoginError> {
        self.seat.note(&format!("LockSession {id}"));
        self.seat.session(&id)?;
        Ok(self.seat.ask_locker(&id, true).await?)
    }

    async fn unlock_session(&self, id: String) -> Result<(), LoginError> {
        self.seat.note(&format!("UnlockSession {id}"));
        self.seat.session(&id)?;
        Ok(self.seat.ask_locker(&id, false).await?)
    }

    async fn lock_sessions(&self) -> Result<(), LoginError> {
        self.seat.note("LockSessions");
        for session in self.seat.sessions() {
            self.seat.ask_locker(&session.id, true).await?;
        }
        Ok(())
    }

    async fn unlock_sessions(&self) -> Result<(), LoginError> {
        self.seat.note("UnlockSessions");
        for session in self.seat.sessions() {
            self.seat.ask_locker(&session.id, false).await?;
        }
        Ok(())
    }

    async fn terminate_session(&self, id: String) -> Result<(), LoginError> {
        self.seat.note(&format!("TerminateSession {id}"));
        self.seat.session(&id)?;
        self.seat.remove(&id).await?;
        Ok(())
    }

    #[zbus(signal)]
    pub(crate) async fn session_new(
        emitter: &SignalEmitter<'_>,
        id: &str,
        path: OwnedObjectPath,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(crate) async fn session_removed(
        emitter: &SignalEmitter<'_>,
        id: &str,
        path: OwnedObjectPath,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(crate) async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}
