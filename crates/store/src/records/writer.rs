use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use signet_types::{CredentialId, UserName};
use zeroize::Zeroizing;

use super::{
    Credential, Records, Rows, decode, encode, model,
    rows::{Changes, Head},
};
use crate::{
    engine::{EngineError, Tree},
    error::StoreError,
    mark::{Level, Mark},
    seal::Generation,
};

/// Most changes that share one commit; bounds its size.
const GROUP: usize = 64;

/// Changes that wait for a commit.
pub(super) type Queue = Vec<Job>;

/// One change that somebody waits for.
pub(super) struct Job {
    /// Runs the change on the draft; true where it wants to be committed.
    run: Box<dyn FnOnce(&mut Draft<'_>) -> bool + Send>,
    /// Set when the group that held it is through: whether it is durable.
    durable: Arc<OnceLock<bool>>,
}

/// What only the one who commits may touch.
pub(super) struct Writer {
    mark: Mark,
    head: Head,
    generation: Generation,
}

impl Writer {
    pub(super) fn new(mark: Mark, head: Head, generation: Generation) -> Self {
        Self { mark, head, generation }
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.head.sequence
    }

    /// Makes the next write of the mark fail.
    #[cfg(test)]
    pub(super) fn break_mark(&mut self) {
        self.mark.break_file();
    }

    /// Commits to the engine, then raises the mark.
    fn commit(&mut self, rows: &Rows, changes: &Changes) -> Result<(), StoreError> {
        let head = rows.commit(changes, &self.head)?;
        let level = Level { generation: self.generation, sequence: head.sequence, digest: head.digest };
        self.head = head;
        Ok(self.mark.write(&level)?)
    }
}

impl Records {
    /// Runs a change, alone or with others that wait, and returns when it is durable.
    ///
    /// Everybody puts his change into the queue and then waits for the writer's lock; whoever gets
    /// it commits for all that are queued. Changes see those before them in the same group, so a
    /// check and the change that depends on it cannot be torn apart.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Draft<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::new(Mutex::new(None));
        let durable = Arc::new(OnceLock::new());
        let answer = Arc::clone(&slot);
        let run = Box::new(move |draft: &mut Draft<'_>| {
            let result = change(draft);
            let keep = result.is_ok();
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            keep
        });
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Job { run, durable: Arc::clone(&durable) });
        {
            // A poisoned lock: a thread died between a commit and its end. Nothing is known then.
            let mut writer = self.writer.lock().map_err(|_| EngineError::Poisoned)?;
            while durable.get().is_none() {
                self.commit_group(&mut writer)?;
            }
        }
        if durable.get() != Some(&true) {
            return Err(EngineError::Poisoned.into());
        }
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or(Err(EngineError::Poisoned.into()))
    }

    /// Commits what is queued, up to [`GROUP`] changes.
    fn commit_group(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let jobs: Vec<Job> = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let count = queue.len().min(GROUP);
            queue.drain(..count).collect()
        };
        let mut changes = Changes::new();
        let mut waiting = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mut draft = Draft { rows: &self.rows, group: &changes, own: Changes::new() };
            if (job.run)(&mut draft) {
                let own = draft.own;
                changes.extend(own);
            }
            waiting.push(job.durable);
        }
        let done = self
            .rows
            .check()
            .and_then(|()| if changes.is_empty() { Ok(()) } else { writer.commit(&self.rows, &changes) });
        if done.is_err() {
            self.rows.fail();
        }
        for durable in waiting {
            let _ = durable.set(done.is_ok());
        }
        done
    }

    /// Keeps every change out while `look` runs: for a consistent view of all records.
    pub(crate) fn hold<T>(&self, look: impl FnOnce(&Rows) -> T) -> Result<T, StoreError> {
        let _writer = self.writer.lock().map_err(|_| EngineError::Poisoned)?;
        self.rows.check()?;
        Ok(look(&self.rows))
    }
}

/// The records as they will be after the changes before this one in the group.
pub(crate) struct Draft<'a> {
    rows: &'a Rows,
    group: &'a Changes,
    own: Changes,
}

impl Draft<'_> {
    pub(crate) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let place = (tree, key.to_vec());
        match self.own.get(&place).or_else(|| self.group.get(&place)) {
            Some(value) => Ok(value.clone()),
            None => self.rows.read(tree, key),
        }
    }

    /// Sets a record. Its size is checked here, so that it cannot fail the others of its group.
    pub(crate) fn put(
        &mut self,
        tree: Tree,
        key: Vec<u8>,
        value: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreError> {
        if value.len() > super::MAX_RECORD {
            return Err(StoreError::TooLarge { length: value.len() });
        }
        self.own.insert((tree, key), Some(value));
        Ok(())
    }

    pub(crate) fn delete(&mut self, tree: Tree, key: Vec<u8>) {
        self.own.insert((tree, key), None);
    }

    pub(super) fn credential(&self, id: CredentialId) -> Result<Credential, StoreError> {
        let user = self.get(Tree::CredentialUser, id.as_bytes())?.ok_or(StoreError::NoCredential { id })?;
        let user: UserName = decode(Tree::CredentialUser, &user)?;
        let value = self.get(Tree::Credential, &model::credential_key(&user, id))?;
        decode(Tree::Credential, &value.ok_or(StoreError::Damaged { tree: Tree::Credential })?)
    }

    pub(super) fn credentials(&self, user: &UserName) -> Result<Vec<Credential>, StoreError> {
        let prefix = model::user_prefix(user);
        let mut keys = self.rows.keys(Tree::Credential, &prefix)?;
        for changes in [self.group, &self.own] {
            keys.extend(
                changes
                    .keys()
                    .filter(|(t, k)| *t == Tree::Credential && k.starts_with(&prefix))
                    .map(|(_, k)| k.clone()),
            );
        }
        keys.sort();
        keys.dedup();
        let values = keys.iter().filter_map(|key| self.get(Tree::Credential, key).transpose());
        values.map(|value| decode(Tree::Credential, &value?)).collect()
    }

    pub(crate) fn insert_credential(&mut self, credential: &Credential) -> Result<(), StoreError> {
        let id = credential.id;
        if self.get(Tree::CredentialUser, id.as_bytes())?.is_some() {
            return Err(StoreError::AlreadyEnrolled { id });
        }
        if let Some(identifier) = &credential.identifier {
            if let Some(owner) = self.get(Tree::Identifier, identifier.as_bytes())? {
                let (user, id): (UserName, CredentialId) = decode(Tree::Identifier, &owner)?;
                let same = user == credential.user;
                return Err(if same {
                    StoreError::AlreadyEnrolled { id }
                } else {
                    StoreError::IdentifierTaken
                });
            }
            self.put(Tree::Identifier, identifier.as_bytes().to_vec(), encode(&(&credential.user, id)))?;
        }
        self.put(Tree::CredentialUser, id.as_bytes().to_vec(), encode(&credential.user))?;
        self.put(Tree::Credential, model::credential_key(&credential.user, id), encode(credential))
    }

    pub(super) fn remove_credential(&mut self, credential: &Credential) {
        if let Some(identifier) = &credential.identifier {
            self.delete(Tree::Identifier, identifier.as_bytes().to_vec());
        }
        self.delete(Tree::CredentialUser, credential.id.as_bytes().to_vec());
        self.delete(Tree::Credential, model::credential_key(&credential.user, credential.id));
    }
}
