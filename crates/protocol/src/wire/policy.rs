//! `io.signet.Policy`.

use serde::{Deserialize, Serialize};
use signet_types::{ServiceName, UserName};

use super::call;

call! {
    /// Each effective value for a user, and where it comes from.
    Explain {
        /// Whose; without it the caller's.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
        /// Of one method, or of all.
        #[serde(skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Of one service, or of all.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
    } -> Explained, Explain
}

call! {
    /// Reads the policy files again.
    Reload {} -> Reloaded, Reload
}

call! {
    /// Checks a text as the machine layer without applying it.
    Check {
        /// The name that findings give for the text.
        name: String,
        /// The policy text.
        text: String,
    } -> Checked, CheckPolicy
}

call! {
    /// The machine layer that is in force.
    Show {} -> Shown, ShowPolicy
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// `smartcard.pin_type`.
    pub key: String,
    /// The value, as a policy file writes it.
    pub value: String,
    /// `built-in`, `machine`, `group`, `user` or `enterprise`.
    pub layer: String,
    /// The file that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What the key means.
    pub documentation: String,
    /// The values of lower layers that this one hides.
    pub shadowed: Vec<String>,
}

/// One fault in a policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What is wrong.
    pub problem: String,
    /// What is allowed.
    pub allowed: String,
}

/// A user whom a policy would lock out (ENA-03).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// Who.
    pub user: UserName,
    /// Why.
    pub reason: String,
}

/// Reply to [`Explain`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The values.
    pub values: Vec<Value>,
}

/// Reply to [`Reload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether what was read is in force now.
    pub in_force: bool,
    /// Faults.
    pub findings: Vec<Finding>,
    /// Users whom it locks out.
    pub lockouts: Vec<Lockout>,
}

/// Reply to [`Check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Faults.
    pub findings: Vec<Finding>,
    /// Users whom it would lock out.
    pub lockouts: Vec<Lockout>,
}

/// Reply to [`Show`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The text that is in force.
    pub text: String,
    /// Faults of a newer one that is not.
    pub findings: Vec<Finding>,
}

/// The interface's own errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// No such user.
    #[error("there is no user {user} on this system")]
    #[serde(rename = "io.signet.Policy.UnknownUser")]
    UnknownUser {
        /// The name that was given.
        user: String,
    },
    /// No such method here.
    #[error("there is no method '{method}'; allowed are {allowed}")]
    #[serde(rename = "io.signet.Policy.UnknownMethod")]
    UnknownMethod {
        /// The word that was given.
        method: String,
        /// The known methods, in words.
        allowed: String,
    },
}
