//! The typed, sealed records that the daemon uses.

mod attempt;
mod model;
mod place;
mod rows;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use signet_types::{CredentialId, Method, SessionId, Timestamp, UserName};

use self::writer::{Queue, Writer};
pub use self::{
    attempt::Success,
    model::{BadOrigin, Counter, CounterEntry, Credential, IdentifierHash, Origin, Profile},
    place::{Location, Presence},
};
pub(crate) use self::{
    model::{decode, encode},
    place::IDENTIFIER_KEY,
    rows::{MAX_RECORD, Rows},
    writer::Draft,
};
use crate::{
    engine::{EngineKind, Tree},
    error::StoreError,
    seal::{Key, prf},
};

/// Typed records over one engine. Shared by reference between threads; every change is durable,
/// in the engine and in the mark, before its function returns. Changes that several threads ask
/// for at once share one commit.
///
/// After an error whose [`StoreError::is_fatal`] is true the process must end.
pub struct Records {
    rows: Rows,
    identifier_key: Key,
    master: Key,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
}

impl Records {
    /// Which engine holds the records.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        self.rows.kind()
    }

    /// How many commits the store has seen.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).sequence()
    }

    /// The key of the audit log that belongs to this store's key.
    #[must_use]
    pub fn audit_key(&self) -> crate::audit::AuditKey {
        crate::audit::AuditKey::derive(&self.master)
    }

    /// The keyed hash of a token's identifier, the only form in which one is kept (HMAC-SHA256).
    /// The caller puts the kind of identifier in front: two kinds with the same bytes differ.
    #[must_use]
    pub fn identifier_hash(&self, identifier: &[u8]) -> IdentifierHash {
        IdentifierHash::from_bytes(prf(&self.identifier_key, &[b"identifier", identifier]))
    }

    /// A user's credentials, in the order of their ids.
    pub fn credentials(&self, user: &UserName) -> Result<Vec<Credential>, StoreError> {
        self.rows
            .keys(Tree::Credential, &model::user_prefix(user))?
            .iter()
            .filter_map(|key| self.rows.read(Tree::Credential, key).transpose())
            .map(|value| decode(Tree::Credential, &value?))
            .collect()
    }

    /// One credential.
    pub fn credential(&self, id: CredentialId) -> Result<Option<Credential>, StoreError> {
        let Some(user) = self.rows.read(Tree::CredentialUser, id.as_bytes())? else { return Ok(None) };
        let user: UserName = decode(Tree::CredentialUser, &user)?;
        let value = self.rows.read(Tree::Credential, &model::credential_key(&user, id))?;
        value.map(|v| decode(Tree::Credential, &v)).transpose()
    }

    /// Who has enrolled the token with this identifier, and as which credential.
    pub fn owner_of(
        &self,
        identifier: &IdentifierHash,
    ) -> Result<Option<(UserName, CredentialId)>, StoreError> {
        let value = self.rows.read(Tree::Identifier, identifier.as_bytes())?;
        value.map(|v| decode(Tree::Identifier, &v)).transpose()
    }

    /// Everybody who has a credential.
    pub fn users(&self) -> Result<BTreeSet<UserName>, StoreError> {
        let mut users = BTreeSet::new();
        for key in self.rows.keys(Tree::Credential, b"")? {
            users.extend(model::user_of(&key));
        }
        Ok(users)
    }

    /// Adds a credential.
    ///
    /// # Errors
    /// [`StoreError::IdentifierTaken`] where another user has the identifier,
    /// [`StoreError::AlreadyEnrolled`] where the same user has it, or where the id is in use.
    /// Of two racing calls with one identifier exactly one succeeds.
    pub fn insert(&self, credential: Credential) -> Result<(), StoreError> {
        self.insert_all(vec![credential])
    }

    /// Adds several credentials, all or none.
    pub fn insert_all(&self, credentials: Vec<Credential>) -> Result<(), StoreError> {
        self.write(move |draft| credentials.iter().try_for_each(|c| draft.insert_credential(c)))
    }

    /// Changes a credential, which keeps its id, user and method.
    pub fn update(&self, credential: Credential) -> Result<(), StoreError> {
        self.write(move |draft| {
            let old = draft.credential(credential.id)?;
            if (&old.user, old.method) != (&credential.user, credential.method) {
                return Err(StoreError::Mismatch { id: credential.id });
            }
            draft.remove_credential(&old);
            draft.insert_credential(&credential)
        })
    }

    /// Notes that a credential was used.
    pub fn touch(&self, id: CredentialId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |draft| {
            let mut credential = draft.credential(id)?;
            credential.last_used = credential.last_used.max(Some(now));
            draft.put(Tree::Credential, model::credential_key(&credential.user, id), encode(&credential))
        })
    }

    /// Puts a new set in the place of all that a user has enrolled of a method: all or nothing
    /// (ENR-09, ENR-10). An empty set deletes.
    pub fn replace(&self, user: &UserName, method: Method, with: Vec<Credential>) -> Result<(), StoreError> {
        let user = user.clone();
        self.write(move |draft| {
            if let Some(c) = with.iter().find(|c| c.user != user || c.method != method) {
                return Err(StoreError::Mismatch { id: c.id });
            }
            for old in draft.credentials(&user)?.iter().filter(|c| c.method == method) {
                draft.remove_credential(old);
            }
            with.iter().try_for_each(|c| draft.insert_credential(c))
        })
    }

    /// Deletes a credential and returns it.
    pub fn delete(&self, id: CredentialId) -> Result<Credential, StoreError> {
        self.write(move |draft| {
            let credential = draft.credential(id)?;
            draft.remove_credential(&credential);
            Ok(credential)
        })
    }

    /// What is remembered of a user; the default where nothing is.
    pub fn profile(&self, user: &UserName) -> Result<Profile, StoreError> {
        let value = self.rows.read(Tree::Profile, user.as_str().as_bytes())?;
        Ok(value.map(|v| decode(Tree::Profile, &v)).transpose()?.unwrap_or_default())
    }

    /// Changes a user's profile and returns the new one.
    pub fn update_profile(
        &self,
        user: &UserName,
        change: impl FnOnce(&mut Profile) + Send + 'static,
    ) -> Result<Profile, StoreError> {
        let key = user.as_str().as_bytes().to_vec();
        self.write(move |draft| {
            let value = draft.get(Tree::Profile, &key)?;
            let mut profile = value.map(|v| decode(Tree::Profile, &v)).transpose()?.unwrap_or_default();
            change(&mut profile);
            draft.put(Tree::Profile, key, encode(&profile))?;
            Ok(profile)
        })
    }

    /// Counts one failure *before* the try is verified, durably, and returns the new count. A
    /// process that is killed between this and [`clear`](Self::clear) leaves the try counted
    /// (LCK-02; security.md, R13). Times never go back: a clock that was set back counts as
    /// standing still.
    pub fn charge(
        &self,
        user: &UserName,
        method: Method,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Counter, StoreError> {
        let key = model::counter_key(user, method, origin);
        self.write(move |draft| {
            let value = draft.get(Tree::Counter, &key)?;
            let old: Option<Counter> = value.map(|v| decode(Tree::Counter, &v)).transpose()?;
            let counter = Counter::charged(old, now);
            draft.put(Tree::Counter, key, encode(&counter))?;
            Ok(counter)
        })
    }

    /// Takes back one charge: the try ended before a secret was sent. The times stay.
    pub fn refund(&self, user: &UserName, method: Method, origin: &Origin) -> Result<(), StoreError> {
        let key = model::counter_key(user, method, origin);
        self.write(move |draft| {
            let Some(value) = draft.get(Tree::Counter, &key)? else { return Ok(()) };
            let mut counter: Counter = decode(Tree::Counter, &value)?;
            counter.failures = counter.failures.saturating_sub(1);
            draft.put(Tree::Counter, key, encode(&counter))
        })
    }

    /// Forgets the failures: the try succeeded, or an administrator unlocked.
    pub fn clear(&self, user: &UserName, method: Method, origin: &Origin) -> Result<(), StoreError> {
        let key = model::counter_key(user, method, origin);
        self.write(move |draft| {
            if draft.get(Tree::Counter, &key)?.is_some() {
                draft.delete(Tree::Counter, key);
            }
            Ok(())
        })
    }

    /// The failures so far; `None` where there are none.
    pub fn counter(
        &self,
        user: &UserName,
        method: Method,
        origin: &Origin,
    ) -> Result<Option<Counter>, StoreError> {
        let value = self.rows.read(Tree::Counter, &model::counter_key(user, method, origin))?;
        value.map(|v| decode(Tree::Counter, &v)).transpose()
    }

    /// All counters of a user, by method and origin.
    pub fn counters(&self, user: &UserName) -> Result<Vec<CounterEntry>, StoreError> {
        let mut entries = Vec::new();
        for key in self.rows.keys(Tree::Counter, &model::user_prefix(user))? {
            let Some(value) = self.rows.read(Tree::Counter, &key)? else { continue };
            let (method, origin) =
                model::counter_parts(&key).ok_or(StoreError::Damaged { tree: Tree::Counter })?;
            entries.push(CounterEntry { method, origin, counter: decode(Tree::Counter, &value)? });
        }
        Ok(entries)
    }

    /// Keeps what the session watch must know of a session after a restart of the daemon.
    pub fn put_session(&self, session: &SessionId, payload: Vec<u8>) -> Result<(), StoreError> {
        let key = session.as_str().as_bytes().to_vec();
        self.write(move |draft| draft.put(Tree::Session, key, encode(&payload)))
    }

    /// All sessions that are kept.
    pub fn sessions(&self) -> Result<BTreeMap<SessionId, Vec<u8>>, StoreError> {
        let damaged = StoreError::Damaged { tree: Tree::Session };
        let mut sessions = BTreeMap::new();
        for key in self.rows.keys(Tree::Session, b"")? {
            let Some(value) = self.rows.read(Tree::Session, &key)? else { continue };
            let Some(id) = std::str::from_utf8(&key).ok().and_then(|id| id.parse().ok()) else {
                return Err(damaged);
            };
            sessions.insert(id, decode(Tree::Session, &value)?);
        }
        Ok(sessions)
    }

    /// Forgets a session; nothing happens where it is not kept.
    pub fn remove_session(&self, session: &SessionId) -> Result<(), StoreError> {
        let key = session.as_str().as_bytes().to_vec();
        self.write(move |draft| {
            if draft.get(Tree::Session, &key)?.is_some() {
                draft.delete(Tree::Session, key);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
