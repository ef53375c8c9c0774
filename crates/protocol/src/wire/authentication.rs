//! `io.signet.Authentication`.

use serde::{Deserialize, Serialize};
use signet_types::{ConversationId, GrantId, Method, ServiceName, UserName};

use super::{Begun, Outcome, call};
use crate::{Label, SecretText};

call! {
    /// Starts a conversation.
    Start {
        /// The PAM service, or the like.
        service: ServiceName,
        /// Who is to be authenticated; without it the person is identified or asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserName>,
        /// The user who asks, where that is another one (`PAM_RUSER`).
        #[serde(skip_serializing_if = "Option::is_none")]
        requester: Option<Label>,
        /// `PAM_TTY`.
        #[serde(skip_serializing_if = "Option::is_none")]
        terminal: Option<Label>,
        /// `PAM_RHOST`; set means that the person is not at this machine.
        #[serde(skip_serializing_if = "Option::is_none")]
        remote_host: Option<Label>,
        /// Restricts the conversation to one method.
        #[serde(skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
    } -> Begun, Start
}

call! {
    /// Answers the open prompt; without an answer the prompt is cancelled.
    Respond {
        /// The conversation.
        conversation: ConversationId,
        /// The answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<SecretText>,
    } -> Begun, Respond
}

call! {
    /// Ends the conversation.
    Cancel {
        /// The conversation.
        conversation: ConversationId,
    } -> Cancelled, Cancel
}

/// Reply to [`Cancel`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {}

call! {
    /// Whether the user may use the system now.
    CheckAccount {
        /// Whose account.
        user: UserName,
        /// The PAM service.
        service: ServiceName,
        /// What [`Start`] gave in this PAM transaction.
        #[serde(skip_serializing_if = "Option::is_none")]
        grant: Option<GrantId>,
    } -> AccountChecked, CheckAccount
}

/// Reply to [`CheckAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChecked {
    /// [`super::Verdict::Granted`] lets the user in.
    pub outcome: Outcome,
}

/// The interface's own errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum Error {
    /// No conversation of this connection, or it has ended.
    #[error("there is no conversation {conversation} on this connection; start a new one")]
    #[serde(rename = "io.signet.Authentication.UnknownConversation")]
    UnknownConversation {
        /// The name that was given.
        conversation: ConversationId,
    },
    /// No prompt is open.
    #[error("no prompt is open; wait for one before answering")]
    #[serde(rename = "io.signet.Authentication.NoPromptOpen")]
    NoPromptOpen {},
    /// The answer does not fit the prompt.
    #[error("this answer does not fit the prompt; allowed are {allowed}")]
    #[serde(rename = "io.signet.Authentication.BadAnswer")]
    BadAnswer {
        /// What fits, in words.
        allowed: String,
    },
    /// Too many conversations or connections of this uid.
    #[error("too many conversations; try again in {seconds} s")]
    #[serde(rename = "io.signet.Authentication.Busy")]
    Busy {
        /// After how many seconds to try again.
        seconds: u32,
    },
}
