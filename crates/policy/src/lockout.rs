use std::{collections::BTreeSet, fmt};

use signet_types::{Method, ServiceName, UserName};

use crate::{
    effective::Effective,
    layer::GroupName,
    policy::Policy,
    requirement::FactorRequirement,
    rule::{Outcome, strongest},
    section::Section,
    words::PasswordSource,
};

/// What a user has enrolled, as the store knows it.
#[derive(Clone, Debug)]
pub struct UserEnrolments {
    /// The user.
    pub user: UserName,
    /// The groups that the user is in.
    pub groups: Vec<GroupName>,
    /// The methods of which the user has a credential. The system's password is none.
    pub enrolled: BTreeSet<Method>,
    /// Those of them whose every credential is a card without a key.
    pub identifier_only: BTreeSet<Method>,
}

/// A user whom a policy would keep out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// The user.
    pub user: UserName,
    /// Why.
    pub reason: LockoutReason,
}

/// Why a policy would keep a user out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockoutReason {
    /// Nothing is enrolled, and policy takes a Signet password only.
    NothingEnrolled,
    /// Every enrolled method and the password are disabled (ENA-03).
    EverythingDisabled(BTreeSet<Method>),
    /// All that the user could prove does not meet the service.
    OutOfReach {
        /// The service; `default` for those that no layer names.
        service: ServiceName,
        /// What it asks for.
        requirement: FactorRequirement,
        /// What the user could use there.
        usable: BTreeSet<Method>,
    },
}

fn words(methods: &BTreeSet<Method>) -> String {
    if methods.is_empty() {
        return "nothing".to_owned();
    }
    methods.iter().map(Method::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = &self.user;
        match &self.reason {
            LockoutReason::NothingEnrolled => write!(
                f,
                "{user} would be locked out: nothing is enrolled, and method.password.source = \"signet\" does not take the system's password"
            ),
            LockoutReason::EverythingDisabled(methods) => write!(
                f,
                "{user} would be locked out: the password and every enrolled method ({}) are disabled",
                words(methods)
            ),
            LockoutReason::OutOfReach { service, requirement, usable } => write!(
                f,
                "{user} would be locked out of the service {service}: it asks for {requirement}, and {user} can use {} there",
                words(usable)
            ),
        }
    }
}

/// The users whom `policy` would keep out, before it is applied (ENA-03). A user is reported once
/// where no method works at all, else once for each service that is out of reach. Methods are
/// taken at their strongest, so that no warning is false.
pub fn check_lockouts(policy: &Policy, users: impl IntoIterator<Item = UserEnrolments>) -> Vec<Lockout> {
    let reasons = |user: UserEnrolments| {
        let effective = policy.effective(&user.user, &user.groups);
        let name = user.user.clone();
        lockouts(&effective, &user).into_iter().map(move |reason| Lockout { user: name.clone(), reason })
    };
    users.into_iter().flat_map(reasons).collect()
}

fn lockouts(effective: &Effective, user: &UserEnrolments) -> Vec<LockoutReason> {
    let mut available = user.enrolled.clone();
    if effective.method(Method::Password).source == PasswordSource::System {
        available.insert(Method::Password);
    }
    let others = user.enrolled.iter().any(|m| *m != Method::Password);
    if available.is_empty() {
        return vec![LockoutReason::NothingEnrolled];
    }
    if others && !available.iter().any(|m| effective.method(*m).enabled) {
        return vec![LockoutReason::EverythingDisabled(user.enrolled.clone())];
    }
    let default: Result<ServiceName, _> = Section::DEFAULT_SERVICE.parse();
    let unreachable = |service: ServiceName| {
        let rule = effective.rule(&service, &user.enrolled);
        let usable: BTreeSet<_> =
            available.iter().copied().filter(|m| rule.admission(*m).is_granted()).collect();
        let proofs: Vec<_> = usable
            .iter()
            .map(|m| strongest(*m, effective.method(*m), user.identifier_only.contains(m)))
            .collect();
        let requirement = rule.requirement();
        (rule.outcome(&proofs) != Outcome::Enough).then_some(LockoutReason::OutOfReach {
            service,
            requirement,
            usable,
        })
    };
    default.into_iter().chain(effective.services().cloned()).filter_map(unreachable).collect()
}
