//! The checks; each is named by what it proves. See `conformance!`.

use signet_authn::{
    Answer, DeviceChange, DeviceError, DeviceEvent, DeviceKind, DriverError, EnrolledCredential, Event,
    Failure, Frame, Matched, PasswordOutcome, Question, StopReason, Verifier, WorkResult,
};
use signet_types::{DeviceId, Factor};

use crate::{Bend, Host, Moment, Run, World};

fn unbent(_: Moment, _: &Event) -> Option<Event> {
    None
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    Frame::new(bytes.to_vec()).ok()
}

/// A verification of the right world, for its shape.
fn right_run(host: &mut Host<'_>, credentials: &[EnrolledCredential]) -> Run<signet_authn::Proof> {
    host.world.reset();
    let run = host.verify(credentials, 2, &mut unbent);
    assert!(run.ending.is_ok(), "the right world was refused: {:?}", run.ending);
    run
}

/// Verifies with the event at `index` replaced.
fn bent_at(
    host: &mut Host<'_>,
    credentials: &[EnrolledCredential],
    index: usize,
    event: &mut dyn FnMut(&Event) -> Option<Event>,
) -> Run<signet_authn::Proof> {
    host.world.reset();
    host.verify(credentials, 2, &mut |moment: Moment, right: &Event| {
        if moment.index == index { event(right) } else { None }
    })
}

/// The right person with the right token is let in, as a known credential and with a factor.
pub fn the_right_world_completes(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let proof = right_run(&mut host, &credentials).ending;
    let Ok(proof) = proof else { panic!("{proof:?}") };
    assert_eq!(proof.credential, credentials.first().map(|credential| credential.id));
    assert!(!proof.factors.is_empty());
    assert_eq!(proof.device, host.world.reader());
    if proof.factors.contains(Factor::Possession) {
        assert!(host.world.reader().is_some(), "possession of what?");
    }
}

/// What an enrolment gave verifies, more than once.
pub fn a_completed_enrolment_verifies(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    for nonce in [2, 3] {
        host.world.reset();
        assert!(host.verify(&credentials, nonce, &mut unbent).ending.is_ok());
    }
}

/// An enrolment that is stopped gives no record to store (ENR-10).
pub fn an_enrolment_stopped_at_any_step_gives_nothing(world: &mut dyn World) {
    let mut host = Host { world };
    if !host.world.enrols() {
        return;
    }
    host.world.reset();
    let events = host.enroll(&mut unbent).events;
    for at in 1..events {
        host.world.reset();
        let run = host.enroll(&mut |moment: Moment, _: &Event| {
            (moment.index == at).then_some(Event::Stop(StopReason::Cancelled))
        });
        assert!(matches!(run.ending, Err(Failure::Interrupted(StopReason::Cancelled))), "at {at}");
    }
}

/// A stop ends a verification at every step, and no event brings it back (AUT-06).
pub fn a_stop_at_any_step_is_interrupted_and_over(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let events = right_run(&mut host, &credentials).events;
    for at in 1..events {
        host.world.reset();
        let mut ceremony = host.world.driver().verify(host.verify_request(&credentials, 2));
        let run = host.run(&mut *ceremony, &mut |moment: Moment, _: &Event| {
            (moment.index == at).then_some(Event::Stop(StopReason::ClientGone))
        });
        assert!(matches!(run.ending, Err(Failure::Interrupted(StopReason::ClientGone))), "at {at}");
        let after = host.run(&mut *ceremony, &mut unbent);
        assert!(matches!(after.ending, Err(Failure::Fault(DriverError::Over))), "at {at}");
    }
}

/// The device fails at every device step: an error of `error` kind never ends in a proof.
fn device_fails(world: &mut dyn World, error: DeviceError, ends: fn(&Failure) -> bool) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let run = right_run(&mut host, &credentials);
    for at in run.device_events {
        let mut closed = false;
        let run = bent_at(&mut host, &credentials, at, &mut |right| match right {
            Event::Opened(_) => Some(Event::Opened(Err(error))),
            Event::Reply(_) => Some(Event::Reply(Err(error))),
            // Closing cannot fail.
            _ => {
                closed = true;
                None
            }
        });
        match run.ending {
            Ok(_) => assert!(closed, "proven although the device failed at {at}"),
            Err(failure) => assert!(ends(&failure), "at {at}: {failure:?}"),
        }
    }
}

/// A pulled token interrupts.
pub fn a_token_pulled_at_any_step_never_proves(world: &mut dyn World) {
    device_fails(world, DeviceError::TokenGone, |failure| {
        matches!(failure, Failure::Interrupted(StopReason::TokenRemoved))
    });
}

/// A lost reader is a fault.
pub fn a_reader_lost_at_any_step_never_proves(world: &mut dyn World) {
    device_fails(world, DeviceError::ReaderGone, |failure| {
        matches!(failure, Failure::Fault(DriverError::Device(DeviceError::ReaderGone)))
    });
}

/// Answers that are not the right one: none, cut, longer, an error, success without content, noise.
fn bad_replies(right: &[u8]) -> Vec<Vec<u8>> {
    let cut = |by: usize| right.get(..right.len().saturating_sub(by)).unwrap_or_default().to_vec();
    let (data, status) = right.split_at(right.len().saturating_sub(2));
    let mut noise = 0x9E37_79B9_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    })
    .take(right.len().max(16))
    .collect();
    let mut bad = vec![
        Vec::new(),
        vec![0x90],
        vec![0x90, 0x00],
        vec![0x6A, 0x82],
        vec![0x69, 0x82],
        vec![0x69, 0x83],
        vec![0x63, 0xC0],
        vec![0x61, 0x10],
        vec![0x00; 300],
        vec![0xFF; 258],
        cut(1),
        cut(2),
        [data.get(1..).unwrap_or_default(), status].concat(),
        [data.get(..data.len().saturating_sub(1)).unwrap_or_default(), status].concat(),
        [data, &[0x00], status].concat(),
        [data, data, status, status].concat(),
        noise.clone(),
        [noise.as_slice(), &[0x90, 0x00]].concat(),
    ];
    bad.retain(|reply| reply.as_slice() != right);
    bad
}

/// A device that answers wrongly at any exchange never proves anything, nor does it stop the host.
pub fn a_bad_reply_never_proves(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let run = right_run(&mut host, &credentials);
    for at in run.exchanges {
        for kind in 0.. {
            let mut no_evidence = false;
            let mut left = true;
            host.world.reset();
            let run = host.verify(&credentials, 2, &mut |moment: Moment, right: &Event| {
                let Event::Reply(Ok(right)) = right else { return None };
                if moment.index != at {
                    return None;
                }
                no_evidence = moment.no_evidence;
                let bad = bad_replies(right.expose()).into_iter().nth(kind);
                left = bad.is_some();
                bad.and_then(|bad| frame(&bad)).map(|bad| Event::Reply(Ok(bad)))
            });
            if !left {
                break;
            }
            assert!(run.ending.is_err() || no_evidence, "exchange {at}, reply {kind}");
        }
    }
}

/// "There is more" for ever, from any exchange on, is given up.
pub fn an_endless_reply_ends(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let exchanges = right_run(&mut host, &credentials).exchanges;
    for at in exchanges {
        for more in [&[0x61, 0x00][..], &[0x5A, 0x61, 0x01], &[0x6C, 0x01], &[0x90, 0x00], &[0x63, 0xC3]] {
            host.world.reset();
            let run = host.verify(&credentials, 2, &mut |moment: Moment, right: &Event| {
                let endless = moment.index >= at && matches!(right, Event::Reply(_));
                if endless { frame(more).map(|more| Event::Reply(Ok(more))) } else { None }
            });
            assert!(run.ending.is_err(), "proven by {more:02x?} from exchange {at} on");
        }
    }
}

/// A wrong secret is a mismatch, and costs one try where the token counts.
pub fn a_wrong_secret_is_one_try(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let before = host.world.tries_left();
    let wrong = |question: &Question, world: &dyn World| Answer::Secret(world.wrong_secret(question));
    let mut ceremony = host.world.driver().verify(host.verify_request(&credentials, 2));
    let mut event = Event::Begin;
    let mut guesses = 0;
    let ending = loop {
        match ceremony.step(event).step {
            signet_authn::Step::Ask(prompt) if prompt.kind == signet_authn::PromptKind::Guess => {
                guesses += 1;
                event = Event::Answer(wrong(&prompt.question, host.world));
            }
            signet_authn::Step::Done(ending) => break ending,
            step => event = host.respond(step),
        }
    };
    assert!(matches!(ending, Err(Failure::Mismatch(_))), "{ending:?}");
    assert_eq!(guesses, 1, "asked more than once in one ceremony");
    if let (Some(before), Some(after)) = (before, host.world.tries_left()) {
        assert_eq!(before - after, 1);
    }
}

/// An answer that does not fit its question ends the ceremony.
pub fn an_answer_of_the_wrong_kind_never_proves(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let questions = right_run(&mut host, &credentials).questions;
    assert!(!questions.is_empty(), "nothing secret is asked");
    for at in questions {
        for kind in 0..3 {
            let run = bent_at(&mut host, &credentials, at, &mut |right| {
                Some(Event::Answer(match (kind, right) {
                    (0, _) => Answer::Text("alice".to_owned()),
                    (1, Event::Answer(Answer::Confirm(_))) => Answer::Choice("yes".to_owned()),
                    (1, _) => Answer::Confirm(true),
                    _ => Answer::Choice("no such choice".to_owned()),
                }))
            });
            assert!(run.ending.is_err(), "question {at}, answer {kind}");
        }
    }
}

/// Events that may come from a confused host, none of which is a secret.
fn stray_events(reader: Option<DeviceId>) -> Vec<Event> {
    let mut events = vec![
        Event::Begin,
        Event::Opened(Ok(())),
        Event::Closed,
        Event::Answer(Answer::Confirm(true)),
        Event::Answer(Answer::Text(String::new())),
        Event::Worked(WorkResult::Compared(Matched::Yes)),
        Event::Worked(WorkResult::Password(PasswordOutcome::Right)),
        Event::Worked(WorkResult::Hashed(Verifier::new(String::new()))),
        Event::Worked(WorkResult::Failed),
    ];
    for reply in [&[0x90, 0x00][..], &[0x63, 0xC3], &[]] {
        events.extend(frame(reply).map(|reply| Event::Reply(Ok(reply))));
    }
    events.extend(reader.map(|device| {
        Event::Device(DeviceEvent { device, kind: DeviceKind::Pcsc, change: DeviceChange::Inserted })
    }));
    events
}

/// An event that does not answer the step ends the ceremony without a proof.
pub fn an_event_that_answers_nothing_never_proves(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let events = right_run(&mut host, &credentials).events;
    let count = stray_events(host.world.reader()).len();
    for at in 1..events {
        for kind in 0..count {
            let reader = host.world.reader();
            let mut same = false;
            let run = bent_at(&mut host, &credentials, at, &mut |right| {
                let stray = stray_events(reader.clone()).into_iter().nth(kind)?;
                // Of the same kind it is an answer, not a stray event; replies have a check of their own.
                same = std::mem::discriminant(&stray) == std::mem::discriminant(right);
                if same { None } else { Some(stray) }
            });
            assert!(run.ending.is_err() || same, "event {at}, stray {kind}");
        }
    }
}

/// All sequences of up to three events after the first without a secret in them.
pub fn no_short_sequence_without_the_secret_proves(world: &mut dyn World) {
    let host = Host { world };
    let mut host = host;
    let credentials = host.enrolled();
    let driver = host.world.driver();
    let letters = stray_events(host.world.reader()).len();
    for length in 1..=3_u32 {
        for word in 0..letters.pow(length) {
            let mut ceremony = driver.verify(host.verify_request(&credentials, 2));
            let mut rest = word;
            let mut turn = ceremony.step(Event::Begin);
            for _ in 0..length {
                let events = stray_events(host.world.reader());
                let Some(event) = events.into_iter().nth(rest % letters) else { break };
                rest /= letters;
                assert!(!matches!(turn.step, signet_authn::Step::Done(Ok(_))), "word {word} of {length}");
                turn = ceremony.step(event);
            }
            assert!(!matches!(turn.step, signet_authn::Step::Done(Ok(_))), "word {word} of {length}");
        }
    }
}

/// A fresh nonce each time is no hindrance.
pub fn two_nonces_both_verify(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    for nonce in [0, 255] {
        host.world.reset();
        assert!(host.verify(&credentials, nonce, &mut unbent).ending.is_ok(), "nonce {nonce}");
    }
}

/// What a token answered in one conversation proves nothing in another, where it proves possession.
pub fn replies_of_another_conversation_never_prove(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let mut replies = Vec::new();
    let first = host.verify(&credentials, 2, &mut |moment: Moment, right: &Event| {
        if let Event::Reply(Ok(reply)) = right {
            replies.push((moment.index, reply.expose().to_vec()));
        }
        None
    });
    let possession = first.ending.is_ok_and(|proof| proof.factors.contains(Factor::Possession));
    host.world.reset();
    let replayed = |nonce, host: &mut Host<'_>| {
        let mut replay = replies.clone().into_iter();
        let bend: &mut Bend<'_> = &mut |_: Moment, right: &Event| match right {
            Event::Reply(_) => {
                replay.next().and_then(|(_, reply)| frame(&reply)).map(|reply| Event::Reply(Ok(reply)))
            }
            _ => None,
        };
        host.verify(&credentials, nonce, bend).ending
    };
    assert_eq!(replayed(3, &mut host).is_err(), possession);
}

/// Work that fails is a fault.
pub fn failed_work_never_proves(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let works = right_run(&mut host, &credentials).works;
    for at in works {
        let run = bent_at(&mut host, &credentials, at, &mut |_| Some(Event::Worked(WorkResult::Failed)));
        assert!(matches!(run.ending, Err(Failure::Fault(DriverError::Work))), "work {at}");
        let run = bent_at(&mut host, &credentials, at, &mut |right| match right {
            Event::Worked(WorkResult::Compared(_)) => Some(Event::Worked(WorkResult::Compared(Matched::No))),
            Event::Worked(_) => Some(Event::Worked(WorkResult::Password(PasswordOutcome::Wrong))),
            _ => None,
        });
        assert!(run.ending.is_err(), "work {at}");
    }
}

/// No event, step, notice or failure prints a secret (AUD-02).
pub fn nothing_secret_is_printed(world: &mut dyn World) {
    let mut host = Host { world };
    let credentials = host.enrolled();
    let secrets: Vec<_> = [
        Question::CardPin { left: None },
        Question::SignetPin,
        Question::NewPin,
        Question::Password,
        Question::NewPassword,
    ]
    .iter()
    .flat_map(|question| [host.world.secret(question), host.world.wrong_secret(question)])
    .collect();
    let mut printed = right_run(&mut host, &credentials).printed;
    host.world.reset();
    if host.world.enrols() {
        printed.push_str(&host.enroll(&mut unbent).printed);
    }
    assert!(printed.contains("Begin"), "nothing was looked at");
    for secret in secrets {
        let text = secret.expose_str().unwrap_or_default();
        assert!(!text.is_empty() && !printed.contains(text), "a secret was printed");
        assert!(!printed.contains(&format!("{:?}", secret.expose())), "a secret was printed as bytes");
    }
}
