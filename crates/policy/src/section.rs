use std::{fmt, str::FromStr};

use signet_types::{Method, ServiceName};
use toml::{Spanned, de::DeValue};

use crate::{
    kind::Refusal,
    settings::{
        DisplaySettings, DisplayValue, GeneralSettings, GeneralValue, GroupSettings, GroupValue,
        LockoutSettings, LockoutValue, MethodSettings, MethodValue, ServiceSettings, ServiceValue,
        SessionSettings, SessionValue,
    },
    table::{Key, KeyInfo},
};

/// A section of a policy file; `Display` gives its header without the brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `[display]`
    Display,
    /// `[policy]`
    General,
    /// `[group]`, in a group's file only
    Group,
    /// `[method.NAME]`
    Method(Method),
    /// `[service.NAME]`; the name `default` stands for every service.
    Service(ServiceName),
    /// `[lockout]`
    Lockout,
    /// `[session]`
    Session,
}

/// Calls `$f` with the rows, the subject and the constructor of a [`Setting`] of the section.
macro_rules! by_section {
    ($section:expr, $f:ident $(, $arg:expr)*) => {
        match $section {
            Section::Display => $f(DisplaySettings::KEYS, (), Setting::Display $(, $arg)*),
            Section::General => $f(GeneralSettings::KEYS, (), Setting::General $(, $arg)*),
            Section::Group => $f(GroupSettings::KEYS, (), Setting::Group $(, $arg)*),
            Section::Method(m) => $f(MethodSettings::KEYS, *m, |v| Setting::Method(*m, v) $(, $arg)*),
            Section::Service(s) => $f(ServiceSettings::KEYS, (), |v| Setting::Service(s.clone(), v) $(, $arg)*),
            Section::Lockout => $f(LockoutSettings::KEYS, (), Setting::Lockout $(, $arg)*),
            Section::Session => $f(SessionSettings::KEYS, (), Setting::Session $(, $arg)*),
        }
    };
}

fn infos<S: Copy, V>(
    rows: &'static [Key<S, V>],
    subject: S,
    _: impl Fn(V) -> Setting,
) -> Vec<&'static KeyInfo> {
    rows.iter().filter(|row| (row.applies)(subject)).map(|row| &row.info).collect()
}

fn reading<S: Copy, V>(
    rows: &'static [Key<S, V>],
    subject: S,
    wrap: impl Fn(V) -> Setting,
    name: &str,
    raw: &Spanned<DeValue<'_>>,
) -> Option<Result<Setting, Refusal>> {
    let row = rows.iter().find(|row| row.info.name == name && (row.applies)(subject))?;
    Some((row.read)(raw).map(wrap))
}

fn built_in<S: Copy, V>(
    rows: &'static [Key<S, V>],
    subject: S,
    wrap: impl Fn(V) -> Setting,
    name: &str,
) -> Option<Setting> {
    let row = rows.iter().find(|row| row.info.name == name && (row.applies)(subject))?;
    Some(wrap((row.default)(subject)))
}

impl Section {
    /// The name of the service that stands for every service.
    pub const DEFAULT_SERVICE: &'static str = "default";
    /// The sections that have no name in them.
    pub(crate) const PLAIN: [Self; 5] =
        [Self::Display, Self::General, Self::Group, Self::Lockout, Self::Session];
    /// The first words of every section.
    pub(crate) const WORDS: [&'static str; 7] =
        ["display", "policy", "group", "method", "service", "lockout", "session"];

    /// The keys of the section.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static KeyInfo> {
        by_section!(self, infos)
    }

    /// What the section is for.
    #[must_use]
    pub fn about(&self) -> &'static str {
        match self {
            Self::Display => DisplaySettings::ABOUT,
            Self::General => GeneralSettings::ABOUT,
            Self::Group => GroupSettings::ABOUT,
            Self::Method(_) => MethodSettings::ABOUT,
            Self::Service(_) => ServiceSettings::ABOUT,
            Self::Lockout => LockoutSettings::ABOUT,
            Self::Session => SessionSettings::ABOUT,
        }
    }

    /// Reads a value of the section's key; `None` where the section has no such key.
    pub(crate) fn read(&self, name: &str, raw: &Spanned<DeValue<'_>>) -> Option<Result<Setting, Refusal>> {
        by_section!(self, reading, name, raw)
    }

    /// The built-in value of the section's key.
    pub(crate) fn built_in(&self, name: &str) -> Option<Setting> {
        by_section!(self, built_in, name)
    }

    /// The keys to go down from a file's root to the section.
    pub(crate) fn steps(&self) -> Vec<&str> {
        match self {
            Self::Display => vec!["display"],
            Self::General => vec!["policy"],
            Self::Group => vec!["group"],
            Self::Method(method) => vec!["method", method.as_str()],
            Self::Service(service) => vec!["service", service.as_str()],
            Self::Lockout => vec!["lockout"],
            Self::Session => vec!["session"],
        }
    }

    fn named(text: &str) -> Option<Self> {
        match text.split_once('.') {
            Some(("method", name)) => name.parse().ok().map(Self::Method),
            Some(("service", name)) => name.parse().ok().map(Self::Service),
            _ => Self::PLAIN.into_iter().find(|s| s.to_string() == text),
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.steps().join("."))
    }
}

/// A checked value together with the section that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Display(DisplayValue),
    General(GeneralValue),
    Group(GroupValue),
    Method(Method, MethodValue),
    Service(ServiceName, ServiceValue),
    Lockout(LockoutValue),
    Session(SessionValue),
}

impl Setting {
    /// The value as it is written in a policy file.
    pub(crate) fn toml(&self) -> String {
        match self {
            Self::Display(v) => v.toml(),
            Self::General(v) => v.toml(),
            Self::Group(v) => v.toml(),
            Self::Method(_, v) => v.toml(),
            Self::Service(_, v) => v.toml(),
            Self::Lockout(v) => v.toml(),
            Self::Session(v) => v.toml(),
        }
    }
}

/// A key with its section: `method.smartcard.pin_type`. Only existing keys have a path.
#[derive(Clone, Debug)]
pub struct KeyPath {
    section: Section,
    info: &'static KeyInfo,
}

/// Text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown key {found}; allowed are the keys of the policy reference, such as method.smartcard.enabled"
)]
pub struct UnknownKey {
    found: String,
}

impl KeyPath {
    /// The path of a section's key, where the section has it.
    pub(crate) fn new(section: Section, name: &str) -> Option<Self> {
        let info = section.keys().into_iter().find(|info| info.name == name)?;
        Some(Self { section, info })
    }

    /// The section.
    #[must_use]
    pub fn section(&self) -> &Section {
        &self.section
    }

    /// What is known of the key.
    #[must_use]
    pub fn info(&self) -> &'static KeyInfo {
        self.info
    }
}

impl PartialEq for KeyPath {
    fn eq(&self, other: &Self) -> bool {
        self.section == other.section && self.info.name == other.info.name
    }
}

impl Eq for KeyPath {}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.info.name)
    }
}

impl FromStr for KeyPath {
    type Err = UnknownKey;

    /// Names of services may have dots, keys may not: the last dot divides.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.rsplit_once('.')
            .and_then(|(section, key)| Self::new(Section::named(section)?, key))
            .ok_or_else(|| UnknownKey { found: crate::finding::excerpt(s) })
    }
}
