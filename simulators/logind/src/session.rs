//! `org.freedesktop.login1.Session`.

use std::sync::Arc;

use zbus::{OwnedObjectPath, interface, object_server::SignalEmitter};

use crate::seat::{Description, LoginError, Seat};

pub(crate) struct Session {
    seat: Arc<Seat>,
    about: Description,
}

impl Session {
    pub(crate) fn new(seat: Arc<Seat>, about: Description) -> Self {
        Self { seat, about }
    }
}

/// A root path where logind says "none".
fn no_path() -> OwnedObjectPath {
    OwnedObjectPath::default()
}

#[interface(name = "org.freedesktop.login1.Session")]
impl Session {
    async fn lock(&self) -> Result<(), LoginError> {
        self.seat.note(&format!("Session.Lock {}", self.about.id));
        Ok(self.seat.ask_locker(&self.about.id, true).await?)
    }

    async fn unlock(&self) -> Result<(), LoginError> {
        self.seat.note(&format!("Session.Unlock {}", self.about.id));
        Ok(self.seat.ask_locker(&self.about.id, false).await?)
    }

    fn terminate(&self) {
        self.seat.note(&format!("Session.Terminate {}", self.about.id));
        let (seat, id) = (Arc::clone(&self.seat), self.about.id.clone());
        // The object cannot be removed while one of its methods runs.
        tokio::spawn(async move {
            if let Err(error) = seat.remove(&id).await {
                eprintln!("signet-sim-logind: the session {id} did not end: {error}");
            }
        });
    }

    /// What a desktop's locker calls when it has locked or unlocked.
    async fn set_locked_hint(&self, locked: bool) -> Result<(), LoginError> {
        self.seat.note(&format!("Session.SetLockedHint {} {locked}", self.about.id));
        Ok(self.seat.set_locked(&self.about.id, locked).await?)
    }

    #[zbus(signal, name = "Lock")]
    pub(crate) async fn lock_signal(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal, name = "Unlock")]
    pub(crate) async fn unlock_signal(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.seat.is_locked(&self.about.id).unwrap_or_default()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        self.about.id.clone()
    }

    /// The user's id and object; users have no objects here.
    #[zbus(property(emits_changed_signal = "const"))]
    fn user(&self) -> (u32, OwnedObjectPath) {
        (self.about.uid, no_path())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> String {
        self.about.user.clone()
    }

    /// The seat's id and object; seats have no objects here.
    #[zbus(property(emits_changed_signal = "const"))]
    fn seat(&self) -> (String, OwnedObjectPath) {
        (self.about.seat.clone().unwrap_or_default(), no_path())
    }

    #[zbus(property(emits_changed_signal = "const"), name = "TTY")]
    fn tty(&self) -> String {
        self.about.tty.clone().unwrap_or_default()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn remote(&self) -> bool {
        self.about.remote
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn remote_host(&self) -> String {
        if self.about.remote { "remote.example" } else { "" }.to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn service(&self) -> String {
        self.about.service.clone()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn leader(&self) -> u32 {
        self.about.leader
    }

    #[zbus(property(emits_changed_signal = "const"), name = "Type")]
    fn kind(&self) -> String {
        self.about.kind.clone()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn class(&self) -> String {
        self.about.class.clone()
    }

    #[zbus(property)]
    fn active(&self) -> bool {
        self.about.active
    }

    #[zbus(property)]
    fn state(&self) -> String {
        if self.about.active { "active" } else { "online" }.to_owned()
    }
}
