//! Which methods a service takes from a user, and what they must prove together.

use std::{collections::BTreeSet, fmt};

use signet_types::{Assurance, Factor, Factors, Method, PinType, ServiceName};

use crate::{
    effective::{Effective, PerMethod},
    requirement::FactorRequirement,
    settings::MethodSettings,
};

/// Whether a method may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is enabled, and the service takes it.
    Admitted,
    /// Policy disables it, but it is the password of a user who has no other method enrolled
    /// (ENA-02). The exception lifts `enabled` alone: neither the service's `methods` nor its
    /// `factors`, or else a password alone would pass a service that asks for two factors just
    /// because its owner has enrolled none.
    PasswordException,
    /// Policy disables it (ENA-01).
    Disabled,
    /// The service's `methods` do not name it.
    NotForService,
}

impl Admission {
    /// Whether the method may be used.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::Admitted | Self::PasswordException)
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admitted => "admitted",
            Self::PasswordException => "password exception",
            Self::Disabled => "disabled",
            Self::NotForService => "not for this service",
        })
    }
}

/// What a method proved; an empty set of factors is an identifier that anybody could have copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The method.
    pub method: Method,
    /// The factors that it proved.
    pub factors: Factors,
    /// What the method's proof is worth by itself; counted up to what its factors can be worth.
    pub assurance: Assurance,
}

impl Evidence {
    fn worth(self) -> Assurance {
        match self.factors.iter().count() {
            0 => Assurance::Identified,
            1 => self.assurance.min(Assurance::SingleFactor),
            _ => self.assurance,
        }
    }
}

/// What several proofs amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They meet the rule.
    Enough,
    /// More is needed.
    More,
    /// A method was presented that may not be used; the rest is not enough.
    Refused(Method, Admission),
}

/// What one service asks of one user, who has certain methods enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    requirement: FactorRequirement,
    admissions: PerMethod<Admission>,
    identifier_accepted: PerMethod<bool>,
}

impl Effective {
    /// The rule of `service` for a user who has the methods of `enrolled` enrolled.
    #[must_use]
    pub fn rule(&self, service: &ServiceName, enrolled: &BTreeSet<Method>) -> Rule {
        let settings = self.service(service);
        let password_only = enrolled.iter().all(|m| *m == Method::Password);
        let admission = |method| match (self.method(method).enabled, settings.methods.contains(method)) {
            (false, _) if !(method == Method::Password && password_only) => Admission::Disabled,
            (_, false) => Admission::NotForService,
            (true, true) => Admission::Admitted,
            (false, true) => Admission::PasswordException,
        };
        Rule {
            requirement: settings.factors,
            admissions: PerMethod::new(admission),
            identifier_accepted: PerMethod::new(|m| self.method(m).allow_identifier_only),
        }
    }
}

impl Rule {
    /// The factors that are asked for.
    #[must_use]
    pub fn requirement(&self) -> FactorRequirement {
        self.requirement
    }

    /// Whether the method may be used.
    #[must_use]
    pub fn admission(&self, method: Method) -> Admission {
        *self.admissions.get(method)
    }

    /// What the proofs amount to together. Those of methods that may not be used count nothing.
    #[must_use]
    pub fn outcome(&self, presented: &[Evidence]) -> Outcome {
        let taken = || presented.iter().filter(|e| self.admission(e.method).is_granted());
        let proven = taken().fold(Factors::NONE, |set, e| set | e.factors);
        let identifier = taken().any(|e| *self.identifier_accepted.get(e.method));
        let single = taken().map(|e| e.worth()).max().unwrap_or(Assurance::Identified);
        let several = proven.iter().count() > 1;
        let assurance = if several { single.max(Assurance::TwoFactor) } else { single };
        if self.requirement.is_met(proven, assurance, identifier) {
            return Outcome::Enough;
        }
        let refused = presented.iter().find(|e| !self.admission(e.method).is_granted());
        refused.map_or(Outcome::More, |e| Outcome::Refused(e.method, self.admission(e.method)))
    }
}

/// The most that a method proves under its settings; of a card that has no key, `identifier_only`,
/// no possession.
#[must_use]
pub fn strongest(method: Method, settings: &MethodSettings, identifier_only: bool) -> Evidence {
    let possession = if identifier_only { Factors::NONE } else { Factor::Possession.into() };
    let knowledge = |asked: bool| if asked { Factor::Knowledge.into() } else { Factors::NONE };
    let factors = match method {
        Method::Smartcard => possession | knowledge(!identifier_only || settings.pin_type == PinType::Signet),
        Method::Proximity | Method::Fido2 => possession | knowledge(settings.pin_required),
        Method::Fingerprint => Factors::from(Factor::Inherence) | knowledge(settings.pin_required),
        Method::Challenge | Method::Password => Factor::Knowledge.into(),
        Method::Totp | Method::Recovery | Method::Code => Factor::Possession.into(),
    };
    let assurance = match (factors.iter().count(), method.is_token() && !identifier_only) {
        (0, _) => Assurance::Identified,
        (1, _) => Assurance::SingleFactor,
        (_, false) => Assurance::TwoFactor,
        (_, true) => Assurance::HardwareTwoFactor,
    };
    Evidence { method, factors, assurance }
}
