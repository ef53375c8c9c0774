//! `io.signet.Admin`.

use serde::{Deserialize, Serialize};
use signet_types::DeviceId;

use super::call;
use crate::SecretText;

call! {
    /// How the daemon is.
    Status {} -> DaemonStatus, Status
}

call! {
    /// Looks at every part.
    Doctor {} -> Diagnosis, Doctor
}

call! {
    /// Writes an encrypted export of all records.
    Export {
        /// A new file, absolute.
        path: String,
        /// What the export is encrypted under.
        passphrase: SecretText,
    } -> Exported, Export
}

call! {
    /// The most recent audit entries.
    Audit {
        /// How many at most.
        count: u32,
    } -> AuditEntries, Audit
}

/// One device that the device host knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub device: DeviceId,
    /// What kind of device.
    pub kind: String,
    /// Whether a token is in it.
    pub token_present: bool,
}

/// Reply to [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The daemon's version.
    pub version: String,
    /// Since when it runs, ISO 8601, UTC.
    pub started_at: String,
    /// The store's engine.
    pub engine: String,
    /// Where the store's key comes from.
    pub key_source: String,
    /// Users with a credential.
    pub users: u32,
    /// Credentials.
    pub credentials: u32,
    /// Conversations that are open now.
    pub conversations: u32,
    /// Since when the policy is in force, ISO 8601, UTC.
    pub policy_in_force_since: String,
    /// Devices.
    pub devices: Vec<Device>,
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Well.
    Good,
    /// Works, but something should be done.
    Warning,
    /// Does not work.
    Bad,
}

/// One part of the system and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The part.
    pub part: String,
    /// How it is.
    pub state: Health,
    /// What was found.
    pub text: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

/// Reply to [`Doctor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Each part.
    pub checks: Vec<Check>,
}

/// Reply to [`Export`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// How many records were written.
    pub records: u32,
}

/// Reply to [`Audit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntries {
    /// Newest last; each as its JSON line.
    pub entries: Vec<String>,
}

/// The interface's own errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// The path is not taken.
    #[error("this path cannot be used: {reason}")]
    #[serde(rename = "io.signet.Admin.BadPath")]
    BadPath {
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error("the store failed: {reason}")]
    #[serde(rename = "io.signet.Admin.StoreFault")]
    StoreFault {
        /// How.
        reason: String,
    },
}
