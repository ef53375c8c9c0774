use std::{collections::BTreeMap, time::Duration};

use signet_authn::{PasswordSource, Settings};
use signet_policy::{
    Effective, EnrollmentDemand, FactorRequirement, LockoutSettings, MethodChoice, MethodSettings,
};
use signet_types::{Method, ReaderLoss, RemovalAction, ServiceName};

/// The part of policy that is in force for one user and one service.
///
/// The default is the strictest: no method is enabled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// One rule for each method; a method without a rule is disabled.
    pub methods: BTreeMap<Method, MethodRule>,
    /// The proofs that the service asks for.
    pub requirement: FactorRequirement,
    /// The methods that the service takes.
    pub service_methods: MethodChoice,
    /// When failures lock out.
    pub lockout: LockoutRule,
}

/// What policy says of one method.
#[derive(Clone, Debug, Default)]
pub struct MethodRule {
    /// Whether it may be enrolled and used (POL-02).
    pub enabled: bool,
    /// How enrolling it is asked for (POL-08).
    pub demand: EnrollmentDemand,
    /// What the token's removal does to the session (POL-04, POL-05).
    pub removal_action: RemovalAction,
    /// Whether the reader's loss counts as removal (RMV-07).
    pub on_reader_loss: ReaderLoss,
    /// What the driver is told.
    pub settings: Settings,
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

impl From<&LockoutSettings> for LockoutRule {
    fn from(settings: &LockoutSettings) -> Self {
        Self { threshold: settings.threshold.get(), window: settings.window(), length: settings.length() }
    }
}

impl Rules {
    /// The rules of the effective policy for one service. `trust_anchors` are the DER certificates in
    /// the files that `trusted_authorities` names; the caller has read them.
    #[must_use]
    pub fn of(policy: &Effective, service: &ServiceName, trust_anchors: &[Vec<u8>]) -> Self {
        let rule = |method| {
            let anchors = if method == Method::Smartcard { trust_anchors.to_vec() } else { Vec::new() };
            (method, MethodRule::of(policy.method(method), anchors))
        };
        Self {
            methods: Method::ALL.into_iter().map(rule).collect(),
            requirement: policy.service(service).factors,
            service_methods: policy.service(service).methods.clone(),
            lockout: policy.lockout().into(),
        }
    }

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

impl MethodRule {
    fn of(settings: &MethodSettings, trust_anchors: Vec<Vec<u8>>) -> Self {
        let source = match settings.source {
            signet_policy::PasswordSource::System => PasswordSource::System,
            signet_policy::PasswordSource::Signet => PasswordSource::Signet,
        };
        Self {
            enabled: settings.enabled,
            demand: settings.enrollment,
            removal_action: settings.removal_action,
            on_reader_loss: settings.on_reader_loss,
            settings: Settings {
                pin_required: settings.pin_required,
                pin_rule: settings.pin_rule().unwrap_or_default(),
                pin_type: settings.pin_type,
                allow_identifier_only: settings.allow_identifier_only,
                trust_anchors,
                password_source: source,
                // The policy's range ends at 64.
                password_min_length: u8::try_from(settings.min_length.get()).unwrap_or(u8::MAX),
            },
        }
    }
}

#[cfg(test)]
mod tests;
