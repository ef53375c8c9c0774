//! A card says who its owner is: no name is typed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use signet_e2e::{Setup, Workstation};
use signet_protocol::{
    Bounds, Client, Conversation, SecretText, ServerIdentity, interfaces,
    wire::{Event, Outcome, Prompt, Verdict, authentication::Start},
};
use signet_rig::in_sandbox;

fn connect() -> Client {
    Client::connect(Path::new(interfaces::SOCKET), ServerIdentity::ROOT, Bounds::INTERACTIVE).unwrap()
}

fn start(client: &mut Client) -> Conversation<'_> {
    let service = "signet-try".parse().unwrap();
    let start =
        Start { service, user: None, requester: None, terminal: None, remote_host: None, method: None };
    Conversation::start(client, &start).unwrap()
}

/// Goes on to the next prompt; the outcome is the error.
fn prompt(conversation: &mut Conversation<'_>) -> Result<Prompt, Outcome> {
    loop {
        match conversation.next_event().unwrap() {
            Some(Event::Prompt(prompt)) => return Ok(prompt),
            Some(Event::Outcome(outcome)) => return Err(outcome),
            Some(Event::Notice(_)) => {}
            None => panic!("the stream ended without a prompt or an outcome"),
        }
    }
}

fn answer(conversation: &mut Conversation<'_>, text: &str) {
    conversation.respond(Some(SecretText::new(text.to_owned()).unwrap())).unwrap().unwrap();
}

fn enrolled() -> Workstation {
    let station = Workstation::start(&Setup::default()).unwrap();
    station.insert("alice").unwrap();
    assert!(station.enroll("alice", "471108").unwrap().granted());
    station
}

/// Proves: AUT-03
#[test]
fn a_present_card_names_its_owner_and_only_the_pin_is_asked() {
    in_sandbox("a_present_card_names_its_owner_and_only_the_pin_is_asked", || {
        let _station = enrolled();
        let mut client = connect();
        let mut conversation = start(&mut client);
        assert_eq!(prompt(&mut conversation).unwrap().code, "card-pin");
        answer(&mut conversation, "471108");
        let outcome = prompt(&mut conversation).unwrap_err();
        assert_eq!(outcome.result, Verdict::Granted, "{outcome:?}");
        assert_eq!(outcome.user.unwrap().as_str(), "alice");
    });
}

/// What was typed for a name is never taken for the PIN of a card that was presented meanwhile.
///
/// Proves: AUT-03
#[test]
fn a_card_presented_while_a_name_is_typed_identifies_and_costs_no_try() {
    in_sandbox("a_card_presented_while_a_name_is_typed_identifies_and_costs_no_try", || {
        let station = enrolled();
        station.remove().unwrap();
        let mut client = connect();
        let mut conversation = start(&mut client);
        assert_eq!(prompt(&mut conversation).unwrap().code, "user-name");
        station.insert("alice").unwrap();
        // The card is read before this answer arrives, or after it: alice is asked for her PIN either way.
        answer(&mut conversation, "alice");
        let next = prompt(&mut conversation).unwrap();
        assert!(["card-pin", "method"].contains(&next.code.as_str()), "{next:?}");
        assert_eq!(station.cards.tries("alice").unwrap(), 3, "the name was tried as a PIN");
        answer(&mut conversation, if next.code == "method" { "smartcard" } else { "471108" });
        let mut last = prompt(&mut conversation);
        if last.is_ok() {
            answer(&mut conversation, "471108");
            last = prompt(&mut conversation);
        }
        let outcome = last.unwrap_err();
        assert_eq!(outcome.result, Verdict::Granted, "{outcome:?}");
    });
}

/// Proves: AUT-04
#[test]
fn a_card_that_nobody_enrolled_is_an_error_and_a_name_is_asked() {
    in_sandbox("a_card_that_nobody_enrolled_is_an_error_and_a_name_is_asked", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        station.insert("bob").unwrap();
        let mut client = connect();
        let mut conversation = start(&mut client);
        let told = conversation.next_event().unwrap().unwrap();
        assert!(matches!(&told, Event::Notice(notice) if notice.code == "unknown-token"), "{told:?}");
        assert_eq!(prompt(&mut conversation).unwrap().code, "user-name");
        answer(&mut conversation, "bob");
        assert_eq!(prompt(&mut conversation).unwrap().code, "password");
        answer(&mut conversation, "bob-pw");
        let outcome = prompt(&mut conversation).unwrap_err();
        assert_eq!(outcome.result, Verdict::Granted, "{outcome:?}");
    });
}
