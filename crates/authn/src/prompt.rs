use std::fmt;

use signet_types::{Method, Secret};

/// Something that only the person can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked, in words.
    pub question: Question,
    /// What kind of answer is taken.
    pub kind: PromptKind,
}

/// What kind of answer a prompt takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// A secret that is checked: each answer is a try and is charged before it is looked at.
    Guess,
    /// A secret that is being chosen: not a try.
    NewSecret,
    /// Text that may be shown while it is typed.
    Text,
    /// Yes or no.
    Confirm,
    /// One of these.
    Choice(Vec<Choice>),
}

/// One line of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Stable word for programs and for the answer.
    pub id: String,
    /// What the person reads.
    pub label: String,
}

/// What is asked, for translation; `Display` is English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who logs on; a card may be inserted instead.
    UserName,
    /// Which method to use.
    Method,
    /// Which reader or key to use.
    Device,
    /// The card's own PIN; with the tries left, where the card tells.
    CardPin {
        /// Tries left.
        left: Option<u8>,
    },
    /// The card has two tries or fewer left: spend one of them?
    SpendLastTries {
        /// Tries left.
        left: u8,
    },
    /// The Signet PIN.
    SignetPin,
    /// A new Signet PIN.
    NewPin,
    /// The new Signet PIN again.
    NewPinAgain,
    /// The password.
    Password,
    /// A new password.
    NewPassword,
    /// The new password again.
    NewPasswordAgain,
    /// One is enrolled already: enrol another one (ENR-09)?
    AddAnother(Method),
    /// Which of several credentials of one method.
    Credential,
    /// Delete this credential?
    Delete,
}

impl Question {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UserName => "user-name",
            Self::Method => "method",
            Self::Device => "device",
            Self::CardPin { .. } => "card-pin",
            Self::SpendLastTries { .. } => "spend-last-tries",
            Self::SignetPin => "signet-pin",
            Self::NewPin => "new-pin",
            Self::NewPinAgain => "new-pin-again",
            Self::Password => "password",
            Self::NewPassword => "new-password",
            Self::NewPasswordAgain => "new-password-again",
            Self::AddAnother(_) => "add-another",
            Self::Credential => "credential",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserName => write!(f, "User name (or insert your card and press Enter): "),
            Self::Method => write!(f, "How do you want to authenticate? "),
            Self::Device => write!(f, "Which reader? "),
            Self::CardPin { left: Some(left) } if *left <= 2 => {
                write!(f, "Smart card PIN ({left} tries left): ")
            }
            Self::CardPin { .. } => write!(f, "Smart card PIN: "),
            Self::SpendLastTries { left } => {
                write!(f, "The card has only {left} tries left before it blocks. Spend one? ")
            }
            Self::SignetPin => write!(f, "Signet PIN: "),
            Self::NewPin => write!(f, "New Signet PIN: "),
            Self::NewPinAgain => write!(f, "New Signet PIN again: "),
            // sudo replaces the exact text "Password: " by a prompt of its own.
            Self::Password => write!(f, "Your password: "),
            Self::NewPassword => write!(f, "New password: "),
            Self::NewPasswordAgain => write!(f, "New password again: "),
            Self::AddAnother(method) => write!(f, "'{method}' is enrolled already. Enrol another one? "),
            Self::Credential => write!(f, "Which one? "),
            Self::Delete => write!(f, "Delete this credential? "),
        }
    }
}

/// What the person answered; it must fit the [`PromptKind`].
#[derive(Debug)]
pub enum Answer {
    /// To [`PromptKind::Guess`] and [`PromptKind::NewSecret`].
    Secret(Secret),
    /// To [`PromptKind::Text`].
    Text(String),
    /// To [`PromptKind::Confirm`].
    Confirm(bool),
    /// To [`PromptKind::Choice`]: the id of one of its choices.
    Choice(String),
}

impl PromptKind {
    /// Whether `answer` is of the kind that this prompt takes.
    #[must_use]
    pub fn takes(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Guess | Self::NewSecret, Answer::Secret(_))
            | (Self::Text, Answer::Text(_))
            | (Self::Confirm, Answer::Confirm(_)) => true,
            (Self::Choice(choices), Answer::Choice(id)) => choices.iter().any(|c| c.id == *id),
            _ => false,
        }
    }

    /// Whether what is typed must not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Guess | Self::NewSecret)
    }
}
