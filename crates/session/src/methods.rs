use std::collections::BTreeSet;

use signet_types::{Method, UserMessage};

use crate::{Drivers, UserProfile};
use signet_policy::EnrollmentDemand;

/// Where the person sits. A fact that the host computes (logind's seat and the program's remote
/// host), never one that a client may choose freely (security.md, CVE-2026-44713).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At this workstation's own seat.
    Local,
    /// Somewhere else: no device here is theirs (AUT-09).
    Remote,
}

/// All that decides which methods are offered.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The installed drivers.
    pub drivers: &'a Drivers,
    /// Methods whose middleware, port or reader is missing now (MET-02).
    pub unavailable: &'a BTreeSet<Method>,
    /// The user and the rules in force.
    pub profile: &'a UserProfile,
    /// Where the person sits.
    pub origin: Origin,
}

/// Why a method is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Policy disables it (ENA-01).
    Disabled,
    /// The service does not take it (POL-09).
    NotAllowedForService,
    /// The user has not enrolled it.
    NotEnrolled,
    /// It needs the local seat and the session is remote (AUT-09).
    NeedsLocalSeat,
    /// Its driver is not installed, or its middleware or reader is missing (MET-02).
    Unavailable,
}

impl Reason {
    /// What the person is told who asked for the method by name.
    #[must_use]
    pub const fn message(self, method: Method) -> UserMessage {
        match self {
            Self::Disabled | Self::NotAllowedForService => UserMessage::MethodDisabled(method),
            Self::NotEnrolled => UserMessage::MethodNotEnrolled(method),
            Self::NeedsLocalSeat | Self::Unavailable => UserMessage::MethodUnavailable(method),
        }
    }
}

/// Whether policy lets the user prove himself by this method: enabled and taken by the service, or
/// the password exception of ENA-02 (which lifts `enabled` alone, not the service's own list).
pub(crate) fn permitted(profile: &UserProfile, method: Method) -> Result<(), Reason> {
    let exception = method == Method::Password && !profile.has_other_than_password();
    if !profile.rules.enables(method) && !exception {
        return Err(Reason::Disabled);
    }
    let taken = profile.rules.service_methods.contains(method);
    if taken { Ok(()) } else { Err(Reason::NotAllowedForService) }
}

/// Whether a method is offered, and if not, the reason that comes first in the order of [`Reason`].
pub fn standing(at: Circumstances<'_>, method: Method) -> Result<(), Reason> {
    let driver = at.drivers.get(method).ok_or(Reason::Unavailable)?;
    permitted(at.profile, method)?;
    if !driver.about().implicit && !at.profile.has(method) {
        return Err(Reason::NotEnrolled);
    }
    if at.origin == Origin::Remote && method.needs_local_seat() {
        return Err(Reason::NeedsLocalSeat);
    }
    if at.unavailable.contains(&method) { Err(Reason::Unavailable) } else { Ok(()) }
}

/// The offered methods: the one that was used last first (AUT-01), then in the order of
/// [`Method::ALL`]. Empty: the user is locked out of this service until policy changes (ENA-03).
#[must_use]
pub fn offered(at: Circumstances<'_>) -> Vec<Method> {
    let mut methods: Vec<_> = Method::ALL.into_iter().filter(|m| standing(at, *m).is_ok()).collect();
    // The sort is stable: all others keep their order.
    methods.sort_by_key(|m| Some(*m) != at.profile.last_method);
    methods
}

/// A method as it stands for a user (ENR-07, ENA-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodStatus {
    /// A credential is enrolled.
    Enrolled,
    /// It may be enrolled.
    Optional,
    /// It must be enrolled.
    Required,
    /// Policy disables it; an enrolment of it can only be deleted.
    Disabled,
    /// Its driver, middleware or reader is missing.
    Unavailable,
}

impl MethodStatus {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Disabled => "disabled",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How a method stands for a user. A method that works without enrolment counts as enrolled.
#[must_use]
pub fn status(at: Circumstances<'_>, method: Method) -> MethodStatus {
    let Some(driver) = at.drivers.get(method) else { return MethodStatus::Unavailable };
    let Some(rule) = at.profile.rules.method(method).filter(|rule| rule.enabled) else {
        return MethodStatus::Disabled;
    };
    if at.profile.has(method) || driver.about().implicit {
        MethodStatus::Enrolled
    } else if at.unavailable.contains(&method) {
        MethodStatus::Unavailable
    } else if rule.demand == EnrollmentDemand::Required {
        MethodStatus::Required
    } else {
        MethodStatus::Optional
    }
}

#[cfg(test)]
mod tests;
