use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A word outside the allowed ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed are {allowed}")]
pub struct UnknownValue {
    /// The allowed words, comma-separated.
    pub allowed: &'static str,
}

/// Declares an enum whose values are single lower-case words, with `Display` and `FromStr`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in policy files and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownValue;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownValue { allowed: words!(@list $($word),+) }),
                }
            }
        }
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}

words! {
    /// What happens when the session's token is taken away (POL-04, POL-05, RMV-01).
    RemovalAction:
    /// Nothing.
    None = "none",
    /// The session is locked.
    #[default]
    Lock = "lock",
    /// The session is ended.
    Logoff = "logoff",
}

words! {
    /// Whose PIN a smart card asks for (POL-05).
    PinType:
    /// The card's own PIN, checked by the card.
    #[default]
    Card = "card",
    /// A PIN that Signet keeps.
    Signet = "signet",
}

words! {
    /// What the loss of a reader, of pcscd or of the bus means (RMV-07).
    ReaderLoss:
    /// It counts as removal of the token that was in it.
    #[default]
    Remove = "remove",
    /// It changes nothing.
    Ignore = "ignore",
}
