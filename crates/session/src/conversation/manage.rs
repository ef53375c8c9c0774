//! What follows an authentication that was asked for a change: enrol, change a secret, delete.

use signet_authn::{
    Answer, Choice, EnrollRequest, Enrolled, Failure, Prompt, PromptKind, Question as Asked, StopReason,
};
use signet_policy::EnrollmentDemand;
use signet_types::{CredentialId, Method, UserMessage};

use super::{
    Change, Conclusion, Conversation, Input, MISMATCHES, Output, PromptId, Purpose, RESTARTS, State,
    StoreRefusal, Then,
    run::{Course, End, Fall, Run},
};
use crate::Origin;

/// What is asked before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether another one is to be enrolled (ENR-09).
    AddAnother(Method),
    /// Whose secret is to be changed.
    WhichCredential(Method),
    /// Whether to delete.
    Delete,
}

impl Conversation {
    /// Whether the change is allowed by the records and rules that are loaded now; told before
    /// anybody is authenticated for nothing, and checked again before anything is stored.
    pub(super) fn check_purpose(&self) -> Result<(), UserMessage> {
        let Some(profile) = &self.profile else { return Err(UserMessage::NotAuthenticated) };
        match self.request.purpose {
            Purpose::Authenticate => Ok(()),
            Purpose::Enroll(method) => self.check_enabled(method),
            Purpose::ChangeSecret(method) => {
                self.check_enabled(method)?;
                if profile.has(method) { Ok(()) } else { Err(UserMessage::MethodNotEnrolled(method)) }
            }
            Purpose::Delete(id) => {
                let Some(credential) = profile.credential(id) else { return Err(UserMessage::NotPermitted) };
                let method = credential.method;
                let last = profile.credentials.iter().filter(|c| c.method == method).count() == 1;
                let rule = profile.rules.method(method);
                let required =
                    rule.is_some_and(|rule| rule.enabled && rule.demand == EnrollmentDemand::Required);
                if last && required { Err(UserMessage::LastOfRequiredMethod(method)) } else { Ok(()) }
            }
        }
    }

    /// A disabled method can be neither enrolled nor changed (ENA-04).
    fn check_enabled(&self, method: Method) -> Result<(), UserMessage> {
        let enabled = self.profile.as_ref().is_some_and(|profile| profile.rules.enables(method));
        let remote = self.request.origin == Origin::Remote && method.needs_local_seat();
        if self.request.drivers.get(method).is_none() || self.request.unavailable.contains(&method) || remote
        {
            Err(UserMessage::MethodUnavailable(method))
        } else if enabled {
            Ok(())
        } else {
            Err(UserMessage::MethodDisabled(method))
        }
    }

    /// The user is authenticated: the change begins.
    pub(super) fn change(&mut self) -> State {
        if let Err(message) = self.check_purpose() {
            return self.denied(message);
        }
        let Some(profile) = &self.profile else { return self.denied(UserMessage::NotAuthenticated) };
        match self.request.purpose {
            // Unreachable by construction, and harmless: nothing is granted here.
            Purpose::Authenticate => self.denied(UserMessage::NotAuthenticated),
            Purpose::Enroll(method) if profile.has(method) && self.takes_several(method) => {
                self.ask_before(Asked::AddAnother(method), PromptKind::Confirm, Question::AddAnother(method))
            }
            Purpose::Enroll(method) => self.enroll(method),
            Purpose::ChangeSecret(method) => {
                let of_method: Vec<_> = profile.credentials.iter().filter(|c| c.method == method).collect();
                match of_method.as_slice() {
                    [only] => {
                        let id = only.id;
                        self.change_secret(method, id)
                    }
                    several => {
                        let choices =
                            several.iter().map(|c| Choice { id: c.id.to_string(), label: c.label.clone() });
                        let kind = PromptKind::Choice(choices.collect());
                        self.ask_before(Asked::Credential, kind, Question::WhichCredential(method))
                    }
                }
            }
            Purpose::Delete(_) => self.ask_before(Asked::Delete, PromptKind::Confirm, Question::Delete),
        }
    }

    fn takes_several(&self, method: Method) -> bool {
        self.request.drivers.get(method).is_some_and(|driver| driver.about().several)
    }

    fn ask_before(&mut self, question: Asked, kind: PromptKind, why: Question) -> State {
        State::Asking(self.ask(Prompt { question, kind }), why)
    }

    pub(super) fn asking(&mut self, prompt: PromptId, question: Question, input: Input) -> State {
        let Input::Answer(_, answer) = input else { return State::Asking(prompt, question) };
        match (question, answer) {
            (_, None | Some(Answer::Confirm(false))) => self.cancelled(UserMessage::Cancelled),
            (Question::AddAnother(method), Some(Answer::Confirm(true))) => self.enroll(method),
            (Question::Delete, Some(Answer::Confirm(true))) => match self.user().cloned() {
                Some(user) => self.load(user, Then::Delete),
                None => self.denied(UserMessage::NotAuthenticated),
            },
            (Question::WhichCredential(method), Some(Answer::Choice(word))) => match word.parse() {
                Ok(id) => self.change_secret(method, id),
                Err(_) => State::Asking(prompt, question),
            },
            _ => State::Asking(prompt, question),
        }
    }

    fn enroll(&mut self, method: Method) -> State {
        let nonce = (self.nonces)();
        let (Some(profile), Some(driver)) = (&self.profile, self.request.drivers.get(method).cloned()) else {
            return self.denied(UserMessage::MethodUnavailable(method));
        };
        let present = self.driver_kind(method).map(|kind| self.present(kind)).unwrap_or_default();
        let request = EnrollRequest {
            binding: self.binding(profile.user.clone()),
            nonce,
            existing: profile.enrolled(method),
            settings: profile.rules.settings(method),
            now: self.now,
            present,
        };
        let course = self.start(method, None, driver.enroll(request));
        self.enrolled(course, None)
    }

    fn change_secret(&mut self, method: Method, credential: CredentialId) -> State {
        let driver = self.request.drivers.get(method).cloned();
        let Some(mut request) = self.verify_request(method, None) else {
            return self.denied(UserMessage::NotAuthenticated);
        };
        request.credentials.retain(|c| c.id == credential);
        if request.credentials.is_empty() {
            return self.denied(UserMessage::NotPermitted);
        }
        match driver.and_then(|driver| driver.change_secret(request)) {
            Some(ceremony) => {
                let course = self.start(method, None, ceremony);
                self.enrolled(course, Some(credential))
            }
            // A card's own PIN, for example, is not Signet's to change (MET-10).
            None => self.denied(UserMessage::NotPermitted),
        }
    }

    pub(super) fn enrolling(
        &mut self,
        run: Run<Enrolled>,
        credential: Option<CredentialId>,
        input: Input,
    ) -> State {
        let course = self.route(run, input);
        self.enrolled(course, credential)
    }

    fn enrolled(&mut self, course: Course<Enrolled>, credential: Option<CredentialId>) -> State {
        let End { method, result, .. } = match course {
            Course::Running(run) => return State::Enrolling(run, credential),
            Course::Ended(end) => end,
        };
        let failure = match result {
            Ok(enrolled) => {
                return match self.user().cloned() {
                    Some(user) => self.load(user, Then::Keep(enrolled, credential)),
                    None => self.denied(UserMessage::NotAuthenticated),
                };
            }
            Err(Fall::Failure(failure)) => failure,
            Err(Fall::Throttled(seconds)) => return self.denied(UserMessage::TryLater { seconds }),
            Err(Fall::NotCounted) => {
                self.facts.faults.push("a try could not be counted".to_owned());
                return self.unavailable(UserMessage::NotAuthenticated);
            }
        };
        match failure {
            Failure::Mismatch(message) => {
                self.facts.mismatches += 1;
                if self.facts.mismatches >= MISMATCHES {
                    return self.denied(message);
                }
                self.tell(message);
                self.change_again(method, credential)
            }
            Failure::Refused(message) | Failure::Locked(message) => self.denied(message),
            Failure::Interrupted(StopReason::TokenRemoved) if self.restarts < RESTARTS => {
                self.restarts += 1;
                self.tell(UserMessage::TokenRemoved);
                self.change_again(method, credential)
            }
            Failure::Interrupted(StopReason::TokenRemoved) => self.denied(UserMessage::TokenRemoved),
            Failure::Interrupted(StopReason::TimedOut) => self.denied(UserMessage::TimedOut),
            Failure::Interrupted(_) => self.cancelled(UserMessage::Cancelled),
            Failure::Fault(error) => {
                self.facts.faults.push(error.to_string());
                self.unavailable(UserMessage::DeviceFault)
            }
        }
    }

    fn change_again(&mut self, method: Method, credential: Option<CredentialId>) -> State {
        match credential {
            Some(credential) => self.change_secret(method, credential),
            None => self.enroll(method),
        }
    }

    /// The ceremony is complete; by the rules in force now its result is kept or not (ENR-10).
    pub(super) fn keep(&mut self, enrolled: Enrolled, credential: Option<CredentialId>) -> State {
        if let Err(message) = self.check_purpose() {
            return self.denied(message);
        }
        let Some(profile) = self.profile.as_ref().filter(|profile| profile.known) else {
            return self.denied(UserMessage::NotAuthenticated);
        };
        match (self.request.purpose, credential) {
            (Purpose::Enroll(_), None) => match enrolled.identifier.clone() {
                Some(identifier) => {
                    self.out.push(Output::Lookup(identifier));
                    State::Owning(enrolled)
                }
                None => self.insert(enrolled),
            },
            (_, Some(credential)) if profile.credential(credential).is_some() => {
                let user = profile.user.clone();
                self.out.push(Output::Store(Change::Replace { user, credential, enrolled }));
                State::Changing(UserMessage::SecretChanged, Some(credential))
            }
            _ => self.denied(UserMessage::NotPermitted),
        }
    }

    pub(super) fn owning(&mut self, enrolled: Enrolled, input: Input) -> State {
        let Input::Owner(owner) = input else { return State::Owning(enrolled) };
        let method = self.facts.method;
        match (owner, method) {
            (Ok(None), _) => self.insert(enrolled),
            (Ok(Some(owner)), Some(method)) if self.user() == Some(&owner) => {
                self.own_token(enrolled, method)
            }
            (Ok(Some(_)), _) => self.denied(UserMessage::TokenOfAnotherUser),
            (Err(error), _) => {
                self.facts.faults.push(error.to_string());
                self.unavailable(UserMessage::NotAuthenticated)
            }
        }
    }

    /// The user's own token: replaced where the method has one enrolment, refused as a second one.
    fn own_token(&mut self, enrolled: Enrolled, method: Method) -> State {
        if self.takes_several(method) {
            self.denied(UserMessage::AlreadyEnrolled(method))
        } else {
            self.insert(enrolled)
        }
    }

    fn insert(&mut self, enrolled: Enrolled) -> State {
        let (Purpose::Enroll(method), Some(profile)) = (self.request.purpose, &self.profile) else {
            return self.denied(UserMessage::NotAuthenticated);
        };
        let replaces = if self.takes_several(method) {
            Vec::new()
        } else {
            profile.credentials.iter().filter(|c| c.method == method).map(|c| c.id).collect()
        };
        let user = profile.user.clone();
        self.out.push(Output::Store(Change::Insert { user, method, enrolled, replaces }));
        State::Changing(UserMessage::Enrolled(method), None)
    }

    pub(super) fn delete(&mut self) -> State {
        if let Err(message) = self.check_purpose() {
            return self.denied(message);
        }
        let (Purpose::Delete(credential), Some(profile)) = (self.request.purpose, &self.profile) else {
            return self.denied(UserMessage::NotAuthenticated);
        };
        let user = profile.user.clone();
        self.out.push(Output::Store(Change::Delete { user, credential }));
        State::Changing(UserMessage::Deleted, Some(credential))
    }

    pub(super) fn changing(
        &mut self,
        message: UserMessage,
        credential: Option<CredentialId>,
        input: &Input,
    ) -> State {
        let Input::Stored(stored) = input else { return State::Changing(message, credential) };
        match stored {
            Ok(new) => self.done(message, credential.or(*new)),
            Err(StoreRefusal::OwnedByAnother) => self.denied(UserMessage::TokenOfAnotherUser),
            Err(StoreRefusal::Gone) => self.denied(UserMessage::NotPermitted),
            Err(error) => {
                self.facts.faults.push(error.to_string());
                self.unavailable(UserMessage::NotAuthenticated)
            }
        }
    }

    fn done(&mut self, message: UserMessage, credential: Option<CredentialId>) -> State {
        self.facts.credential = credential;
        self.finish(|facts| Conclusion::Done(message, facts))
    }
}
