use proptest::prelude::*;
use signet_authn::Proof;
use signet_policy::{FactorRequirement, MethodChoice};
use signet_types::{Assurance, ConversationId, Factor, Factors, GrantId, Method, Timestamp};

use super::*;
use crate::{
    Credential, Rules,
    testing::{credential, drivers, id, profile, rules, user},
};

const METHODS: [Method; 4] = [Method::Smartcard, Method::Fido2, Method::Fingerprint, Method::Password];
const LEVELS: [Assurance; 4] =
    [Assurance::Identified, Assurance::SingleFactor, Assurance::TwoFactor, Assurance::HardwareTwoFactor];

/// One piece of evidence in plain words.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own, and all combinations are tried"
)]
#[derive(Clone, Copy, Debug)]
struct Piece {
    method: Method,
    knows: bool,
    has: bool,
    is: bool,
    level: usize,
    enrolled: bool,
}

impl Piece {
    fn evidence(self) -> Evidence {
        let mut factors = Factors::NONE;
        for (proven, factor) in
            [(self.knows, Factor::Knowledge), (self.has, Factor::Possession), (self.is, Factor::Inherence)]
        {
            if proven {
                factors = factors | factor.into();
            }
        }
        let credential = match (self.method, self.enrolled) {
            (Method::Password, true) => None,
            (method, true) => Some(id(number(method))),
            (_, false) => Some(id(99)),
        };
        let proof = Proof { credential, factors, assurance: LEVELS[self.level], device: None, data: None };
        Evidence { method: self.method, proof }
    }
}

fn number(method: Method) -> u8 {
    u8::try_from(METHODS.iter().position(|m| *m == method).unwrap()).unwrap() + 1
}

/// A policy in plain words: which of the four methods it disables, which the service does not take.
#[derive(Clone, Copy, Debug)]
struct Plan {
    disabled: u8,
    barred: u8,
    risk: bool,
    demand: usize,
    /// Which of the methods but the password are enrolled.
    enrolled: u8,
}

impl Plan {
    fn has(mask: u8, method: Method) -> bool {
        mask & (1 << (number(method) - 1)) != 0
    }

    fn demand(self) -> FactorRequirement {
        [
            FactorRequirement::Any,
            FactorRequirement::TwoFactor,
            FactorRequirement::HardwareTwoFactor,
            FactorRequirement::All(Factor::Possession.into()),
            FactorRequirement::All(Factor::Knowledge | Factor::Inherence),
        ][self.demand]
    }

    fn rules(self) -> Rules {
        let mut rules = Rules { requirement: self.demand(), ..rules() };
        for method in METHODS {
            let rule = rules.methods.get_mut(&method).unwrap();
            rule.enabled = !Self::has(self.disabled, method);
            rule.settings.allow_identifier_only = self.risk;
        }
        if self.barred != 0 {
            let taken = METHODS.into_iter().filter(|m| !Self::has(self.barred, *m));
            rules.service_methods = MethodChoice::Only(taken.collect());
        }
        rules
    }

    fn credentials(self) -> Vec<Credential> {
        let enrolled = METHODS.into_iter().filter(|m| *m != Method::Password && Self::has(self.enrolled, *m));
        enrolled.map(|m| credential(m, number(m))).collect()
    }
}

fn verdict(plan: Plan, pieces: &[Piece]) -> Verdict {
    let profile = profile("alice", plan.rules(), plan.credentials());
    let evidence: Vec<_> = pieces.iter().map(|p| p.evidence()).collect();
    let drivers = drivers(&METHODS);
    let case = Case {
        user: &user("alice"),
        service: &"login".parse().unwrap(),
        profile: &profile,
        drivers: &drivers,
        conversation: ConversationId::from_bytes([1; 16]),
        grant: GrantId::from_bytes([2; 16]),
        now: Timestamp::from_secs(5),
    };
    decide(case, &evidence)
}

fn grants(plan: Plan, pieces: &[Piece]) -> bool {
    matches!(verdict(plan, pieces), Verdict::Grant(_))
}

/// The decision once more, from the sentences of behaviour.md and in other words: counting by hand,
/// with none of the functions of the crate or of the policy.
fn oracle(plan: Plan, pieces: &[Piece]) -> bool {
    let only_password = METHODS[..3].iter().all(|m| !Plan::has(plan.enrolled, *m));
    let (mut knows, mut has, mut is, mut hardware, mut two, mut shown) =
        (false, false, false, false, false, false);
    for piece in pieces {
        let password = piece.method == Method::Password;
        if Plan::has(plan.disabled, piece.method) && !(password && only_password) {
            continue;
        }
        if plan.barred != 0 && Plan::has(plan.barred, piece.method) {
            continue;
        }
        if !piece.enrolled || (!password && !Plan::has(plan.enrolled, piece.method)) {
            continue;
        }
        if piece.level == 0 {
            shown = true;
            continue;
        }
        let count = usize::from(piece.knows) + usize::from(piece.has) + usize::from(piece.is);
        knows |= piece.knows;
        has |= piece.has;
        is |= piece.is;
        two |= count > 1 && piece.level >= 2;
        hardware |= count > 1 && piece.level == 3;
    }
    let count = usize::from(knows) + usize::from(has) + usize::from(is);
    match plan.demand {
        0 => count >= 1 || (shown && plan.risk),
        1 => count >= 2 || two,
        2 => hardware,
        3 => has,
        _ => knows && is,
    }
}

/// Every claim that one driver could make: factors, level, credential there or not.
fn claims(method: Method) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for bits in 0..8_u8 {
        for level in 0..4 {
            for enrolled in [true, false] {
                let (knows, has, is) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                pieces.push(Piece { method, knows, has, is, level, enrolled });
            }
        }
    }
    pieces
}

/// One piece of every claim of every method, under every policy: 4 x 64 claims x 16 x 16 x 2 x 5 x 8.
/// Proves: ENA-01, ENA-02, ENA-03
#[test]
fn every_single_claim_under_every_policy_is_decided_as_the_oracle_says() {
    let all: Vec<_> = METHODS.into_iter().flat_map(claims).collect();
    let mut granted = 0_u32;
    for plan in plans() {
        let profile = profile("alice", plan.rules(), plan.credentials());
        let drivers = drivers(&METHODS);
        for piece in &all {
            let expected = oracle(plan, &[*piece]);
            let case = Case {
                user: &profile.user,
                service: &"login".parse().unwrap(),
                profile: &profile,
                drivers: &drivers,
                conversation: ConversationId::from_bytes([1; 16]),
                grant: GrantId::from_bytes([2; 16]),
                now: Timestamp::from_secs(5),
            };
            let verdict = decide(case, &[piece.evidence()]);
            assert_eq!(matches!(verdict, Verdict::Grant(_)), expected, "{plan:?} {piece:?}");
            granted += u32::from(expected);
        }
        assert!(!grants(plan, &[]), "nothing was proven");
    }
    assert!(granted > 10_000, "the cases are not all denials");
}

/// Policies that differ in one thing at a time and in pairs; all masks of disabled methods.
fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for disabled in 0..16 {
        for barred in [0, 1, 8, 9, 15] {
            for (risk, demand) in (0..5).flat_map(|demand| [(false, demand), (true, demand)]) {
                for enrolled in 0..8 {
                    plans.push(Plan { disabled, barred, risk, demand, enrolled });
                }
            }
        }
    }
    plans
}

/// All subsets of a set of honest proofs, one or two of each method.
#[test]
fn every_subset_of_the_evidence_is_decided_as_the_oracle_says_and_more_never_harms() {
    let piece = |method, knows, has, is, level| Piece { method, knows, has, is, level, enrolled: true };
    let honest = [
        piece(Method::Smartcard, true, true, false, 3),
        piece(Method::Smartcard, false, false, false, 0),
        piece(Method::Fido2, false, true, false, 1),
        piece(Method::Fingerprint, false, false, true, 1),
        piece(Method::Password, true, false, false, 1),
        Piece { enrolled: false, ..piece(Method::Fido2, true, true, true, 3) },
    ];
    for plan in plans() {
        let mut results = Vec::new();
        for subset in 0..1_u32 << honest.len() {
            let chosen: Vec<_> = honest
                .iter()
                .enumerate()
                .filter(|(at, _)| subset & (1 << at) != 0)
                .map(|(_, p)| *p)
                .collect();
            let granted = grants(plan, &chosen);
            assert_eq!(granted, oracle(plan, &chosen), "{plan:?} {chosen:?}");
            results.push(granted);
        }
        for subset in 0..results.len() {
            for added in 0..honest.len() {
                assert!(!results[subset] || results[subset | 1 << added], "{plan:?}: more evidence denied");
            }
        }
    }
}

#[test]
fn a_stranger_a_decoy_and_another_users_profile_are_never_granted() {
    let piece =
        Piece { method: Method::Password, knows: true, has: true, is: true, level: 3, enrolled: true };
    let drivers = drivers(&METHODS);
    for (name, known) in [("alice", false), ("bob", true), ("bob", false), ("alice", true)] {
        let profile = UserProfile { known, ..profile(name, rules(), vec![]) };
        let case = Case {
            user: &user("alice"),
            service: &"login".parse().unwrap(),
            profile: &profile,
            drivers: &drivers,
            conversation: ConversationId::from_bytes([1; 16]),
            grant: GrantId::from_bytes([2; 16]),
            now: Timestamp::from_secs(5),
        };
        let verdict = decide(case, &[piece.evidence()]);
        if (name, known) == ("alice", true) {
            assert!(matches!(verdict, Verdict::Grant(_)));
        } else {
            assert_eq!(verdict, Verdict::Deny(Denial::UnknownUser));
        }
    }
}

/// Proves: RMV-02
#[test]
fn a_grant_hangs_on_the_last_token_and_says_what_was_proven() {
    let plan = Plan { disabled: 0, barred: 0, risk: false, demand: 1, enrolled: 7 };
    let piece = |method, knows, has, level| Piece { method, knows, has, is: false, level, enrolled: true };
    let pieces = [piece(Method::Fido2, false, true, 1), piece(Method::Password, true, false, 1)];
    let Verdict::Grant(grant) = verdict(plan, &pieces) else { panic!("granted") };
    assert_eq!((grant.method(), grant.credential()), (Method::Fido2, Some(id(2))));
    let finger = Piece { is: true, ..piece(Method::Fingerprint, false, false, 1) };
    let Verdict::Grant(last) = verdict(plan, &[finger, pieces[1]]) else { panic!("granted") };
    assert_eq!((last.method(), last.credential()), (Method::Password, None), "without a token the last one");
    assert_eq!(grant.factors(), Factor::Knowledge | Factor::Possession);
    assert_eq!(grant.assurance(), Assurance::TwoFactor);
    assert_eq!((grant.user().as_str(), grant.service().as_str()), ("alice", "login"));
    assert_eq!(grant.id(), GrantId::from_bytes([2; 16]));
    assert_eq!(grant.conversation(), ConversationId::from_bytes([1; 16]));
    assert_eq!((grant.at(), grant.device()), (Timestamp::from_secs(5), None));
}

#[test]
fn a_denial_says_why() {
    let plan = Plan { disabled: 2, barred: 0, risk: false, demand: 1, enrolled: 7 };
    let piece = |method, enrolled| Piece { method, knows: false, has: true, is: false, level: 1, enrolled };
    let denial = |pieces: &[Piece]| match verdict(plan, pieces) {
        Verdict::Deny(denial) => denial,
        Verdict::Grant(_) => panic!("denied"),
    };
    assert_eq!(denial(&[]), Denial::NoEvidence);
    assert_eq!(denial(&[piece(Method::Fido2, true)]), Denial::MethodNotAllowed(Method::Fido2));
    assert_eq!(denial(&[piece(Method::Smartcard, false)]), Denial::CredentialGone(Method::Smartcard));
    assert_eq!(denial(&[piece(Method::Smartcard, true)]), Denial::NotEnough);
}

/// The shipped policies, each service that they name, each set of enrolled methods and each pair of proofs:
/// the decision grants exactly where the policy's own evaluation says that it is enough.
/// Proves: POL-09
#[test]
fn the_decision_agrees_with_what_the_shipped_policies_say_of_themselves() {
    let texts = [
        include_str!("../../../../policies/default.toml"),
        include_str!("../../../../policies/developer.toml"),
        include_str!("../../../../policies/hospital.toml"),
        include_str!("../../../../policies/kiosk.toml"),
        include_str!("../../../../policies/strict.toml"),
    ];
    let all = [
        Method::Smartcard,
        Method::Proximity,
        Method::Fido2,
        Method::Fingerprint,
        Method::Password,
        Method::Totp,
    ];
    let drivers = drivers(&all);
    let mut granted = 0;
    for text in texts {
        let source =
            signet_policy::Source { layer: signet_policy::Layer::Machine, file: "machine.toml", text };
        let policy = signet_policy::Policy::load([source]).unwrap().effective_for_nobody();
        let mut services: Vec<signet_types::ServiceName> = policy.services().cloned().collect();
        services.push("any-other".parse().unwrap());
        for service in services {
            for enrolled in 0..1_u32 << all.len() {
                let enrolled: std::collections::BTreeSet<_> = all
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| enrolled & (1 << at) != 0)
                    .map(|(_, m)| m)
                    .collect();
                let rule = policy.rule(&service, &enrolled);
                let credentials = enrolled.iter().map(|m| credential(*m, *m as u8)).collect();
                let profile = profile("alice", Rules::of(&policy, &service, &[]), credentials);
                for (first, second) in all.into_iter().flat_map(|first| all.map(|second| (first, second))) {
                    let usable = |m: Method| m == Method::Password || enrolled.contains(&m);
                    if !usable(first) || !usable(second) {
                        continue;
                    }
                    let said = [(first, true), (second, false)]
                        .map(|(m, copyable)| signet_policy::strongest(m, policy.method(m), copyable));
                    let case = Case {
                        user: &profile.user,
                        service: &service,
                        profile: &profile,
                        drivers: &drivers,
                        conversation: ConversationId::from_bytes([1; 16]),
                        grant: GrantId::from_bytes([2; 16]),
                        now: Timestamp::from_secs(5),
                    };
                    let verdict = decide(case, &said.map(translated));
                    let enough = rule.outcome(&said) == signet_policy::Outcome::Enough;
                    assert_eq!(
                        matches!(verdict, Verdict::Grant(_)),
                        enough,
                        "{service} {enrolled:?} {said:?}"
                    );
                    granted += u32::from(enough);
                }
            }
        }
    }
    assert!(granted > 1_000);
}

/// A proof that says what the policy's evidence says.
fn translated(said: signet_policy::Evidence) -> Evidence {
    let credential = (said.method != Method::Password).then(|| id(said.method as u8));
    let proof =
        Proof { credential, factors: said.factors, assurance: said.assurance, device: None, data: None };
    Evidence { method: said.method, proof }
}

fn any_piece() -> impl Strategy<Value = Piece> {
    (0..4_usize, any::<(bool, bool, bool, bool)>(), 0..4_usize).prop_map(
        |(m, (knows, has, is, enrolled), level)| Piece {
            method: METHODS[m],
            knows,
            has,
            is,
            level,
            enrolled,
        },
    )
}

fn any_plan() -> impl Strategy<Value = Plan> {
    (0..16_u8, 0..16_u8, any::<bool>(), 0..5_usize, 0..8_u8).prop_map(
        |(disabled, barred, risk, demand, enrolled)| Plan { disabled, barred, risk, demand, enrolled },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_evidence_is_decided_as_the_oracle_says(
        plan in any_plan(),
        pieces in prop::collection::vec(any_piece(), 0..6),
    ) {
        prop_assert_eq!(grants(plan, &pieces), oracle(plan, &pieces));
    }

    #[test]
    fn adding_evidence_never_denies_and_its_order_does_not_matter(
        plan in any_plan(),
        pieces in prop::collection::vec(any_piece(), 0..5),
        more in any_piece(),
    ) {
        let before = grants(plan, &pieces);
        let mut all = pieces;
        all.push(more);
        prop_assert!(!before || grants(plan, &all));
        let backwards: Vec<_> = all.iter().rev().copied().collect();
        prop_assert_eq!(grants(plan, &all), grants(plan, &backwards));
    }

    /// What a stricter policy grants, the laxer one grants too.
    #[test]
    fn a_stricter_policy_grants_a_subset(
        plan in any_plan(),
        pieces in prop::collection::vec(any_piece(), 0..5),
        disabled in 0..16_u8,
        barred in 0..16_u8,
    ) {
        let strict = Plan { disabled: plan.disabled | disabled, barred: plan.barred | barred, risk: false, ..plan };
        prop_assert!(!grants(strict, &pieces) || grants(plan, &pieces));
        // "two-factor" asks for more than "any", "hardware-two-factor" for more than that.
        let levels = [0, 1, 2].map(|demand| grants(Plan { demand, ..plan }, &pieces));
        prop_assert!(levels[0] >= levels[1] && levels[1] >= levels[2]);
    }
}
