//! Settings whose values are single words and which no other crate owns.

use std::{fmt, str::FromStr};

/// Declares an enum whose values are single words, with `Display` and `FromStr`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in policy files.
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
            type Err = UnknownWord;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == s).ok_or(UnknownWord)
            }
        }
    };
}

/// A word that is none of the allowed ones; the key's [`Kind`](crate::Kind) tells which those are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the word is not one of the allowed ones")]
pub struct UnknownWord;

words! {
    /// The language of messages and prompts (POL-01).
    Language:
    /// The operating system's, where it is installed; else English.
    #[default]
    System = "system",
    /// English.
    English = "en",
    /// Japanese.
    Japanese = "ja",
}

impl Language {
    /// The installed language to use, where the system's locale is `locale` (`ja_JP.UTF-8`, as in
    /// `LANG`; POSIX.1-2024 XBD 8.2). Never [`Language::System`].
    #[must_use]
    pub fn resolved(self, locale: &str) -> Self {
        let tongue = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        match self {
            Self::System if tongue.eq_ignore_ascii_case("ja") => Self::Japanese,
            Self::System => Self::English,
            chosen => chosen,
        }
    }
}

words! {
    /// How strongly enrolling a method is asked for (POL-08).
    EnrollmentDemand:
    /// The user is prompted and may say never.
    #[default]
    Optional = "optional",
    /// The user must enrol, after the grace period before a logon finishes.
    Required = "required",
    /// Nobody is prompted.
    Off = "off",
}

words! {
    /// Which password the method `password` checks (MET-09).
    PasswordSource:
    /// The system's, through PAM.
    #[default]
    System = "system",
    /// One that Signet keeps as an Argon2id verifier.
    Signet = "signet",
}

words! {
    /// What happens where the session did not lock in time (RMV-06).
    LockFallback:
    /// It is audited, nothing else.
    #[default]
    Nothing = "none",
    /// The session is ended.
    Terminate = "terminate",
}
