use std::{fmt, ops::BitOr};

/// One of the three kinds of evidence (NIST SP 800-63B, section 4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Factor {
    /// Something that the person knows: a password, a PIN.
    Knowledge,
    /// Something that the person has, proven by a key that it holds.
    Possession,
    /// Something that the person is.
    Inherence,
}

impl Factor {
    const ALL: [Self; 3] = [Self::Knowledge, Self::Possession, Self::Inherence];

    const fn bit(self) -> u8 {
        match self {
            Self::Knowledge => 1,
            Self::Possession => 2,
            Self::Inherence => 4,
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Knowledge => "knowledge",
            Self::Possession => "possession",
            Self::Inherence => "inherence",
        })
    }
}

/// A set of [`Factor`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Factors(u8);

impl Factors {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Whether every factor of `other` is in this set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this one factor is in the set.
    #[must_use]
    pub const fn contains(self, factor: Factor) -> bool {
        self.0 & factor.bit() != 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The factors in the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(move |f| self.contains(*f))
    }
}

impl From<Factor> for Factors {
    fn from(factor: Factor) -> Self {
        Self(factor.bit())
    }
}

impl BitOr for Factors {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Factor {
    type Output = Factors;

    fn bitor(self, other: Self) -> Factors {
        Factors::from(self) | other.into()
    }
}

/// How much a proof is worth; ordered from weak to strong.
///
/// [`Assurance::Identified`] is a hint to who somebody is (a card's UID, a copyable id): alone it
/// never opens `login` or `sudo` unless policy names that risk (security.md, R22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// A copyable identifier was shown.
    Identified,
    /// One factor was proven.
    SingleFactor,
    /// Two different factors were proven.
    TwoFactor,
    /// Two different factors, one of them by a key that hardware holds.
    HardwareTwoFactor,
}
