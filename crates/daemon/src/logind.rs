//! The calls of systemd-logind that Signet needs, over D-Bus (org.freedesktop.login1(5)).

use std::time::Duration;

use futures_util::StreamExt;
use signet_session::Origin;
use signet_types::SessionId;
use zbus::{Connection, OwnedObjectPath, proxy};

/// logind did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogindError {
    /// The bus or logind cannot be reached, or logind refused.
    #[error("systemd-logind: {0}")]
    Bus(#[from] zbus::Error),
    /// The session is still not locked after the time that policy gives.
    #[error("the session was not locked within {0:?}: no screen locker obeyed")]
    NotLocked(Duration),
}

/// How logind says that a process is in no session.
const NO_SESSION: &str = "org.freedesktop.login1.NoSessionForPID";

#[proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn get_session(&self, id: &str) -> zbus::Result<OwnedObjectPath>;
    #[zbus(name = "GetSessionByPID")]
    fn get_session_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
    fn lock_session(&self, id: &str) -> zbus::Result<()>;
    fn unlock_session(&self, id: &str) -> zbus::Result<()>;
    fn terminate_session(&self, id: &str) -> zbus::Result<()>;
    #[zbus(signal)]
    fn session_removed(&self, id: &str, path: OwnedObjectPath) -> zbus::Result<()>;
}

#[proxy(interface = "org.freedesktop.login1.Session", default_service = "org.freedesktop.login1")]
trait Session {
    #[zbus(property)]
    fn id(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn locked_hint(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn remote(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn seat(&self) -> zbus::Result<(String, OwnedObjectPath)>;
}

/// A connection to logind, made again when it broke.
#[derive(Debug, Default)]
pub(crate) struct Logind {
    connection: tokio::sync::Mutex<Option<Connection>>,
}

impl Logind {
    async fn manager(&self) -> Result<ManagerProxy<'static>, LogindError> {
        let mut slot = self.connection.lock().await;
        let connection = match slot.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => Connection::system().await?,
        };
        *slot = Some(connection.clone());
        Ok(ManagerProxy::new(&connection).await?)
    }

    async fn session(&self, id: &SessionId) -> Result<SessionProxy<'static>, LogindError> {
        let manager = self.manager().await?;
        let path = manager.get_session(id.as_str()).await?;
        Ok(SessionProxy::builder(manager.inner().connection())
            .path(path)
            .cache_properties(zbus::proxy::CacheProperties::Lazily)
            .build()
            .await?)
    }

    /// Whether logind can be reached.
    pub(crate) async fn check(&self) -> Result<(), LogindError> {
        let manager = self.manager().await?;
        zbus::fdo::PeerProxy::builder(manager.inner().connection())
            .destination("org.freedesktop.login1")
            .path("/org/freedesktop/login1")
            .build()
            .await?
            .ping()
            .await?;
        Ok(())
    }

    /// Where the person sits who uses this process: a fact of the system, whatever the client says
    /// (AUT-09). A process outside of every session is a login program or a service of this
    /// machine if no user has logged in above it; otherwise nothing vouches for the seat.
    pub(crate) async fn origin(&self, pid: i32) -> Origin {
        if belongs_to_no_login(pid) && !is_under_users(pid) {
            return Origin::Local;
        }
        match self.session_of(pid).await {
            Ok(Some(session)) => match self.is_local(&session).await {
                Ok(true) => Origin::Local,
                Ok(false) => Origin::Remote,
                Err(error) => {
                    tracing::warn!(%error, %session, "the session's place is unknown: taken as remote");
                    Origin::Remote
                }
            },
            Ok(None) | Err(_) if belongs_to_no_login(pid) => Origin::Local,
            Ok(None) | Err(_) => Origin::Remote,
        }
    }

    async fn is_local(&self, id: &SessionId) -> Result<bool, LogindError> {
        let session = self.session(id).await?;
        Ok(!session.remote().await? && !session.seat().await?.0.is_empty())
    }

    /// The session that a process is in.
    pub(crate) async fn session_of(&self, pid: i32) -> Result<Option<SessionId>, LogindError> {
        let Ok(pid) = u32::try_from(pid) else { return Ok(None) };
        let manager = self.manager().await?;
        let path = match manager.get_session_by_pid(pid).await {
            Ok(path) => path,
            Err(zbus::Error::MethodError(name, ..)) if name == NO_SESSION => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let session = SessionProxy::builder(manager.inner().connection()).path(path).build().await?;
        Ok(session.id().await?.parse().ok())
    }

    /// Whether the session says that it is locked.
    pub(crate) async fn locked(&self, id: &SessionId) -> Result<bool, LogindError> {
        Ok(self.session(id).await?.locked_hint().await?)
    }

    /// Locks the session and waits until `LockedHint` says so (RMV-06).
    pub(crate) async fn lock(&self, id: &SessionId, within: Duration) -> Result<(), LogindError> {
        let session = self.session(id).await?;
        let mut hints = session.receive_locked_hint_changed().await;
        self.manager().await?.lock_session(id.as_str()).await?;
        let confirmed = async {
            loop {
                if session.locked_hint().await? {
                    return Ok::<(), zbus::Error>(());
                }
                if hints.next().await.is_none() {
                    return Err(zbus::Error::InterfaceNotFound);
                }
            }
        };
        match tokio::time::timeout(within, confirmed).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(LogindError::NotLocked(within)),
        }
    }

    /// Unlocks the session. Only a grant may lead here.
    pub(crate) async fn unlock(&self, id: &SessionId) -> Result<(), LogindError> {
        Ok(self.manager().await?.unlock_session(id.as_str()).await?)
    }

    /// Ends the session.
    pub(crate) async fn terminate(&self, id: &SessionId) -> Result<(), LogindError> {
        Ok(self.manager().await?.terminate_session(id.as_str()).await?)
    }

    /// The changes of a session's `LockedHint`, until the bus is lost.
    pub(crate) async fn hints(
        &self,
        id: &SessionId,
    ) -> Result<impl futures_util::Stream<Item = bool> + Unpin + use<>, LogindError> {
        let session = self.session(id).await?;
        let changes = session.receive_locked_hint_changed().await;
        Ok(Box::pin(changes.filter_map(|change| async move { change.get().await.ok() })))
    }

    /// The ids of sessions as they end, until the bus is lost.
    pub(crate) async fn ended(
        &self,
    ) -> Result<impl futures_util::Stream<Item = SessionId> + Unpin + use<>, LogindError> {
        let signals = self.manager().await?.receive_session_removed().await?;
        Ok(Box::pin(
            signals
                .filter_map(|signal| async move { signal.args().ok().and_then(|args| args.id.parse().ok()) }),
        ))
    }
}

/// Whether the kernel says that no user has logged in above this process (`/proc/PID/loginuid`).
fn belongs_to_no_login(pid: i32) -> bool {
    let loginuid = std::fs::read_to_string(format!("/proc/{pid}/loginuid"));
    loginuid.is_ok_and(|uid| uid.trim() == u32::MAX.to_string())
}

/// Whether systemd keeps this process under a user's slice, where all sessions are (cgroups(7)). What
/// cannot be read counts as under one: then logind is asked.
fn is_under_users(pid: i32) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
    groups.map_or(true, |groups| groups.lines().any(|line| line.contains("/user.slice/")))
}
