//! How each step ends: one total table from what happened to the PAM return code.
//!
//! | what happened | auth | account | open session | close session | preliminary check | change |
//! |---|---|---|---|---|---|---|
//! | granted to the right user | `SUCCESS` | `SUCCESS` | – | – | – | `SYSTEM_ERR` |
//! | granted to another user, or an authentication without a grant | `SYSTEM_ERR` | `SYSTEM_ERR` | – | – | – | `SYSTEM_ERR` |
//! | done | `SYSTEM_ERR` | `SYSTEM_ERR` | – | – | – | `SUCCESS` |
//! | denied, `try-later` | `MAXTRIES` | `PERM_DENIED` | – | – | – | `AUTHTOK_ERR` |
//! | denied, `password-expired` | `AUTH_ERR` | `NEW_AUTHTOK_REQD` | – | – | – | `AUTHTOK_ERR` |
//! | denied, cancelled | `AUTH_ERR` | `PERM_DENIED` | – | – | – | `AUTHTOK_ERR` |
//! | unavailable | `AUTHINFO_UNAVAIL` | `AUTHINFO_UNAVAIL` | – | – | – | `AUTHINFO_UNAVAIL` |
//! | the program gave no answer | `CONV_ERR` | – | – | – | – | `CONV_ERR` |
//! | a name or an item that Signet does not take | `AUTH_ERR` | `PERM_DENIED` | `SESSION_ERR` | `SESSION_ERR` | `AUTHTOK_ERR` | `AUTHTOK_ERR` |
//! | no daemon, busy, silent, dead | `AUTHINFO_UNAVAIL` | `AUTHINFO_UNAVAIL` | `SESSION_ERR` | `SESSION_ERR` | `TRY_AGAIN` | `AUTHINFO_UNAVAIL` |
//! | this caller may not ask | `PERM_DENIED` | `PERM_DENIED` | `SESSION_ERR` | `SESSION_ERR` | `TRY_AGAIN` | `PERM_DENIED` |
//! | the wrong server, an answer out of protocol | `SYSTEM_ERR` | `SYSTEM_ERR` | `SESSION_ERR` | `SESSION_ERR` | `TRY_AGAIN` | `SYSTEM_ERR` |
//!
//! `PAM_IGNORE` is not in [`Code`], so no path can return it: as the only verdict of a stack it
//! would let everybody in (`pam_u2f` CVE-2025-23013, `pam_pkcs11` CVE-2025-24531). An unknown user
//! is a plain denial here, so that nobody learns which names exist.

use signet_protocol::{
    CallError, Refusal,
    wire::{Outcome, Verdict, authentication, enrollment, service},
};

/// The PAM return codes that the module gives (`_pam_types.h`). It has no `PAM_IGNORE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub(crate) enum Code {
    Success = 0,
    /// A wrong argument in `pam.d`.
    Service = 3,
    System = 4,
    PermissionDenied = 6,
    Authentication = 7,
    Unavailable = 9,
    MaxTries = 11,
    NewPasswordRequired = 12,
    Session = 14,
    Conversation = 19,
    PasswordChange = 20,
    TryAgain = 24,
    /// A panic was caught.
    Abort = 26,
}

/// What a step is for; it decides what an ending means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Authenticate,
    Account,
    OpenSession,
    CloseSession,
    Check,
    Change,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The daemon's verdict.
    Outcome(Outcome),
    /// The one success of an authentication: granted to the right user, with a grant.
    /// Only `steps::authenticate` makes it, after it has checked both.
    Granted,
    /// Granted to another user, or without a grant: never a success of anything.
    Misfit,
    /// The daemon answered a call that has no verdict.
    Recorded,
    /// The program's conversation gave no answer.
    NoAnswer,
    /// A name or an item that Signet does not take.
    BadItem,
    /// The daemon's call failed.
    Failed(CallError),
}

impl From<CallError> for Ending {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// What a failed call means, whatever the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No daemon that could decide: the stack's next module decides.
    NoDaemon,
    /// This caller may not ask this.
    NotPermitted,
    /// Something that must not be: never read as anything but a refusal.
    Broken,
}

impl Failure {
    pub(crate) fn of(error: &CallError) -> Self {
        match error {
            CallError::Unreachable(_)
            | CallError::TimedOut
            | CallError::Closed
            | CallError::Connection(_) => Self::NoDaemon,
            CallError::Refused(refusal) => Self::of_refusal(refusal),
            CallError::Untrusted(_) | CallError::Fault(_) | CallError::TooLong => Self::Broken,
        }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Service(service::Error::PermissionDenied {}) => Self::NotPermitted,
            Refusal::Authentication(authentication::Error::Busy { .. })
            | Refusal::Enrollment(enrollment::Error::Busy { .. }) => Self::NoDaemon,
            Refusal::Service(_)
            | Refusal::Admin(_)
            | Refusal::Authentication(_)
            | Refusal::Enrollment(_)
            | Refusal::Policy(_)
            | Refusal::Session(_)
            | Refusal::Other { .. } => Self::Broken,
        }
    }
}

/// The return code of a step.
pub(crate) fn code(step: Step, ending: &Ending) -> Code {
    match ending {
        Ending::Granted => match step {
            Step::Authenticate => Code::Success,
            Step::Account | Step::OpenSession | Step::CloseSession | Step::Check | Step::Change => {
                Code::System
            }
        },
        Ending::Recorded => match step {
            Step::OpenSession | Step::CloseSession | Step::Check => Code::Success,
            Step::Authenticate | Step::Account | Step::Change => Code::System,
        },
        Ending::Misfit => Code::System,
        Ending::Outcome(outcome) => verdict(step, outcome),
        Ending::NoAnswer => Code::Conversation,
        Ending::BadItem => match step {
            Step::Authenticate => Code::Authentication,
            Step::Account => Code::PermissionDenied,
            Step::OpenSession | Step::CloseSession => Code::Session,
            Step::Check | Step::Change => Code::PasswordChange,
        },
        Ending::Failed(error) => failure(step, Failure::of(error)),
    }
}

fn verdict(step: Step, outcome: &Outcome) -> Code {
    match (step, outcome.result) {
        // An authentication succeeds by Ending::Granted alone.
        (Step::Account, Verdict::Granted) | (Step::Change, Verdict::Done) => Code::Success,
        (Step::Authenticate | Step::Change, Verdict::Granted)
        | (Step::Authenticate | Step::Account, Verdict::Done)
        | (Step::OpenSession | Step::CloseSession | Step::Check, _) => Code::System,
        (Step::Authenticate | Step::Account | Step::Change, Verdict::Unavailable) => Code::Unavailable,
        (Step::Authenticate, Verdict::Denied) if outcome.code == "try-later" => Code::MaxTries,
        (Step::Authenticate, Verdict::Denied | Verdict::Cancelled) => Code::Authentication,
        (Step::Account, Verdict::Denied) if outcome.code == "password-expired" => Code::NewPasswordRequired,
        (Step::Account, Verdict::Denied | Verdict::Cancelled) => Code::PermissionDenied,
        (Step::Change, Verdict::Denied | Verdict::Cancelled) => Code::PasswordChange,
    }
}

fn failure(step: Step, failure: Failure) -> Code {
    match (step, failure) {
        (Step::Authenticate | Step::Account | Step::Change, Failure::NoDaemon) => Code::Unavailable,
        (Step::Authenticate | Step::Account | Step::Change, Failure::NotPermitted) => Code::PermissionDenied,
        (Step::Authenticate | Step::Account | Step::Change, Failure::Broken) => Code::System,
        (Step::OpenSession | Step::CloseSession, _) => Code::Session,
        (Step::Check, _) => Code::TryAgain,
    }
}

#[cfg(test)]
mod tests;
