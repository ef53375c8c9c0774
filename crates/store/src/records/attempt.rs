//! What tries, successes and enrolments change, each in one transaction.

use signet_types::{CredentialId, Method, Timestamp, UserName};

use super::{Counter, Credential, Origin, Profile, Records, decode, encode, model};
use crate::{engine::Tree, error::StoreError};

/// What a granted authentication changes.
#[derive(Clone, Debug)]
pub struct Success {
    /// Whose.
    pub user: UserName,
    /// The credentials that were used, each with its driver's changed record, if it changed.
    pub used: Vec<(CredentialId, Option<Vec<u8>>)>,
    /// The method to offer first the next time; `None` keeps the one that is.
    pub last_method: Option<Method>,
    /// The methods whose counters are cleared.
    pub clear: Vec<Method>,
    /// For this origin.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
}

impl Records {
    /// Decides on a try and counts it in one step, durably, before the try is verified. `charge` is
    /// given the failures so far and returns the counter to store, or `None` to count nothing; of
    /// tries side by side each sees the charge of the one before it (security.md, R13).
    pub fn charge_if(
        &self,
        user: &UserName,
        method: Method,
        origin: &Origin,
        charge: impl FnOnce(Option<Counter>) -> Option<Counter> + Send + 'static,
    ) -> Result<Option<Counter>, StoreError> {
        let key = model::counter_key(user, method, origin);
        self.write(move |draft| {
            let value = draft.get(Tree::Counter, &key)?;
            let charged = charge(value.map(|v| decode(Tree::Counter, &v)).transpose()?);
            if let Some(counter) = &charged {
                draft.put(Tree::Counter, key, encode(counter))?;
            }
            Ok(charged)
        })
    }

    /// Stores a success: last use and changed records of the credentials, the last method, cleared
    /// counters; all or nothing.
    ///
    /// # Errors
    /// [`StoreError::NoCredential`] where a used credential has been deleted meanwhile.
    pub fn succeed(&self, success: Success) -> Result<(), StoreError> {
        self.write(move |draft| {
            for (id, data) in success.used {
                let mut credential = draft.credential(id)?;
                credential.last_used = credential.last_used.max(Some(success.at));
                credential.data = data.unwrap_or(credential.data);
                let key = model::credential_key(&credential.user, id);
                draft.put(Tree::Credential, key, encode(&credential))?;
            }
            for method in success.clear {
                let key = model::counter_key(&success.user, method, &success.origin);
                if draft.get(Tree::Counter, &key)?.is_some() {
                    draft.delete(Tree::Counter, key);
                }
            }
            let key = success.user.as_str().as_bytes().to_vec();
            let value = draft.get(Tree::Profile, &key)?;
            let mut profile: Profile =
                value.map(|v| decode(Tree::Profile, &v)).transpose()?.unwrap_or_default();
            if success.last_method.is_some_and(|method| profile.last_method != Some(method)) {
                profile.last_method = success.last_method;
                draft.put(Tree::Profile, key, encode(&profile))?;
            }
            Ok(())
        })
    }

    /// Adds a credential in the place of others of the same user, and forgets the user's failures with
    /// its method from this origin: who enrols has proven himself. All or nothing (ENR-09).
    ///
    /// # Errors
    /// As [`Records::insert`]; [`StoreError::Mismatch`] where one to be replaced is another user's.
    pub fn enroll(
        &self,
        credential: Credential,
        replaces: Vec<CredentialId>,
        origin: Origin,
    ) -> Result<(), StoreError> {
        self.write(move |draft| {
            let counter = model::counter_key(&credential.user, credential.method, &origin);
            if draft.get(Tree::Counter, &counter)?.is_some() {
                draft.delete(Tree::Counter, counter);
            }
            for id in replaces {
                let old = draft.credential(id)?;
                if old.user != credential.user {
                    return Err(StoreError::Mismatch { id });
                }
                draft.remove_credential(&old);
            }
            draft.insert_credential(&credential)
        })
    }
}
