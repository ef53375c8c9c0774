//! Which reader is used, and how many APDUs a login takes.

use signet_authn::{Answer, DeviceChange, DeviceEvent, DeviceKind, Event, Failure, Step};
use signet_conformance::{Host, Moment, World};
use signet_types::{DeviceId, PinType, UserMessage};

use crate::support::{Reader, unbent};

/// Proves: AUT-03
#[test]
fn without_a_card_it_waits_for_one_and_uses_the_reader_it_was_put_into() {
    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let credentials = Host { world: &mut reader }.enrolled();
    let mut request = Host { world: &mut reader }.verify_request(&credentials, 2);
    request.present.clear();
    let mut ceremony = reader.driver().verify(request);
    let turn = ceremony.step(Event::Begin);
    assert_eq!(turn.notices, [UserMessage::PresentToken(signet_types::Method::Smartcard)]);
    assert!(matches!(turn.step, Step::Await(DeviceKind::Pcsc)));
    // Other news of readers is no card.
    let device: DeviceId = "pcsc:Other 00 00".parse().unwrap();
    for change in [DeviceChange::ReaderFound, DeviceChange::Removed, DeviceChange::ReaderLost] {
        let event = DeviceEvent { device: device.clone(), kind: DeviceKind::Pcsc, change };
        assert!(matches!(ceremony.step(Event::Device(event)).step, Step::Await(_)));
    }
    let event =
        DeviceEvent { device: device.clone(), kind: DeviceKind::Pcsc, change: DeviceChange::Inserted };
    assert!(matches!(ceremony.step(Event::Device(event)).step, Step::Open(opened) if opened == device));
}

/// Proves: AUT-03
#[test]
fn with_several_cards_the_person_chooses() {
    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let credentials = Host { world: &mut reader }.enrolled();
    let own = reader.reader().unwrap();
    let other: DeviceId = "pcsc:Other 00 00".parse().unwrap();
    let mut request = Host { world: &mut reader }.verify_request(&credentials, 2);
    request.present = vec![other.clone(), own.clone()];
    let mut ceremony = reader.driver().verify(request);
    let run = Host { world: &mut reader }.run(&mut *ceremony, &mut |_: Moment, right: &Event| match right {
        Event::Answer(Answer::Choice(_)) => Some(Event::Answer(Answer::Choice(own.as_str().to_owned()))),
        _ => None,
    });
    assert_eq!(run.ending.unwrap().device, Some(own));
    assert!(run.printed.contains("label: \"Other 00 00\""));
}

/// A record that cannot be read does not take the user's other cards away.
#[test]
fn a_broken_record_is_a_fault_only_where_it_is_the_only_one() {
    let mut reader = Reader::holding("alg=p256", PinType::Card);
    let mut credentials = Host { world: &mut reader }.enrolled();
    let mut broken = credentials[0].clone();
    broken.data.truncate(40);
    credentials.push(broken.clone());
    assert!(Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).ending.is_ok());
    let run = Host { world: &mut reader }.verify(&[broken], 2, &mut unbent);
    assert!(matches!(run.ending, Err(Failure::Fault(_))));
    let run = Host { world: &mut reader }.verify(&[], 2, &mut unbent);
    assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::MethodNotEnrolled(_)))));
}

/// Every APDU of a login costs the person time: some 10 ms on a real card.
#[test]
fn a_login_takes_few_apdus() {
    for (properties, pin_type, most) in [
        ("alg=p256,9e=p256", PinType::Card, 8),
        ("alg=p256,9e=p256", PinType::Signet, 3),
        ("alg=p256", PinType::Card, 10),
        ("alg=rsa2048", PinType::Card, 14),
    ] {
        let mut reader = Reader::holding(properties, pin_type);
        let credentials = Host { world: &mut reader }.enrolled();
        assert!(Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).ending.is_ok());
        let apdus = reader.seen.len();
        assert_eq!(apdus, most, "{properties}: {apdus} APDUs");
    }
}
