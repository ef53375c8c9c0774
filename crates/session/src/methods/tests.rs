use std::collections::BTreeSet;

use signet_policy::{EnrollmentDemand, MethodChoice};

use super::*;
use crate::{
    UserProfile,
    testing::{credential, drivers, profile, rules, without},
};

const METHODS: [Method; 3] = [Method::Smartcard, Method::Fingerprint, Method::Password];

/// Which of [`METHODS`] are in a mask.
fn masked(mask: u32) -> Vec<Method> {
    METHODS.into_iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, m)| m).collect()
}

fn at<'a>(
    drivers: &'a Drivers,
    unavailable: &'a BTreeSet<Method>,
    profile: &'a UserProfile,
    origin: Origin,
) -> Circumstances<'a> {
    Circumstances { drivers, unavailable, profile, origin }
}

/// All 2^15 x 2 circumstances of three methods, against the sentences of behaviour.md.
/// Proves: ENA-01, ENA-02, ENA-03, AUT-09, RAU-01
#[test]
fn a_method_is_offered_exactly_where_behaviour_says_so() {
    let (mut locked_out, mut exceptions) = (0, 0);
    for case in 0..1_u32 << 15 {
        let [installed, disabled, enrolled, missing, barred] =
            [0, 3, 6, 9, 12].map(|shift| masked(case >> shift & 7));
        let drivers = drivers(&installed);
        let unavailable: BTreeSet<_> = missing.iter().copied().collect();
        let mut rules = without(&disabled);
        if !barred.is_empty() {
            let taken = METHODS.into_iter().filter(|m| !barred.contains(m));
            rules.service_methods = MethodChoice::Only(taken.collect());
        }
        let credentials = enrolled.iter().map(|m| credential(*m, 1)).collect();
        let profile = profile("alice", rules, credentials);
        let other = enrolled.iter().any(|m| *m != Method::Password);
        for origin in [Origin::Local, Origin::Remote] {
            let circumstances = at(&drivers, &unavailable, &profile, origin);
            let offered = offered(circumstances);
            for method in METHODS {
                let password = method == Method::Password;
                let exception = password && !other;
                let expected = installed.contains(&method)
                    && !missing.contains(&method)
                    && !barred.contains(&method)
                    && (!disabled.contains(&method) || exception)
                    && (password || enrolled.contains(&method))
                    && (password || origin == Origin::Local);
                assert_eq!(offered.contains(&method), expected, "{method} {case:b} {origin:?}");
                assert_eq!(standing(circumstances, method).is_ok(), expected);
                exceptions += u32::from(expected && exception && disabled.contains(&method));
            }
            locked_out += u32::from(other && disabled.len() == 3 && offered.is_empty());
        }
    }
    assert!(locked_out > 0 && exceptions > 0);
}

/// Proves: ENA-02
#[test]
fn a_disabled_password_works_until_another_method_is_enrolled_and_again_after_it_is_deleted() {
    let drivers = drivers(&METHODS);
    let none = BTreeSet::new();
    let mut profile = profile("alice", without(&[Method::Password]), vec![]);
    let standing_of =
        |profile: &UserProfile| standing(at(&drivers, &none, profile, Origin::Local), Method::Password);
    assert_eq!(standing_of(&profile), Ok(()));
    // A password of Signet's own is no other method.
    profile.credentials.push(credential(Method::Password, 1));
    assert_eq!(standing_of(&profile), Ok(()));
    profile.credentials.push(credential(Method::Smartcard, 2));
    assert_eq!(standing_of(&profile), Err(Reason::Disabled));
    // A method whose driver is gone, or that policy disables, is enrolled all the same (ENA-03).
    profile.credentials = vec![credential(Method::Challenge, 3)];
    assert_eq!(standing_of(&profile), Err(Reason::Disabled));
}

/// Proves: AUT-01
#[test]
fn the_method_used_last_is_first_and_the_rest_keeps_its_order() {
    let drivers = drivers(&METHODS);
    let none = BTreeSet::new();
    let enrolled = vec![credential(Method::Smartcard, 1), credential(Method::Fingerprint, 2)];
    let mut profile = profile("alice", rules(), enrolled);
    let order = |profile: &UserProfile| offered(at(&drivers, &none, profile, Origin::Local));
    assert_eq!(order(&profile), [Method::Smartcard, Method::Fingerprint, Method::Password]);
    profile.last_method = Some(Method::Password);
    assert_eq!(order(&profile), [Method::Password, Method::Smartcard, Method::Fingerprint]);
    profile.last_method = Some(Method::Fingerprint);
    assert_eq!(order(&profile), [Method::Fingerprint, Method::Smartcard, Method::Password]);
    // One that is not offered is not put first.
    profile.last_method = Some(Method::Totp);
    assert_eq!(order(&profile), [Method::Smartcard, Method::Fingerprint, Method::Password]);
}

/// Proves: ENA-06, AUT-09
#[test]
fn what_is_not_offered_says_why_and_the_first_reason_counts() {
    let installed = drivers(&METHODS);
    let missing = BTreeSet::from([Method::Smartcard]);
    let mut rules = without(&[Method::Smartcard]);
    rules.service_methods = MethodChoice::Only([Method::Password].into());
    let mut profile = profile("alice", rules, vec![]);
    let reason = |profile: &UserProfile, origin| {
        standing(at(&installed, &missing, profile, origin), Method::Smartcard)
    };
    assert_eq!(reason(&profile, Origin::Remote), Err(Reason::Disabled));
    profile.rules.methods.get_mut(&Method::Smartcard).unwrap().enabled = true;
    assert_eq!(reason(&profile, Origin::Remote), Err(Reason::NotAllowedForService));
    profile.rules.service_methods = MethodChoice::Any;
    assert_eq!(reason(&profile, Origin::Remote), Err(Reason::NotEnrolled));
    profile.credentials.push(credential(Method::Smartcard, 1));
    assert_eq!(reason(&profile, Origin::Remote), Err(Reason::NeedsLocalSeat));
    assert_eq!(reason(&profile, Origin::Local), Err(Reason::Unavailable));
    let nothing = drivers(&[]);
    let bare = at(&nothing, &missing, &profile, Origin::Local);
    assert_eq!(standing(bare, Method::Smartcard), Err(Reason::Unavailable));
    let codes = [Reason::Disabled, Reason::NotAllowedForService, Reason::NotEnrolled, Reason::NeedsLocalSeat];
    assert_eq!(
        codes.map(|reason| reason.message(Method::Smartcard).code()),
        ["method-disabled", "method-disabled", "method-not-enrolled", "method-unavailable"]
    );
}

/// Proves: ENR-07, ENA-04
#[test]
fn the_status_of_a_method_follows_policy_then_enrolment() {
    let installed = drivers(&[Method::Smartcard, Method::Password]);
    let missing = BTreeSet::new();
    let gone = BTreeSet::from([Method::Smartcard]);
    let mut profile = profile("alice", rules(), vec![]);
    let of = |profile: &UserProfile, missing, method| {
        status(at(&installed, missing, profile, Origin::Local), method).as_str()
    };
    assert_eq!(of(&profile, &missing, Method::Smartcard), "optional");
    assert_eq!(of(&profile, &gone, Method::Smartcard), "unavailable");
    assert_eq!(of(&profile, &missing, Method::Fido2), "unavailable");
    assert_eq!(of(&profile, &missing, Method::Password), "enrolled");
    profile.rules.methods.get_mut(&Method::Smartcard).unwrap().demand = EnrollmentDemand::Required;
    assert_eq!(of(&profile, &missing, Method::Smartcard), "required");
    profile.credentials.push(credential(Method::Smartcard, 1));
    assert_eq!(of(&profile, &missing, Method::Smartcard), "enrolled");
    assert_eq!(of(&profile, &gone, Method::Smartcard), "enrolled");
    profile.rules = without(&[Method::Smartcard, Method::Password]);
    assert_eq!(of(&profile, &missing, Method::Smartcard), "disabled");
    assert_eq!(of(&profile, &missing, Method::Password), "disabled");
}
