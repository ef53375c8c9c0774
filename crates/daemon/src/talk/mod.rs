//! A conversation's life in the daemon: the pure machine of `signet-session` in the middle, the
//! client's events on one side, everything that waits (devices, store, hashing, timers) on the other.

mod begin;
mod carry_out;
mod conclude;

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    convert::Infallible,
    rc::Rc,
};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Aborted, LocalBoxFuture},
    stream::FuturesUnordered,
};
use signet_authn::{Answer, DeviceError, Prompt, PromptKind};
use signet_protocol::{
    Refusal, SecretText,
    wire::{Choice, Event, Kind, Notice, Outcome, authentication},
};
use signet_session::{CeremonyId, Conversation, Input, LockoutRule, PromptId};
use signet_types::{ConversationId, DeviceId, SessionId, UserMessage};
use tokio::sync::mpsc;

use crate::{
    arbiter::Entry,
    daemon::{Daemon, now},
    devices::Leased,
    peer::Peer,
};

/// One conversation. It ends, and gives back all that it holds, when it is dropped.
pub(crate) struct Talk {
    daemon: Rc<Daemon>,
    peer: Peer,
    id: ConversationId,
    conversation: Rc<RefCell<Conversation>>,
    /// The session that a grant of this conversation unlocks.
    unlocks: Option<SessionId>,
    work: FuturesUnordered<LocalBoxFuture<'static, Result<Done, Aborted>>>,
    running: HashMap<CeremonyId, Ceremony>,
    events: VecDeque<Event>,
    inputs: mpsc::UnboundedReceiver<Input>,
    prompt: Option<(PromptId, Prompt)>,
    /// The prompt that the client has been shown and has not answered yet.
    shown: Option<PromptId>,
    over: bool,
    /// When failures lock out, by the rules that were loaded last.
    lockout: LockoutRule,
    _entry: Entry,
}

/// What a ceremony holds.
#[derive(Default)]
struct Ceremony {
    leases: HashMap<DeviceId, Rc<Leased>>,
    aborts: Vec<AbortHandle>,
}

/// What came of something that was waited for.
enum Done {
    Fed(Input),
    Opened(CeremonyId, DeviceId, Result<Leased, DeviceError>),
    Concluded(Box<Outcome>),
}

impl Talk {
    /// The conversation's id.
    pub(crate) fn id(&self) -> ConversationId {
        self.id
    }

    /// Whether the outcome has been handed over.
    pub(crate) fn is_over(&self) -> bool {
        self.over && self.events.is_empty()
    }

    /// Whether nothing more comes before the client does something: a prompt is open and all that
    /// was to be told has been told, or it is over.
    pub(crate) fn needs_client(&self) -> bool {
        self.events.is_empty() && (self.over || self.prompt.is_some())
    }

    /// The next event for the client. May be dropped and called again without losing anything.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let Some(event) = self.events.pop_front() else {
                self.turn().await;
                continue;
            };
            if matches!(event, Event::Prompt(_)) {
                self.shown = self.prompt.as_ref().map(|(id, _)| *id);
            }
            return event;
        }
    }

    /// Goes on without a client that listens; events are kept for [`Talk::next`].
    pub(crate) async fn idle(&mut self) -> Infallible {
        loop {
            self.turn().await;
        }
    }

    /// Waits for one thing to happen and acts on it.
    async fn turn(&mut self) {
        let done = tokio::select! {
            Some(done) = self.work.next() => done,
            Some(input) = self.inputs.recv() => Ok(Done::Fed(input)),
            else => std::future::pending().await,
        };
        match done {
            Ok(Done::Fed(input)) => {
                if let Input::Profile(Some(profile)) = &input {
                    self.lockout = profile.rules.lockout;
                }
                self.feed(input);
            }
            Ok(Done::Opened(ceremony, device, opened)) => self.opened(ceremony, device, opened),
            Ok(Done::Concluded(outcome)) => {
                self.events.push_back(Event::Outcome(*outcome));
                self.over = true;
            }
            Err(Aborted) => {}
        }
    }

    fn opened(&mut self, ceremony: CeremonyId, device: DeviceId, opened: Result<Leased, DeviceError>) {
        let result = opened.map(|leased| {
            self.running.entry(ceremony).or_default().leases.insert(device, Rc::new(leased));
        });
        self.feed(Input::Opened(ceremony, result));
    }

    fn feed(&mut self, input: Input) {
        let outputs = self.conversation.borrow_mut().handle(now(), input);
        for output in outputs {
            self.carry_out(output);
        }
    }

    /// Takes the client's answer to the prompt that it was shown; without one the open prompt is cancelled.
    /// An answer to a prompt that was withdrawn meanwhile (a card was presented while a name was being
    /// typed) is thrown away: it must not be taken for the PIN that is asked for now.
    pub(crate) fn respond(&mut self, answer: Option<SecretText>) -> Result<(), Refusal> {
        let shown = self.shown.take().ok_or(authentication::Error::NoPromptOpen {})?;
        if answer.is_some() && self.prompt.as_ref().is_none_or(|(open, _)| *open != shown) {
            return Ok(());
        }
        let Some((id, prompt)) = self.prompt.take() else {
            self.cancel();
            return Ok(());
        };
        let answer = match answer.map(|text| parse(&prompt.kind, text)).transpose() {
            Ok(answer) => answer,
            Err(allowed) => {
                self.shown = Some(shown);
                self.prompt = Some((id, prompt));
                return Err(authentication::Error::BadAnswer { allowed }.into());
            }
        };
        self.feed(Input::Answer(id, answer));
        Ok(())
    }

    /// The client gives the whole conversation up; its outcome follows.
    pub(crate) fn cancel(&mut self) {
        self.feed(Input::Cancel);
    }

    /// The client is gone, or wants to hear no more: ends the conversation, waiting only for what is
    /// being stored and recorded.
    pub(crate) async fn abandon(mut self) {
        self.feed(Input::ClientGone);
        while !self.over {
            self.turn().await;
        }
    }

    fn tell(&mut self, message: &UserMessage) {
        self.events.push_back(Event::Notice(Notice::from(message)));
    }

    fn ask(&mut self, id: PromptId, prompt: Prompt) {
        self.events.push_back(Event::Prompt(wire(&prompt)));
        self.prompt = Some((id, prompt));
    }

    fn withdraw(&mut self, id: PromptId) {
        if self.prompt.as_ref().is_some_and(|(open, _)| *open == id) {
            self.prompt = None;
            // A prompt that the client has not seen yet is never shown.
            self.events.retain(|event| !matches!(event, Event::Prompt(_)));
        }
    }
}

/// Parses an answer as the prompt takes it; the error tells what is allowed.
fn parse(kind: &PromptKind, text: SecretText) -> Result<Answer, String> {
    match kind {
        PromptKind::Guess | PromptKind::NewSecret => {
            text.into_secret().map(Answer::Secret).map_err(|error| error.to_string())
        }
        PromptKind::Text if text.expose().len() <= 256 => Ok(Answer::Text(text.expose().to_owned())),
        PromptKind::Text => Err("at most 256 bytes".into()),
        PromptKind::Confirm => match text.expose() {
            "yes" => Ok(Answer::Confirm(true)),
            "no" => Ok(Answer::Confirm(false)),
            _ => Err("yes, no".into()),
        },
        PromptKind::Choice(choices) => {
            let ids = || choices.iter().map(|choice| choice.id.as_str()).collect::<Vec<_>>().join(", ");
            let chosen = choices.iter().find(|choice| choice.id == text.expose());
            chosen.map(|choice| Answer::Choice(choice.id.clone())).ok_or_else(ids)
        }
    }
}

fn wire(prompt: &Prompt) -> signet_protocol::wire::Prompt {
    let (kind, choices) = match &prompt.kind {
        PromptKind::Guess | PromptKind::NewSecret => (Kind::Secret, Vec::new()),
        PromptKind::Text => (Kind::Text, Vec::new()),
        PromptKind::Confirm => (Kind::Confirm, Vec::new()),
        PromptKind::Choice(choices) => (
            Kind::Choice,
            choices
                .iter()
                .map(|choice| Choice { id: choice.id.clone(), label: choice.label.clone() })
                .collect(),
        ),
    };
    signet_protocol::wire::Prompt {
        kind,
        code: prompt.question.code().to_owned(),
        text: prompt.question.to_string(),
        choices,
    }
}
