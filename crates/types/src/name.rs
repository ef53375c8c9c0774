use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the name is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("the name is longer than {max} bytes")]
    TooLong {
        /// The greatest length in bytes.
        max: usize,
    },
    /// A character outside the allowed ones, or a first character that is not one of them.
    #[error("the name has a character that is not allowed; allowed are {allowed}")]
    Character {
        /// The allowed characters, in words.
        allowed: &'static str,
    },
}

/// Declares a name that is parsed once by an allow-list.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:literal, $first:expr, $rest:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                let first: fn(char) -> bool = $first;
                let rest: fn(char) -> bool = $rest;
                let mut chars = s.chars();
                let start = chars.next().ok_or(NameError::Empty)?;
                if s.len() > $max {
                    return Err(NameError::TooLong { max: $max });
                }
                if !first(start) || !chars.all(rest) {
                    return Err(NameError::Character { allowed: $allowed });
                }
                Ok(Self(s.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(s: String) -> Result<Self, Self::Error> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

name! {
    /// A user's login name. The allow-list keeps separators of files (`:`, newline), of paths
    /// (`/`) and of option lists out of every place that a name is written to (security.md, R10).
    UserName, 256, "a-z, 0-9, '.', '_', '@' and '-', starting with a letter, a digit or '_'",
    |c| is_lower(c) || c == '_',
    |c| is_lower(c) || matches!(c, '.' | '_' | '@' | '-')
}

name! {
    /// A PAM service name (`login`, `sudo`, `gdm-password`).
    ServiceName, 64, "a-z, A-Z, 0-9, '.', '_', '@' and '-', starting with a letter or a digit",
    |c| c.is_ascii_alphanumeric(),
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '@' | '-')
}
