//! From proofs to a grant: decided by the rules in force at that moment, stored, then told.

use signet_types::UserMessage;

use super::{
    Change, Conclusion, Conversation, GrantRecord, Input, Output, Purpose, State, StoreRefusal, Then, Use,
};
use crate::{Case, Denial, Evidence, Grant, Verdict, decide};

impl Conversation {
    /// Something was proven. Where it would suffice, the records and rules are read again first.
    pub(super) fn proven(&mut self, evidence: Evidence) -> State {
        self.evidence.push(evidence);
        match self.verdict() {
            Verdict::Grant(grant) => self.load(grant.user().clone(), Then::Decide),
            Verdict::Deny(denial) => self.refused(denial),
        }
    }

    fn verdict(&self) -> Verdict {
        let Some(profile) = &self.profile else { return Verdict::Deny(Denial::UnknownUser) };
        let case = Case {
            user: &profile.user,
            service: &self.request.service,
            profile,
            drivers: &self.request.drivers,
            conversation: self.request.id,
            grant: self.request.grant,
            now: self.now,
        };
        decide(case, &self.evidence)
    }

    /// The one place where a conversation comes to a grant.
    pub(super) fn decide_now(&mut self) -> State {
        match self.verdict() {
            Verdict::Grant(grant) => {
                let record = self.record(&grant);
                self.out.push(Output::Store(Change::Grant(record)));
                State::Granting(grant, None)
            }
            Verdict::Deny(denial) => self.refused(denial),
        }
    }

    fn refused(&mut self, denial: Denial) -> State {
        self.facts.denial = Some(denial);
        match denial {
            Denial::NotEnough if !self.candidates().is_empty() => self.choose(),
            Denial::MethodNotAllowed(method) => self.denied(UserMessage::MethodDisabled(method)),
            _ => self.denied(UserMessage::NotAuthenticated),
        }
    }

    fn record(&self, grant: &Grant) -> GrantRecord {
        let uses = self.evidence.iter().filter_map(|item| {
            let credential = item.proof.credential?;
            Some(Use { credential, data: item.proof.data.clone() })
        });
        GrantRecord {
            grant: grant.clone(),
            used: uses.collect(),
            clear: self.evidence.iter().map(|item| item.method).collect(),
        }
    }

    pub(super) fn granting(&mut self, grant: Grant, gone: Option<UserMessage>, input: &Input) -> State {
        let Input::Stored(stored) = input else { return State::Granting(grant, gone) };
        if let Some(message) = gone {
            return self.cancelled(message);
        }
        self.facts.denial = None;
        match stored {
            Ok(_) if self.request.purpose == Purpose::Authenticate => {
                self.facts.method = Some(grant.method());
                self.facts.credential = grant.credential();
                self.finish(|facts| Conclusion::Granted(grant, facts))
            }
            Ok(_) => self.change(),
            Err(StoreRefusal::Gone) => self.denied(UserMessage::NotAuthenticated),
            Err(error) => {
                self.facts.faults.push(error.to_string());
                self.unavailable(UserMessage::NotAuthenticated)
            }
        }
    }
}
