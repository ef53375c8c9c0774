//! One method's turn: throttle, ceremony, and what its end means.

use signet_authn::{Failure, Proof, StopReason, VerifyRequest};
use signet_types::{DeviceId, Method, UserMessage};

use super::{
    Charge, Conversation, Input, MISMATCHES, Mismatch, Output, RESTARTS, State,
    run::{Course, End, Fall, Run},
};
use crate::{Charged, Evidence, Throttle};

impl Conversation {
    /// Begins to verify by a method; with `device` where the token is known.
    pub(super) fn verify(&mut self, method: Method, device: Option<DeviceId>) -> State {
        let (Some(profile), Some(driver)) = (&self.profile, self.request.drivers.get(method).cloned()) else {
            return self.nothing_left();
        };
        if let Throttle::Wait { seconds } = profile.failures(method).check(&profile.rules.lockout, self.now) {
            return self.give_up(method, UserMessage::TryLater { seconds });
        }
        let request = self.verify_request(method, device.clone());
        let Some(request) = request else { return self.nothing_left() };
        let course = self.start(method, device, driver.verify(request));
        self.verified(course)
    }

    pub(super) fn verify_request(
        &mut self,
        method: Method,
        device: Option<DeviceId>,
    ) -> Option<VerifyRequest> {
        let kind = self.driver_kind(method);
        let present = match device {
            Some(device) => vec![device],
            None => kind.map(|kind| self.present(kind)).unwrap_or_default(),
        };
        let nonce = (self.nonces)();
        let profile = self.profile.as_ref()?;
        Some(VerifyRequest {
            binding: self.binding(profile.user.clone()),
            nonce,
            credentials: profile.enrolled(method),
            settings: profile.rules.settings(method),
            now: self.now,
            present,
        })
    }

    pub(super) fn verifying(&mut self, run: Run<Proof>, input: Input) -> State {
        let course = self.route(run, input);
        self.verified(course)
    }

    fn verified(&mut self, course: Course<Proof>) -> State {
        let end = match course {
            Course::Running(run) => return State::Verifying(run),
            Course::Ended(end) => end,
        };
        let End { method, device, charged, awaited, result } = end;
        match result {
            Ok(proof) => self.proven(Evidence { method, proof }),
            Err(Fall::Failure(Failure::Mismatch(message))) => {
                let mismatch = Mismatch { method, message, device };
                if charged { self.mismatched(mismatch) } else { self.count(mismatch) }
            }
            // Another card is no try at all (AUT-04).
            Err(Fall::Failure(Failure::Refused(
                message @ (UserMessage::WrongToken | UserMessage::UnknownToken),
            ))) => self.wrong_token(method, device, awaited, message),
            Err(Fall::Failure(failure)) => self.failed(method, failure),
            Err(Fall::Throttled(seconds)) => self.give_up(method, UserMessage::TryLater { seconds }),
            Err(Fall::NotCounted) => {
                self.facts.faults.push("a try could not be counted".to_owned());
                self.unavailable(UserMessage::NotAuthenticated)
            }
        }
    }

    fn failed(&mut self, method: Method, failure: Failure) -> State {
        match failure {
            Failure::Mismatch(message) | Failure::Refused(message) | Failure::Locked(message) => {
                self.give_up(method, message)
            }
            Failure::Interrupted(StopReason::TokenRemoved) => self.token_removed(method),
            Failure::Interrupted(StopReason::TimedOut) => {
                self.tell(UserMessage::TimedOut);
                self.left(method, UserMessage::TimedOut)
            }
            Failure::Interrupted(_) => self.left(method, UserMessage::Cancelled),
            Failure::Fault(error) => {
                self.facts.faults.push(error.to_string());
                self.give_up(method, UserMessage::DeviceFault)
            }
        }
    }

    /// A wrong try without a secret (a copied card) is counted before anybody is told of it.
    fn count(&mut self, mismatch: Mismatch) -> State {
        let Some(user) = self.user().cloned() else { return self.nothing_left() };
        self.out.push(Output::Charge(Charge { user, method: mismatch.method, origin: self.request.origin }));
        State::Counting(mismatch)
    }

    pub(super) fn counting(&mut self, mismatch: Mismatch, input: &Input) -> State {
        match input {
            Input::Charged(Charged::Taken(failures)) => {
                self.facts.charged += 1;
                if let Some(profile) = &mut self.profile {
                    profile.failures.insert(mismatch.method, *failures);
                }
                self.mismatched(mismatch)
            }
            Input::Charged(Charged::Wait { seconds }) => {
                self.facts.mismatches += 1;
                self.give_up(mismatch.method, UserMessage::TryLater { seconds: *seconds })
            }
            Input::Charged(Charged::Failed) => {
                self.facts.faults.push("a try could not be counted".to_owned());
                self.unavailable(UserMessage::NotAuthenticated)
            }
            _ => State::Counting(mismatch),
        }
    }

    /// Try again or cancel (AUT-04), three times at most.
    fn mismatched(&mut self, mismatch: Mismatch) -> State {
        self.facts.mismatches += 1;
        self.tell(mismatch.message);
        if self.facts.mismatches >= MISMATCHES {
            return self.denied(UserMessage::NotAuthenticated);
        }
        let device = mismatch.device.filter(|device| self.is_present(device));
        self.verify(mismatch.method, device)
    }

    /// A wrong card that was put in while one was waited for changes nothing: the right one is still
    /// waited for. One that lay there from the start leaves the choice of another method.
    fn wrong_token(
        &mut self,
        method: Method,
        device: Option<DeviceId>,
        awaited: bool,
        message: UserMessage,
    ) -> State {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return self.give_up(method, message);
        }
        self.shunned.extend(device);
        self.tell(message);
        if awaited || self.candidates().len() < 2 { self.verify(method, None) } else { self.choose_again() }
    }

    fn token_removed(&mut self, method: Method) -> State {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return self.give_up(method, UserMessage::TokenRemoved);
        }
        self.tell(UserMessage::TokenRemoved);
        match self.candidates().as_slice() {
            [only] => self.verify(*only, None),
            _ => self.choose_again(),
        }
    }

    /// The method is not offered again in this conversation.
    fn give_up(&mut self, method: Method, message: UserMessage) -> State {
        self.spent.insert(method);
        self.problem = Some(message.clone());
        // The last thing that is told is the conclusion's own message.
        if !self.candidates().is_empty() {
            self.tell(message);
        }
        self.choose_again()
    }

    /// The person left the method: back to the choice, where there is one (AUT-06).
    fn left(&mut self, method: Method, message: UserMessage) -> State {
        if self.candidates().iter().all(|m| *m == method) {
            return if message == UserMessage::TimedOut {
                self.denied(message)
            } else {
                self.cancelled(message)
            };
        }
        self.choose_again()
    }
}
