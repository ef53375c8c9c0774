//! What is stored and recorded before anybody is told.

use std::rc::Rc;

use signet_authn::Enrolled;
use signet_protocol::wire::{Outcome, Verdict};
use signet_session::{Change, Conclusion, Facts, Grant, GrantRecord, Input, Purpose, Request, StoreRefusal};
use signet_store::{Credential, Records, StoreError, Success, audit};
use signet_types::{CredentialId, Method, UserMessage, UserName};

use super::{Done, Talk};
use crate::{
    daemon::{Daemon, now},
    peer::Peer,
    profiles::origin_class,
};

impl Talk {
    pub(super) fn store(&mut self, change: Change) {
        let daemon = Rc::clone(&self.daemon);
        let (origin, purpose) = {
            let conversation = self.conversation.borrow();
            (origin_class(conversation.request().origin), conversation.request().purpose)
        };
        self.wait_for(async move {
            let stored = daemon.stored(move |records| apply(records, change, origin, purpose)).await;
            let stored = stored.map_err(|error| {
                tracing::warn!(%error, "a change was not stored");
                match error {
                    StoreError::IdentifierTaken => StoreRefusal::OwnedByAnother,
                    StoreError::NoCredential { .. } => StoreRefusal::Gone,
                    _ => StoreRefusal::Fault,
                }
            });
            Done::Fed(Input::Stored(stored))
        });
    }

    /// Records the end, binds sessions, and then tells the client.
    pub(super) fn finish(&mut self, conclusion: Conclusion) {
        self.prompt = None;
        self.running.clear();
        let (daemon, peer, unlocks) = (Rc::clone(&self.daemon), self.peer, self.unlocks.clone());
        let entry = entry(self.conversation.borrow().request(), peer, &conclusion);
        for fault in &conclusion.facts().faults {
            tracing::error!(%fault, "a method failed");
        }
        self.wait_for(async move {
            let recorded = daemon.record(entry).await;
            let outcome = match (conclusion, recorded) {
                // What cannot be recorded is not granted (AUD-01).
                (_, Err(_)) => Outcome::new(Verdict::Unavailable, &UserMessage::NotAuthenticated),
                (Conclusion::Granted(grant, _), Ok(())) => granted(&daemon, peer, unlocks, grant).await,
                (conclusion, Ok(())) => ended(&conclusion),
            };
            Done::Concluded(Box::new(outcome))
        });
    }
}

/// One change of the store, one transaction; gives the id of a new credential.
fn apply(
    records: &Records,
    change: Change,
    origin: signet_store::Origin,
    purpose: Purpose,
) -> Result<Option<CredentialId>, StoreError> {
    match change {
        Change::Grant(GrantRecord { grant, used, clear }) => records.succeed(Success {
            user: grant.user().clone(),
            used: used.into_iter().map(|used| (used.credential, used.data)).collect(),
            // The password that was asked for before a card was enrolled is not what the person logs on with.
            last_method: (purpose == Purpose::Authenticate).then(|| grant.method()),
            clear: clear.into_iter().collect(),
            origin,
            at: grant.at(),
        })?,
        Change::Insert { user, method, enrolled, replaces } => {
            let credential = credential(records, user, method, enrolled)?;
            let id = credential.id;
            records.enroll(credential, replaces, origin)?;
            return Ok(Some(id));
        }
        Change::Replace { user, credential, enrolled } => {
            let old = records.credential(credential)?.filter(|old| old.user == user);
            let old = old.ok_or(StoreError::NoCredential { id: credential })?;
            let changed = Credential { data: enrolled.data, kind: enrolled.kind, ..old };
            records.enroll(changed, vec![credential], origin)?;
        }
        Change::Delete { user, credential } => match records.credential(credential)? {
            Some(old) if old.user == user => drop(records.delete(credential)?),
            _ => return Err(StoreError::NoCredential { id: credential }),
        },
    }
    Ok(None)
}

fn credential(
    records: &Records,
    user: UserName,
    method: Method,
    enrolled: Enrolled,
) -> Result<Credential, StoreError> {
    Ok(Credential {
        id: CredentialId::random()?,
        user,
        method,
        kind: enrolled.kind,
        description: String::new(),
        enrolled_at: now(),
        last_used: None,
        identifier: enrolled.identifier.map(|identifier| records.identifier_hash(identifier.as_bytes())),
        data: enrolled.data,
    })
}

async fn granted(
    daemon: &Rc<Daemon>,
    peer: Peer,
    unlocks: Option<signet_types::SessionId>,
    grant: Grant,
) -> Outcome {
    let outcome = Outcome {
        user: Some(grant.user().clone()),
        method: Some(grant.method()),
        credential: grant.credential(),
        grant: Some(grant.id()),
        ..Outcome::new(Verdict::Granted, &UserMessage::Welcome)
    };
    match daemon.bind_session(peer, unlocks, grant).await {
        Ok(()) => outcome,
        Err(error) => {
            tracing::error!(%error, "the session could not be unlocked");
            Outcome::new(Verdict::Unavailable, &UserMessage::DeviceFault)
        }
    }
}

fn ended(conclusion: &Conclusion) -> Outcome {
    let verdict = match conclusion {
        Conclusion::Done(..) => Verdict::Done,
        Conclusion::Cancelled(..) => Verdict::Cancelled,
        Conclusion::Unavailable(..) => Verdict::Unavailable,
        Conclusion::Denied(..) | Conclusion::Granted(..) => Verdict::Denied,
    };
    let Facts { user, method, credential, .. } = conclusion.facts().clone();
    Outcome { user, method, credential, ..Outcome::new(verdict, conclusion.message()) }
}

/// The audit entry of a conversation's end.
fn entry(request: &Request, peer: Peer, conclusion: &Conclusion) -> audit::Entry {
    let event = match request.purpose {
        Purpose::Authenticate => "authenticate",
        Purpose::Enroll(_) => "enroll",
        Purpose::ChangeSecret(_) => "change-secret",
        Purpose::Delete(_) => "delete",
    };
    let outcome = match conclusion {
        Conclusion::Granted(..) => "granted",
        Conclusion::Done(..) => "done",
        Conclusion::Denied(..) => "denied",
        Conclusion::Cancelled(..) => "cancelled",
        Conclusion::Unavailable(..) => "unavailable",
    };
    let facts = conclusion.facts();
    let mut entry = audit::Entry::new(now(), event, outcome);
    entry.user.clone_from(&facts.user);
    entry.method = facts.method;
    entry.service = Some(request.service.clone());
    entry.origin = Some(origin_class(request.origin));
    entry.detail.insert("reason", audit::Detail::Word(conclusion.message().code()));
    entry.detail.insert("uid", audit::Detail::Number(peer.uid.into()));
    entry.detail.insert("pid", audit::Detail::Number(u64::try_from(peer.pid).unwrap_or_default()));
    entry.detail.insert("mismatches", audit::Detail::Number(facts.mismatches.into()));
    if let Some(credential) = facts.credential {
        entry.detail.insert("credential", audit::Detail::Credential(credential));
    }
    if let Conclusion::Granted(grant, _) = conclusion {
        entry.detail.insert("grant", audit::Detail::Grant(grant.id()));
        if let Some(device) = grant.device() {
            entry.detail.insert("device", audit::Detail::Device(device.clone()));
        }
    }
    entry
}
