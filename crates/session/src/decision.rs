use signet_authn::Proof;
use signet_types::{
    Assurance, ConversationId, CredentialId, DeviceId, Factors, GrantId, Method, ServiceName, Timestamp,
    UserName,
};

use crate::{Drivers, UserProfile, methods::permitted};

/// A proof and the method that gave it.
#[derive(Debug)]
pub struct Evidence {
    /// The method whose driver proved it.
    pub method: Method,
    /// What was proven.
    pub proof: Proof,
}

/// What is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who asks to be let in.
    pub user: &'a UserName,
    /// To which service; `profile.rules` are the rules for it.
    pub service: &'a ServiceName,
    /// The user's credentials and the rules in force now.
    pub profile: &'a UserProfile,
    /// The installed drivers.
    pub drivers: &'a Drivers,
    /// In which conversation the evidence was gathered.
    pub conversation: ConversationId,
    /// The id that a grant will have.
    pub grant: GrantId,
    /// Now.
    pub now: Timestamp,
}

/// The answer to a [`Case`].
#[must_use = "a verdict that nobody reads lets nobody in and keeps nobody out"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in.
    Grant(Grant),
    /// Not let in.
    Deny(Denial),
}

/// Why a case was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// There is no such user.
    UnknownUser,
    /// Nothing was proven.
    NoEvidence,
    /// All that was proven was proven by a method that policy does not allow (any more).
    MethodNotAllowed(Method),
    /// The credential that was used is gone.
    CredentialGone(Method),
    /// What was proven is not enough for the service.
    NotEnough,
}

/// One granted authentication. Only [`decide`] makes one.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    id: GrantId,
    user: UserName,
    service: ServiceName,
    conversation: ConversationId,
    at: Timestamp,
    method: Method,
    credential: Option<CredentialId>,
    device: Option<DeviceId>,
    factors: Factors,
    assurance: Assurance,
}

impl Grant {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> GrantId {
        self.id
    }

    /// Who was let in.
    #[must_use]
    pub const fn user(&self) -> &UserName {
        &self.user
    }

    /// To which service.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        &self.service
    }

    /// In which conversation.
    #[must_use]
    pub const fn conversation(&self) -> ConversationId {
        self.conversation
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The method: of several the last one with a token, for the session hangs on that token (RMV-02);
    /// without any, the last one.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The credential of [`Grant::method`]; `None` for the system password.
    #[must_use]
    pub const fn credential(&self) -> Option<CredentialId> {
        self.credential
    }

    /// Where the token is.
    #[must_use]
    pub const fn device(&self) -> Option<&DeviceId> {
        self.device.as_ref()
    }

    /// All factors that were proven.
    #[must_use]
    pub const fn factors(&self) -> Factors {
        self.factors
    }

    /// What all proofs together are worth.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }
}

/// Decides: evidence against the rules in force now. Denies unless everything fits.
///
/// Evidence that does not count (method not allowed, credential gone) is left out; it never harms the
/// rest, so that more evidence never denies what less would grant.
pub fn decide(case: Case<'_>, evidence: &[Evidence]) -> Verdict {
    if !case.profile.known || case.profile.user != *case.user {
        return Verdict::Deny(Denial::UnknownUser);
    }
    let mut counted = Vec::new();
    let mut left_out = None;
    for item in evidence {
        match admissible(case, item) {
            Ok(()) => counted.push(item),
            Err(denial) => left_out = left_out.or(Some(denial)),
        }
    }
    let sum = Sum::of(&counted);
    let accepted_identifier = counted.iter().any(|item| is_accepted_identifier(case, item));
    if !case.profile.rules.requirement.is_met(sum.factors, sum.assurance, accepted_identifier) {
        let denial = if counted.is_empty() { Denial::NoEvidence } else { Denial::NotEnough };
        return Verdict::Deny(left_out.unwrap_or(denial));
    }
    let with_token = counted.iter().rev().find(|item| item.method.is_token());
    match with_token.or(counted.last()) {
        Some(principal) => Verdict::Grant(grant(case, principal, sum)),
        None => Verdict::Deny(Denial::NoEvidence),
    }
}

fn grant(case: Case<'_>, principal: &Evidence, sum: Sum) -> Grant {
    Grant {
        id: case.grant,
        user: case.user.clone(),
        service: case.service.clone(),
        conversation: case.conversation,
        at: case.now,
        method: principal.method,
        credential: principal.proof.credential,
        device: principal.proof.device.clone(),
        factors: sum.factors,
        assurance: sum.assurance,
    }
}

/// Whether the evidence counts at all, under the rules in force now.
fn admissible(case: Case<'_>, item: &Evidence) -> Result<(), Denial> {
    permitted(case.profile, item.method).map_err(|_| Denial::MethodNotAllowed(item.method))?;
    let exists = match item.proof.credential {
        Some(id) => case.profile.credential(id).is_some_and(|c| c.method == item.method),
        None => case.drivers.is_implicit(item.method),
    };
    if exists { Ok(()) } else { Err(Denial::CredentialGone(item.method)) }
}

/// An identifier alone, where policy names that risk for the method (security.md, R22).
fn is_accepted_identifier(case: Case<'_>, item: &Evidence) -> bool {
    item.proof.assurance == Assurance::Identified
        && case.profile.rules.settings(item.method).allow_identifier_only
}

/// What several proofs are worth together.
#[derive(Clone, Copy)]
struct Sum {
    factors: Factors,
    assurance: Assurance,
}

impl Sum {
    fn of(counted: &[&Evidence]) -> Self {
        let mut sum = Self { factors: Factors::NONE, assurance: Assurance::Identified };
        for item in counted {
            let worth = worth(&item.proof);
            // What only showed an identifier has proven no factor.
            if worth > Assurance::Identified {
                sum.factors = sum.factors | item.proof.factors;
                sum.assurance = sum.assurance.max(worth);
            }
        }
        if sum.factors.iter().count() > 1 {
            sum.assurance = sum.assurance.max(Assurance::TwoFactor);
        }
        sum
    }
}

/// A proof is worth no more than the factors that it names: a driver's claim is not believed beyond them.
fn worth(proof: &Proof) -> Assurance {
    match proof.factors.iter().count() {
        0 => Assurance::Identified,
        1 => proof.assurance.min(Assurance::SingleFactor),
        _ => proof.assurance,
    }
}

#[cfg(test)]
mod tests;
