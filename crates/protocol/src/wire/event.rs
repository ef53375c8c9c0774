use serde::{Deserialize, Serialize};
use signet_types::{ConversationId, CredentialId, GrantId, Method, UserMessage, UserName};

/// What happens in a conversation. On the wire an object with exactly one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// Told to the person; nothing is to be answered.
    Notice(Notice),
    /// Asked of the person; the last event of a stream.
    Prompt(Prompt),
    /// The end; the last event of a stream.
    Outcome(Outcome),
}

/// A line for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable for programs: [`UserMessage::code`].
    pub code: String,
    /// For the person.
    pub text: String,
}

impl From<&UserMessage> for Notice {
    fn from(message: &UserMessage) -> Self {
        Self { code: message.code().to_owned(), text: message.to_string() }
    }
}

/// A question to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// What kind of answer is taken.
    pub kind: Kind,
    /// Stable for programs: the code of `signet_authn::Question`.
    pub code: String,
    /// For the person, with the blank that follows it.
    pub text: String,
    /// For [`Kind::Choice`]; empty otherwise.
    pub choices: Vec<Choice>,
}

/// What kind of answer a prompt takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text that must not be shown.
    Secret,
    /// Text that may be shown.
    Text,
    /// `yes` or `no`.
    Confirm,
    /// The id of one of the choices.
    Choice,
}

/// One line of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The answer that chooses this line.
    pub id: String,
    /// For the person.
    pub label: String,
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub result: Verdict,
    /// Stable for programs: [`UserMessage::code`].
    pub code: String,
    /// For the person.
    pub text: String,
    /// Who was authenticated; set where the result is [`Verdict::Granted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    /// The method that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The credential that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// Names this success to `io.signet.Session.Opened`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
}

impl Outcome {
    /// An outcome without a subject: a denial, a cancellation, a change that is done.
    #[must_use]
    pub fn new(result: Verdict, message: &UserMessage) -> Self {
        let Notice { code, text } = Notice::from(message);
        Self { result, code, text, user: None, method: None, credential: None, grant: None }
    }
}

/// The verdict of an [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[must_use]
pub enum Verdict {
    /// The one success of an authentication.
    Granted,
    /// The success of an enrolment or of another change; never of an authentication.
    Done,
    /// Refused.
    Denied,
    /// The person or the program cancelled.
    Cancelled,
    /// Nothing could be decided: no method, no device, a fault.
    Unavailable,
}

/// One reply of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The conversation, for `Respond` and `Cancel`.
    pub conversation: ConversationId,
    /// What happened.
    pub event: Event,
}
