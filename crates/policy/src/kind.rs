//! The types that a setting's value can have: how it is read from TOML, what is allowed.

use std::{
    fmt,
    ops::Range,
    path::{Component, Path, PathBuf},
};

use signet_types::{CharacterSet, Method, PinRule, PinType, ReaderLoss, RemovalAction};
use toml::{
    Spanned,
    de::{DeInteger, DeValue},
};

use crate::{
    finding::{excerpt, nearest, quoted},
    words::{EnrollmentDemand, Language, LockFallback, PasswordSource},
};

/// What values a key takes. `Display` gives the allowed values in words, for errors and documents.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Number {
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// One word of a list.
    Word {
        /// The allowed words, in the order of the documentation.
        words: fn() -> Vec<String>,
    },
    /// A list of absolute paths of files.
    Paths,
    /// `"any"` or a list of methods.
    Methods,
    /// A word for a requirement, or a list of factors.
    Factors,
}

impl Kind {
    /// The words that a value of this kind can be, or be made of; empty where it has none.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Flag | Self::Number { .. } | Self::Paths => Vec::new(),
            Self::Word { words } => words(),
            Self::Methods => methods(),
            Self::Factors => FACTOR_WORDS.iter().chain(&FACTORS).map(|w| (*w).to_owned()).collect(),
        }
    }
}

pub(crate) const FACTOR_WORDS: [&str; 3] = ["any", "two-factor", "hardware-two-factor"];
pub(crate) const FACTORS: [&str; 3] = ["knowledge", "possession", "inherence"];
const MAX_PATHS: usize = 32;

fn methods() -> Vec<String> {
    Method::ALL.map(|m| m.to_string()).to_vec()
}

fn list<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|w| quoted(w.as_ref())).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true, false"),
            Self::Number { min, max } => write!(f, "whole numbers from {min} to {max}"),
            Self::Word { words } => f.write_str(&list(&words())),
            Self::Paths => write!(f, "lists of at most {MAX_PATHS} absolute paths without '..'"),
            Self::Methods => write!(f, "\"any\" or a list of different methods out of {}", list(&methods())),
            Self::Factors => {
                write!(f, "{} or a list of different factors out of {}", list(&FACTOR_WORDS), list(&FACTORS))
            }
        }
    }
}

/// Why a value was refused: where it stands, what was found, what was perhaps meant.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) span: Range<usize>,
    pub(crate) found: String,
    pub(crate) suggestion: Option<String>,
}

impl Refusal {
    pub(crate) fn new(raw: &Spanned<DeValue<'_>>) -> Self {
        Self { span: raw.span(), found: described(raw.get_ref()), suggestion: None }
    }

    /// Of a word that is none of `words`.
    pub(crate) fn word<S: AsRef<str>>(raw: &Spanned<DeValue<'_>>, words: &[S]) -> Self {
        let suggestion = raw.get_ref().as_str().and_then(|w| nearest(w, words)).map(ToOwned::to_owned);
        Self { suggestion, ..Self::new(raw) }
    }
}

/// A found value in words; the text in it is escaped and cut.
pub(crate) fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {}", excerpt(text)),
        DeValue::Integer(number) => format!("the number {}", cut(&number.to_string())),
        DeValue::Float(number) => format!("the number {}", cut(&number.to_string())),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A type that a setting can have.
pub(crate) trait Typed: Sized {
    /// The allowed values.
    const KIND: Kind;
    /// Reads a value; everything but an allowed one is refused.
    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal>;
    /// The value as it is written in a policy file.
    fn toml(&self) -> String;
}

impl Typed for bool {
    const KIND: Kind = Kind::Flag;

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        raw.get_ref().as_bool().ok_or_else(|| Refusal::new(raw))
    }

    fn toml(&self) -> String {
        self.to_string()
    }
}

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// The number `N`; outside of the range it does not compile.
    #[must_use]
    pub const fn of<const N: u32>() -> Self {
        const { assert!(MIN <= N && N <= MAX) };
        Self(N)
    }

    /// The number, where it is in the range.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number < MIN || number > MAX { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// TOML integers may be hexadecimal, octal or binary; one that does not fit is out of every range.
fn integer(number: &DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

impl<const MIN: u32, const MAX: u32> Typed for Count<MIN, MAX> {
    const KIND: Kind = Kind::Number { min: MIN, max: MAX };

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        raw.get_ref().as_integer().and_then(integer).and_then(Self::new).ok_or_else(|| Refusal::new(raw))
    }

    fn toml(&self) -> String {
        self.0.to_string()
    }
}

/// The least number of characters of a Signet PIN, 4 to 16 (POL-06).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinLength(PinRule);

impl PinLength {
    /// The rule with this length and these characters.
    #[must_use]
    pub const fn rule(self, characters: CharacterSet) -> PinRule {
        self.0.with_characters(characters)
    }

    /// The least number of characters.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.min_length()
    }
}

impl Typed for PinLength {
    const KIND: Kind = Kind::Number { min: PinRule::SHORTEST as u32, max: PinRule::LONGEST as u32 };

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        raw.get_ref()
            .as_integer()
            .and_then(integer)
            .and_then(|n| u8::try_from(n).ok())
            .and_then(|n| PinRule::new(n, CharacterSet::default()).ok())
            .map(Self)
            .ok_or_else(|| Refusal::new(raw))
    }

    fn toml(&self) -> String {
        self.get().to_string()
    }
}

/// Makes an enum of words a type of setting.
macro_rules! typed_words {
    ($($name:ty = $all:expr),+ $(,)?) => {$(
        impl Typed for $name {
            const KIND: Kind = Kind::Word { words: || $all.iter().map(ToString::to_string).collect() };

            fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
                raw.get_ref()
                    .as_str()
                    .and_then(|word| word.parse().ok())
                    .ok_or_else(|| Refusal::word(raw, &Self::KIND.words()))
            }

            fn toml(&self) -> String {
                quoted(&self.to_string())
            }
        }
    )+};
}

typed_words! {
    RemovalAction = RemovalAction::ALL,
    ReaderLoss = ReaderLoss::ALL,
    PinType = PinType::ALL,
    CharacterSet = [CharacterSet::Numeric, CharacterSet::Alphanumeric, CharacterSet::Any],
    Language = Language::ALL,
    EnrollmentDemand = EnrollmentDemand::ALL,
    PasswordSource = PasswordSource::ALL,
    LockFallback = LockFallback::ALL,
}

/// Reads a list of different words by `item`, which gives the value of one word.
pub(crate) fn read_list<T: PartialEq>(
    raw: &Spanned<DeValue<'_>>,
    words: &[String],
    item: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Refusal> {
    let array = raw.get_ref().as_array().ok_or_else(|| Refusal::word(raw, words))?;
    let mut items = Vec::new();
    for raw in array {
        let value = raw.get_ref().as_str().and_then(&item).ok_or_else(|| Refusal::word(raw, words))?;
        if items.contains(&value) {
            let found = format!("{} a second time", described(raw.get_ref()));
            return Err(Refusal { found, ..Refusal::new(raw) });
        }
        items.push(value);
    }
    if items.is_empty() { Err(Refusal::new(raw)) } else { Ok(items) }
}

/// Files of certificate authorities; none means that no chain is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityPaths(Vec<PathBuf>);

impl AuthorityPaths {
    /// The paths, absolute and without `..`, in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[PathBuf] {
        &self.0
    }

    /// Whether no chain is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn plain_absolute(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    let plain = path.is_absolute()
        && path.file_name().is_some()
        && !path.components().any(|c| c == Component::ParentDir)
        && !text.chars().any(char::is_control)
        && text.len() <= 4096;
    plain.then(|| path.to_owned())
}

impl Typed for AuthorityPaths {
    const KIND: Kind = Kind::Paths;

    fn read(raw: &Spanned<DeValue<'_>>) -> Result<Self, Refusal> {
        let array = raw.get_ref().as_array().ok_or_else(|| Refusal::new(raw))?;
        if array.len() > MAX_PATHS {
            return Err(Refusal { found: format!("a list of {}", array.len()), ..Refusal::new(raw) });
        }
        if array.is_empty() {
            return Ok(Self::default());
        }
        read_list(raw, &[], plain_absolute).map(Self)
    }

    fn toml(&self) -> String {
        let paths: Vec<_> = self.0.iter().map(|p| p.to_string_lossy().into_owned()).collect();
        format!("[{}]", list(&paths))
    }
}
