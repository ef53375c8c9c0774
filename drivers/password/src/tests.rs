use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};
use proptest::prelude::*;
use signet_authn::{
    Answer, Authenticator, Binding, Ceremony, EnrollRequest, Enrolled, EnrolledCredential, Event, Failure,
    Matched, PasswordOutcome, PasswordSource, Proof, Question, Settings, Step, Verifier, VerifyRequest, Work,
    WorkResult,
};
use signet_types::{Assurance, ConversationId, CredentialId, Factor, Method, Secret, Timestamp, UserMessage};

use crate::{Password, Record, decoy};

const PHC: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

fn settings(source: PasswordSource) -> Settings {
    Settings { password_source: source, password_min_length: 8, ..Settings::default() }
}

fn binding() -> Binding {
    Binding {
        user: "alice".parse().unwrap(),
        service: "login".parse().unwrap(),
        machine: [7; 16],
        conversation: ConversationId::from_bytes([9; 16]),
    }
}

fn stored() -> EnrolledCredential {
    let data = Record { verifier: Verifier::new(PHC.into()) }.encode().unwrap();
    EnrolledCredential { id: CredentialId::from_bytes([1; 16]), data }
}

fn verify_request(source: PasswordSource, credentials: Vec<EnrolledCredential>) -> VerifyRequest {
    VerifyRequest {
        binding: binding(),
        nonce: [1; 32],
        credentials,
        settings: settings(source),
        now: Timestamp::from_secs(1_795_456_800),
        present: Vec::new(),
    }
}

fn enroll(source: PasswordSource, existing: Vec<EnrolledCredential>) -> Box<dyn Ceremony<Output = Enrolled>> {
    Password::new().enroll(EnrollRequest {
        binding: binding(),
        nonce: [1; 32],
        existing,
        settings: settings(source),
        now: Timestamp::from_secs(1_795_456_800),
        present: Vec::new(),
    })
}

fn typed(text: &str) -> Event {
    Event::Answer(Answer::Secret(Secret::try_from(text.to_owned()).unwrap()))
}

fn said(outcome: PasswordOutcome) -> Event {
    Event::Worked(WorkResult::Password(outcome))
}

fn question<T>(step: &Step<T>) -> Option<&Question> {
    match step {
        Step::Ask(prompt) => Some(&prompt.question),
        _ => None,
    }
}

/// Feeds events after the first; gives how it ended.
fn ending<T: std::fmt::Debug>(
    mut ceremony: Box<dyn Ceremony<Output = T>>,
    events: Vec<Event>,
) -> Result<T, Failure> {
    let mut turn = ceremony.step(Event::Begin);
    for event in events {
        turn = ceremony.step(event);
    }
    match turn.step {
        Step::Done(ending) => ending,
        step => panic!("not at an end: {step:?}"),
    }
}

fn system(events: Vec<Event>) -> Result<Proof, Failure> {
    ending(Password::new().verify(verify_request(PasswordSource::System, vec![])), events)
}

/// Proves: MET-09
#[test]
fn the_systems_password_is_one_factor() {
    let proof = system(vec![typed("right"), said(PasswordOutcome::Right)]).unwrap();
    assert_eq!((proof.factors, proof.assurance), (Factor::Knowledge.into(), Assurance::SingleFactor));
    assert_eq!(proof.credential, None);
    let wrong = system(vec![typed("wrong"), said(PasswordOutcome::Wrong)]);
    assert!(matches!(wrong, Err(Failure::Mismatch(UserMessage::WrongPassword))));
    let locked = system(vec![typed("right"), said(PasswordOutcome::AccountRefused)]);
    assert!(matches!(locked, Err(Failure::Refused(UserMessage::NotPermitted))));
}

/// An account without a password is not opened by pressing Enter, whatever PAM would say.
#[test]
fn an_empty_password_is_wrong_without_asking_the_system() {
    assert!(matches!(system(vec![typed("")]), Err(Failure::Mismatch(UserMessage::WrongPassword))));
}

/// Proves: MET-09
#[test]
fn an_expired_password_is_changed_before_it_opens_anything() {
    let mut ceremony = Password::new().verify(verify_request(PasswordSource::System, vec![]));
    let _ = ceremony.step(Event::Begin);
    let _ = ceremony.step(typed("old"));
    let turn = ceremony.step(said(PasswordOutcome::Expired));
    assert_eq!(turn.notices, [UserMessage::PasswordExpired]);
    assert_eq!(question(&turn.step), Some(&Question::NewPassword));
    let turn = ceremony.step(typed("new one"));
    assert_eq!(question(&turn.step), Some(&Question::NewPasswordAgain));
    let turn = ceremony.step(typed("new two"));
    assert_eq!(turn.notices, [UserMessage::ConfirmationDiffers]);
    let _ = ceremony.step(typed("new one"));
    let turn = ceremony.step(typed("new one"));
    let Step::Work(Work::ChangeSystemPassword(user, old, new)) = turn.step else { panic!("{turn:?}") };
    assert_eq!((user.as_str(), old.expose(), new.expose()), ("alice", &b"old"[..], &b"new one"[..]));
    // The system's own rules refuse it: it is asked for again.
    let turn = ceremony.step(said(PasswordOutcome::Wrong));
    assert_eq!(question(&turn.step), Some(&Question::NewPassword));
    let _ = ceremony.step(typed("better"));
    let _ = ceremony.step(typed("better"));
    assert!(matches!(ceremony.step(said(PasswordOutcome::Right)).step, Step::Done(Ok(_))));
}

#[test]
fn an_expired_password_that_is_not_changed_opens_nothing() {
    let mut events = vec![typed("old"), said(PasswordOutcome::Expired)];
    for _ in 0..5 {
        events.extend([typed("new"), typed("new"), said(PasswordOutcome::Wrong)]);
    }
    assert!(matches!(system(events), Err(Failure::Refused(UserMessage::PasswordExpired))));
    let mut events = vec![typed("old"), said(PasswordOutcome::Expired)];
    events.extend((0..10).map(|index| typed(if index % 2 == 0 { "one" } else { "two" })));
    assert!(matches!(system(events), Err(Failure::Refused(UserMessage::ConfirmationDiffers))));
}

/// The same questions and the same work for a user who has a password and for one who has none.
#[test]
fn a_user_without_a_password_looks_like_one_with_a_wrong_password() {
    for credentials in [vec![], vec![stored()]] {
        for compared in [Matched::No, Matched::Yes] {
            let known = !credentials.is_empty();
            let mut ceremony =
                Password::new().verify(verify_request(PasswordSource::Signet, credentials.clone()));
            let turn = ceremony.step(Event::Begin);
            assert_eq!(question(&turn.step), Some(&Question::Password));
            let turn = ceremony.step(typed("guess"));
            assert!(matches!(turn.step, Step::Work(Work::Compare(..))));
            match ceremony.step(Event::Worked(WorkResult::Compared(compared))).step {
                Step::Done(Ok(proof)) => {
                    assert!(known && compared == Matched::Yes);
                    assert_eq!(proof.credential, Some(stored().id));
                }
                Step::Done(Err(failure)) => {
                    assert!(!known || compared == Matched::No, "{failure:?}");
                    assert_eq!(failure, Failure::Mismatch(UserMessage::WrongPassword));
                }
                step => panic!("{step:?}"),
            }
        }
    }
}

#[test]
fn the_decoy_is_a_verifier_at_full_cost_that_nothing_matches() {
    let phc = decoy();
    let parsed = PasswordHash::new(phc.as_str()).unwrap();
    assert_eq!(parsed.algorithm.as_str(), "argon2id");
    assert_eq!(parsed.params.to_string(), "m=65536,t=3,p=1");
    assert!(Argon2::default().verify_password(b"", &parsed).is_err());
}

#[test]
fn a_new_password_has_the_length_that_policy_asks_for() {
    for (text, fits) in [
        ("1234567", false),
        ("12345678", true),
        ("\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}", false),
        ("\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}", true),
        (&"x".repeat(128), true),
        (&"x".repeat(129), false),
        ("", false),
    ] {
        let mut ceremony = enroll(PasswordSource::Signet, vec![]);
        let _ = ceremony.step(Event::Begin);
        let turn = ceremony.step(typed(text));
        let next = if fits { Question::NewPasswordAgain } else { Question::NewPassword };
        assert_eq!(question(&turn.step), Some(&next), "{text}");
        if !fits {
            assert_eq!(turn.notices, [UserMessage::PasswordLength { min: 8, max: 128 }]);
        }
    }
}

#[test]
fn the_systems_password_needs_no_enrolment_and_signets_has_one() {
    for (source, existing) in [(PasswordSource::System, vec![]), (PasswordSource::Signet, vec![stored()])] {
        let expected = Failure::Refused(UserMessage::AlreadyEnrolled(Method::Password));
        assert_eq!(ending(enroll(source, existing), vec![]).err(), Some(expected));
    }
}

/// Proves: CRD-03
#[test]
fn a_password_of_signets_own_is_changed_by_whoever_knows_it() {
    let change =
        || Password::new().change_secret(verify_request(PasswordSource::Signet, vec![stored()])).unwrap();
    let wrong = vec![typed("wrong"), Event::Worked(WorkResult::Compared(Matched::No))];
    assert!(matches!(ending(change(), wrong), Err(Failure::Mismatch(UserMessage::WrongPassword))));
    let new = PHC.replace("c29tZXNhbHQ", "b3RoZXJzYWx0");
    let right = vec![
        typed("right"),
        Event::Worked(WorkResult::Compared(Matched::Yes)),
        typed("new password"),
        typed("new password"),
        Event::Worked(WorkResult::Hashed(Verifier::new(new.clone()))),
    ];
    let changed = ending(change(), right).unwrap();
    assert_eq!(Record::decode(&changed.data).unwrap().verifier.as_str(), new);
    let system = verify_request(PasswordSource::System, vec![stored()]);
    assert!(Password::new().change_secret(system).is_none());
}

#[test]
fn a_record_that_cannot_be_read_is_a_fault() {
    for data in [
        vec![],
        vec![0],
        vec![2],
        vec![1],
        [&[1], &b"$2b$"[..]].concat(),
        vec![1, 0xFF],
        [&[1], PHC.repeat(20).as_bytes()].concat(),
    ] {
        assert!(Record::decode(&data).is_err(), "{data:?}");
        let credential = EnrolledCredential { id: CredentialId::from_bytes([1; 16]), data };
        let verdict =
            ending(Password::new().verify(verify_request(PasswordSource::Signet, vec![credential])), vec![]);
        assert!(matches!(verdict, Err(Failure::Fault(_))), "{verdict:?}");
    }
}

proptest! {
    #[test]
    fn decoding_never_panics_and_round_trips(data: Vec<u8>) {
        if let Ok(record) = Record::decode(&data) {
            prop_assert_eq!(record.encode().unwrap(), data);
        }
    }

    #[test]
    fn a_verifier_round_trips(rest in "[a-zA-Z0-9$,=/+]{0,400}") {
        let record = Record { verifier: Verifier::new(format!("$argon2id${rest}")) };
        prop_assert_eq!(Record::decode(&record.encode().unwrap()), Ok(record));
    }
}
