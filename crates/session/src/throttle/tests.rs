use proptest::prelude::*;

use super::*;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// What is left to wait, in seconds.
fn left(failures: Failures, rule: &LockoutRule, now: u64) -> u64 {
    match failures.check(rule, at(now)) {
        Throttle::Allow => 0,
        Throttle::Wait { seconds } => seconds,
    }
}

#[test]
fn the_wait_is_nothing_then_doubles_then_is_the_lockout_which_doubles_to_a_day() {
    let rule = LockoutRule::default();
    let waits: Vec<_> =
        (0..16).map(|count| left(Failures { count, last: at(1_000) }, &rule, 1_000)).collect();
    assert_eq!(
        waits,
        [0, 0, 0, 1, 2, 300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 86_400, 86_400]
    );
    let strict = LockoutRule { threshold: 1, ..rule };
    assert_eq!(left(Failures { count: 1, last: at(0) }, &strict, 0), 300);
    // A rule that policy cannot give: zero counts as one.
    let zero = LockoutRule { threshold: 0, ..rule };
    assert_eq!([0, 1].map(|count| left(Failures { count, last: at(0) }, &zero, 0)), [0, 300]);
}

#[test]
fn a_try_that_comes_too_early_is_not_counted_and_one_in_time_is() {
    let rule = LockoutRule::default();
    let failures = Failures { count: 5, last: at(1_000) };
    assert_eq!(failures.charge(&rule, at(1_299)), Charged::Wait { seconds: 1 });
    assert_eq!(failures.charge(&rule, at(1_300)), Charged::Taken(Failures { count: 6, last: at(1_300) }));
    // Not forgotten while the lockout's own length has not passed quietly once more.
    assert_eq!(failures.charge(&rule, at(1_600)), Charged::Taken(Failures { count: 6, last: at(1_600) }));
    assert_eq!(failures.charge(&rule, at(1_601)), Charged::Taken(Failures { count: 1, last: at(1_601) }));
    let slip = Failures { count: 2, last: at(1_000) };
    assert_eq!(slip.charge(&rule, at(1_300)), Charged::Taken(Failures { count: 3, last: at(1_300) }));
    assert_eq!(slip.charge(&rule, at(1_301)), Charged::Taken(Failures { count: 1, last: at(1_301) }));
}

/// With the default rule, guesses without end get at most this many tries in a day.
#[test]
fn a_guesser_who_never_rests_has_few_tries_a_day() {
    let rule = LockoutRule::default();
    let (mut failures, mut tries) = (Failures::default(), 0);
    for now in 0..86_400 {
        if let Charged::Taken(counted) = failures.charge(&rule, at(now)) {
            (failures, tries) = (counted, tries + 1);
        }
    }
    assert_eq!(tries, 13);
}

#[test]
fn a_clock_set_back_a_day_starts_the_wait_again_and_a_rebased_counter_ends_it() {
    let rule = LockoutRule::default();
    let failures = Failures { count: 5, last: at(1_000_000) };
    let back = 1_000_000 - 86_400;
    assert_eq!(left(failures, &rule, back), 300);
    assert_eq!(left(failures, &rule, back + 300), 300, "no time is known to have passed");
    let rebased = failures.rebased(at(back)).unwrap();
    assert_eq!((left(rebased, &rule, back), left(rebased, &rule, back + 300)), (300, 0));
    assert_eq!(failures.rebased(at(1_000_000)), None);
    assert_eq!(Failures::default().rebased(at(0)), None);
}

fn any_rule() -> impl Strategy<Value = LockoutRule> {
    (0..=100_u32, 0..=86_400_u64, 0..=86_400_u64).prop_map(|(threshold, window, length)| LockoutRule {
        threshold,
        window: Duration::from_secs(window),
        length: Duration::from_secs(length),
    })
}

proptest! {
    #[test]
    fn more_failures_never_wait_less_and_never_more_than_a_day(
        rule in any_rule(), count: u32, more: u32, last: u64, now: u64,
    ) {
        let few = left(Failures { count, last: at(last) }, &rule, now);
        let many = left(Failures { count: count.saturating_add(more), last: at(last) }, &rule, now);
        prop_assert!(few <= many && many <= 86_400);
    }

    /// A clock that is set back by any time never shortens what is left, with or without rebasing.
    #[test]
    fn a_clock_that_goes_back_never_shortens_the_wait(
        rule in any_rule(), count in 0..200_u32, last in 0..1_000_000_u64, passed in 0..200_000_u64, back in 0..2_000_000_u64,
    ) {
        let failures = Failures { count, last: at(last) };
        let now = last + passed;
        let earlier = now.saturating_sub(back);
        prop_assert!(left(failures, &rule, earlier) >= left(failures, &rule, now));
        let rebased = failures.rebased(at(earlier)).unwrap_or(failures);
        prop_assert!(left(rebased, &rule, earlier) >= left(failures, &rule, now));
    }

    /// A charge is taken exactly where the check allows it, and counts one more or starts at one.
    #[test]
    fn a_charge_agrees_with_the_check(rule in any_rule(), count: u32, last: u64, now: u64) {
        let failures = Failures { count, last: at(last) };
        match (failures.check(&rule, at(now)), failures.charge(&rule, at(now))) {
            (Throttle::Allow, Charged::Taken(counted)) => {
                prop_assert!(counted.count == 1 || counted.count == count.saturating_add(1));
                prop_assert_eq!(counted.last, at(now));
            }
            (Throttle::Wait { seconds }, Charged::Wait { seconds: same }) => {
                prop_assert!(seconds == same && seconds > 0);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
