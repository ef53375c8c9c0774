//! Another card in the place of the enrolled one, at every APDU (security.md, R25).

use signet_authn::{DeviceError, Event, Failure, StopReason};
use signet_conformance::{Host, Moment, World};
use signet_sim_card::{CardMaker, Fault};
use signet_types::{PinType, UserMessage};

use crate::support::{PIN, Reader, make, unbent};

/// The frames with a PIN in them that a card saw.
fn pins_seen(reader: &Reader, card: &str) -> usize {
    let is_pin = |frame: &[u8]| frame.windows(PIN.len()).any(|part| part == PIN.as_bytes());
    reader.seen.iter().filter(|(name, frame)| name == card && is_pin(frame)).count()
}

fn with_another(properties: &str) -> Reader {
    let mut reader = Reader::holding(properties, PinType::Card);
    let another = make(&CardMaker::new().unwrap(), &format!("another=piv,pin={PIN},{properties}"));
    reader.slot.add("another", another);
    reader
}

/// A swap that the reader does not notice: nothing is proven, and the PIN stays with the enrolled card
/// unless the swap hits the very APDU that carries it, which only the reader can see.
///
/// Proves: MET-03
#[test]
fn an_unnoticed_swap_at_any_apdu_never_proves_and_never_gets_the_pin() {
    for properties in ["alg=p256", "alg=p256,9e=p256"] {
        let mut reader = with_another(properties);
        let credentials = Host { world: &mut reader }.enrolled();
        let right = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(right.ending.is_ok());
        let apdus = reader.seen.len();
        let carrier =
            reader.seen.iter().position(|(_, frame)| frame.starts_with(&[0, 0x20, 0, 0x80, 8])).unwrap();
        for at in 0..apdus {
            reader.reset();
            reader.slot.inject(Fault::Swap("another".into()), u32::try_from(at).unwrap() + 1).unwrap();
            let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
            assert!(run.ending.is_err(), "{properties}: swapped at APDU {at}");
            assert!(at == carrier || pins_seen(&reader, "another") == 0, "{properties}: PIN at APDU {at}");
        }
    }
}

/// A swap as PC/SC reports it: gone, until the card is opened anew. The other card never gets the PIN.
#[test]
fn a_noticed_swap_at_any_step_never_proves_and_never_gets_the_pin() {
    let mut reader = with_another("alg=p256");
    let credentials = Host { world: &mut reader }.enrolled();
    let events = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).events;
    for at in 1..events {
        reader.reset();
        let mut ceremony =
            reader.driver().verify(Host { world: &mut reader }.verify_request(&credentials, 2));
        let mut host = Host { world: &mut reader };
        let mut gone = false;
        // Before the swap with the first card; from the swap on, the reader has the other one.
        let run = host.run(&mut *ceremony, &mut |moment: Moment, right: &Event| {
            gone |= moment.index == at;
            match right {
                Event::Reply(_) if gone => Some(Event::Reply(Err(DeviceError::TokenGone))),
                _ => None,
            }
        });
        match run.ending {
            Ok(_) => assert_eq!(at, events - 1, "only what comes after the signature may change nothing"),
            Err(failure) => assert_eq!(failure, Failure::Interrupted(StopReason::TokenRemoved), "at {at}"),
        }
    }
}

/// The card is exchanged while the person types the PIN.
///
/// Proves: AUT-04
#[test]
fn a_card_exchanged_while_the_pin_is_typed_is_refused_before_the_pin() {
    for properties in ["alg=p256", "alg=p384,9e=p384", "alg=rsa2048"] {
        let mut reader = with_another(properties);
        let credentials = Host { world: &mut reader }.enrolled();
        let right = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(right.ending.is_ok());
        let second_select = reader.seen.iter().rposition(|(_, frame)| frame.starts_with(&[0, 0xA4])).unwrap();
        reader.reset();
        reader.slot.inject(Fault::Swap("another".into()), u32::try_from(second_select).unwrap() + 1).unwrap();
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::WrongToken))), "{:?}", run.ending);
        assert_eq!(pins_seen(&reader, "own") + pins_seen(&reader, "another"), 0);
    }
}

/// Somebody else's card, and a card that shows a copy of the enrolled certificate.
///
/// Proves: AUT-04, MET-03
#[test]
fn another_card_is_refused_before_any_question() {
    for properties in ["alg=p256", "alg=p256,9e=p256"] {
        let mut reader = with_another(properties);
        let credentials = Host { world: &mut reader }.enrolled();
        reader.slot.insert("another").unwrap();
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::WrongToken))), "{:?}", run.ending);
        assert!(run.questions.is_empty());
    }
}

/// A card with a copy of the enrolled certificates and keys of its own: certificates are public.
///
/// Proves: MET-03
#[test]
fn a_copy_of_the_certificate_never_proves_and_cannot_be_enrolled() {
    for (properties, pins) in [("alg=p256", 1), ("alg=p256,9e=p256", 0), ("alg=rsa2048", 1)] {
        let directory = tempfile::tempdir().unwrap();
        let maker = CardMaker::in_directory(directory.path()).unwrap();
        let card = |name: &str| make(&maker, &format!("{name}=piv,pin={PIN},{properties}"));
        let own = card("own");
        let copy = directory.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for slot in ["9a", "9e"] {
            let certificate = directory.path().join("own").join(slot).with_extension("der");
            if certificate.exists() {
                std::fs::copy(certificate, copy.join(slot).with_extension("der")).unwrap();
            }
        }
        let mut reader = Reader::with(own, signet_authn::Settings::default());
        reader.slot.add("copy", card("copy"));
        let credentials = Host { world: &mut reader }.enrolled();
        reader.slot.insert("copy").unwrap();
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(
            matches!(
                run.ending,
                Err(Failure::Mismatch(UserMessage::WrongToken) | Failure::Refused(UserMessage::WrongToken))
            ),
            "{:?}",
            run.ending
        );
        // Without a 9E key only the signature after the PIN tells a copy from the card.
        assert_eq!(pins_seen(&reader, "copy"), pins, "{properties}");
        reader.reset();
        reader.slot.insert("copy").unwrap();
        let run = Host { world: &mut reader }.enroll(&mut unbent);
        assert!(run.ending.is_err(), "{properties}: a copy was enrolled");
    }
}
