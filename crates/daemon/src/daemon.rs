//! What all tasks of the daemon share.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};

use signet_policy::{GroupName, Policy, PolicySlot};
use signet_session::Drivers;
use signet_store::{
    Records, StoreError,
    audit::{AuditLog, Entry},
};
use signet_types::{Method, Timestamp};

use crate::{
    accounts::{self, Account, AccountsUnavailable},
    arbiter::Arbiter,
    config::{Config, Layout},
    devices::Devices,
    logind::Logind,
    sessions::Sessions,
    work::WorkQueue,
};

/// The daemon; everything runs on one thread, so nothing in here is locked.
pub(crate) struct Daemon {
    pub(crate) config: Config,
    pub(crate) layout: Layout,
    pub(crate) records: Arc<Records>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) policy: RefCell<PolicySlot>,
    pub(crate) policy_since: Cell<Timestamp>,
    pub(crate) drivers: Arc<Drivers>,
    pub(crate) devices: Rc<Devices>,
    pub(crate) work: WorkQueue,
    pub(crate) logind: Logind,
    pub(crate) sessions: Sessions,
    pub(crate) machine: [u8; 16],
    pub(crate) started_at: Timestamp,
    pub(crate) arbiter: Rc<Arbiter>,
}

/// The system's clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(since_epoch.as_secs())
}

/// The groups of an account that policy can name. Where it names none, nobody's are looked up: a
/// directory can be slow.
pub(crate) fn groups(policy: &Policy, account: &Account) -> Result<Vec<GroupName>, AccountsUnavailable> {
    if !policy.names_groups() {
        return Ok(Vec::new());
    }
    let names = accounts::groups(account)?;
    Ok(names.iter().filter_map(|name| name.as_str().parse().ok()).collect())
}

impl Daemon {
    /// The policy in force. Who holds it decides under it to the end.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().current()
    }

    /// Runs work on the records away from the thread that serves everybody. A store that has
    /// failed for good ends the process: it must not answer from what it may have lost.
    pub(crate) async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Records) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let records = Arc::clone(&self.records);
        let result = tokio::task::spawn_blocking(move || work(&records)).await;
        match result {
            Ok(Err(error)) if error.is_fatal() => {
                tracing::error!(%error, "the store has failed; nothing more is answered from it");
                std::process::exit(70);
            }
            Ok(result) => result,
            Err(panic) => {
                tracing::error!(%panic, "the store's thread panicked");
                std::process::exit(70);
            }
        }
    }

    /// Appends to the audit record; durable when this returns. What cannot be recorded is not done:
    /// the caller treats an error as a refusal.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Unrecorded> {
        let audit = Arc::clone(&self.audit);
        match tokio::task::spawn_blocking(move || audit.append(&entry)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit record cannot be written");
                Err(Unrecorded)
            }
            Err(_) => Err(Unrecorded),
        }
    }

    /// The methods whose middleware, port or reader is missing now (MET-02).
    pub(crate) fn unavailable(&self) -> BTreeSet<Method> {
        let about = self.drivers.iter().map(|driver| driver.about());
        about
            .filter(|about| about.device.is_some_and(|kind| !self.devices.has_reader(kind)))
            .map(|about| about.method)
            .collect()
    }
}

/// The audit record could not be written.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the audit record cannot be written")]
pub(crate) struct Unrecorded;
