//! Changing settings in local mode (POL-12, MODE-01).

use std::fmt;

use signet_types::Method;
use toml::{Spanned, de::DeValue};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::{
    document::Document,
    explain::trail,
    finding::{Finding, Problem},
    kind::Kind,
    layer::{Layer, Source},
    policy::{Policy, sections},
    section::{KeyPath, Section, Setting, UnknownKey},
    settings::{MethodSettings, MethodValue},
};

/// Changes to the workstation's settings that are not applied yet.
///
/// It starts from the policy in force; [`Draft::apply`] gives the new text of the machine's
/// file, in which comments, order and layout of the old one are kept.
#[derive(Clone, Debug)]
pub struct Draft {
    policy: Policy,
    changes: Vec<(KeyPath, Setting)>,
}

/// Why a setting cannot be changed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The organisation's policy gives the value (MODE-02).
    Enterprise {
        /// The file that does.
        file: String,
        /// Its line.
        line: u32,
    },
    /// The method is disabled: of a disabled method only `enabled` can be changed (ENA-05).
    MethodDisabled(Method),
    /// The method is disabled and `enabled` is not for users to change (ENA-05, MODE-02).
    MethodDisabledForGood(Method),
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enterprise { file, line } => write!(f, "the organisation's policy sets it ({file}:{line})"),
            Self::MethodDisabled(method) => {
                write!(f, "the method is disabled; set method.{method}.enabled to true first")
            }
            Self::MethodDisabledForGood(method) => {
                write!(f, "the method {method} is disabled, which only the organisation's policy can change")
            }
        }
    }
}

/// A setting as it is offered for change.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub path: KeyPath,
    /// The value, as it is written in a policy file, with the draft's changes.
    pub value: String,
    /// What may be chosen.
    pub allowed: Kind,
    /// Whether the draft changes it.
    pub changed: bool,
    /// Why it cannot be changed, where it cannot.
    pub lock: Option<Lock>,
}

/// Why a change was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// There is no such key.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// The key is not among those that can be changed here.
    #[error("{key} cannot be changed here: {reason}")]
    NotShown {
        /// The key.
        key: String,
        /// Where it is changed.
        reason: &'static str,
    },
    /// The value is not allowed.
    #[error("{0}")]
    Value(Problem),
    /// The key is locked.
    #[error("{key} cannot be changed: {lock}")]
    Locked {
        /// The key.
        key: String,
        /// Why.
        lock: Lock,
    },
}

impl Draft {
    /// A draft without changes.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, changes: Vec::new() }
    }

    /// The settings of this workstation with the draft's changes. `enabled` is shown in local
    /// mode only, that is without an organisation's policy (MODE-02).
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let stack = self.policy.stack(None, &[]);
        let paths = sections(&stack).into_iter().flat_map(|section| {
            section.keys().into_iter().filter_map(move |info| KeyPath::new(section.clone(), info.name))
        });
        paths
            .filter(|path| self.hidden(path).is_none())
            .map(|path| Shown {
                value: self.value(&path),
                allowed: path.info().kind,
                changed: self.changes.iter().any(|(changed, _)| *changed == path),
                lock: self.lock(&path),
                path,
            })
            .collect()
    }

    /// Changes a setting in the draft. `value` is written as in a policy file; a word may go
    /// without its quotes. Returns what the draft now holds for the key.
    pub fn set(&mut self, key: &str, value: &str) -> Result<String, DraftError> {
        let path: KeyPath = key.parse()?;
        if let Some(reason) = self.hidden(&path) {
            return Err(DraftError::NotShown { key: path.to_string(), reason });
        }
        if let Some(lock) = self.lock(&path) {
            return Err(DraftError::Locked { key: path.to_string(), lock });
        }
        let setting = read(&path, value).map_err(DraftError::Value)?;
        let text = setting.toml();
        self.changes.retain(|(changed, _)| *changed != path);
        self.changes.push((path, setting));
        Ok(text)
    }

    /// The changed keys with their new values, in the order of the changes.
    pub fn changes(&self) -> impl Iterator<Item = (&KeyPath, String)> {
        self.changes.iter().map(|(path, setting)| (path, setting.toml()))
    }

    /// Goes back to what is in force.
    pub fn reset(&mut self) {
        self.changes.clear();
    }

    /// The new text of the machine's policy file. It has been parsed again: what comes out loads.
    pub fn apply(&self) -> Result<String, Vec<Finding>> {
        let machine = self.policy.document(&Layer::Machine);
        let (file, text) = machine.map_or(("policy.toml", ""), |d| (d.file.as_str(), d.text.as_str()));
        // The text was parsed before; an empty document in its place would fail the check below.
        let mut document: DocumentMut = text.parse().unwrap_or_default();
        for (path, setting) in &self.changes {
            write(document.as_table_mut(), path, &setting.toml());
        }
        let text = document.to_string();
        let parsed = Document::parse(&Source { layer: Layer::Machine, file, text: &text })?;
        let kept = machine.iter().flat_map(|d| &d.entries).map(|e| (&e.path, &e.setting));
        let kept = kept.filter(|(path, _)| !self.changes.iter().any(|(changed, _)| changed == *path));
        let changed = self.changes.iter().map(|(path, setting)| (path, setting));
        let lost = kept.chain(changed).find(|(path, setting)| {
            !parsed.entries.iter().any(|e| e.path == **path && e.setting == **setting)
        });
        match lost {
            None => Ok(text),
            Some((path, _)) => {
                let problem = Problem::Syntax(format!("{path} cannot be written into this file's layout"));
                let at = crate::finding::Position { line: 1, column: 1 };
                Err(vec![Finding { file: file.to_owned(), at, problem }])
            }
        }
    }

    /// Local mode: no organisation's policy (MODE-01).
    fn is_local(&self) -> bool {
        self.policy.document(&Layer::Enterprise).is_none()
    }

    fn hidden(&self, path: &KeyPath) -> Option<&'static str> {
        match path.section() {
            Section::Group => Some("it is a setting of a group's file"),
            Section::Method(_) if !self.is_local() && path.info().name == "enabled" => {
                Some("in enterprise mode the organisation's policy decides which methods are enabled")
            }
            _ => None,
        }
    }

    fn lock(&self, path: &KeyPath) -> Option<Lock> {
        let stack = self.policy.stack(None, &[]);
        let enterprise = trail(&stack, path).into_iter().find(|given| given.layer == Layer::Enterprise);
        if let Some((file, line)) = enterprise.and_then(|given| given.place) {
            return Some(Lock::Enterprise { file, line });
        }
        match path.section() {
            Section::Method(method) if path.info().name != "enabled" && !self.enabled(*method) => {
                Some(if self.is_local() {
                    Lock::MethodDisabled(*method)
                } else {
                    Lock::MethodDisabledForGood(*method)
                })
            }
            _ => None,
        }
    }

    /// Whether the method is enabled once the draft is applied.
    fn enabled(&self, method: Method) -> bool {
        let mut settings: MethodSettings = self.policy.effective_for_nobody().method(method).clone();
        for (_, setting) in &self.changes {
            if let Setting::Method(changed, value @ MethodValue::Enabled(_)) = setting
                && *changed == method
            {
                settings.assign(value);
            }
        }
        settings.enabled
    }

    fn value(&self, path: &KeyPath) -> String {
        let changed = self.changes.iter().find(|(changed, _)| changed == path);
        if let Some((_, setting)) = changed {
            return setting.toml();
        }
        let given = trail(&self.policy.stack(None, &[]), path);
        given.into_iter().next().map(|winner| winner.toml).unwrap_or_default()
    }
}

/// Reads a value as a policy file would; text that is no TOML value is taken for a word.
fn read(path: &KeyPath, text: &str) -> Result<Setting, Problem> {
    let word = || Spanned::new(0..text.len(), DeValue::String(text.into()));
    let raw = DeValue::parse(text).unwrap_or_else(|_| word());
    let refused = |found, suggestion| Problem::Value {
        key: path.to_string(),
        found,
        allowed: path.info().kind.to_string(),
        suggestion,
    };
    match path.section().read(path.info().name, &raw) {
        Some(Ok(setting)) => Ok(setting),
        Some(Err(refusal)) => Err(refused(refusal.found, refusal.suggestion)),
        None => Err(refused(crate::kind::described(raw.get_ref()), None)),
    }
}

/// Writes a value into its section, which is made where it is missing. A layout that has no room
/// for it leaves the file as it is; `apply` then finds the value missing.
fn write(root: &mut Table, path: &KeyPath, value: &str) {
    let Ok(value) = value.parse::<Value>() else { return };
    let steps = path.section().steps();
    let mut table: &mut dyn TableLike = root;
    for (depth, step) in steps.iter().enumerate() {
        let fresh = || {
            let mut fresh = Table::new();
            fresh.set_implicit(depth + 1 < steps.len());
            Item::Table(fresh)
        };
        // In an inline table this becomes an inline table too.
        let Some(next) = table.entry(step).or_insert_with(fresh).as_table_like_mut() else { return };
        table = next;
    }
    match table.get_mut(path.info().name).and_then(Item::as_value_mut) {
        Some(old) => {
            // Keeps the comment behind the value.
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(path.info().name, Item::Value(value));
        }
    }
}
