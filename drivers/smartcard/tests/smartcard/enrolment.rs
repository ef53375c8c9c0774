//! Enrolling, identifying and changing cards.

use signet_authn::{
    Answer, Enrolled, EnrolledCredential, Event, Failure, IdentifyRequest, Question, Settings, StopReason,
    TokenIdentifier, VerifyRequest,
};
use signet_conformance::{Host, Moment, Run, World};
use signet_sim_card::CardMaker;
use signet_types::{Assurance, CharacterSet, CredentialId, Factor, PinRule, PinType, UserMessage};

use crate::support::{PIN, Reader, WRONG_PIN, make, secret, unbent};

fn identify(reader: &mut Reader) -> Result<TokenIdentifier, Failure> {
    reader.reset();
    let request = IdentifyRequest { device: reader.reader().unwrap() };
    let mut ceremony = reader.driver().identify(request).unwrap();
    Host { world: reader }.run(&mut *ceremony, &mut unbent).ending
}

/// Answers secrets in turn.
fn typing(texts: &[&str]) -> impl FnMut(Moment, &Event) -> Option<Event> {
    let mut texts: Vec<String> = texts.iter().rev().map(|text| (*text).to_owned()).collect();
    move |_, right| match right {
        Event::Answer(Answer::Secret(_)) => {
            texts.pop().map(|text| Event::Answer(Answer::Secret(secret(&text))))
        }
        _ => None,
    }
}

fn credential(enrolled: &Enrolled) -> EnrolledCredential {
    EnrolledCredential { id: CredentialId::from_bytes([9; 16]), data: enrolled.data.clone() }
}

/// Inserting a card tells whose it is: what is read then is what was enrolled.
///
/// Proves: AUT-03, ENR-05
#[test]
fn identifying_reads_what_enrolment_gave() {
    for (properties, pin_type, kind) in [
        ("alg=p256", PinType::Card, "PIV card (P-256)"),
        ("alg=p384,gzip", PinType::Card, "PIV card (P-384)"),
        ("alg=rsa2048,9e=p256", PinType::Card, "PIV card (RSA-2048)"),
        ("alg=p256,9e=p256,gzip", PinType::Signet, "PIV card (P-256)"),
    ] {
        let mut reader = Reader::holding(properties, pin_type);
        let enrolled = Host { world: &mut reader }.enroll(&mut unbent).ending.unwrap();
        assert_eq!(enrolled.kind, kind);
        assert_eq!(identify(&mut reader), Ok(enrolled.identifier.unwrap()));
    }
    let mut reader = Reader::holding_identifier();
    let enrolled = Host { world: &mut reader }.enroll(&mut unbent).ending.unwrap();
    assert_eq!(identify(&mut reader), Ok(enrolled.identifier.unwrap()));
}

/// A card without a key proves what its holder knows, and nothing else.
///
/// Proves: MET-03
#[test]
fn an_identifier_is_worth_the_signet_pin_alone() {
    let mut reader = Reader::holding_identifier();
    let credentials = Host { world: &mut reader }.enrolled();
    let proof = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).ending.unwrap();
    assert_eq!((proof.factors, proof.assurance), (Factor::Knowledge.into(), Assurance::SingleFactor));
    let run = Host { world: &mut reader }.verify(&credentials, 2, &mut typing(&[WRONG_PIN]));
    assert!(matches!(run.ending, Err(Failure::Mismatch(UserMessage::WrongPin { left: None }))));
}

/// Proves: POL-05
#[test]
fn a_key_and_either_pin_are_two_factors_in_hardware() {
    for pin_type in [PinType::Card, PinType::Signet] {
        let mut reader = Reader::holding("alg=p256,9e=p256", pin_type);
        let credentials = Host { world: &mut reader }.enrolled();
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        let proof = run.ending.unwrap();
        assert_eq!(proof.factors, Factor::Knowledge | Factor::Possession);
        assert_eq!(proof.assurance, Assurance::HardwareTwoFactor);
        let asked = match pin_type {
            PinType::Card => Question::CardPin { left: Some(3) },
            PinType::Signet => Question::SignetPin,
        };
        assert!(run.printed.contains(&format!("{asked:?}")));
    }
}

/// What a change of policy does to enrolled cards: the card's own PIN stands in for a Signet PIN that
/// was never chosen, and a card enrolled with a Signet PIN uses its own where policy asks for that.
///
/// Proves: POL-05
#[test]
fn a_changed_pin_type_never_asks_for_less() {
    for (before, after) in [(PinType::Card, PinType::Signet), (PinType::Signet, PinType::Card)] {
        let mut reader = Reader::holding("alg=p256,9e=p256", before);
        let credentials = Host { world: &mut reader }.enrolled();
        reader.settings.pin_type = after;
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(run.ending.is_ok());
        assert!(run.printed.contains("CardPin"), "the card's own PIN counts tries in hardware");
    }
}

/// Key 9A signs only after the card's own PIN, and a card with a key is never taken by its UID.
///
/// Proves: MET-03
#[test]
fn a_card_that_cannot_sign_without_its_own_pin_is_refused_for_a_signet_pin() {
    let mut reader = Reader::holding("alg=p256", PinType::Signet);
    reader.settings.allow_identifier_only = true;
    let run = Host { world: &mut reader }.enroll(&mut unbent);
    let expected = Failure::Refused(UserMessage::PinTypeUnsupported(PinType::Signet));
    assert_eq!(run.ending.err(), Some(expected));
}

/// Proves: MET-04
#[test]
fn a_random_identifier_is_refused_with_the_reason() {
    let card = make(&CardMaker::new().unwrap(), "own=identifier,uid=08A1B2C3");
    let mut reader = Reader::with(card, Settings::default());
    let run = Host { world: &mut reader }.enroll(&mut unbent);
    assert_eq!(run.ending.err(), Some(Failure::Refused(UserMessage::IdentifierRandom)));
    assert_eq!(identify(&mut reader), Err(Failure::Refused(UserMessage::IdentifierRandom)));
}

/// Proves: ENR-05
#[test]
fn whoever_does_not_know_the_cards_pin_cannot_enrol_it() {
    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let run = Host { world: &mut reader }.enroll(&mut typing(&[WRONG_PIN]));
    assert!(matches!(run.ending, Err(Failure::Mismatch(UserMessage::WrongPin { left: Some(2) }))));
}

/// Proves: ENR-09
#[test]
fn a_second_card_needs_a_confirmation_and_the_same_card_is_refused() {
    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let first = Host { world: &mut reader }.enrolled();
    let again = |reader: &mut Reader, yes: bool| -> Run<Enrolled> {
        reader.reset();
        let mut request = Host { world: reader }.enroll_request(4);
        request.existing.clone_from(&first);
        let mut ceremony = reader.driver().enroll(request);
        Host { world: reader }.run(&mut *ceremony, &mut |_: Moment, right: &Event| match right {
            Event::Answer(Answer::Confirm(_)) => Some(Event::Answer(Answer::Confirm(yes))),
            _ => None,
        })
    };
    let run = again(&mut reader, false);
    assert!(matches!(run.ending, Err(Failure::Interrupted(StopReason::Cancelled))));
    assert!(run.exchanges.is_empty());
    let run = again(&mut reader, true);
    assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::AlreadyEnrolled(_)))), "{:?}", run.ending);

    reader.slot.add("own", make(&CardMaker::new().unwrap(), &format!("own=piv,pin={PIN},alg=p256")));
    let second = again(&mut reader, true).ending.unwrap();
    let both = [first, vec![credential(&second)]].concat();
    reader.reset();
    let proof = Host { world: &mut reader }.verify(&both, 2, &mut unbent).ending.unwrap();
    assert_eq!(proof.credential, Some(CredentialId::from_bytes([9; 16])));
}

/// Proves: POL-06, ENR-05
#[test]
fn a_new_signet_pin_is_told_the_rule_it_breaks_and_confirmed() {
    let mut reader = Reader::holding("alg=p256,9e=p256", PinType::Signet);
    reader.settings.pin_rule = PinRule::new(6, CharacterSet::Numeric).unwrap();
    let texts = ["12345", "abcdef", PIN, WRONG_PIN, PIN, PIN];
    let run = Host { world: &mut reader }.enroll(&mut typing(&texts));
    let enrolled = run.ending.unwrap();
    for told in ["at least 6 characters", "allowed characters are numeric", "The two entries differ"] {
        assert!(run.printed.contains(told), "not told: {told}");
    }
    reader.reset();
    assert!(Host { world: &mut reader }.verify(&[credential(&enrolled)], 2, &mut unbent).ending.is_ok());
    // Somebody who never gets it right is not asked for ever.
    reader.reset();
    let run = Host { world: &mut reader }.enroll(&mut typing(&["1"; 50]));
    assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::PinRefused(_)))));
    assert_eq!(run.questions.len(), 5);
}

/// Proves: CRD-03, MET-10
#[test]
fn the_signet_pin_can_be_changed_and_the_cards_own_cannot() {
    let mut reader = Reader::holding("alg=p256,9e=p256", PinType::Signet);
    let before = Host { world: &mut reader }.enrolled();
    let change = |reader: &mut Reader, texts: &[&str]| {
        reader.reset();
        let request = Host { world: reader }.verify_request(&before, 5);
        let mut ceremony = reader.driver().change_secret(request).unwrap();
        Host { world: reader }.run(&mut *ceremony, &mut typing(texts)).ending
    };
    let wrong = change(&mut reader, &[WRONG_PIN, WRONG_PIN, WRONG_PIN]);
    assert!(matches!(wrong, Err(Failure::Mismatch(UserMessage::WrongPin { .. }))));
    let after = credential(&change(&mut reader, &[PIN, WRONG_PIN, WRONG_PIN]).unwrap());
    for (credentials, typed, right) in
        [(&before, PIN, true), (&vec![after.clone()], WRONG_PIN, true), (&vec![after], PIN, false)]
    {
        reader.reset();
        let run = Host { world: &mut reader }.verify(credentials, 2, &mut typing(&[typed]));
        assert_eq!(run.ending.is_ok(), right);
    }

    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let credentials = Host { world: &mut reader }.enrolled();
    let request: VerifyRequest = Host { world: &mut reader }.verify_request(&credentials, 5);
    assert!(reader.driver().change_secret(request).is_none());
}

/// The card is only read (MET-03): no instruction that writes is ever sent.
///
/// Proves: MET-03
#[test]
fn nothing_is_written_to_a_card() {
    for (properties, pin_type) in
        [("alg=rsa2048,9e=p256", PinType::Card), ("alg=p256,9e=p256", PinType::Signet)]
    {
        let mut reader = Reader::holding(properties, pin_type);
        let enrolled = Host { world: &mut reader }.enroll(&mut unbent).ending.unwrap();
        assert!(Host { world: &mut reader }.verify(&[credential(&enrolled)], 2, &mut unbent).ending.is_ok());
        let reading = [0xA4, 0xCB, 0x20, 0x87, 0xC0];
        for (_, frame) in &reader.seen {
            assert!(reading.contains(&frame[1]), "{:02x}", frame[1]);
        }
    }
}
