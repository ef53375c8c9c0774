//! What a decision needs of a user: records, counters, and the rules in force.

use std::{collections::BTreeMap, fs::File, io::Read, path::PathBuf};

use signet_policy::{Effective, Policy};
use signet_session::{Charge, Charged, Credential, Failures, LockoutRule, Origin, Rules, UserProfile};
use signet_store::{Counter, Records, StoreError};
use signet_types::{Method, ServiceName, Timestamp, UserName};
use x509_cert::{Certificate, der::Encode};

use crate::{
    accounts::{self, AccountsUnavailable},
    daemon::{self, Daemon, now},
};

/// The longest certificate file that is read, in bytes.
const MAX_CERTIFICATES: u64 = 256 * 1024;

/// A user's profile could not be made; nothing is decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The system's user database.
    #[error(transparent)]
    Accounts(#[from] AccountsUnavailable),
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate that policy names.
    #[error("the certificate authority {} cannot be used: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The class of a try's origin, for its counter.
pub(crate) fn origin_class(origin: Origin) -> signet_store::Origin {
    let word = match origin {
        Origin::Local => "local",
        Origin::Remote => "remote",
    };
    // Both words are printable ASCII: the type takes them.
    word.parse().unwrap_or_else(|_| std::process::abort())
}

fn failures(counter: &Counter) -> Failures {
    Failures { count: counter.failures, last: counter.last }
}

impl Daemon {
    /// The user's records and the rules in force for the service. A name that nobody has gets a
    /// decoy: the rules of a user without groups, and no credentials.
    pub(crate) async fn profile(
        &self,
        user: &UserName,
        service: &ServiceName,
        origin: Origin,
    ) -> Result<UserProfile, ProfileError> {
        let (name, service, policy) = (user.clone(), service.clone(), self.policy());
        let class = origin_class(origin);
        // One trip for all that may block: the user database, certificate files, the records.
        let (settled, credentials, profile, counters) = self
            .stored(move |records| {
                let settled = settle(&policy, &name, &service);
                let counters = counters(records, &name, &class, now())?;
                Ok((settled, records.credentials(&name)?, records.profile(&name)?, counters))
            })
            .await?;
        let (known, rules) = settled?;
        let credentials = if known { credentials } else { Vec::new() };
        Ok(UserProfile {
            user: user.clone(),
            known,
            rules,
            credentials: credentials.into_iter().map(summary).collect(),
            last_method: profile.last_method,
            failures: counters,
        })
    }

    /// Counts a try before it is looked at, if it may be made; durable when this returns. Tries of
    /// one user are counted one after the other, so that none shares another one's charge.
    pub(crate) async fn charge(&self, charge: &Charge, rule: LockoutRule) -> Charged {
        let (name, method, class) = (charge.user.clone(), charge.method, origin_class(charge.origin));
        let counted = self
            .stored(move |records| {
                let (tell, told) = std::sync::mpsc::channel();
                records.charge_if(&name, method, &class, move |before| {
                    let (after, charged) = count(before, &rule, now());
                    // The receiver lives until the change is through.
                    let _ = tell.send(charged);
                    after
                })?;
                Ok(told.recv().unwrap_or(Charged::Failed))
            })
            .await;
        counted.unwrap_or_else(|error| {
            tracing::error!(%error, "a try could not be counted");
            Charged::Failed
        })
    }
}

/// The counter to store for one more try, and what the conversation is told.
fn count(before: Option<Counter>, rule: &LockoutRule, now: Timestamp) -> (Option<Counter>, Charged) {
    let failed = before.as_ref().map(failures).unwrap_or_default();
    match failed.charge(rule, now) {
        Charged::Taken(after) => {
            // A count that starts again has a first failure of its own.
            let first = before.filter(|_| after.count > 1).map_or(now, |before| before.first);
            (Some(Counter { failures: after.count, first, last: after.last }), Charged::Taken(after))
        }
        // A clock that went back starts the wait again, or it would last until the clock caught up.
        refused => (restarted(before, now), refused),
    }
}

/// The counter whose wait starts again because the clock went back; `None` where it did not.
fn restarted(before: Option<Counter>, now: Timestamp) -> Option<Counter> {
    let counter = before?;
    let rebased = failures(&counter).rebased(now)?;
    Some(Counter { last: rebased.last, ..counter })
}

/// Whether there is such a user, and the rules for the service.
fn settle(policy: &Policy, user: &UserName, service: &ServiceName) -> Result<(bool, Rules), ProfileError> {
    let account = accounts::by_name(user)?;
    let groups = match &account {
        Some(account) => daemon::groups(policy, account)?,
        None => Vec::new(),
    };
    Ok((account.is_some(), rules(&policy.effective(user, &groups), service)?))
}

/// The rules for a service, with the certificates that policy names read in.
fn rules(effective: &Effective, service: &ServiceName) -> Result<Rules, ProfileError> {
    let mut anchors = Vec::new();
    for path in effective.method(Method::Smartcard).trusted_authorities.as_slice() {
        anchors.extend(read_certificates(path)?);
    }
    Ok(Rules::of(effective, service, &anchors))
}

fn read_certificates(path: &std::path::Path) -> Result<Vec<Vec<u8>>, ProfileError> {
    let fault = |reason: String| ProfileError::Authority { path: path.into(), reason };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| fault(error.to_string()))?;
    file.take(MAX_CERTIFICATES).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
    let chain = Certificate::load_pem_chain(text.as_bytes()).map_err(|error| fault(error.to_string()))?;
    if chain.is_empty() {
        return Err(fault("it holds no certificate".into()));
    }
    chain.iter().map(|certificate| certificate.to_der().map_err(|error| fault(error.to_string()))).collect()
}

fn counters(
    records: &Records,
    user: &UserName,
    class: &signet_store::Origin,
    now: Timestamp,
) -> Result<BTreeMap<Method, Failures>, StoreError> {
    let entries = records.counters(user)?;
    let mut counters = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| entry.origin == *class) {
        let found = failures(&entry.counter);
        let rebased = found.rebased(now);
        if rebased.is_some() {
            // Whoever has to wait is told so without being charged: only here is his counter written.
            records.charge_if(user, entry.method, class, move |before| restarted(before, now))?;
        }
        counters.insert(entry.method, rebased.unwrap_or(found));
    }
    Ok(counters)
}

fn summary(credential: signet_store::Credential) -> Credential {
    let label = if credential.description.is_empty() { credential.kind } else { credential.description };
    Credential { id: credential.id, method: credential.method, label, data: credential.data }
}
