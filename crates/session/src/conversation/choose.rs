//! Which method: offered ones only, the last used first (AUT-01).

use signet_authn::{Answer, Choice, DeviceChange, DeviceKind, Prompt, PromptKind, Question};
use signet_types::{Method, UserMessage};

use super::{Conversation, Input, PromptId, State, identify::Candidate};
use crate::{Reason, offered, standing};

impl Conversation {
    /// The methods that may still be tried: offered, not given up, not proven already.
    pub(super) fn candidates(&self) -> Vec<Method> {
        let Some(profile) = &self.profile else { return Vec::new() };
        let proven = |m: Method| self.evidence.iter().any(|item| item.method == m);
        let wanted = |m: Method| self.request.method.is_none_or(|only| only == m);
        let methods = offered(self.circumstances(profile)).into_iter();
        methods.filter(|m| wanted(*m) && !self.spent.contains(m) && !proven(*m)).collect()
    }

    /// The first candidate that a token at such a device could serve.
    pub(super) fn candidate_at(&self, kind: DeviceKind) -> Option<Method> {
        self.candidates().into_iter().find(|m| m.is_token() && self.driver_kind(*m) == Some(kind))
    }

    /// The user's records are there for the first time.
    pub(super) fn begin_methods(&mut self, token: Option<Candidate>) -> State {
        if let Err(message) = self.check_purpose() {
            return self.denied(message);
        }
        if let Some(token) = token {
            return self.begin_with_token(token);
        }
        if let (Some(method), Some(profile)) = (self.request.method, &self.profile)
            && let Err(reason) = standing(self.circumstances(profile), method)
        {
            let message = reason.message(method);
            return match reason {
                Reason::Unavailable => self.unavailable(message),
                _ => self.denied(message),
            };
        }
        self.choose()
    }

    fn begin_with_token(&mut self, token: Candidate) -> State {
        if !self.is_present(&token.device) {
            return self.identify_again(UserMessage::TokenRemoved);
        }
        let Some(profile) = &self.profile else { return self.nothing_left() };
        match standing(self.circumstances(profile), token.method) {
            Ok(()) => self.verify(token.method, Some(token.device)),
            // ENA-06: the person is told that the method is disabled.
            Err(reason) => self.identify_again(reason.message(token.method)),
        }
    }

    /// Goes straight to the method where there is nothing to choose, or where the token of the first one is there.
    pub(super) fn choose(&mut self) -> State {
        let candidates = self.candidates();
        match candidates.as_slice() {
            [] => self.nothing_left(),
            [only] => self.verify(*only, None),
            [first, ..] => {
                let kind = self.driver_kind(*first).filter(|_| first.is_token());
                if kind.is_some_and(|kind| !self.present(kind).is_empty()) {
                    return self.verify(*first, None);
                }
                self.ask_method(&candidates)
            }
        }
    }

    /// After a method was left: the choice is shown, even where a token is there.
    pub(super) fn choose_again(&mut self) -> State {
        let candidates = self.candidates();
        match candidates.as_slice() {
            [] | [_] => self.choose(),
            candidates => self.ask_method(candidates),
        }
    }

    fn ask_method(&mut self, methods: &[Method]) -> State {
        let choices = methods.iter().map(|m| Choice { id: m.to_string(), label: m.to_string() });
        let kind = PromptKind::Choice(choices.collect());
        State::Choosing(self.ask(Prompt { question: Question::Method, kind }))
    }

    pub(super) fn choosing(&mut self, prompt: PromptId, input: Input) -> State {
        match input {
            Input::Answer(_, None) => self.cancelled(UserMessage::Cancelled),
            Input::Answer(_, Some(Answer::Choice(word))) => {
                let chosen = self.candidates().into_iter().find(|m| m.as_str() == word);
                chosen.map_or(State::Choosing(prompt), |method| self.verify(method, None))
            }
            Input::Device(event) if event.change == DeviceChange::Inserted => {
                // Presenting a token is a choice too (RAU-01).
                let Some(method) = self.candidate_at(event.kind) else { return State::Choosing(prompt) };
                self.withdraw(prompt);
                self.verify(method, Some(event.device))
            }
            _ => State::Choosing(prompt),
        }
    }

    /// No method is left. What broke is no decision about the person.
    pub(super) fn nothing_left(&mut self) -> State {
        let broken = !self.facts.faults.is_empty() && self.facts.charged == 0 && self.facts.mismatches == 0;
        let message = self.problem.take().unwrap_or(UserMessage::NoMethodLeft);
        if broken { self.unavailable(message) } else { self.denied(message) }
    }
}
