//! Device events become locks and logoffs.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use futures_util::StreamExt;
use signet_authn::DeviceEvent;
use signet_session::{Action, LockRule, Watch};
use signet_store::audit::{Detail, Entry};
use signet_types::SessionId;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Around, Stored, identity};
use crate::{
    daemon::{Daemon, now},
    logind::LogindError,
};

/// How long a restarted daemon waits for the device host to say what is present.
const SETTLE: Duration = Duration::from_secs(5);
/// How long before logind is asked again after it was lost.
const RETRY: Duration = Duration::from_secs(5);

/// Watches devices and logind for ever.
pub(crate) async fn watch(daemon: Rc<Daemon>) {
    // Subscribed before the first look, so that nothing falls between the two.
    let events = daemon.devices.events();
    resume(&daemon).await;
    tokio::join!(watch_devices(&daemon, events), watch_ends(&daemon));
}

/// Takes up the sessions that the last daemon left.
async fn resume(daemon: &Rc<Daemon>) {
    let stored = match daemon.stored(signet_store::Records::sessions).await {
        Ok(stored) => stored,
        Err(error) => return tracing::error!(%error, "the sessions could not be read"),
    };
    let mut watched = Vec::new();
    for (session, payload) in stored {
        match serde_json::from_slice::<Stored>(&payload) {
            Ok(stored) => {
                daemon.sessions.services.borrow_mut().insert(session.clone(), stored.service);
                watched.push((session, stored.watched));
            }
            Err(error) => tracing::error!(%error, %session, "a stored session cannot be read"),
        }
    }
    if watched.is_empty() {
        return;
    }
    let sessions: Vec<_> = watched.iter().map(|(session, _)| session.clone()).collect();
    // Sessions that were opened while these were read are kept.
    let opened = std::mem::take(&mut *daemon.sessions.watch.borrow_mut());
    let opened: Vec<_> = opened.sessions().map(|(id, watched)| (id.clone(), watched.clone())).collect();
    *daemon.sessions.watch.borrow_mut() = watched.into_iter().chain(opened).collect::<Watch>();
    daemon.devices.settled(SETTLE).await;
    let present: BTreeSet<_> = daemon.devices.tokens().into_iter().map(|(_, device)| device).collect();
    let around = daemon.around(None).await;
    let actions = daemon.sessions.watch.borrow_mut().resume(&present, &around);
    daemon.act(actions, &around).await;
    for session in sessions {
        store(daemon, &session).await;
        tokio::task::spawn_local(follow(Rc::clone(daemon), session));
    }
}

async fn watch_devices(daemon: &Rc<Daemon>, mut events: Receiver<DeviceEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => device(daemon, &event).await,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "device events missed: tokens that are gone count as removed");
                let present = daemon.devices.tokens().into_iter().map(|(_, device)| device).collect();
                let around = daemon.around(None).await;
                let actions = daemon.sessions.watch.borrow_mut().resume(&present, &around);
                daemon.act(actions, &around).await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn device(daemon: &Rc<Daemon>, event: &DeviceEvent) {
    if daemon.sessions.watch.borrow().sessions().next().is_none() {
        return;
    }
    let around = daemon.around(None).await;
    let actions = daemon.sessions.watch.borrow_mut().device(event, &around);
    daemon.act(actions, &around).await;
    let sessions: Vec<_> = daemon.sessions.watch.borrow().sessions().map(|(id, _)| id.clone()).collect();
    for session in sessions {
        store(daemon, &session).await;
    }
}

async fn store(daemon: &Daemon, session: &SessionId) {
    if let Err(error) = daemon.keep(session).await {
        tracing::error!(%error, %session, "how a session stands could not be stored");
    }
}

/// Carries out one action; gives what follows from how it went.
pub(super) async fn perform(daemon: &Rc<Daemon>, action: Action, around: &Around) -> Vec<Action> {
    match action {
        Action::Lock(session) => {
            record(daemon, &session, "removal", "lock").await;
            match lock(daemon, &session, around).await {
                Ok(_) => Vec::new(),
                Err(error) => {
                    tracing::error!(%error, %session, "the session could not be locked");
                    let rule = lock_rule(daemon, &session, around);
                    daemon.sessions.watch.borrow_mut().lock_expired(&session, rule)
                }
            }
        }
        Action::Terminate(session) => {
            record(daemon, &session, "removal", "logoff").await;
            if let Err(error) = daemon.logind.terminate(&session).await {
                tracing::error!(%error, %session, "the session could not be ended");
            }
            Vec::new()
        }
        Action::Identify(device, method) => {
            let credential = identity::identify(daemon, &device, method).await;
            tracing::debug!(%device, enrolled = credential.is_some(), "token identified");
            daemon.sessions.watch.borrow_mut().identified(&device, method, credential, around)
        }
        Action::LockNotConfirmed(session) => {
            record(daemon, &session, "removal", "lock-not-confirmed").await;
            Vec::new()
        }
    }
}

/// Locks a session and notes that it is locked once logind says so.
pub(super) async fn lock(
    daemon: &Rc<Daemon>,
    session: &SessionId,
    around: &Around,
) -> Result<bool, LogindError> {
    daemon.logind.lock(session, lock_rule(daemon, session, around).confirm).await?;
    daemon.sessions.watch.borrow_mut().locked(session, true);
    store(daemon, session).await;
    Ok(true)
}

fn lock_rule(daemon: &Daemon, session: &SessionId, around: &Around) -> LockRule {
    let user = daemon.sessions.user(session);
    let rule = user.and_then(|user| around.locks.get(&user).copied());
    rule.unwrap_or_else(|| daemon.policy().effective_for_nobody().session().into())
}

async fn record(daemon: &Daemon, session: &SessionId, event: &'static str, outcome: &'static str) {
    let mut entry = Entry::new(now(), event, outcome);
    entry.user = daemon.sessions.user(session);
    entry.detail.insert("session", Detail::Session(session.clone()));
    // Locking goes on without its record: leaving the session open would be worse. The fault is logged.
    let _ = daemon.record(entry).await;
}

/// Follows a session's `LockedHint` until the session ends.
pub(super) async fn follow(daemon: Rc<Daemon>, session: SessionId) {
    let mut hints = match daemon.logind.hints(&session).await {
        Ok(hints) => hints,
        Err(error) => return tracing::warn!(%error, %session, "the session's lock cannot be followed"),
    };
    if let Ok(locked) = daemon.logind.locked(&session).await {
        daemon.sessions.watch.borrow_mut().locked(&session, locked);
    }
    while let Some(locked) = hints.next().await {
        if daemon.sessions.user(&session).is_none() {
            return;
        }
        daemon.sessions.watch.borrow_mut().locked(&session, locked);
    }
}

/// Forgets sessions as logind ends them, also those whose PAM stack never told.
async fn watch_ends(daemon: &Rc<Daemon>) {
    loop {
        match daemon.logind.ended().await {
            Ok(mut ended) => {
                while let Some(session) = ended.next().await {
                    if daemon.sessions.user(&session).is_some()
                        && let Err(error) = daemon.session_closed(&session).await
                    {
                        tracing::error!(%error, %session, "an ended session could not be forgotten");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "logind cannot be reached; sessions are not locked meanwhile");
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}
