use std::collections::BTreeSet;

use signet_types::{Assurance, Factor, Factors};

use super::*;
use crate::{Admission, Evidence, FactorRequirement, Outcome, UserEnrolments, check_lockouts, strongest};

fn enrolments(name: &str, enrolled: &[Method], identifier_only: &[Method]) -> UserEnrolments {
    UserEnrolments {
        user: user(name),
        groups: vec![group("staff")],
        enrolled: enrolled.iter().copied().collect(),
        identifier_only: identifier_only.iter().copied().collect(),
    }
}

fn warnings(text: &str, users: impl IntoIterator<Item = UserEnrolments>) -> Vec<String> {
    let policy = policy(&[(Layer::Machine, "policy.toml", text)]);
    check_lockouts(&policy, users).iter().map(ToString::to_string).collect()
}

/// Proves: ENA-03
#[test]
fn a_user_all_of_whose_methods_are_disabled_is_named() {
    let text = "[method.password]\nenabled = false\n[method.smartcard]\nenabled = false\n";
    let users = [
        enrolments("alice", &[Method::Smartcard], &[]),
        enrolments("bob", &[Method::Smartcard, Method::Fido2], &[]),
        enrolments("carol", &[], &[]),
        enrolments("dave", &[Method::Password, Method::Smartcard], &[]),
    ];
    assert_eq!(
        warnings(text, users),
        [
            "alice would be locked out: the password and every enrolled method (smartcard) are disabled",
            "dave would be locked out: the password and every enrolled method (smartcard, password) are disabled",
        ]
    );
    let users = [enrolments("alice", &[Method::Smartcard], &[])];
    assert_eq!(warnings("[method.smartcard]\nenabled = false\n", users), [""; 0], "the password is left");
}

/// Proves: ENA-03
#[test]
fn the_check_knows_groups_and_users_own_files() {
    let policy = policy(&[
        (Layer::Machine, "policy.toml", "[method.password]\nenabled = false\n"),
        (Layer::Group(group("staff")), "groups/staff.toml", "[method.smartcard]\nenabled = false\n"),
        (Layer::User(user("bob")), "users/bob.toml", "[method.smartcard]\nenabled = true\n"),
    ]);
    let users = ["alice", "bob"].map(|name| enrolments(name, &[Method::Smartcard], &[]));
    let named: Vec<_> = check_lockouts(&policy, users).into_iter().map(|l| l.user).collect();
    assert_eq!(named, [user("alice")]);
}

/// Proves: ENA-03
#[test]
fn a_service_that_asks_for_more_than_a_user_can_prove_is_named() {
    let text =
        "[service.sudo]\nfactors = \"two-factor\"\nmethods = [\"password\", \"proximity\", \"fido2\"]\n";
    let users = [
        enrolments("alice", &[Method::Totp], &[]),
        enrolments("bob", &[Method::Proximity], &[Method::Proximity]),
        enrolments("carol", &[Method::Proximity], &[]),
        enrolments("dave", &[], &[]),
    ];
    assert_eq!(
        warnings(text, users),
        [
            "alice would be locked out of the service sudo: it asks for two-factor, and alice can use password there",
            "bob would be locked out of the service sudo: it asks for two-factor, and bob can use proximity, password there",
            "dave would be locked out of the service sudo: it asks for two-factor, and dave can use password there",
        ]
    );
    assert_eq!(
        warnings(
            "[service.default]\nfactors = [\"possession\"]\n",
            [enrolments("alice", &[Method::Challenge], &[])]
        ),
        [
            "alice would be locked out of the service default: it asks for [\"possession\"], and alice can use challenge, \
          password there"
        ]
    );
    let signet = "[method.password]\nsource = \"signet\"\n";
    assert_eq!(
        warnings(signet, [enrolments("erin", &[], &[]), enrolments("frank", &[Method::Password], &[])]),
        [
            "erin would be locked out: nothing is enrolled, and method.password.source = \"signet\" does not take the system's \
          password"
        ]
    );
}

/// Proves: ENA-02
#[test]
fn a_disabled_password_works_until_another_method_is_enrolled() {
    let text = "[method.password]\nenabled = false\n[service.sshd]\nfactors = \"two-factor\"\n\
                [service.polkit-1]\nmethods = [\"smartcard\"]\n";
    let effective = policy(&[(Layer::Machine, "policy.toml", text)]).effective_for_nobody();
    let password = Evidence {
        method: Method::Password,
        factors: Factor::Knowledge.into(),
        assurance: Assurance::SingleFactor,
    };
    let rule =
        |name: &str, enrolled: &[Method]| effective.rule(&service(name), &enrolled.iter().copied().collect());
    for enrolled in [&[][..], &[Method::Password]] {
        let login = rule("login", enrolled);
        assert_eq!(login.admission(Method::Password), Admission::PasswordException);
        assert_eq!(login.outcome(&[password]), Outcome::Enough);
        let wrong = Evidence { factors: Factors::NONE, ..password };
        assert_eq!(login.outcome(&[wrong]), Outcome::More, "the exception still asks for the password");
        assert_eq!(rule("sshd", enrolled).outcome(&[password]), Outcome::More, "and for both factors");
        let refused = Outcome::Refused(Method::Password, Admission::NotForService);
        assert_eq!(rule("polkit-1", enrolled).outcome(&[password]), refused);
    }
    for other in Method::ALL.into_iter().filter(|m| *m != Method::Password) {
        let refused = Outcome::Refused(Method::Password, Admission::Disabled);
        assert_eq!(rule("login", &[other]).outcome(&[password]), refused, "{other}");
    }
}

/// No evidence below the requirement is enough, over all sets of factors (security.md, R1 and R22).
#[test]
fn a_requirement_is_met_by_what_it_names_and_by_nothing_less() {
    let all = [Factor::Knowledge, Factor::Possession, Factor::Inherence];
    let set = |bits: u8| {
        let chosen = all.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        chosen.fold(Factors::NONE, |set, (_, f)| set | Factors::from(*f))
    };
    let assurances =
        [Assurance::Identified, Assurance::SingleFactor, Assurance::TwoFactor, Assurance::HardwareTwoFactor];
    for proven in (0..8).map(set) {
        for assurance in assurances {
            let met = |requirement: FactorRequirement| requirement.is_met(proven, assurance, false);
            let some = !proven.is_empty();
            assert_eq!(met(FactorRequirement::Any), some && assurance >= Assurance::SingleFactor);
            assert_eq!(met(FactorRequirement::TwoFactor), some && assurance >= Assurance::TwoFactor);
            assert_eq!(
                met(FactorRequirement::HardwareTwoFactor),
                some && assurance == Assurance::HardwareTwoFactor
            );
            for asked in (1..8).map(set) {
                let level =
                    if asked.iter().count() > 1 { Assurance::TwoFactor } else { Assurance::SingleFactor };
                let requirement = FactorRequirement::All(asked);
                assert_eq!(met(requirement), proven.covers(asked) && assurance >= level);
                assert_eq!(requirement.missing(proven).is_empty(), proven.covers(asked));
            }
        }
    }
    let risk =
        |requirement: FactorRequirement| requirement.is_met(Factors::NONE, Assurance::Identified, true);
    assert!(risk(FactorRequirement::Any));
    let more =
        [FactorRequirement::TwoFactor, FactorRequirement::HardwareTwoFactor, FactorRequirement::All(set(2))];
    assert!(!more.into_iter().any(risk), "the risk of an identifier reaches `any` and no more");
}

#[test]
fn a_bare_card_opens_only_where_policy_takes_that_risk() {
    let bare =
        Evidence { method: Method::Proximity, factors: Factors::NONE, assurance: Assurance::Identified };
    let outcome = |text: &str| {
        let effective = policy(&[(Layer::Machine, "policy.toml", text)]).effective_for_nobody();
        effective.rule(&service("login"), &BTreeSet::from([Method::Proximity])).outcome(&[bare])
    };
    assert_eq!(outcome(""), Outcome::More);
    assert_eq!(
        outcome("[method.smartcard]\nallow_identifier_only = true\n"),
        Outcome::More,
        "another method's risk"
    );
    assert_eq!(outcome("[method.proximity]\nallow_identifier_only = true\n"), Outcome::Enough);
    assert_eq!(
        outcome(
            "[method.proximity]\nallow_identifier_only = true\n[service.login]\nfactors = \"two-factor\"\n"
        ),
        Outcome::More
    );
    assert_eq!(
        outcome("[method.proximity]\nallow_identifier_only = true\nenabled = false\n"),
        Outcome::Refused(Method::Proximity, Admission::Disabled)
    );
}

/// Two factors with a key in hardware come from one proof, in which the key's holder gave the
/// PIN to the very token: a touch of a key beside a typed password is two factors, not that.
#[test]
fn hardware_two_factor_takes_one_proof_by_a_key() {
    let text = "[service.login]\nfactors = \"hardware-two-factor\"\n[service.su]\nfactors = \"two-factor\"\n\
                [method.fido2]\npin_required = false\n";
    let effective = policy(&[(Layer::Machine, "policy.toml", text)]).effective_for_nobody();
    let enrolled = BTreeSet::from([Method::Proximity, Method::Totp]);
    let outcome =
        |name: &str, presented: &[Evidence]| effective.rule(&service(name), &enrolled).outcome(presented);
    let full = |method| strongest(method, effective.method(method), false);
    let copyable = |method| strongest(method, effective.method(method), true);
    assert_eq!(outcome("login", &[full(Method::Proximity)]), Outcome::Enough);
    assert_eq!(outcome("su", &[full(Method::Fido2), full(Method::Password)]), Outcome::Enough);
    assert_eq!(outcome("login", &[full(Method::Fido2), full(Method::Password)]), Outcome::More);
    assert_eq!(copyable(Method::Proximity).factors, Factor::Knowledge.into());
    assert_eq!(outcome("login", &[copyable(Method::Proximity), full(Method::Totp)]), Outcome::More);
    assert_eq!(outcome("su", &[copyable(Method::Proximity), full(Method::Totp)]), Outcome::Enough);
    assert_eq!(outcome("login", &[full(Method::Fingerprint)]), Outcome::More, "a reader holds no key");
    let card = copyable(Method::Smartcard);
    assert_eq!(
        card.factors,
        Factors::NONE,
        "without a key there is no card PIN, and policy asks for no other"
    );
    assert_eq!(card.assurance, Assurance::Identified);
    // A claim beyond the proven factors is not believed.
    for factors in [Factors::NONE, Factor::Possession.into()] {
        let claimed =
            Evidence { method: Method::Proximity, factors, assurance: Assurance::HardwareTwoFactor };
        assert_eq!(outcome("login", &[claimed]), Outcome::More);
        assert_eq!(outcome("su", &[claimed]), Outcome::More);
    }
}
