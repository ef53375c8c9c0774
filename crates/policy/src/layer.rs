use std::{fmt, str::FromStr};

use signet_types::{NameError, UserName};

/// The name of a group that has a policy file of its own; same grammar as [`UserName`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(UserName);

impl GroupName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for GroupName {
    type Err = NameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who gave a value. The order is the precedence: a later layer wins over an earlier one.
///
/// Of several groups the one with the higher `group.priority` wins, then the one whose name
/// comes first in the alphabet; the derived order of two `Group` values says nothing about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The defaults in the program.
    BuiltIn,
    /// The workstation's `policy.toml`.
    Machine,
    /// `groups/NAME.toml`.
    Group(GroupName),
    /// `users/NAME.toml`.
    User(UserName),
    /// The organisation's policy. What it sets is locked for every other layer.
    Enterprise,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Machine => f.write_str("machine"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::User(name) => write!(f, "user {name}"),
            Self::Enterprise => f.write_str("enterprise"),
        }
    }
}

/// A policy file as the caller read it: this crate does no I/O.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// What the file is for.
    pub layer: Layer,
    /// The file's name as people know it; findings and explanations name it.
    pub file: &'a str,
    /// The file's text, UTF-8, at most [`Source::MAX_BYTES`] bytes.
    pub text: &'a str,
}

impl Source<'_> {
    /// The greatest length of a policy file, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;
}
