use std::{io, path::PathBuf};

use serde_json::json;
use signet_protocol::{CallError, Refusal, wire::service};

use crate::{Exit, output::Form, plain::plain};

/// Why a command gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The daemon gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    /// Standard output is closed or full.
    #[error("the answer could not be written: {0}")]
    Output(#[from] io::Error),
    /// A prompt is open and nobody is there to answer it.
    #[error("an answer is needed, and there is no terminal")]
    NoTerminal,
    /// Standard input ended before the conversation.
    #[error("standard input has no answer for the prompt '{prompt}'")]
    NoMoreAnswers { prompt: String },
    /// The answer does not fit the prompt.
    #[error("this answer does not fit the prompt '{prompt}'")]
    BadAnswer { prompt: String, allowed: String },
    /// The daemon ended a conversation without an outcome.
    #[error("signetd ended the conversation without a result")]
    NoOutcome,
    /// Something in the command is missing or does not fit.
    #[error("{what}")]
    Request { what: String, advice: String },
}

impl Fault {
    pub(crate) fn request(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Request { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Call(CallError::Unreachable(_) | CallError::Untrusted(_)) => Exit::Unreachable,
            Self::Call(CallError::TimedOut | CallError::Closed | CallError::Connection(_)) => {
                Exit::Unreachable
            }
            _ => Exit::Error,
        }
    }

    /// A stable word for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Call(CallError::Unreachable(_)) => "unreachable",
            Self::Call(CallError::Untrusted(_)) => "untrusted-socket",
            Self::Call(CallError::TimedOut) => "timed-out",
            Self::Call(CallError::Closed | CallError::Connection(_)) => "connection-lost",
            Self::Call(CallError::Fault(_)) => "out-of-protocol",
            Self::Call(CallError::TooLong) => "too-long",
            Self::Call(CallError::Refused(refusal)) if is_permission(refusal) => "permission-denied",
            Self::Call(CallError::Refused(_)) => "refused",
            Self::File { .. } => "file",
            Self::Output(_) => "output",
            Self::NoTerminal => "no-terminal",
            Self::NoMoreAnswers { .. } => "no-more-answers",
            Self::BadAnswer { .. } => "bad-answer",
            Self::NoOutcome => "no-outcome",
            Self::Request { .. } => "request",
        }
    }

    /// What to do about it.
    fn advice(&self) -> String {
        let advice = match self {
            Self::Call(CallError::Unreachable(_)) => {
                "Start it with 'systemctl start signetd'; 'journalctl -u signetd' says why it stopped."
            }
            Self::Call(CallError::Untrusted(_)) => {
                "Nothing was sent. Give the daemon's socket with --socket and its uid with --server-uid."
            }
            Self::Call(CallError::TimedOut | CallError::Closed | CallError::Connection(_)) => {
                "Try again; 'journalctl -u signetd' says what happened."
            }
            Self::Call(CallError::Fault(_)) => {
                "signetd and signetctl may be of different versions: 'signetctl --version', 'signetctl status'."
            }
            Self::Call(CallError::TooLong) => "A message has at most 64 KiB; use shorter texts or files.",
            Self::Call(CallError::Refused(refusal)) if is_permission(refusal) => {
                "Only root may do this, or the user whom it is about; try it with sudo."
            }
            Self::Call(CallError::Refused(_)) | Self::File { .. } | Self::Output(_) | Self::NoOutcome => "",
            Self::NoTerminal => "Run it in a terminal, or give the answers one a line with --stdin-secrets.",
            Self::NoMoreAnswers { .. } => "The conversation was cancelled. Give one line for each prompt.",
            Self::BadAnswer { allowed, .. } => return format!("Allowed are {allowed}."),
            Self::Request { advice, .. } => advice,
        };
        advice.to_owned()
    }

    /// The whole chain of causes in one line.
    fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            // A wrapped error may already have said it.
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        plain(&text)
    }

    /// Says it: to people on standard error, to programs as a JSON document on standard output.
    pub(crate) fn tell(&self, form: Form) {
        let (text, advice) = (self.text(), plain(&self.advice()));
        // Where even this cannot be written, the exit code alone is left.
        let _ = match form {
            Form::Json => {
                let error = json!({"error": {"code": self.code(), "text": text, "advice": advice}});
                crate::output::print(&error.to_string())
            }
            Form::Human => {
                eprintln!("signetctl: {text}");
                if !advice.is_empty() {
                    eprintln!("{advice}");
                }
                Ok(())
            }
        };
    }
}

fn is_permission(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Service(service::Error::PermissionDenied {}))
}
