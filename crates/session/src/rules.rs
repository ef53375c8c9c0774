use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use signet_authn::Settings;
use signet_types::{Assurance, Factors, Method, ReaderLoss, RemovalAction};

/// The part of policy that is in force for one user and one service.
///
/// The default is the strictest: no method is enabled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// One rule for each method; a method without a rule is disabled.
    pub methods: BTreeMap<Method, MethodRule>,
    /// The proofs that the service asks for.
    pub requirement: Requirement,
    /// The methods that the service takes; `None`: every enabled one.
    pub service_methods: Option<BTreeSet<Method>>,
    /// When failures lock out.
    pub lockout: LockoutRule,
}

/// What policy says of one method.
#[derive(Clone, Debug, Default)]
pub struct MethodRule {
    /// Whether it may be enrolled and used (POL-02).
    pub enabled: bool,
    /// How enrolling it is asked for (POL-08).
    pub demand: Demand,
    /// What the token's removal does to the session (POL-04, POL-05).
    pub removal_action: RemovalAction,
    /// Whether the reader's loss counts as removal (RMV-07).
    pub on_reader_loss: ReaderLoss,
    /// What the driver is told.
    pub settings: Settings,
}

/// How enrolling a method is asked for (POL-08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// The user is prompted and may say never.
    #[default]
    Optional,
    /// The user must enrol.
    Required,
    /// Nobody is prompted.
    Off,
}

/// Which proofs a service asks for (POL-09).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requirement {
    /// Any one proven factor.
    #[default]
    Any,
    /// Two different factors.
    TwoFactor,
    /// Two different factors, one by a key that hardware holds.
    HardwareTwoFactor,
    /// Each of these factors; the empty set is met by nothing less than [`Requirement::Any`].
    All(Factors),
}

impl Requirement {
    /// The least assurance that meets the requirement.
    #[must_use]
    pub fn min_assurance(self) -> Assurance {
        match self {
            Self::Any => Assurance::SingleFactor,
            Self::TwoFactor => Assurance::TwoFactor,
            Self::HardwareTwoFactor => Assurance::HardwareTwoFactor,
            Self::All(factors) if factors.iter().count() > 1 => Assurance::TwoFactor,
            Self::All(_) => Assurance::SingleFactor,
        }
    }

    /// The factors that are named one by one.
    #[must_use]
    pub const fn named(self) -> Factors {
        match self {
            Self::All(factors) => factors,
            _ => Factors::NONE,
        }
    }
}

/// When failures lock a user out of a method, and for how long (LCK-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutRule {
    /// Failed tries that lock out; zero counts as one.
    pub threshold: u32,
    /// The time in which failures are counted together.
    pub window: Duration,
    /// How long the first lockout lasts.
    pub length: Duration,
}

impl Default for LockoutRule {
    fn default() -> Self {
        Self { threshold: 5, window: Duration::from_secs(300), length: Duration::from_secs(300) }
    }
}

impl Rules {
    /// The rule of a method, where there is one.
    #[must_use]
    pub fn method(&self, method: Method) -> Option<&MethodRule> {
        self.methods.get(&method)
    }

    /// Whether policy enables the method (ENA-01); the password exception of ENA-02 is not in here.
    #[must_use]
    pub fn enables(&self, method: Method) -> bool {
        self.method(method).is_some_and(|rule| rule.enabled)
    }

    /// What the method's driver is told.
    #[must_use]
    pub fn settings(&self, method: Method) -> Settings {
        self.method(method).map(|rule| rule.settings.clone()).unwrap_or_default()
    }
}
