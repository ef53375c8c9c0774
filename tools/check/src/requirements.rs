//! Which requirements of `docs/behaviour.md` are proven by which tests.
//!
//! A test says what it proves in its documentation: `/// Proves: RMV-02, RMV-04`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;

/// A requirement's id: two or more capitals, a dash, two digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// The id, where the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (letters, digits) = text.split_once('-')?;
        let good = letters.len() >= 2
            && letters.bytes().all(|b| b.is_ascii_uppercase())
            && digits.len() == 2
            && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The requirements of the contract with their texts, from the rows of its Markdown tables.
#[must_use]
pub fn contract(markdown: &str) -> BTreeMap<Id, String> {
    markdown.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(Id, String)> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (id, rest) = cells.split_once('|')?;
    let (_source, text) = rest.split_once('|')?;
    Some((Id::parse(id.trim())?, text.trim().to_owned()))
}

/// One `Proves:` line and the test that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The file, below the workspace.
    pub file: String,
    /// The line of the `Proves:`, from 1.
    pub line: usize,
    /// The words after `Proves:`.
    pub words: Vec<String>,
    /// The test, where a function with a test attribute follows.
    pub test: Option<String>,
}

/// Every `Proves:` in a Rust source file.
#[must_use]
pub fn claims(file: &str, source: &str) -> Vec<Claim> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(words) = line.strip_prefix("///").and_then(|l| l.trim().strip_prefix("Proves:")) else {
            continue;
        };
        let words = words.split(',').map(|w| w.trim().trim_end_matches('.').to_owned()).collect();
        found.push(Claim { file: file.to_owned(), line: at + 1, words, test: test_at(file, &lines, at) });
    }
    found
}

/// Suites whose functions are tests because the tests of other crates call them.
const SUITES: &[&str] = &["tests/conformance/", "crates/store/src/"];

/// The test around line `at`: the lines above and below that belong to the same item.
fn test_at(file: &str, lines: &[&str], at: usize) -> Option<String> {
    let belongs = |line: &&&str| line.starts_with("//") || line.starts_with("#[");
    let above = lines.get(..at)?.iter().rev().take_while(belongs);
    let below = lines.get(at + 1..)?.iter().take_while(belongs);
    let is_test = above.chain(below).any(|l| l.starts_with("#[") && l.contains("test"));
    let item = lines.get(at + 1..)?.iter().find(|line| !belongs(line))?;
    let (before, after) = item.split_once("fn ")?;
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_function =
        before.split_whitespace().all(|w| ["pub", "async", "pub(crate)", "pub(super)"].contains(&w));
    let counts = is_function && (is_test || SUITES.iter().any(|s| file.starts_with(s)));
    counts.then(|| format!("{file}::{name}"))
}

/// `tests/requirements.toml`: what the foundation promises.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// Ids that must be proven.
    pub promised: Vec<String>,
    /// Those of them that are not proven yet, and are said aloud at every check.
    #[serde(default)]
    pub open: Vec<String>,
}

/// The whole state: texts, proofs, and what is wrong.
#[derive(Clone, Debug)]
pub struct Report {
    /// The requirements with their texts.
    pub contract: BTreeMap<Id, String>,
    /// The tests that prove each id.
    pub proofs: BTreeMap<Id, BTreeSet<String>>,
    /// What makes the check fail, one sentence each.
    pub faults: Vec<String>,
    /// Promised, and said to be open.
    pub open: Vec<Id>,
}

impl Report {
    /// Compares the contract, the claims of the tests and the promises.
    #[must_use]
    pub fn new(contract: BTreeMap<Id, String>, claims: &[Claim], promises: &Promises) -> Self {
        let mut proofs: BTreeMap<Id, BTreeSet<String>> = BTreeMap::new();
        let mut faults = Vec::new();
        for claim in claims {
            let place = format!("{}:{}", claim.file, claim.line);
            let Some(test) = &claim.test else {
                faults.push(format!("{place}: 'Proves:' stands on no test function"));
                continue;
            };
            for word in &claim.words {
                match Id::parse(word).filter(|id| contract.contains_key(id)) {
                    Some(id) => {
                        proofs.entry(id).or_default().insert(test.clone());
                    }
                    None => faults.push(format!("{place}: docs/behaviour.md has no requirement '{word}'")),
                }
            }
        }
        let mut open = Vec::new();
        for word in &promises.promised {
            match Id::parse(word).filter(|id| contract.contains_key(id)) {
                Some(id) if proofs.contains_key(&id) => {}
                Some(id) if promises.open.contains(word) => open.push(id),
                Some(id) => {
                    faults
                        .push(format!("{id} is promised in tests/requirements.toml, but no test proves it"));
                }
                None => faults
                    .push(format!("tests/requirements.toml: docs/behaviour.md has no requirement '{word}'")),
            }
        }
        for word in promises.open.iter().filter(|w| !promises.promised.contains(w)) {
            faults.push(format!("tests/requirements.toml: '{word}' is open, but not promised"));
        }
        Self { contract, proofs, faults, open }
    }

    /// The ids that no test names.
    pub fn unproven(&self) -> impl Iterator<Item = &Id> {
        self.contract.keys().filter(|id| !self.proofs.contains_key(id))
    }
}

impl fmt::Display for Report {
    /// Each id with the start of its text, and the tests that prove it below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, text) in &self.contract {
            let mark = if self.proofs.contains_key(id) { "proven" } else { "-" };
            writeln!(f, "{id:<8} {mark:<7} {}", shortened(text, 92))?;
            for test in self.proofs.get(id).into_iter().flatten() {
                writeln!(f, "{:<17}{test}", "")?;
            }
        }
        write!(f, "\n{} of {} requirements are proven by tests", self.proofs.len(), self.contract.len())
    }
}

fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let cut: String = text.chars().take(max.saturating_sub(3)).collect();
    format!("{cut}...")
}

#[cfg(test)]
mod tests;
