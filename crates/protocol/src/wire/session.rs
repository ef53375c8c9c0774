//! `io.signet.Session`.

use serde::{Deserialize, Serialize};
use signet_types::{CredentialId, GrantId, Method, RemovalAction, ServiceName, SessionId, UserName};

use super::{Begun, call};

call! {
    /// Binds a logind session to the grant that opened it.
    Opened {
        /// The logind session.
        session: SessionId,
        /// The grant; without it the session was opened another way.
        #[serde(skip_serializing_if = "Option::is_none")]
        grant: Option<GrantId>,
        /// Whose session.
        user: UserName,
        /// The PAM service that opened it.
        service: ServiceName,
    } -> Recorded, Opened
}

call! {
    /// The session has ended.
    Closed {
        /// The logind session.
        session: SessionId,
    } -> Recorded, Closed
}

call! {
    /// The sessions that the caller may see.
    List {} -> Sessions, ListSessions
}

call! {
    /// Locks the session and waits until logind reports it as locked.
    Lock {
        /// The logind session.
        session: SessionId,
    } -> Locked, Lock
}

call! {
    /// Authenticates under `signet-unlock`, then unlocks.
    Unlock {
        /// The logind session.
        session: SessionId,
    } -> Begun, Unlock
}

/// One login session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The logind session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserName,
    /// What opened it.
    pub service: ServiceName,
    /// The method that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The credential that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// What the next removal of the token does (RMV-04).
    pub removal_action: RemovalAction,
    /// Whether logind says that it is locked.
    pub locked: bool,
    /// Since when, ISO 8601, UTC.
    pub since: String,
}

/// Reply to [`Opened`] and [`Closed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {}

/// Reply to [`List`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The sessions.
    pub sessions: Vec<Session>,
}

/// Reply to [`Lock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Whether logind reported the lock in time.
    pub locked: bool,
}

/// The interface's own errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// No such session, or none that the caller may see.
    #[error("there is no session {session}; 'signetctl session list' shows yours")]
    #[serde(rename = "io.signet.Session.UnknownSession")]
    UnknownSession {
        /// The session that was given.
        session: SessionId,
    },
    /// logind could not be reached or refused.
    #[error("logind could not be asked: {reason}")]
    #[serde(rename = "io.signet.Session.SessionControl")]
    SessionControl {
        /// What happened.
        reason: String,
    },
}
