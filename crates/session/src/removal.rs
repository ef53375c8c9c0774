use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use signet_authn::{DeviceChange, DeviceEvent};
use signet_policy::{LockFallback, SessionSettings};
use signet_types::{
    CredentialId, DeviceId, Method, ReaderLoss, RemovalAction, SessionId, Timestamp, UserName,
};

use crate::{Grant, MethodRule};

/// The sessions of this workstation and the tokens that hold them open (RMV-01 to RMV-07).
///
/// It is stored whole after each change, so that a restarted daemon goes on with it; see
/// [`Watch::resume`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    sessions: BTreeMap<SessionId, Watched>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Whose it is.
    pub user: UserName,
    /// The token that opened it or unlocked it last; `None`: opened without one, so no removal of
    /// anything concerns it (RMV-02).
    pub token: Option<SessionToken>,
    /// What the next removal does (RMV-04).
    pub next: RemovalAction,
    /// Whether the locker has reported it as locked.
    pub locked: bool,
    /// Since when it is watched.
    pub since: Timestamp,
}

/// The token that holds a session open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionToken {
    /// Its method.
    pub method: Method,
    /// Its credential; it stays the session's even when it is deleted (CRD-05).
    pub credential: CredentialId,
    /// Where it was seen last.
    pub device: DeviceId,
    /// Whether it is there.
    pub present: bool,
}

/// What policy says now of a token's removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalRule {
    /// What it does.
    pub action: RemovalAction,
    /// Whether the reader's loss counts as one.
    pub on_reader_loss: ReaderLoss,
}

impl From<&MethodRule> for RemovalRule {
    fn from(rule: &MethodRule) -> Self {
        Self { action: rule.removal_action, on_reader_loss: rule.on_reader_loss }
    }
}

/// How a lock is confirmed (RMV-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRule {
    /// The time in which logind must report the session as locked.
    pub confirm: Duration,
    /// Whether the session is ended where it does not.
    pub terminate: bool,
}

impl From<&SessionSettings> for LockRule {
    fn from(settings: &SessionSettings) -> Self {
        Self {
            confirm: settings.lock_confirm(),
            terminate: settings.lock_fallback == LockFallback::Terminate,
        }
    }
}

/// What the host does to a session.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lock it, then tell [`Watch::locked`] or, when the time of [`LockRule::confirm`] is over,
    /// [`Watch::lock_expired`].
    Lock(SessionId),
    /// End it.
    Terminate(SessionId),
    /// Read who the token at this device is and tell [`Watch::identified`].
    Identify(DeviceId, Method),
    /// The locker did not lock in time: to the audit log.
    LockNotConfirmed(SessionId),
}

/// What the watch asks its host while it looks at an event.
pub trait Surroundings {
    /// What policy says now of removing this user's token of this method.
    fn rule(&self, user: &UserName, method: Method) -> RemovalRule;
    /// Whether an enrolment or a re-authentication of the user is open: then a removal triggers nothing (RMV-05).
    fn busy(&self, user: &UserName) -> bool;
}

impl Watch {
    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionId, &Watched)> {
        self.sessions.iter()
    }

    /// One session.
    #[must_use]
    pub fn get(&self, session: &SessionId) -> Option<&Watched> {
        self.sessions.get(session)
    }

    /// A session was opened; `grant` is the one that opened it, where Signet did.
    pub fn opened(
        &mut self,
        session: SessionId,
        user: UserName,
        grant: Option<&Grant>,
        around: &impl Surroundings,
        now: Timestamp,
    ) {
        let token = grant.filter(|grant| *grant.user() == user).and_then(SessionToken::of);
        let next = token.as_ref().map_or(RemovalAction::None, |t| around.rule(&user, t.method).action);
        self.sessions.insert(session, Watched { user, token, next, locked: false, since: now });
    }

    /// A session is over.
    pub fn closed(&mut self, session: &SessionId) {
        self.sessions.remove(session);
    }

    /// A session was unlocked. From now on the token of this grant holds it open, or none does.
    pub fn unlocked(&mut self, session: &SessionId, grant: &Grant, around: &impl Surroundings) {
        let Some(watched) = self.sessions.get_mut(session).filter(|w| w.user == *grant.user()) else {
            return;
        };
        watched.locked = false;
        let before = watched.token.take().map(|token| token.method);
        watched.token = SessionToken::of(grant);
        let method = watched.token.as_ref().map(|token| token.method);
        if method != before {
            watched.next = method.map_or(RemovalAction::None, |m| around.rule(&watched.user, m).action);
        }
    }

    /// logind reports whether the session is locked. An unlock that it reports by itself binds no token.
    pub fn locked(&mut self, session: &SessionId, locked: bool) {
        if let Some(watched) = self.sessions.get_mut(session) {
            watched.locked = locked;
        }
    }

    /// The time to confirm a lock is over.
    pub fn lock_expired(&mut self, session: &SessionId, rule: LockRule) -> Vec<Action> {
        match self.sessions.get(session) {
            Some(watched) if !watched.locked => {
                let mut actions = vec![Action::LockNotConfirmed(session.clone())];
                if rule.terminate {
                    actions.push(Action::Terminate(session.clone()));
                }
                actions
            }
            _ => Vec::new(),
        }
    }

    /// A token or a reader came or went.
    pub fn device(&mut self, event: &DeviceEvent, around: &impl Surroundings) -> Vec<Action> {
        match event.change {
            DeviceChange::Removed => self.each_at(&event.device, around, Loss::Token),
            DeviceChange::ReaderLost => self.each_at(&event.device, around, Loss::Reader),
            DeviceChange::Inserted => self.presented(event),
            DeviceChange::ReaderFound => Vec::new(),
        }
    }

    fn each_at(&mut self, device: &DeviceId, around: &impl Surroundings, loss: Loss) -> Vec<Action> {
        let at_device = |w: &Watched| w.token.as_ref().is_some_and(|t| t.present && t.device == *device);
        let affected = self.sessions.iter_mut().filter(|(_, watched)| at_device(watched));
        affected.filter_map(|(session, watched)| watched.lost(session, around, loss)).collect()
    }

    /// A token that comes back may be the one of a session that is still open (its removal did nothing):
    /// only its identity tells.
    fn presented(&self, event: &DeviceEvent) -> Vec<Action> {
        let tokens = self.sessions.values().filter_map(|watched| watched.token.as_ref());
        let methods: BTreeSet<_> = tokens
            .filter(|token| !token.present || token.device == event.device)
            .map(|token| token.method)
            .collect();
        methods.into_iter().map(|method| Action::Identify(event.device.clone(), method)).collect()
    }

    /// Who the token at a device is; `None`: nobody's, or it could not be read.
    pub fn identified(
        &mut self,
        device: &DeviceId,
        method: Method,
        credential: Option<CredentialId>,
        around: &impl Surroundings,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for (session, watched) in &mut self.sessions {
            let Some(token) = watched.token.as_mut().filter(|token| token.method == method) else { continue };
            if Some(token.credential) == credential {
                token.device = device.clone();
                token.present = true;
            } else if token.present && token.device == *device {
                // Another token lies where the session's own was: that one is gone.
                actions.extend(watched.lost(session, around, Loss::Token));
            }
        }
        actions
    }

    /// After a restart: a token that is not there now was removed meanwhile; what lies where a
    /// session's token was is to be identified.
    pub fn resume(&mut self, present: &BTreeSet<DeviceId>, around: &impl Surroundings) -> Vec<Action> {
        let mut actions = Vec::new();
        for (session, watched) in &mut self.sessions {
            let Some(token) = watched.token.as_ref().filter(|token| token.present) else { continue };
            if present.contains(&token.device) {
                actions.push(Action::Identify(token.device.clone(), token.method));
            } else {
                actions.extend(watched.lost(session, around, Loss::Token));
            }
        }
        actions
    }
}

impl FromIterator<(SessionId, Watched)> for Watch {
    /// The sessions as they were stored.
    fn from_iter<I: IntoIterator<Item = (SessionId, Watched)>>(sessions: I) -> Self {
        Self { sessions: sessions.into_iter().collect() }
    }
}

/// How a token was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Token,
    Reader,
}

impl SessionToken {
    fn of(grant: &Grant) -> Option<Self> {
        let method = Some(grant.method()).filter(|method| method.is_token())?;
        Some(Self { method, credential: grant.credential()?, device: grant.device()?.clone(), present: true })
    }
}

impl Watched {
    fn lost(&mut self, session: &SessionId, around: &impl Surroundings, loss: Loss) -> Option<Action> {
        let token = self.token.as_mut()?;
        let rule = around.rule(&self.user, token.method);
        if loss == Loss::Reader && rule.on_reader_loss == ReaderLoss::Ignore {
            return None;
        }
        // A proximity card leaves the field after each tap; only its next tap is a tap-out (RMV-03).
        if loss == Loss::Token && token.method == Method::Proximity {
            return None;
        }
        token.present = false;
        if around.busy(&self.user) {
            return None;
        }
        // This removal does what was in force before; the next one what is in force now (RMV-04).
        match std::mem::replace(&mut self.next, rule.action) {
            RemovalAction::None => None,
            RemovalAction::Lock => (!self.locked).then(|| Action::Lock(session.clone())),
            RemovalAction::Logoff => Some(Action::Terminate(session.clone())),
        }
    }
}

#[cfg(test)]
mod tests;
