use signet_policy::{Policy, Source};
use signet_types::{Factor, PinType};

use super::*;

fn rules(text: &str, service: &str) -> Rules {
    let source = Source { layer: signet_policy::Layer::Machine, file: "machine.toml", text };
    let policy = Policy::load([source]).unwrap();
    Rules::of(&policy.effective_for_nobody(), &service.parse().unwrap(), &[vec![1, 2, 3]])
}

/// Proves: POL-02, ENA-01
#[test]
fn each_value_of_the_policy_arrives_at_its_place() {
    let text = r#"
        [method.smartcard]
        enabled = false
        removal_action = "logoff"
        on_reader_loss = "ignore"
        pin_type = "signet"
        pin_min_length = 6
        allow_identifier_only = true
        enrollment = "required"
        [method.password]
        source = "signet"
        min_length = 12
        [lockout]
        threshold = 3
        window_seconds = 60
        lockout_seconds = 120
        [service.sudo]
        factors = ["possession"]
        methods = ["smartcard"]
    "#;
    let sudo = rules(text, "sudo");
    let card = sudo.method(Method::Smartcard).unwrap();
    assert!(!card.enabled && sudo.enables(Method::Password));
    assert_eq!((card.removal_action, card.on_reader_loss), (RemovalAction::Logoff, ReaderLoss::Ignore));
    assert_eq!(card.demand, EnrollmentDemand::Required);
    assert_eq!((card.settings.pin_type, card.settings.pin_rule.min_length()), (PinType::Signet, 6));
    assert!(card.settings.allow_identifier_only);
    assert_eq!(card.settings.trust_anchors, [[1, 2, 3]]);
    let password = sudo.settings(Method::Password);
    assert_eq!((password.password_source, password.password_min_length), (PasswordSource::Signet, 12));
    assert!(password.trust_anchors.is_empty());
    assert_eq!(sudo.requirement, FactorRequirement::All(Factor::Possession.into()));
    assert!(
        sudo.service_methods.contains(Method::Smartcard) && !sudo.service_methods.contains(Method::Password)
    );
    let second = Duration::from_secs(1);
    assert_eq!(sudo.lockout, LockoutRule { threshold: 3, window: 60 * second, length: 120 * second });
    assert_eq!(rules(text, "login").requirement, FactorRequirement::Any);
}

#[test]
fn without_rules_nothing_is_enabled() {
    let none = Rules::default();
    assert!(Method::ALL.into_iter().all(|m| !none.enables(m)));
    assert!(!none.settings(Method::Smartcard).allow_identifier_only);
}
