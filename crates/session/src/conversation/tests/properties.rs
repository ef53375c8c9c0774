//! What holds for every conversation, whatever the person, the devices or the host do.

use std::sync::Arc;

use proptest::prelude::*;
use signet_authn::{
    Answer, DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame, PasswordOutcome, WorkResult,
};
use signet_policy::FactorRequirement;
use signet_types::{Method, Secret, Timestamp};

use crate::{
    Charged, Conclusion, Conversation, Drivers, Failures, Input, Output, Purpose, StoreRefusal, Timer,
    UserProfile,
    conversation::{CeremonyId, PromptId},
    testing::{Stage, Token, about, credential, device, drivers, id, profile, rules, user, without},
};

/// What a person, the devices, the administrator or the clock do.
#[derive(Clone, Debug)]
enum Act {
    Answer(&'static str),
    Pick(usize),
    Cancel,
    Insert(&'static str, u8, bool),
    Remove(&'static str),
    TimeOut(bool),
    Rules(usize),
    Pass(u64),
    Stray,
    Leave,
}

fn any_act() -> impl Strategy<Value = Act> {
    let reader = prop::sample::select(vec!["pcsc:a", "pcsc:b", "nfc:n", "hid:h"]);
    let words = vec![
        "right", "wrong", "1234", "0000", "old", "new!", "alice", "bob", "nobody", "", "a b", "yes", "no",
    ];
    let who = prop::sample::select(vec![1_u8, 2, 5, 20, 77]);
    prop_oneof![
        6 => prop::sample::select(words).prop_map(Act::Answer),
        4 => (0..4_usize).prop_map(Act::Pick),
        1 => Just(Act::Cancel),
        4 => (reader.clone(), who, any::<bool>()).prop_map(|(r, who, copy)| Act::Insert(r, who, copy)),
        2 => reader.prop_map(Act::Remove),
        1 => any::<bool>().prop_map(Act::TimeOut),
        1 => (0..5_usize).prop_map(Act::Rules),
        1 => (0..400_u64).prop_map(Act::Pass),
        1 => Just(Act::Stray),
        1 => Just(Act::Leave),
    ]
}

fn play(stage: &mut Stage, act: &Act) {
    match act {
        Act::Answer(text) if stage.prompt.is_some() => stage.answer(text),
        Act::Pick(at) => {
            let choices = match &stage.prompt {
                Some((_, prompt)) => match &prompt.kind {
                    signet_authn::PromptKind::Choice(choices) => choices.clone(),
                    _ => return,
                },
                None => return,
            };
            let choice = choices[at % choices.len()].id.clone();
            stage.answer(&choice);
        }
        Act::Cancel if stage.prompt.is_some() => stage.cancel(),
        Act::Insert(reader, who, copy) => stage.insert(reader, Token { copy: *copy, ..Token::new(*who) }),
        Act::Remove(reader) => stage.remove(reader),
        Act::TimeOut(true) => stage.time_out(|t| matches!(t, Timer::Presence(_))),
        Act::TimeOut(false) => stage.time_out(|t| t == Timer::Whole),
        Act::Rules(which) => {
            stage.alice().rules = match which {
                0 => rules(),
                1 => without(&[Method::Password]),
                2 => without(&[Method::Smartcard, Method::Fido2]),
                3 => without(&Method::ALL),
                _ => crate::Rules { requirement: FactorRequirement::TwoFactor, ..rules() },
            };
        }
        Act::Pass(seconds) => stage.now = stage.now.plus(std::time::Duration::from_secs(*seconds)),
        Act::Stray => {
            let run = CeremonyId(1_000_000);
            stage.feed(Input::Closed(run));
            stage.feed(Input::Worked(run, WorkResult::Password(PasswordOutcome::Right)));
            stage.feed(Input::Answer(PromptId(1_000_000), Some(Answer::Confirm(true))));
            stage.feed(Input::Begin);
        }
        Act::Leave => stage.feed(Input::ClientGone),
        _ => {}
    }
}

/// Whether what was really proven suffices for alice or bob by the rules that hold now; counted by
/// hand, without the decision.
fn suffices(stage: &Stage, name: &str) -> bool {
    let Some(profile) = stage.people.get(&user(name)) else { return false };
    let mut knows = false;
    let mut has = false;
    for (owner, method) in &stage.proven {
        let enrolled = profile.credentials.iter().any(|c| c.method == *method);
        let other = profile.credentials.iter().any(|c| c.method != Method::Password);
        let allowed = match method {
            Method::Password => profile.rules.enables(*method) || !other,
            _ => profile.rules.enables(*method) && enrolled,
        };
        if *owner == user(name) && allowed {
            knows |= *method != Method::Fido2 && *method != Method::Fingerprint;
            has |= *method != Method::Password;
        }
    }
    match profile.rules.requirement {
        FactorRequirement::TwoFactor => knows && has,
        _ => knows || has,
    }
}

fn stage() -> Stage {
    let finger = crate::Credential { data: b"old".to_vec(), ..credential(Method::Fingerprint, 3) };
    Stage::new(vec![
        credential(Method::Smartcard, 1),
        credential(Method::Smartcard, 2),
        credential(Method::Fido2, 5),
        finger,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// The stage itself checks: one prompt at a time, no try before its charge, no device held at the end,
    /// nothing after the end, no circles.
    #[test]
    fn a_grant_comes_exactly_when_enough_was_proven(
        unnamed in any::<bool>(),
        acts in prop::collection::vec(any_act(), 1..60),
    ) {
        let mut stage = stage();
        stage.begin(about((!unnamed).then_some("alice"), Purpose::Authenticate));
        let mut changed = false;
        for act in &acts {
            changed |= matches!(act, Act::Rules(_));
            play(&mut stage, act);
            let name = stage.talk.as_ref().unwrap().user().map(ToString::to_string);
            match &stage.end {
                Some(Conclusion::Granted(grant, _)) => {
                    prop_assert!(suffices(&stage, grant.user().as_str()), "{:?} {:?}", stage.log, stage.proven);
                    break;
                }
                Some(end) => {
                    prop_assert!(changed || !name.is_some_and(|n| suffices(&stage, &n)), "{end:?}");
                    break;
                }
                None => {
                    prop_assert!(changed || !name.is_some_and(|n| suffices(&stage, &n)), "{:?}", stage.log);
                }
            }
        }
    }

    /// Nothing is enrolled, changed or deleted but by an owner who has proven himself and to the end.
    #[test]
    fn a_change_is_made_only_after_a_proof_and_only_as_a_whole(
        which in 0..4_usize,
        acts in prop::collection::vec(any_act(), 1..80),
    ) {
        let mut stage = stage();
        let purpose = [
            Purpose::Enroll(Method::Smartcard),
            Purpose::Enroll(Method::Fingerprint),
            Purpose::ChangeSecret(Method::Fingerprint),
            Purpose::Delete(id(5)),
        ][which];
        let print = |stage: &Stage| format!("{:?}", stage.people.values().map(|p| &p.credentials).collect::<Vec<_>>());
        let before = print(&stage);
        stage.begin(about(Some("alice"), purpose));
        for act in &acts {
            play(&mut stage, act);
            prop_assert!(!matches!(stage.end, Some(Conclusion::Granted(..))));
            let done = matches!(stage.end, Some(Conclusion::Done(..)));
            // A new PIN may be the old one again, so a change need not show.
            prop_assert!(done || print(&stage) == before);
            prop_assert!(!done || stage.proven.iter().any(|(owner, _)| *owner == user("alice")));
            let bobs = &stage.people[&user("bob")].credentials;
            prop_assert!(bobs.len() == 1);
            if stage.end.is_some() {
                break;
            }
        }
    }
}

/// What a host may feed, right or wrong; `right` completes a password logon.
fn letter(index: usize, prompt: PromptId, run: CeremonyId, profile: &UserProfile) -> Input {
    let event = |change| DeviceEvent { device: device("pcsc:a"), kind: DeviceKind::Pcsc, change };
    let secret = || Answer::Secret(Secret::try_from("right".to_owned()).unwrap());
    match index {
        0 => Input::Begin,
        1 => Input::Profile(Some(Box::new(profile.clone()))),
        2 => Input::Answer(prompt, Some(secret())),
        3 => Input::Charged(Charged::Taken(Failures { count: 1, last: Timestamp::from_secs(1) })),
        4 => Input::Worked(run, WorkResult::Password(PasswordOutcome::Right)),
        5 => Input::Stored(Ok(None)),
        6 => Input::Device(event(DeviceChange::Inserted)),
        7 => Input::Owner(Ok(Some(profile.user.clone()))),
        8 => Input::Reply(run, Ok(Frame::new(vec![0x90]).unwrap())),
        9 => Input::Opened(run, Ok(())),
        10 => Input::Closed(run),
        11 => Input::Answer(prompt, None),
        12 => Input::Charged(Charged::Wait { seconds: 3 }),
        13 => Input::Charged(Charged::Failed),
        14 => Input::Worked(run, WorkResult::Password(PasswordOutcome::Wrong)),
        15 => Input::Stored(Err(StoreRefusal::Fault)),
        16 => Input::Noticed(event(DeviceChange::Removed)),
        17 => Input::Reply(run, Err(DeviceError::TokenGone)),
        18 => Input::Answer(prompt, Some(Answer::Choice("password".to_owned()))),
        19 => Input::Answer(prompt, Some(Answer::Text("alice".to_owned()))),
        20 => Input::Owner(Ok(None)),
        21 => Input::Profile(None),
        22 => Input::Reply(run, Ok(Frame::new(vec![1]).unwrap())),
        23 => Input::Answer(prompt, Some(Answer::Choice("smartcard".to_owned()))),
        24 => Input::Timer(Timer::Presence(run.0)),
        25 => Input::Device(event(DeviceChange::ReaderLost)),
        26 => Input::Owner(Err(StoreRefusal::Fault)),
        27 => Input::Worked(run, WorkResult::Failed),
        28 => Input::Answer(prompt, Some(Answer::Confirm(true))),
        _ => Input::Cancel,
    }
}

const LETTERS: usize = 30;

/// Watches one conversation whose host feeds what it likes.
struct Watcher {
    talk: Conversation,
    profile: UserProfile,
    prompt: Option<PromptId>,
    last_prompt: PromptId,
    last_run: CeremonyId,
    taken: usize,
    tries: usize,
    stored: bool,
    /// What was told and asked, as codes.
    log: Vec<&'static str>,
    end: Option<Conclusion>,
}

impl Watcher {
    fn new(drivers: &Arc<Drivers>, named: bool, purpose: Purpose, profile: UserProfile) -> Self {
        let mut request = about(named.then_some("alice"), purpose);
        request.drivers = Arc::clone(drivers);
        Self {
            talk: Conversation::new(request, Box::new(|| [4; 32])),
            profile,
            prompt: None,
            last_prompt: PromptId(0),
            last_run: CeremonyId(0),
            taken: 0,
            tries: 0,
            stored: false,
            log: Vec::new(),
            end: None,
        }
    }

    fn feed(&mut self, index: usize) {
        let input = letter(index, self.last_prompt, self.last_run, &self.profile);
        let fits = matches!(&input, Input::Answer(id, _) if self.prompt == Some(*id));
        let stored = matches!(input, Input::Stored(Ok(_)));
        if matches!(input, Input::Charged(Charged::Taken(_))) {
            self.taken += 1;
        }
        let cancels = matches!(input, Input::Answer(_, None));
        let outputs = self.talk.handle(Timestamp::from_secs(1), input);
        // An answered prompt is closed, unless the answer was of no kind that it takes.
        if fits && (cancels || !outputs.is_empty()) {
            self.prompt = None;
        }
        for output in outputs {
            assert!(self.end.is_none(), "{output:?} after the end");
            match output {
                Output::Tell(message) => self.log.push(message.code()),
                Output::Ask(id, prompt) => {
                    self.log.push(prompt.question.code());
                    assert!(self.prompt.is_none(), "two prompts");
                    (self.prompt, self.last_prompt) = (Some(id), id);
                }
                Output::Withdraw(id) => {
                    assert_eq!(self.prompt.take(), Some(id));
                }
                Output::Work(run, _) => {
                    self.last_run = run;
                    self.tries += 1;
                }
                Output::Exchange(run, _, frame) => {
                    self.last_run = run;
                    self.tries += usize::from(frame.expose().first() == Some(&2));
                }
                Output::Open(run, _) | Output::Close(run, _) => self.last_run = run,
                Output::Finish(end) => {
                    assert!(self.prompt.is_none(), "a prompt is open at the end");
                    assert!(!matches!(*end, Conclusion::Granted(..)) || (stored && self.profile.known));
                    self.end = Some(*end);
                }
                Output::Store(_) => self.stored = true,
                _ => {}
            }
            assert!(self.tries <= self.taken, "a try was looked at before it was counted");
        }
        let granted = matches!(self.end, Some(Conclusion::Granted(..) | Conclusion::Done(..)));
        assert!(!granted || (self.tries > 0 && self.stored));
    }
}

fn passwords() -> Arc<Drivers> {
    Arc::new(drivers(&[Method::Password]))
}

/// The seven inputs that a password logon needs grant; nothing does with one of them left out, with one or
/// two of them replaced by any other letter, and no sequence of up to three letters does.
#[test]
fn nothing_shorter_and_nothing_else_than_the_whole_way_grants() {
    let right = [0, 1, 2, 3, 4, 1, 5];
    let drivers = passwords();
    let run = |word: &[usize]| {
        let mut watcher =
            Watcher::new(&drivers, true, Purpose::Authenticate, profile("alice", rules(), vec![]));
        for index in word {
            watcher.feed(*index);
        }
        matches!(watcher.end, Some(Conclusion::Granted(..)))
    };
    assert!(run(&right));
    for at in 0..right.len() {
        let mut shorter = right.to_vec();
        shorter.remove(at);
        assert!(!run(&shorter), "without {at}");
        for other in (0..LETTERS).filter(|other| *other != right[at]) {
            let mut changed = right;
            changed[at] = other;
            assert!(!run(&changed), "{other} at {at}");
            for second in at + 1..right.len() {
                for another in (0..LETTERS).filter(|another| *another != right[second]) {
                    let mut changed = changed;
                    changed[second] = another;
                    assert!(!run(&changed), "{other} at {at}, {another} at {second}");
                }
            }
        }
    }
    for length in 1..=3_u32 {
        for mut number in 0..LETTERS.pow(length) {
            let mut word = Vec::new();
            for _ in 0..length {
                word.push(number % LETTERS);
                number /= LETTERS;
            }
            assert!(!run(&word), "{word:?}");
        }
    }
}

/// Proves: AUT-03
#[test]
fn a_card_that_is_gone_before_its_owners_records_are_there_tells_no_name() {
    let card = profile("alice", rules(), vec![credential(Method::Smartcard, 1)]);
    let drivers = Arc::new(drivers(&[Method::Smartcard, Method::Password]));
    let mut watcher = Watcher::new(&drivers, false, Purpose::Authenticate, card);
    // Begin, the card is inserted, opened, read, closed, its owner is found, it is removed, the records come.
    for index in [0, 6, 9, 22, 10, 7, 16, 1] {
        watcher.feed(index);
    }
    assert_eq!(watcher.log, ["user-name", "token-removed", "user-name"]);
    assert_eq!(watcher.talk.user(), None);
}

#[test]
fn the_answer_to_another_ceremony_is_no_answer() {
    let mut watcher =
        Watcher::new(&passwords(), true, Purpose::Authenticate, profile("alice", rules(), vec![]));
    for index in [0, 1, 2, 3] {
        watcher.feed(index);
    }
    let own = std::mem::replace(&mut watcher.last_run, CeremonyId(999));
    for index in [4, 8, 9, 10] {
        watcher.feed(index);
    }
    watcher.last_run = own;
    for index in [1, 5] {
        watcher.feed(index);
    }
    assert!(watcher.end.is_none() && !watcher.stored);
    for index in [4, 1, 5] {
        watcher.feed(index);
    }
    assert!(matches!(watcher.end, Some(Conclusion::Granted(..))));
}

/// A decoy passes through everything and is never granted, even by a host that says that all is right.
#[test]
fn a_decoy_is_not_granted_by_the_whole_way() {
    let decoy = UserProfile { known: false, ..profile("alice", rules(), vec![]) };
    let mut watcher = Watcher::new(&passwords(), true, Purpose::Authenticate, decoy);
    for index in [0, 1, 2, 3, 4, 1, 5] {
        watcher.feed(index);
    }
    assert!(matches!(watcher.end, Some(Conclusion::Denied(..))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// A host that feeds anything at any time gets no panic, no second prompt, no try that was not counted
    /// and no grant without a stored one.
    #[test]
    fn no_host_can_make_it_panic_or_grant_without_a_proof(
        named in any::<bool>(),
        known in any::<bool>(),
        which in 0..5_usize,
        word in prop::collection::vec((0..10_u8, 0..LETTERS), 0..60),
    ) {
        let purpose = [
            Purpose::Authenticate,
            Purpose::Enroll(Method::Smartcard),
            Purpose::Enroll(Method::Fingerprint),
            Purpose::ChangeSecret(Method::Fingerprint),
            Purpose::Delete(id(1)),
        ][which];
        let finger = crate::Credential { data: b"old".to_vec(), ..credential(Method::Fingerprint, 3) };
        let credentials = vec![credential(Method::Smartcard, 1), finger];
        let profile = UserProfile { known, ..profile("alice", rules(), credentials) };
        let drivers = Arc::new(drivers(&[Method::Smartcard, Method::Fingerprint, Method::Password]));
        let mut watcher = Watcher::new(&drivers, named, purpose, profile);
        watcher.feed(0);
        for (bias, index) in word {
            // Mostly what takes a conversation further; the rest is noise.
            watcher.feed(if bias < 7 { index % 12 } else { index });
        }
    }
}
