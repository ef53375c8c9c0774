//! Who it is: a token's word or a typed name (AUT-03).

use std::collections::VecDeque;

use signet_authn::{
    Answer, Choice, DeviceChange, DeviceEvent, DeviceKind, Failure, IdentifyRequest, Prompt, PromptKind,
    Question, StopReason, TokenIdentifier,
};
use signet_types::{DeviceId, Method, UserMessage, UserName};

use super::{
    Conversation, Input, MISMATCHES, Output, PromptId, State, StoreRefusal, Then, Timer,
    run::{Course, Fall, Run},
};
use crate::Origin;

/// A token and the method that may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) method: Method,
    pub(super) device: DeviceId,
}

/// The search for a token's owner: what is tried now, and what else the same token could be.
pub(super) struct Search {
    now: Candidate,
    rest: VecDeque<Candidate>,
}

/// The choice's line for typing a name instead.
const BY_NAME: &str = "user-name";

impl Conversation {
    /// The methods that could tell whose a token at such a device is.
    pub(super) fn identifying(&self, kind: DeviceKind) -> Vec<Method> {
        if self.request.origin == Origin::Remote {
            return Vec::new();
        }
        let methods = self.request.drivers.identifying(kind);
        let wanted = |m: &Method| self.request.method.is_none_or(|only| only == *m);
        methods.filter(|m| wanted(m) && !self.request.unavailable.contains(m)).collect()
    }

    fn identifiable(&self) -> Vec<DeviceId> {
        let present = self.request.present.iter();
        present.filter(|(kind, _)| !self.identifying(*kind).is_empty()).map(|(_, d)| d.clone()).collect()
    }

    /// With one token present it is asked who it is, with several the person, with none the person's name.
    pub(super) fn identify_present(&mut self) -> State {
        let devices = self.identifiable();
        match devices.as_slice() {
            [] => self.ask_name(),
            [device] => self.identify(device),
            devices => {
                let mut choices: Vec<_> =
                    devices.iter().map(|d| Choice { id: d.to_string(), label: d.to_string() }).collect();
                choices.push(Choice { id: BY_NAME.to_owned(), label: "Type a user name".to_owned() });
                let kind = PromptKind::Choice(choices);
                State::Picking(self.ask(Prompt { question: Question::Device, kind }))
            }
        }
    }

    fn ask_name(&mut self) -> State {
        State::Naming(self.ask(Prompt { question: Question::UserName, kind: PromptKind::Text }))
    }

    /// The name prompt is open.
    pub(super) fn naming(&mut self, prompt: PromptId, input: Input) -> State {
        match input {
            Input::Answer(_, answer) => match answer {
                None => self.cancelled(UserMessage::Cancelled),
                Some(Answer::Text(name)) if name.is_empty() => self.look_for_card(),
                Some(Answer::Text(name)) => self.named(&name),
                Some(_) => State::Naming(prompt),
            },
            Input::Device(event) if self.tells_a_name(&event) => {
                self.withdraw(prompt);
                self.identify(&event.device)
            }
            _ => State::Naming(prompt),
        }
    }

    fn tells_a_name(&self, event: &DeviceEvent) -> bool {
        event.change == DeviceChange::Inserted && !self.identifying(event.kind).is_empty()
    }

    fn named(&mut self, name: &str) -> State {
        match name.parse::<UserName>() {
            Ok(user) => self.load(user, Then::Begin(None)),
            Err(_) => self.bad_name(),
        }
    }

    fn bad_name(&mut self) -> State {
        self.bad_names += 1;
        if self.bad_names >= MISMATCHES {
            return self.denied(UserMessage::BadUserName);
        }
        self.tell(UserMessage::BadUserName);
        self.ask_name()
    }

    /// An empty name: the card that is there, or the next one. A front end that cannot be interrupted
    /// while it asks (PAM) comes this way.
    fn look_for_card(&mut self) -> State {
        if !self.identifiable().is_empty() {
            return self.identify_present();
        }
        let method = self.request.drivers.iter().map(|driver| driver.about()).find_map(|about| {
            let kind = about.device.filter(|_| about.identifies)?;
            self.identifying(kind).contains(&about.method).then_some(about.method)
        });
        let Some(method) = method else { return self.bad_name() };
        self.tell(UserMessage::PresentToken(method));
        State::AwaitingCard(self.await_presence())
    }

    pub(super) fn awaiting_card(&mut self, timer: u32, input: Input) -> State {
        match input {
            Input::Device(event) if self.tells_a_name(&event) => self.identify(&event.device),
            Input::Timer(Timer::Presence(number)) if number == timer => {
                self.tell(UserMessage::TimedOut);
                self.ask_name()
            }
            _ => State::AwaitingCard(timer),
        }
    }

    /// Several tokens are present and the choice is open.
    pub(super) fn picking(&mut self, prompt: PromptId, input: Input) -> State {
        match input {
            Input::Answer(_, answer) => match answer {
                None => self.cancelled(UserMessage::Cancelled),
                Some(Answer::Choice(id)) if id == BY_NAME => self.ask_name(),
                Some(Answer::Choice(id)) => {
                    let Some(device) = self.identifiable().into_iter().find(|d| d.as_str() == id) else {
                        self.tell(UserMessage::TokenRemoved);
                        return self.identify_present();
                    };
                    self.identify(&device)
                }
                Some(_) => State::Picking(prompt),
            },
            Input::Device(event) if self.tells_a_name(&event) => {
                self.withdraw(prompt);
                self.identify(&event.device)
            }
            _ => State::Picking(prompt),
        }
    }

    /// Asks the token at `device` who it is, as each method that could know.
    fn identify(&mut self, device: &DeviceId) -> State {
        let kind = self.request.present.iter().find(|(_, d)| d == device).map(|(kind, _)| *kind);
        let methods = kind.map(|kind| self.identifying(kind)).unwrap_or_default();
        let rest = methods.into_iter().map(|method| Candidate { method, device: device.clone() }).collect();
        self.search(rest, UserMessage::TokenRemoved)
    }

    /// Tries the next candidate; with none left tells `problem` and asks for the name.
    fn search(&mut self, mut rest: VecDeque<Candidate>, problem: UserMessage) -> State {
        let Some(now) = rest.pop_front() else {
            self.tell(problem);
            return self.ask_name();
        };
        let driver = self.request.drivers.get(now.method);
        let request = IdentifyRequest { device: now.device.clone() };
        let Some(ceremony) = driver.and_then(|driver| driver.identify(request)) else {
            return self.search(rest, problem);
        };
        let course = self.start(now.method, Some(now.device.clone()), ceremony);
        self.searched(course, Search { now, rest })
    }

    pub(super) fn identifying_step(
        &mut self,
        run: Run<TokenIdentifier>,
        search: Search,
        input: Input,
    ) -> State {
        let course = self.route(run, input);
        self.searched(course, search)
    }

    fn searched(&mut self, course: Course<TokenIdentifier>, search: Search) -> State {
        let end = match course {
            Course::Running(run) => return State::Identifying(run, search),
            Course::Ended(end) => end,
        };
        match end.result {
            Ok(identifier) => {
                self.out.push(Output::Lookup(identifier));
                State::LookingUp(search)
            }
            Err(Fall::Failure(Failure::Interrupted(StopReason::TokenRemoved))) => {
                self.search(VecDeque::new(), UserMessage::TokenRemoved)
            }
            Err(Fall::Failure(Failure::Interrupted(StopReason::Cancelled))) => {
                self.cancelled(UserMessage::Cancelled)
            }
            Err(Fall::Failure(
                Failure::Refused(message) | Failure::Mismatch(message) | Failure::Locked(message),
            )) => self.search(search.rest, message),
            Err(Fall::Failure(Failure::Fault(error))) => {
                self.facts.faults.push(error.to_string());
                self.search(search.rest, UserMessage::DeviceFault)
            }
            Err(_) => self.search(search.rest, UserMessage::DeviceFault),
        }
    }

    pub(super) fn looked_up(&mut self, search: Search, input: Input) -> State {
        match input {
            Input::Owner(Ok(Some(user))) => self.load(user, Then::Begin(Some(search.now))),
            Input::Owner(Ok(None) | Err(StoreRefusal::Gone)) => {
                self.search(search.rest, UserMessage::UnknownToken)
            }
            Input::Owner(Err(error)) => {
                self.facts.faults.push(error.to_string());
                self.unavailable(UserMessage::NotAuthenticated)
            }
            _ => State::LookingUp(search),
        }
    }

    /// The token cannot be used after all: the person is told and may come another way.
    pub(super) fn identify_again(&mut self, message: UserMessage) -> State {
        self.profile = None;
        self.facts.user = None;
        self.search(VecDeque::new(), message)
    }
}
