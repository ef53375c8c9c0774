use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use signet_authn::{
    Answer, DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame, Matched, PasswordOutcome, Prompt,
    PromptKind, Verifier, Work, WorkResult,
};
use signet_types::{ConversationId, CredentialId, DeviceId, GrantId, Method, Secret, Timestamp, UserName};

use super::{device, drivers, rules, user};
use crate::{
    CeremonyId, Change, Charged, Conclusion, Conversation, Credential, Failures, Input, Origin, Output,
    PromptId, Purpose, Request, StoreRefusal, Timer, UserProfile,
};

/// A token: who it says that it is, and its PIN. A copy says the same and fails to prove it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) who: u8,
    pub(crate) pin: &'static str,
    pub(crate) copy: bool,
    pub(crate) blocked: bool,
}

impl Token {
    pub(crate) fn new(who: u8) -> Self {
        Self { who, pin: "1234", copy: false, blocked: false }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing can be stored.
    Store,
    /// Devices answer nothing.
    Devices,
    /// Look-ups find nobody.
    Blind,
    /// The client cancels while the store writes.
    CancelInStore,
}

/// A host for one conversation: it carries the outputs out at once, keeps records, and checks what holds
/// for every conversation: one prompt at a time, every try counted first, nothing after the end.
pub(crate) struct Stage {
    pub(crate) people: BTreeMap<UserName, UserProfile>,
    pub(crate) passwords: BTreeMap<UserName, &'static str>,
    pub(crate) readers: BTreeMap<DeviceId, (DeviceKind, Option<Token>)>,
    pub(crate) now: Timestamp,
    pub(crate) trouble: Option<Trouble>,
    /// Readers whose token is gone without an event yet.
    pub(crate) ghosts: BTreeSet<DeviceId>,
    /// What was told and asked, as codes.
    pub(crate) log: Vec<String>,
    pub(crate) prompt: Option<(PromptId, Prompt)>,
    pub(crate) timers: Vec<Timer>,
    pub(crate) end: Option<Conclusion>,
    /// What was really proven to the stage: whose password or card PIN was right.
    pub(crate) proven: Vec<(UserName, Method)>,
    pub(crate) charges: Vec<(UserName, Method)>,
    pub(crate) tries: usize,
    pub(crate) changes: usize,
    open: BTreeSet<(CeremonyId, DeviceId)>,
    pub(crate) talk: Option<Conversation>,
}

pub(crate) fn about(user_name: Option<&str>, purpose: Purpose) -> Request {
    Request {
        id: ConversationId::from_bytes([7; 16]),
        grant: GrantId::from_bytes([8; 16]),
        user: user_name.map(user),
        service: "login".parse().unwrap(),
        origin: Origin::Local,
        machine: [9; 16],
        method: None,
        purpose,
        drivers: Arc::new(drivers(&[
            Method::Smartcard,
            Method::Proximity,
            Method::Fido2,
            Method::Fingerprint,
            Method::Password,
        ])),
        unavailable: BTreeSet::new(),
        present: Vec::new(),
    }
}

pub(crate) fn named(name: &str) -> Request {
    about(Some(name), Purpose::Authenticate)
}

pub(crate) fn unnamed() -> Request {
    about(None, Purpose::Authenticate)
}

impl Stage {
    /// Alice has the given credentials and the password "right"; bob has card 20; readers a and b for
    /// smart cards, one for proximity cards and one for keys, all empty.
    pub(crate) fn new(credentials: Vec<Credential>) -> Self {
        let people = [
            super::profile("alice", rules(), credentials),
            super::profile("bob", rules(), vec![super::credential(Method::Smartcard, 20)]),
        ];
        let readers = [
            ("pcsc:a", DeviceKind::Pcsc),
            ("pcsc:b", DeviceKind::Pcsc),
            ("nfc:n", DeviceKind::Nfc),
            ("hid:h", DeviceKind::Hid),
        ];
        Self {
            people: people.map(|p| (p.user.clone(), p)).into(),
            passwords: [(user("alice"), "right"), (user("bob"), "bobs")].into(),
            readers: readers.map(|(name, kind)| (device(name), (kind, None))).into(),
            now: Timestamp::from_secs(1_000_000),
            trouble: None,
            ghosts: BTreeSet::new(),
            log: Vec::new(),
            prompt: None,
            timers: Vec::new(),
            end: None,
            proven: Vec::new(),
            charges: Vec::new(),
            tries: 0,
            changes: 0,
            open: BTreeSet::new(),
            talk: None,
        }
    }

    pub(crate) fn alice(&mut self) -> &mut UserProfile {
        self.people.get_mut(&user("alice")).unwrap()
    }

    /// Starts a conversation in the world as it is.
    pub(crate) fn begin(&mut self, mut request: Request) {
        let tokens = self.readers.iter().filter(|(_, (_, token))| token.is_some());
        request.present = tokens.map(|(device, (kind, _))| (*kind, device.clone())).collect();
        self.talk = Some(Conversation::new(request, Box::new(|| [3; 32])));
        (self.end, self.prompt) = (None, None);
        self.proven.clear();
        self.charges.clear();
        self.tries = 0;
        self.log.clear();
        self.feed(Input::Begin);
    }

    /// Answers the open prompt with an answer of its kind.
    pub(crate) fn answer(&mut self, text: &str) {
        let (id, prompt) = self.prompt.clone().expect("a prompt is open");
        let answer = match prompt.kind {
            PromptKind::Guess | PromptKind::NewSecret => {
                Answer::Secret(Secret::try_from(text.to_owned()).unwrap())
            }
            PromptKind::Text => Answer::Text(text.to_owned()),
            PromptKind::Confirm => Answer::Confirm(text == "yes"),
            PromptKind::Choice(_) => Answer::Choice(text.to_owned()),
        };
        if prompt.kind.takes(&answer) {
            self.prompt = None;
        }
        self.feed(Input::Answer(id, Some(answer)));
    }

    /// Cancels the open prompt.
    pub(crate) fn cancel(&mut self) {
        let (id, _) = self.prompt.take().expect("a prompt is open");
        self.feed(Input::Answer(id, None));
    }

    pub(crate) fn insert(&mut self, name: &str, token: Token) {
        let at = device(name);
        let kind = self.readers[&at].0;
        self.readers.insert(at.clone(), (kind, Some(token)));
        self.event(at, kind, DeviceChange::Inserted);
    }

    /// Puts a token into a reader before a conversation begins.
    pub(crate) fn insert_quietly(&mut self, name: &str, token: Token) {
        self.readers.get_mut(&device(name)).unwrap().1 = Some(token);
    }

    /// The right PIN is given and the credential is deleted before the proof is decided on.
    pub(crate) fn proven_after_deletion(&mut self) {
        self.alice().credentials.clear();
        self.answer("1234");
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let at = device(name);
        let kind = self.readers[&at].0;
        self.readers.insert(at.clone(), (kind, None));
        self.event(at, kind, DeviceChange::Removed);
    }

    fn event(&mut self, at: DeviceId, kind: DeviceKind, change: DeviceChange) {
        let event = DeviceEvent { device: at, kind, change };
        let Some(talk) = &self.talk else { return };
        let claims = talk.claims(&event);
        assert!(!claims || change == DeviceChange::Inserted);
        self.feed(if claims { Input::Device(event) } else { Input::Noticed(event) });
    }

    /// Runs out the timer that was set last of all that `wanted` names.
    pub(crate) fn time_out(&mut self, wanted: fn(Timer) -> bool) {
        if let Some(timer) = self.timers.iter().rev().copied().find(|t| wanted(*t)) {
            self.feed(Input::Timer(timer));
        }
    }

    pub(crate) fn asked(&self) -> Option<&'static str> {
        self.prompt.as_ref().map(|(_, prompt)| prompt.question.code())
    }

    /// The conclusion in words: its kind and its message's code.
    pub(crate) fn ended(&self) -> (&'static str, &'static str) {
        let end = self.end.as_ref().unwrap_or_else(|| panic!("not ended: {:?}", self.log));
        let kind = match end {
            Conclusion::Granted(..) => "granted",
            Conclusion::Done(..) => "done",
            Conclusion::Denied(..) => "denied",
            Conclusion::Cancelled(..) => "cancelled",
            Conclusion::Unavailable(..) => "unavailable",
        };
        (kind, end.message().code())
    }

    pub(crate) fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut rounds = 0;
        while let Some(input) = inputs.pop_front() {
            rounds += 1;
            assert!(rounds < 2_000, "the conversation goes in circles: {:?}", self.log);
            let mut talk = self.talk.take().expect("a conversation was begun");
            let outputs = talk.handle(self.now, input);
            assert_eq!(
                talk.is_over(),
                self.end.is_some() || matches!(outputs.last(), Some(Output::Finish(_)))
            );
            self.talk = Some(talk);
            for output in outputs {
                let last = matches!(output, Output::Store(Change::Insert { .. }))
                    || matches!(output, Output::Store(Change::Grant(_))) && self.grants_end();
                if self.trouble == Some(Trouble::CancelInStore) && last {
                    inputs.push_back(Input::Cancel);
                }
                assert!(self.end.is_none(), "{output:?} after the end");
                inputs.extend(self.carry_out(output));
            }
        }
    }

    fn grants_end(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.request().purpose == Purpose::Authenticate)
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Tell(message) => self.log.push(message.code().to_owned()),
            Output::Ask(id, prompt) => {
                assert!(self.prompt.is_none(), "{prompt:?} while {:?} is open", self.prompt);
                let choices = match &prompt.kind {
                    PromptKind::Choice(choices) => {
                        let ids: Vec<_> = choices.iter().map(|c| c.id.as_str()).collect();
                        format!("[{}]", ids.join(","))
                    }
                    _ => String::new(),
                };
                self.log.push(format!("?{}{choices}", prompt.question.code()));
                self.prompt = Some((id, prompt));
            }
            Output::Withdraw(id) => {
                let (open, _) = self.prompt.take().expect("a withdrawn prompt was open");
                assert_eq!(open, id);
            }
            Output::Open(run, at) => {
                let there = self.readers[&at].1.is_some() && !self.ghosts.contains(&at);
                self.open.insert((run, at));
                return Some(Input::Opened(run, if there { Ok(()) } else { Err(DeviceError::TokenGone) }));
            }
            Output::Exchange(run, at, frame) => {
                assert!(self.open.contains(&(run, at.clone())), "{at} is not held");
                return Some(Input::Reply(run, self.token_answers(&at, frame.expose())));
            }
            Output::Close(run, at) => {
                assert!(self.open.remove(&(run, at)));
                return Some(Input::Closed(run));
            }
            Output::Work(run, work) => return Some(Input::Worked(run, self.work(work))),
            Output::End(run) => self.open.retain(|(id, _)| *id != run),
            Output::LoadUser(name) => return Some(Input::Profile(Some(Box::new(self.load(&name))))),
            Output::Lookup(identifier) => {
                let owner =
                    self.owner(identifier.as_bytes()).filter(|_| self.trouble != Some(Trouble::Blind));
                return Some(Input::Owner(Ok(owner)));
            }
            Output::Charge(charge) => return Some(Input::Charged(self.charge(charge.user, charge.method))),
            Output::Store(change) => return Some(Input::Stored(self.store(change))),
            Output::SetTimer(timer, after) => {
                assert!(!after.is_zero());
                self.timers.push(timer);
            }
            Output::Finish(end) => {
                assert!(self.prompt.is_none(), "a prompt is open at the end");
                assert!(self.open.is_empty(), "a device is held at the end");
                self.end = Some(*end);
            }
        }
        None
    }

    fn load(&self, name: &UserName) -> UserProfile {
        self.people
            .get(name)
            .cloned()
            .unwrap_or_else(|| UserProfile { known: false, ..super::profile(name.as_str(), rules(), vec![]) })
    }

    pub(crate) fn owner(&self, who: &[u8]) -> Option<UserName> {
        let of_token = |c: &Credential| c.method.is_token() && c.data == who;
        let owner = self.people.values().find(|p| p.credentials.iter().any(of_token));
        owner.map(|profile| profile.user.clone())
    }

    /// One try more may be looked at only after it was counted.
    fn try_made(&mut self) {
        self.tries += 1;
        assert!(self.tries <= self.charges.len(), "a try was looked at before it was counted");
    }

    fn token_answers(&mut self, at: &DeviceId, frame: &[u8]) -> Result<Frame, DeviceError> {
        if self.trouble == Some(Trouble::Devices) {
            return Err(DeviceError::TimedOut);
        }
        let token = self.readers[at].1.clone().ok_or(DeviceError::TokenGone)?;
        let reply = match frame {
            [1] => vec![token.who],
            [3] if token.copy => vec![0x63],
            [3] => {
                self.prove(&token, Method::Fido2);
                vec![0x90]
            }
            [2, pin @ ..] => {
                self.try_made();
                if token.blocked {
                    vec![0x69]
                } else if pin == token.pin.as_bytes() && !token.copy {
                    let method =
                        if at.as_str().starts_with("nfc") { Method::Proximity } else { Method::Smartcard };
                    self.prove(&token, method);
                    vec![0x90]
                } else {
                    vec![0x63]
                }
            }
            _ => vec![],
        };
        Ok(Frame::new(reply).unwrap())
    }

    fn prove(&mut self, token: &Token, method: Method) {
        if let Some(owner) = self.owner(&[token.who]) {
            self.proven.push((owner, method));
        }
    }

    fn work(&mut self, work: Work) -> WorkResult {
        match work {
            Work::SystemPassword(name, secret) => {
                self.try_made();
                let right = self.passwords.get(&name).is_some_and(|p| secret.expose() == p.as_bytes());
                if right {
                    self.proven.push((name, Method::Password));
                }
                WorkResult::Password(if right { PasswordOutcome::Right } else { PasswordOutcome::Wrong })
            }
            Work::Compare(secret, verifier) => {
                self.try_made();
                let right = secret.expose() == verifier.as_str().as_bytes();
                if right {
                    self.proven.push((user("alice"), Method::Fingerprint));
                }
                WorkResult::Compared(if right { Matched::Yes } else { Matched::No })
            }
            Work::Hash(secret) => {
                WorkResult::Hashed(Verifier::new(String::from_utf8_lossy(secret.expose()).into_owned()))
            }
            Work::ChangeSystemPassword(..) => WorkResult::Failed,
        }
    }

    fn charge(&mut self, name: UserName, method: Method) -> Charged {
        let mut nobody = BTreeMap::new();
        let (failures, rule) = match self.people.get_mut(&name) {
            Some(profile) => (&mut profile.failures, profile.rules.lockout),
            None => (&mut nobody, rules().lockout),
        };
        let charged = failures.get(&method).copied().unwrap_or_default().charge(&rule, self.now);
        if let Charged::Taken(counter) = charged {
            if self.trouble == Some(Trouble::Store) {
                return Charged::Failed;
            }
            failures.insert(method, counter);
            self.charges.push((name, method));
        }
        charged
    }

    fn store(&mut self, change: Change) -> Result<Option<CredentialId>, StoreRefusal> {
        if self.trouble == Some(Trouble::Store) {
            return Err(StoreRefusal::Fault);
        }
        self.changes += 1;
        match change {
            Change::Grant(record) => {
                let profile = self.people.get_mut(record.grant.user()).ok_or(StoreRefusal::Gone)?;
                profile.last_method = Some(record.grant.method());
                profile.failures.retain(|method, _| !record.clear.contains(method));
                let gone = record.used.iter().any(|u| profile.credential(u.credential).is_none());
                if gone { Err(StoreRefusal::Gone) } else { Ok(None) }
            }
            Change::Insert { user, method, enrolled, replaces } => {
                let owner = enrolled.identifier.as_ref().and_then(|i| self.owner(i.as_bytes()));
                if owner.is_some_and(|owner| owner != user) {
                    return Err(StoreRefusal::OwnedByAnother);
                }
                let profile = self.people.get_mut(&user).ok_or(StoreRefusal::Gone)?;
                profile.credentials.retain(|c| !replaces.contains(&c.id));
                let byte = 100 + u8::try_from(profile.credentials.len()).unwrap();
                let new =
                    Credential { id: super::id(byte), method, label: enrolled.kind, data: enrolled.data };
                profile.credentials.push(new);
                profile.failures.remove(&method);
                Ok(Some(super::id(byte)))
            }
            Change::Replace { user, credential, enrolled } => {
                let profile = self.people.get_mut(&user).ok_or(StoreRefusal::Gone)?;
                let found = profile.credentials.iter_mut().find(|c| c.id == credential);
                found.ok_or(StoreRefusal::Gone)?.data = enrolled.data;
                Ok(None)
            }
            Change::Delete { user, credential } => {
                let profile = self.people.get_mut(&user).ok_or(StoreRefusal::Gone)?;
                profile.credential(credential).ok_or(StoreRefusal::Gone)?;
                profile.credentials.retain(|c| c.id != credential);
                Ok(None)
            }
        }
    }

    pub(crate) fn fail_a_try(&mut self, method: Method, count: u32) {
        let last = self.now;
        self.alice().failures.insert(method, Failures { count, last });
    }
}
