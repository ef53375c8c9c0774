use std::time::Instant;

use signet_types::ConversationId;

use crate::{
    Call, CallError, Client, SecretText, ServerFault,
    wire::{
        Begun, Event,
        authentication::{Cancel, Respond},
    },
};

/// A conversation as the client drives it: events until a prompt, an answer, events again, until
/// the outcome. Dropping it before its end must be followed by dropping the [`Client`]; the daemon
/// takes the end of the connection as the end of the conversation.
pub struct Conversation<'c> {
    client: &'c mut Client,
    id: Option<ConversationId>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Events come; the next one until `next`, the last one until `last`.
    Streaming { next: Instant, last: Instant },
    /// A prompt is open.
    Prompted,
    /// The outcome has come, or the conversation failed.
    Ended,
}

/// The conversation is not at a place where this can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no prompt is open")]
pub struct NotOpen;

impl<'c> Conversation<'c> {
    /// Starts a conversation by any of the methods that give one.
    pub fn start<C: Call<Reply = Begun>>(client: &'c mut Client, call: &C) -> Result<Self, CallError> {
        let (next, last) = client.deadlines();
        client.send(call, next)?;
        Ok(Self { client, id: None, state: State::Streaming { next, last } })
    }

    /// The next event; none after the outcome, after a failure, and while a prompt is open.
    pub fn next_event(&mut self) -> Result<Option<Event>, CallError> {
        let State::Streaming { next, last } = self.state else { return Ok(None) };
        // Whatever goes wrong below ends the conversation.
        self.state = State::Ended;
        let (Begun { conversation, event }, continues) = self.client.receive::<Begun>(next)?;
        if *self.id.get_or_insert(conversation) != conversation {
            return Err(self.client.fault(ServerFault::Order("an event of another conversation")));
        }
        self.state = match (&event, continues) {
            (Event::Notice(_), true) => State::Streaming { next: last, last },
            (Event::Prompt(_), false) => State::Prompted,
            (Event::Outcome(_), false) => State::Ended,
            (Event::Notice(_), false) => {
                return Err(self.client.fault(ServerFault::Order("a stream that ends with a notice")));
            }
            (Event::Prompt(_) | Event::Outcome(_), true) => {
                return Err(self.client.fault(ServerFault::Order("a stream that goes on after its end")));
            }
        };
        Ok(Some(event))
    }

    /// Answers the open prompt; `None` cancels it. To a prompt that is not open this answers
    /// nothing and says so.
    pub fn respond(&mut self, answer: Option<SecretText>) -> Result<Result<(), NotOpen>, CallError> {
        let (State::Prompted, Some(conversation)) = (self.state, self.id) else { return Ok(Err(NotOpen)) };
        self.state = State::Ended;
        let (send_by, last) = self.client.deadlines();
        self.client.send(&Respond { conversation, answer }, send_by)?;
        // Checking an answer may take long: a key derivation in a queue, a card's signature.
        self.state = State::Streaming { next: last, last };
        Ok(Ok(()))
    }

    /// Ends the conversation. Where no prompt is open the connection cannot carry a call; dropping
    /// the [`Client`] ends it then.
    pub fn cancel(self) -> Result<(), CallError> {
        match (self.state, self.id) {
            (State::Prompted, Some(conversation)) => self.client.call(&Cancel { conversation }).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether the outcome has come or the conversation failed.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}
