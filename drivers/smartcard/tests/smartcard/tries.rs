//! The card's try counter (security.md, R15).

use signet_authn::{Answer, Event, Failure, Frame, Question};
use signet_conformance::{Host, Moment};
use signet_types::{PinType, UserMessage};

use crate::support::{Reader, unbent};

fn reader() -> (Reader, Vec<signet_authn::EnrolledCredential>) {
    let mut reader = Reader::holding("alg=p256,tries=5", PinType::Card);
    let credentials = Host { world: &mut reader }.enrolled();
    (reader, credentials)
}

fn confirm(answer: bool) -> impl FnMut(Moment, &Event) -> Option<Event> {
    move |_, right| match right {
        Event::Answer(Answer::Confirm(_)) => Some(Event::Answer(Answer::Confirm(answer))),
        _ => None,
    }
}

/// The question shows how many tries are left.
#[test]
fn the_pin_is_asked_for_with_the_tries_left() {
    let (mut reader, credentials) = reader();
    reader.own().set_tries_left(4);
    let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
    assert!(run.ending.is_ok());
    assert!(run.printed.contains(&format!("{:?}", Question::CardPin { left: Some(4) })));
}

/// Proves: AUT-04
#[test]
fn a_wrong_pin_tells_how_many_tries_are_left() {
    let (mut reader, credentials) = reader();
    let run = Host { world: &mut reader }.verify(&credentials, 2, &mut |_: Moment, right: &Event| {
        matches!(right, Event::Answer(_))
            .then(|| Event::Answer(Answer::Secret(crate::support::secret("000000"))))
    });
    assert!(
        matches!(run.ending, Err(Failure::Mismatch(UserMessage::WrongPin { left: Some(4) }))),
        "{:?}",
        run.ending
    );
}

#[test]
fn the_last_two_tries_are_spent_only_when_the_person_says_so() {
    let (mut reader, credentials) = reader();
    for left in [1, 2] {
        reader.own().set_tries_left(left);
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut confirm(false));
        assert!(
            matches!(run.ending, Err(Failure::Locked(UserMessage::TriesReserved { left: l })) if l == left),
            "{:?}",
            run.ending
        );
        assert_eq!(reader.own().tries_left(), Some(left));
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut confirm(true));
        assert!(run.ending.is_ok(), "{:?}", run.ending);
    }
}

/// Another program spends tries while the person types: what was allowed with three left is not
/// allowed with two, and nobody was asked about the last one.
#[test]
fn tries_that_others_spend_meanwhile_count() {
    for (first, then) in [(3, 2), (2, 1)] {
        let (mut reader, credentials) = reader();
        reader.own().set_tries_left(first);
        let mut queries = 0;
        let lower = [0x63, 0xC0 | then];
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut |moment: Moment, _: &Event| {
            if !moment.no_evidence {
                return None;
            }
            queries += 1;
            (queries == 2).then(|| Event::Reply(Ok(Frame::new(lower.to_vec()).unwrap())))
        });
        assert!(
            matches!(run.ending, Err(Failure::Locked(UserMessage::TriesReserved { left })) if left == then),
            "{:?}",
            run.ending
        );
        assert_eq!(reader.own().tries_left(), Some(first));
    }
}

#[test]
fn a_blocked_card_is_told_before_a_pin_is_asked_for() {
    let (mut reader, credentials) = reader();
    reader.own().set_tries_left(0);
    let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
    assert!(matches!(run.ending, Err(Failure::Locked(UserMessage::PinBlocked))), "{:?}", run.ending);
    assert!(run.questions.is_empty());
}

/// What cannot be a PIV PIN costs no try: it is not sent.
#[test]
fn an_empty_or_too_long_pin_is_never_sent() {
    let (mut reader, credentials) = reader();
    for typed in ["", "1", "12345", "123456789", &"1".repeat(300)] {
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut |_: Moment, right: &Event| {
            matches!(right, Event::Answer(_))
                .then(|| Event::Answer(Answer::Secret(crate::support::secret(typed))))
        });
        assert!(
            matches!(run.ending, Err(Failure::Mismatch(UserMessage::WrongPin { left: Some(5) }))),
            "{:?}",
            run.ending
        );
    }
    assert_eq!(reader.own().tries_left(), Some(5));
}

/// A card that answers 9000 to the empty VERIFY is one on which somebody else's PIN still counts
/// (CVE-2023-40660): it is told to forget it, and where it does not, it is not used.
#[test]
fn a_pin_that_counts_as_verified_before_it_was_typed_proves_nothing() {
    for forgets in [true, false] {
        let (mut reader, credentials) = reader();
        let mut queries = 0;
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut |moment: Moment, _: &Event| {
            if !moment.no_evidence {
                return None;
            }
            queries += 1;
            (queries == 1 || !forgets).then(|| Event::Reply(Ok(Frame::new(vec![0x90, 0x00]).unwrap())))
        });
        assert_eq!(run.ending.is_ok(), forgets, "{:?}", run.ending);
        assert!(!forgets || run.questions.len() == 1, "the PIN was not asked for");
        assert!(reader.seen.iter().any(|(_, frame)| frame == &[0x00, 0x20, 0xFF, 0x80]));
    }
}
