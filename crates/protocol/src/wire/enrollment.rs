//! `io.signet.Enrollment`.

use serde::{Deserialize, Serialize};
use signet_types::{CredentialId, Method, UserName};

use super::{Begun, call};

call! {
    /// Enrols a credential.
    Enroll {
        /// For whom; without it for the caller.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
        /// The method; an unknown one is answered by [`Error::UnknownMethod`].
        method: String,
    } -> Begun, Enroll
}

call! {
    /// Changes the PIN or password that Signet keeps.
    ChangeSecret {
        /// Whose; without it the caller's.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
        /// The method.
        method: String,
    } -> Begun, ChangeSecret
}

call! {
    /// Deletes a credential after authentication.
    Delete {
        /// The credential.
        credential: CredentialId,
    } -> Begun, Delete
}

call! {
    /// Changes the description.
    Describe {
        /// The credential.
        credential: CredentialId,
        /// The new description.
        description: String,
    } -> CredentialReply, Describe
}

call! {
    /// Lists the credentials of a user.
    List {
        /// Whose; without it the caller's.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
    } -> Credentials, ListCredentials
}

call! {
    /// Shows one credential.
    Show {
        /// The credential.
        credential: CredentialId,
    } -> CredentialReply, ShowCredential
}

call! {
    /// Every method as it stands for a user.
    Methods {
        /// Whose; without it the caller's.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
    } -> MethodList, Methods
}

/// One enrolled credential. Times are ISO 8601, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub user: UserName,
    /// Its method.
    pub method: Method,
    /// What kind of card or key it is.
    pub kind: String,
    /// The user's own words.
    pub description: String,
    /// When it was enrolled.
    pub enrolled_at: String,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
}

/// Reply to [`Describe`] and [`Show`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialReply {
    /// The credential as it is now.
    pub credential: Credential,
}

/// Reply to [`List`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The credentials.
    pub credentials: Vec<Credential>,
}

/// Where a method stands for a user (ENR-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Enrolled.
    Enrolled,
    /// May be enrolled.
    Optional,
    /// Must be enrolled.
    Required,
    /// Disabled by policy (ENA-04).
    Disabled,
    /// A driver, middleware or reader is missing (MET-02).
    Unavailable,
}

/// One method as it stands for a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodStatus {
    /// The method.
    pub method: Method,
    /// Where it stands.
    pub status: Status,
    /// Whether policy enables it.
    pub enabled: bool,
    /// How many credentials are enrolled.
    pub credentials: u32,
    /// For the person: what is missing, days left, ...
    pub detail: String,
}

/// Reply to [`Methods`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodList {
    /// Every method that exists here.
    pub methods: Vec<MethodStatus>,
}

/// The interface's own errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// No such credential, or none that the caller may see.
    #[error("there is no credential {credential}; 'signetctl list' shows yours")]
    #[serde(rename = "io.signet.Enrollment.UnknownCredential")]
    UnknownCredential {
        /// The id that was given.
        credential: CredentialId,
    },
    /// No such user.
    #[error("there is no user {user} on this system")]
    #[serde(rename = "io.signet.Enrollment.UnknownUser")]
    UnknownUser {
        /// The name that was given.
        user: String,
    },
    /// No such method here.
    #[error("there is no method '{method}'; allowed are {allowed}")]
    #[serde(rename = "io.signet.Enrollment.UnknownMethod")]
    UnknownMethod {
        /// The word that was given.
        method: String,
        /// The known methods, in words.
        allowed: String,
    },
    /// The description is too long or not printable.
    #[error("this description is not allowed; allowed are {allowed}")]
    #[serde(rename = "io.signet.Enrollment.BadDescription")]
    BadDescription {
        /// What is allowed, in words.
        allowed: String,
    },
    /// Too many conversations or connections of this uid.
    #[error("too many conversations; try again in {seconds} s")]
    #[serde(rename = "io.signet.Enrollment.Busy")]
    Busy {
        /// After how many seconds to try again.
        seconds: u32,
    },
}
