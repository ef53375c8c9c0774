use std::path::PathBuf;

use signet_protocol::{ServerIdentity, interfaces};
use signet_types::Method;

/// The words of the line in `pam.d`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) socket: PathBuf,
    pub(crate) server: ServerIdentity,
    pub(crate) method: Option<Method>,
    pub(crate) first_password: FirstPassword,
    pub(crate) quiet: bool,
    pub(crate) debug: bool,
}

/// What becomes of a password that an earlier module asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPassword {
    /// It is not looked at.
    Ignore,
    /// It answers the first question for a password.
    Try,
    /// It answers the first question for a password; another one ends the conversation.
    Only,
}

/// A word that the module does not know, or whose value is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error(
        "unknown argument '{0}'; allowed are socket=PATH, server_uid=N, method=NAME, try_first_pass, \
         use_first_pass, quiet, no_info and debug"
    )]
    Unknown(String),
    #[error("argument '{0}': allowed is an absolute path")]
    Socket(String),
    #[error("argument '{0}': allowed is a user id from 0 to 4294967294")]
    ServerUid(String),
    #[error("argument '{0}': {1}")]
    Method(String, signet_types::UnknownMethod),
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            socket: interfaces::SOCKET.into(),
            server: ServerIdentity::ROOT,
            method: None,
            first_password: FirstPassword::Ignore,
            quiet: false,
            debug: false,
        }
    }
}

impl Arguments {
    /// Parses the words; the first wrong one is the error.
    pub(crate) fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, ArgumentError> {
        let mut arguments = Self::default();
        for word in words {
            match word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value))) {
                ("socket", Some(path)) if path.starts_with('/') => arguments.socket = path.into(),
                ("socket", _) => return Err(ArgumentError::Socket(word.to_owned())),
                ("server_uid", value) => arguments.server.uid = uid(word, value)?,
                ("method", value) => {
                    let method = value.unwrap_or_default().parse();
                    arguments.method = Some(method.map_err(|e| ArgumentError::Method(word.to_owned(), e))?);
                }
                ("try_first_pass", None) => arguments.first_password = FirstPassword::Try,
                ("use_first_pass", None) => arguments.first_password = FirstPassword::Only,
                ("quiet" | "no_info", None) => arguments.quiet = true,
                ("debug", None) => arguments.debug = true,
                _ => return Err(ArgumentError::Unknown(word.to_owned())),
            }
        }
        Ok(arguments)
    }
}

fn uid(word: &str, value: Option<&str>) -> Result<u32, ArgumentError> {
    let value = value.filter(|value| !value.starts_with('+'));
    let uid = value.and_then(|value| value.parse().ok()).filter(|uid| *uid != u32::MAX);
    uid.ok_or_else(|| ArgumentError::ServerUid(word.to_owned()))
}

#[cfg(test)]
mod tests;
