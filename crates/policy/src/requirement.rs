//! What a service asks for: factors, and the methods that it takes.

use std::{collections::BTreeSet, fmt};

use signet_types::{Assurance, Factor, Factors, Method};
use toml::{Spanned, de::DeValue};

use crate::kind::{FACTOR_WORDS, FACTORS, Kind, Refusal, Typed, read_list};

/// Which proofs a service asks for (POL-09).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorRequirement {
    /// Any one proven factor: [`Assurance::SingleFactor`] or more.
    #[default]
    Any,
    /// Two different factors: [`Assurance::TwoFactor`] or more.
    TwoFactor,
    /// Two different factors in one proof, one by a key in hardware: [`Assurance::HardwareTwoFactor`].
    HardwareTwoFactor,
    /// Each of these factors; never empty.
    All(Factors),
}

impl FactorRequirement {
    /// The least assurance that meets the requirement.
    #[must_use]
    pub fn min_assurance(self) -> Assurance {
        match self {
            Self::TwoFactor => Assurance::TwoFactor,
            Self::HardwareTwoFactor => Assurance::HardwareTwoFactor,
            Self::All(factors) if factors.iter().count() > 1 => Assurance::TwoFactor,
            Self::Any | Self::All(_) => Assurance::SingleFactor,
        }
    }

    /// Whether these proven factors, together of this assurance, suffice.
    ///
    /// `identifier_accepted` is true only where the policy took the risk of the method that
    /// showed the identifier (`allow_identifier_only`): then a copyable identifier meets `any`,
    /// and never more (security.md, R22).
    #[must_use]
    pub fn is_met(self, proven: Factors, assurance: Assurance, identifier_accepted: bool) -> bool {
        let named = match self {
            Self::All(factors) => factors,
            _ => Factors::NONE,
        };
        let enough = assurance >= self.min_assurance() && !proven.is_empty();
        (enough && proven.covers(named)) || (self == Self::Any && identifier_accepted)
    }

    /// The named factors that are not proven yet; empty for requirements that name none.
    #[must_use]
    pub fn missing(self, proven: Factors) -> Factors {
        let Self::All(factors) = self else { return Factors::NONE };
        factors.iter().filter(|f| !proven.contains(*f)).fold(Factors::NONE, |set, f| set | f.into())
    }
}

impl fmt::Display for FactorRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.toml().trim_matches('"'))
    }
}

fn factor(word: &str) -> Option<Factor> {
    let everything = (Factor::Knowledge | Factor::Possession) | Factor::Inherence.into();
    everything.iter().find(|f| f.to_string() == word)
}

impl Typed for FactorRequirement {
    const KIND: Kind = Kind::Factors;

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        let [any, two, hardware] = FACTOR_WORDS;
        match raw.get_ref().as_str() {
            Some(word) if word == any => Ok(Self::Any),
            Some(word) if word == two => Ok(Self::TwoFactor),
            Some(word) if word == hardware => Ok(Self::HardwareTwoFactor),
            Some(_) => Err(Refusal::word(raw, &FACTOR_WORDS)),
            None => {
                let factors = read_list(raw, &FACTORS.map(str::to_owned), factor)?;
                Ok(Self::All(factors.into_iter().fold(Factors::NONE, |set, f| set | f.into())))
            }
        }
    }

    fn toml(&self) -> String {
        let [any, two, hardware] = FACTOR_WORDS;
        match self {
            Self::Any => format!("\"{any}\""),
            Self::TwoFactor => format!("\"{two}\""),
            Self::HardwareTwoFactor => format!("\"{hardware}\""),
            Self::All(factors) => {
                let words: Vec<_> = factors.iter().map(|f| format!("\"{f}\"")).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}

/// The methods that a service takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MethodChoice {
    /// Every enabled method.
    #[default]
    Any,
    /// These only; never empty.
    Only(BTreeSet<Method>),
}

impl MethodChoice {
    /// Whether the method is among them.
    #[must_use]
    pub fn contains(&self, method: Method) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(&method),
        }
    }
}

impl Typed for MethodChoice {
    const KIND: Kind = Kind::Methods;

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        if raw.get_ref().as_str() == Some("any") {
            return Ok(Self::Any);
        }
        let methods = read_list(raw, &Self::KIND.words(), |word| word.parse().ok())?;
        Ok(Self::Only(methods.into_iter().collect()))
    }

    fn toml(&self) -> String {
        match self {
            Self::Any => "\"any\"".to_owned(),
            Self::Only(methods) => {
                let words: Vec<_> = methods.iter().map(|m| format!("\"{m}\"")).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}
