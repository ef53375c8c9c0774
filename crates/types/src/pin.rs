use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Secret, UnknownValue};

/// Which characters a Signet PIN may have (POL-06).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CharacterSet {
    /// The digits 0 to 9.
    Numeric,
    /// ASCII letters and digits.
    Alphanumeric,
    /// Any Unicode character but control characters.
    #[default]
    Any,
}

impl CharacterSet {
    fn allows(self, c: char) -> bool {
        match self {
            Self::Numeric => c.is_ascii_digit(),
            Self::Alphanumeric => c.is_ascii_alphanumeric(),
            Self::Any => !c.is_control(),
        }
    }
}

impl fmt::Display for CharacterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Numeric => "numeric",
            Self::Alphanumeric => "alphanumeric",
            Self::Any => "any",
        })
    }
}

impl FromStr for CharacterSet {
    type Err = UnknownValue;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "numeric" => Ok(Self::Numeric),
            "alphanumeric" => Ok(Self::Alphanumeric),
            "any" => Ok(Self::Any),
            _ => Err(UnknownValue { allowed: "numeric, alphanumeric, any" }),
        }
    }
}

/// The rule that a Signet PIN must keep (POL-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPinRule", into = "RawPinRule")]
pub struct PinRule {
    min_length: u8,
    characters: CharacterSet,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct RawPinRule {
    min_length: u8,
    characters: CharacterSet,
}

/// A minimum length outside of 4 to 16.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN's minimum length must be between {} and {}", PinRule::SHORTEST, PinRule::LONGEST)]
pub struct PinRuleError;

/// The rule that a PIN broke; the text is for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinViolation {
    /// Fewer characters than allowed.
    #[error("the PIN is too short: it must have at least {min} characters")]
    TooShort {
        /// The least number of characters.
        min: u8,
    },
    /// More characters than allowed.
    #[error("the PIN is too long: it may have at most {max} characters")]
    TooLong {
        /// The greatest number of characters.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("the PIN has a character that is not allowed: allowed characters are {allowed}")]
    Character {
        /// The allowed set.
        allowed: CharacterSet,
    },
}

impl PinRule {
    /// The smallest minimum length that policy can ask for, in characters.
    pub const SHORTEST: u8 = 4;
    /// The greatest minimum length that policy can ask for, in characters.
    pub const LONGEST: u8 = 16;
    /// The longest PIN taken, in characters; SP 800-63B section 5.1.1.2 asks for 64 at least.
    pub const MAX_CHARACTERS: usize = 64;

    /// A rule with a minimum of `min_length` characters, 4 to 16.
    pub const fn new(min_length: u8, characters: CharacterSet) -> Result<Self, PinRuleError> {
        if min_length < Self::SHORTEST || min_length > Self::LONGEST {
            return Err(PinRuleError);
        }
        Ok(Self { min_length, characters })
    }

    /// The same rule for other characters.
    #[must_use]
    pub const fn with_characters(self, characters: CharacterSet) -> Self {
        Self { characters, ..self }
    }

    /// The least number of characters.
    #[must_use]
    pub const fn min_length(self) -> u8 {
        self.min_length
    }

    /// The allowed characters.
    #[must_use]
    pub const fn characters(self) -> CharacterSet {
        self.characters
    }

    /// Checks a new PIN; the first broken rule is told.
    pub fn check(self, pin: &Secret) -> Result<(), PinViolation> {
        let not_allowed = PinViolation::Character { allowed: self.characters };
        let text = pin.expose_str().ok_or(not_allowed)?;
        let length = text.chars().count();
        if length < usize::from(self.min_length) {
            return Err(PinViolation::TooShort { min: self.min_length });
        }
        if length > Self::MAX_CHARACTERS {
            return Err(PinViolation::TooLong { max: Self::MAX_CHARACTERS });
        }
        if text.chars().all(|c| self.characters.allows(c)) { Ok(()) } else { Err(not_allowed) }
    }
}

impl Default for PinRule {
    fn default() -> Self {
        Self { min_length: Self::SHORTEST, characters: CharacterSet::default() }
    }
}

impl TryFrom<RawPinRule> for PinRule {
    type Error = PinRuleError;

    fn try_from(raw: RawPinRule) -> Result<Self, Self::Error> {
        Self::new(raw.min_length, raw.characters)
    }
}

impl From<PinRule> for RawPinRule {
    fn from(rule: PinRule) -> Self {
        Self { min_length: rule.min_length, characters: rule.characters }
    }
}
