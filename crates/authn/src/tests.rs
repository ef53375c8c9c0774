use signet_types::{ConversationId, DeviceId, Secret, UserMessage};

use super::*;

fn device() -> DeviceId {
    "pcsc:Test 00 00".parse().unwrap()
}

fn secret(text: &str) -> Answer {
    Answer::Secret(Secret::try_from(text.to_owned()).unwrap())
}

/// One of each step, in a ceremony that gives the PIN's length only if everything was answered.
fn subject() -> Box<dyn Ceremony<Output = usize>> {
    script(|mut dialog| async move {
        dialog.tell(UserMessage::PresentToken(signet_types::Method::Smartcard));
        let event = dialog.presented(DeviceKind::Pcsc).await?;
        dialog.open(&event.device).await?;
        let reply = dialog.exchange(&event.device, Frame::new(vec![0, 0xa4, 4, 0]).unwrap()).await?;
        if reply.expose() != [0x90, 0] {
            return Err(Failure::Fault(DriverError::Protocol("status word")));
        }
        dialog.close(&event.device).await?;
        let pin = dialog.secret(Question::SignetPin).await?;
        let length = pin.len();
        match dialog.compare(pin, Verifier::new("phc".into())).await? {
            Matched::Yes => Ok(length),
            Matched::No => Err(Failure::Mismatch(UserMessage::WrongPin { left: None })),
        }
    })
}

/// The events that complete [`subject`], by index.
fn right(index: usize) -> Event {
    match index {
        0 => Event::Begin,
        1 => Event::Device(DeviceEvent {
            device: device(),
            kind: DeviceKind::Pcsc,
            change: DeviceChange::Inserted,
        }),
        2 => Event::Opened(Ok(())),
        3 => Event::Reply(Ok(Frame::new(vec![0x90, 0]).unwrap())),
        4 => Event::Closed,
        5 => Event::Answer(secret("1234")),
        _ => Event::Worked(WorkResult::Compared(Matched::Yes)),
    }
}

const LENGTH: usize = 7;

/// Events that a broken or hostile host could feed; none of them proves anything by itself.
fn wrong(index: usize) -> Option<Event> {
    Some(match index {
        0 => Event::Opened(Err(DeviceError::Busy)),
        1 => Event::Reply(Err(DeviceError::TokenGone)),
        2 => Event::Reply(Ok(Frame::new(vec![0x6a, 0x82]).unwrap())),
        3 => Event::Answer(Answer::Text("x".into())),
        4 => Event::Answer(Answer::Confirm(true)),
        5 => Event::Worked(WorkResult::Compared(Matched::No)),
        6 => Event::Worked(WorkResult::Failed),
        7 => Event::Device(DeviceEvent {
            device: device(),
            kind: DeviceKind::Hid,
            change: DeviceChange::Inserted,
        }),
        8 => Event::Stop(StopReason::ClientGone),
        _ => return None,
    })
}

#[test]
fn the_right_events_complete_the_script_and_notices_come_with_their_step() {
    let mut ceremony = subject();
    let turn = ceremony.step(right(0));
    assert_eq!(turn.notices.len(), 1);
    assert!(matches!(turn.step, Step::Await(DeviceKind::Pcsc)));
    for index in 1..LENGTH - 1 {
        assert!(!matches!(ceremony.step(right(index)).step, Step::Done(_)), "ended at {index}");
    }
    assert!(matches!(ceremony.step(right(LENGTH - 1)).step, Step::Done(Ok(4))));
}

/// Proves: AUT-06
#[test]
fn a_stop_at_any_step_ends_it_as_interrupted_and_nothing_revives_it() {
    for stop_at in 0..LENGTH {
        let mut ceremony = subject();
        for index in 0..stop_at {
            let _ = ceremony.step(right(index));
        }
        let turn = ceremony.step(Event::Stop(StopReason::Cancelled));
        assert!(matches!(turn.step, Step::Done(Err(Failure::Interrupted(StopReason::Cancelled)))));
        for index in 0..LENGTH {
            let turn = ceremony.step(right(index));
            assert!(matches!(turn.step, Step::Done(Err(Failure::Fault(DriverError::Over)))));
        }
    }
}

#[test]
fn a_wrong_event_at_any_step_never_completes() {
    for at in 0..LENGTH {
        for kind in 0.. {
            let Some(event) = wrong(kind) else { break };
            let mut ceremony = subject();
            for index in 0..at {
                let _ = ceremony.step(right(index));
            }
            let mut turn = ceremony.step(event);
            for index in at..LENGTH {
                assert!(!matches!(turn.step, Step::Done(Ok(_))), "step {at}, event {kind}");
                turn = ceremony.step(right(index));
            }
            assert!(!matches!(turn.step, Step::Done(Ok(_))), "step {at}, event {kind}");
        }
    }
}

/// Every sequence of up to four events out of all right and wrong ones: four cannot be the seven
/// that are needed, so none may complete.
#[test]
fn no_short_sequence_completes() {
    let alphabet = LENGTH + 9;
    for length in 1..=4_u32 {
        for mut word in 0..alphabet.pow(length) {
            let mut ceremony = subject();
            for _ in 0..length {
                let letter = word % alphabet;
                word /= alphabet;
                let event = if letter < LENGTH { right(letter) } else { wrong(letter - LENGTH).unwrap() };
                assert!(!matches!(ceremony.step(event).step, Step::Done(Ok(_))));
            }
        }
    }
}

#[test]
fn a_script_that_awaits_something_foreign_is_a_fault_not_a_hang() {
    let mut ceremony = script(|_dialog| async move {
        std::future::pending::<()>().await;
        Ok(())
    });
    assert!(matches!(
        ceremony.step(Event::Begin).step,
        Step::Done(Err(Failure::Fault(DriverError::Stalled)))
    ));
}

#[test]
fn frames_and_identifiers_are_bounded_and_print_nothing_of_themselves() {
    assert!(Frame::new(vec![0; Frame::MAX_LEN + 1]).is_err());
    assert_eq!(format!("{:?}", Frame::new(b"123456".to_vec()).unwrap()), "Frame(6 bytes)");
    assert!(TokenIdentifier::new(vec![]).is_err() && TokenIdentifier::new(vec![0; 97]).is_err());
    let identifier = TokenIdentifier::new(b"04AABBCC".to_vec()).unwrap();
    assert!(!format!("{identifier:?}").contains("04"));
}

/// Fields are length-prefixed: moving a character from one field to the next changes the bytes.
#[test]
fn two_bindings_never_have_the_same_message() {
    let binding = |user: &str, service: &str| Binding {
        user: user.parse().unwrap(),
        service: service.parse().unwrap(),
        machine: [7; 16],
        conversation: ConversationId::from_bytes([9; 16]),
    };
    let nonce = [1; 32];
    assert_ne!(binding("ab", "c").message(&nonce), binding("a", "bc").message(&nonce));
    assert_ne!(binding("a", "b").message(&nonce), binding("a", "b").message(&[2; 32]));
}
