//! One conversation: from who somebody is to what is decided, as a state machine without I/O.

mod choose;
mod identify;
mod io;
mod manage;
mod run;
mod settle;
mod verify;

use std::{collections::BTreeSet, mem, time::Duration};

use signet_authn::{
    Answer, Binding, DeviceChange, DeviceEvent, DeviceKind, Enrolled, Prompt, PromptKind, Proof, StopReason,
    TokenIdentifier,
};
use signet_types::{DeviceId, Method, Timestamp, UserMessage, UserName};

pub use io::{
    CeremonyId, Change, Charge, Conclusion, Facts, GrantRecord, Input, NonceSource, Output, PromptId,
    Purpose, Request, StoreRefusal, Timer, Use,
};

use crate::{Circumstances, Evidence, Grant, UserProfile};
use identify::{Candidate, Search};
use manage::Question;
use run::Run;

/// How long a conversation may take (architecture.md, bounds).
const WHOLE: Duration = Duration::from_secs(120);
/// How long a token is waited for.
const PRESENCE: Duration = Duration::from_secs(60);
/// Wrong tries, and wrong names, after which a conversation ends (AUT-04).
const MISMATCHES: u32 = 3;
/// How often a ceremony is begun again because the token went away or was the wrong one.
const RESTARTS: u32 = 16;

/// The state machine of one authentication or enrolment.
///
/// The host feeds [`Input`]s and carries the [`Output`]s out in their order, until
/// [`Output::Finish`]. Between two inputs nothing happens in it.
pub struct Conversation {
    request: Request,
    nonces: NonceSource,
    now: Timestamp,
    profile: Option<UserProfile>,
    evidence: Vec<Evidence>,
    /// Methods that are not offered again: refused, blocked, broken, throttled.
    spent: BTreeSet<Method>,
    /// Devices that hold a token which is not the one that is wanted.
    shunned: BTreeSet<DeviceId>,
    /// What the person was told last of a method that was given up.
    problem: Option<UserMessage>,
    bad_names: u32,
    restarts: u32,
    /// The open prompt, and what answers it takes.
    asked: Option<(PromptId, PromptKind)>,
    serial: u32,
    facts: Facts,
    out: Vec<Output>,
    state: State,
}

/// Where the conversation stands; consumed by each input and made anew.
enum State {
    /// Nothing was fed yet.
    Fresh,
    /// The user name is asked for; a card may be presented instead.
    Naming(PromptId),
    /// Several tokens are present: which one?
    Picking(PromptId),
    /// A card is waited for instead of a name; with the timer's number.
    AwaitingCard(u32),
    /// A token tells who it is.
    Identifying(Run<TokenIdentifier>, Search),
    /// Its owner is looked up.
    LookingUp(Search),
    /// The user's records are loaded.
    Loading(UserName, Then),
    /// The method is asked for.
    Choosing(PromptId),
    /// A driver verifies.
    Verifying(Run<Proof>),
    /// A wrong try that asked for no secret is counted.
    Counting(Mismatch),
    /// The grant is stored; with the reason if the client gave up meanwhile.
    Granting(Grant, Option<UserMessage>),
    /// Authenticated: something about the change is asked.
    Asking(PromptId, Question),
    /// A driver enrols or changes a secret.
    Enrolling(Run<Enrolled>, Option<signet_types::CredentialId>),
    /// The owner of the token that is being enrolled is looked up.
    Owning(Enrolled),
    /// The change is stored.
    Changing(UserMessage, Option<signet_types::CredentialId>),
    /// Over.
    Over,
}

/// What the records are loaded for.
enum Then {
    /// To begin, with the token that told the user's name.
    Begin(Option<Candidate>),
    /// To decide by the rules in force now.
    Decide,
    /// To make the change by the rules in force now.
    Keep(Enrolled, Option<signet_types::CredentialId>),
    /// To delete by the rules in force now.
    Delete,
}

/// A wrong try.
struct Mismatch {
    method: Method,
    message: UserMessage,
    device: Option<DeviceId>,
}

impl Conversation {
    /// A conversation that has not begun. `nonces` gives fresh random bytes, one lot per ceremony.
    #[must_use]
    pub fn new(request: Request, nonces: NonceSource) -> Self {
        let facts = Facts { user: request.user.clone(), ..Facts::default() };
        Self {
            request,
            nonces,
            now: Timestamp::default(),
            profile: None,
            evidence: Vec::new(),
            spent: BTreeSet::new(),
            shunned: BTreeSet::new(),
            problem: None,
            bad_names: 0,
            restarts: 0,
            asked: None,
            serial: 0,
            facts,
            out: Vec::new(),
            state: State::Fresh,
        }
    }

    /// What started it.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Who it is about, as far as that is known.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        self.profile.as_ref().map(|profile| &profile.user).or(self.request.user.as_ref())
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Takes one input and tells what to do. After the end it answers nothing.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        self.now = now;
        if let Input::Device(event) | Input::Noticed(event) = &input {
            self.note(event);
        }
        if let Input::Answer(prompt, answer) = &input {
            if !self.is_answer(*prompt, answer.as_ref()) {
                return Vec::new();
            }
            self.asked = None;
        }
        let state = mem::replace(&mut self.state, State::Over);
        self.state = match input {
            Input::Cancel => self.abandon(state, StopReason::Cancelled),
            Input::ClientGone => self.abandon(state, StopReason::ClientGone),
            Input::Timer(Timer::Whole) => self.abandon(state, StopReason::TimedOut),
            input => self.advance(state, input),
        };
        mem::take(&mut self.out)
    }

    /// Whether the answer is one that the open prompt takes; the prompt stays open where it is not.
    fn is_answer(&self, prompt: PromptId, answer: Option<&Answer>) -> bool {
        let Some((open, kind)) = &self.asked else { return false };
        *open == prompt && answer.is_none_or(|answer| kind.takes(answer))
    }

    /// Whether this conversation waits for a token to be presented at such a device. The host gives an
    /// insertion to one such conversation as [`Input::Device`], to all others as [`Input::Noticed`]
    /// (security.md, R24). Removals concern everybody.
    #[must_use]
    pub fn claims(&self, event: &DeviceEvent) -> bool {
        if event.change != DeviceChange::Inserted {
            return false;
        }
        match &self.state {
            State::Naming(_) | State::Picking(_) | State::AwaitingCard(_) => {
                !self.identifying(event.kind).is_empty()
            }
            State::Choosing(_) => self.candidate_at(event.kind).is_some(),
            State::Verifying(run) => run.awaits(event.kind),
            State::Enrolling(run, _) => run.awaits(event.kind),
            _ => false,
        }
    }

    fn advance(&mut self, state: State, input: Input) -> State {
        match state {
            State::Fresh => match input {
                Input::Begin => self.begin(),
                _ => State::Fresh,
            },
            State::Naming(prompt) => self.naming(prompt, input),
            State::Picking(prompt) => self.picking(prompt, input),
            State::AwaitingCard(timer) => self.awaiting_card(timer, input),
            State::Identifying(run, search) => self.identifying_step(run, search, input),
            State::LookingUp(search) => self.looked_up(search, input),
            State::Loading(user, then) => self.loaded(user, then, input),
            State::Choosing(prompt) => self.choosing(prompt, input),
            State::Verifying(run) => self.verifying(run, input),
            State::Counting(mismatch) => self.counting(mismatch, &input),
            State::Granting(grant, gone) => self.granting(grant, gone, &input),
            State::Asking(prompt, question) => self.asking(prompt, question, input),
            State::Enrolling(run, credential) => self.enrolling(run, credential, input),
            State::Owning(enrolled) => self.owning(enrolled, input),
            State::Changing(message, credential) => self.changing(message, credential, &input),
            State::Over => State::Over,
        }
    }

    fn begin(&mut self) -> State {
        self.out.push(Output::SetTimer(Timer::Whole, WHOLE));
        match self.request.user.clone() {
            Some(user) => self.load(user, Then::Begin(None)),
            None => self.identify_present(),
        }
    }

    fn loaded(&mut self, user: UserName, then: Then, input: Input) -> State {
        let Input::Profile(profile) = input else { return State::Loading(user, then) };
        // Records of somebody else are as good as none.
        let Some(profile) = profile.filter(|profile| profile.user == user) else {
            self.facts.faults.push("the user's records cannot be read".to_owned());
            return self.unavailable(UserMessage::NotAuthenticated);
        };
        self.facts.user = Some(user);
        self.profile = Some(*profile);
        match then {
            Then::Begin(token) => {
                // Proofs are of one user.
                self.evidence.clear();
                self.begin_methods(token)
            }
            Then::Decide => self.decide_now(),
            Then::Keep(enrolled, credential) => self.keep(enrolled, credential),
            Then::Delete => self.delete(),
        }
    }

    /// Keeps track of what is present.
    fn note(&mut self, event: &DeviceEvent) {
        self.request.present.retain(|(_, device)| *device != event.device);
        self.shunned.remove(&event.device);
        if event.change == DeviceChange::Inserted {
            self.request.present.push((event.kind, event.device.clone()));
        }
    }

    /// Given up from outside. What is being stored is waited for: it cannot be taken back.
    fn abandon(&mut self, state: State, reason: StopReason) -> State {
        let message = match reason {
            StopReason::TimedOut => UserMessage::TimedOut,
            _ => UserMessage::Cancelled,
        };
        match state {
            State::Over => return State::Over,
            State::Changing(..) => return state,
            State::Granting(grant, gone) => return State::Granting(grant, gone.or(Some(message))),
            State::Naming(prompt)
            | State::Picking(prompt)
            | State::Choosing(prompt)
            | State::Asking(prompt, _) => {
                self.withdraw(prompt);
            }
            State::Identifying(run, _) => drop(self.stop(run, reason)),
            State::Verifying(run) => drop(self.stop(run, reason)),
            State::Enrolling(run, _) => drop(self.stop(run, reason)),
            _ => {}
        }
        if reason == StopReason::TimedOut { self.denied(message) } else { self.cancelled(message) }
    }

    fn tell(&mut self, message: UserMessage) {
        self.out.push(Output::Tell(message));
    }

    fn ask(&mut self, prompt: Prompt) -> PromptId {
        let id = PromptId(self.number());
        self.asked = Some((id, prompt.kind.clone()));
        self.out.push(Output::Ask(id, prompt));
        id
    }

    fn withdraw(&mut self, prompt: PromptId) {
        self.asked = None;
        self.out.push(Output::Withdraw(prompt));
    }

    fn load(&mut self, user: UserName, then: Then) -> State {
        self.out.push(Output::LoadUser(user.clone()));
        State::Loading(user, then)
    }

    /// Starts the timer for a token to be presented; gives its number.
    fn await_presence(&mut self) -> u32 {
        let number = self.number();
        self.out.push(Output::SetTimer(Timer::Presence(number), PRESENCE));
        number
    }

    fn number(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn binding(&self, user: UserName) -> Binding {
        Binding {
            user,
            service: self.request.service.clone(),
            machine: self.request.machine,
            conversation: self.request.id,
        }
    }

    fn circumstances<'a>(&'a self, profile: &'a UserProfile) -> Circumstances<'a> {
        Circumstances {
            drivers: &self.request.drivers,
            unavailable: &self.request.unavailable,
            profile,
            origin: self.request.origin,
        }
    }

    /// Devices of a kind that hold a token which may be the right one.
    fn present(&self, kind: DeviceKind) -> Vec<DeviceId> {
        let of_kind =
            self.request.present.iter().filter(|(k, device)| *k == kind && !self.shunned.contains(device));
        of_kind.map(|(_, device)| device.clone()).collect()
    }

    fn is_present(&self, device: &DeviceId) -> bool {
        self.request.present.iter().any(|(_, d)| d == device)
    }

    fn driver_kind(&self, method: Method) -> Option<DeviceKind> {
        self.request.drivers.get(method).and_then(|driver| driver.about().device)
    }

    fn finish(&mut self, end: impl FnOnce(Facts) -> Conclusion) -> State {
        let facts = mem::take(&mut self.facts);
        self.out.push(Output::Finish(Box::new(end(facts))));
        self.evidence.clear();
        State::Over
    }

    fn denied(&mut self, message: UserMessage) -> State {
        self.finish(|facts| Conclusion::Denied(message, facts))
    }

    fn cancelled(&mut self, message: UserMessage) -> State {
        self.finish(|facts| Conclusion::Cancelled(message, facts))
    }

    fn unavailable(&mut self, message: UserMessage) -> State {
        self.finish(|facts| Conclusion::Unavailable(message, facts))
    }
}

#[cfg(test)]
mod tests;
