//! `io.signet.Session`: login sessions as PAM opens and closes them.

use std::rc::Rc;

use signet_protocol::{
    Method as Call, Refusal,
    wire::{admin, session as wire},
};
use signet_store::StoreError;
use signet_types::SessionId;

use crate::{
    access::{self, Subject},
    accounts,
    daemon::Daemon,
    peer::Peer,
};

pub(super) async fn opened(
    daemon: &Rc<Daemon>,
    peer: Peer,
    call: wire::Opened,
) -> Result<wire::Recorded, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Opened)?;
    daemon.session_opened(call).await.map_err(|error| fault(&error))?;
    Ok(wire::Recorded {})
}

pub(super) async fn closed(
    daemon: &Rc<Daemon>,
    peer: Peer,
    call: wire::Closed,
) -> Result<wire::Recorded, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Closed)?;
    daemon.session_closed(&call.session).await.map_err(|error| fault(&error))?;
    Ok(wire::Recorded {})
}

/// Root sees all sessions, everybody else his own.
pub(super) async fn list(daemon: &Daemon, peer: Peer) -> Result<wire::Sessions, Refusal> {
    access::check(peer, &Subject::Nobody, Call::ListSessions)?;
    if peer.uid == 0 {
        return Ok(wire::Sessions { sessions: daemon.sessions.list(None) });
    }
    let account = tokio::task::spawn_blocking(move || accounts::by_uid(peer.uid)).await;
    let sessions = match account {
        Ok(Ok(Some(account))) => daemon.sessions.list(Some(&account.name)),
        _ => Vec::new(),
    };
    Ok(wire::Sessions { sessions })
}

pub(super) async fn lock(daemon: &Rc<Daemon>, peer: Peer, call: wire::Lock) -> Result<wire::Locked, Refusal> {
    own(daemon, peer, &call.session, Call::Lock).await?;
    match daemon.lock_session(&call.session).await {
        Ok(locked) => Ok(wire::Locked { locked }),
        Err(error) => Err(wire::Error::SessionControl { reason: error.to_string() }.into()),
    }
}

async fn own(daemon: &Daemon, peer: Peer, session: &SessionId, call: Call) -> Result<(), Refusal> {
    let user = daemon.sessions.user(session);
    let user = user.ok_or_else(|| wire::Error::UnknownSession { session: session.clone() })?;
    access::check(peer, &Subject::of(&user).await?, call)
}

fn fault(error: &StoreError) -> Refusal {
    tracing::error!(%error, "a session could not be stored");
    admin::Error::StoreFault { reason: "see the log of signetd".into() }.into()
}
