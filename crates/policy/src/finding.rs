use std::{fmt, fmt::Write as _};

/// A place in a file: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The character in the line.
    pub column: u32,
}

/// A text with the starts of its lines: finding a place does not read the text from its start,
/// or a file with a fault on each line would take seconds.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The place of a byte offset; an offset past the end means the end.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..offset).unwrap_or_default().chars().count() + 1;
        let bounded = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: bounded(line), column: bounded(column) }
    }
}

/// Something in a policy file that is not allowed; the file is refused as a whole (POL-10).
///
/// `Display` gives one line: `FILE:LINE:COLUMN: what was found, what is allowed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {problem}", at.line, at.column)]
pub struct Finding {
    /// The file's name, as its [`Source`](crate::Source) had it.
    pub file: String,
    /// Where in the file.
    pub at: Position,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong in a policy file. Texts from the file are escaped and cut to 40 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file is longer than [`Source::MAX_BYTES`](crate::Source::MAX_BYTES).
    TooLarge {
        /// The file's length in bytes.
        bytes: usize,
        /// The greatest length in bytes.
        max: usize,
    },
    /// The text is no TOML: a misspelling, a key given twice, too deep nesting.
    Syntax(String),
    /// A section, a key or a method that does not exist.
    Unknown {
        /// What kind of name it is: "section", "key of \[session\]", "method".
        what: String,
        /// The name, quoted.
        found: String,
        /// What the name may be, in words.
        allowed: String,
        /// The allowed name that is nearest.
        suggestion: Option<String>,
    },
    /// A name that no service can have.
    BadName {
        /// What it names.
        what: &'static str,
        /// The name, quoted.
        found: String,
        /// What is wrong with it and what is allowed.
        why: String,
    },
    /// A value that the key does not take.
    Value {
        /// The key, dotted.
        key: String,
        /// The value in words.
        found: String,
        /// The allowed values in words.
        allowed: String,
        /// The allowed word that is nearest.
        suggestion: Option<String>,
    },
    /// A value where a table of keys belongs.
    NotATable {
        /// The section, dotted.
        section: String,
        /// The value in words.
        found: String,
    },
    /// A section that this layer's files cannot have.
    Misplaced {
        /// The section.
        section: &'static str,
        /// Where it belongs.
        belongs: &'static str,
    },
    /// More is wrong than is told.
    More {
        /// How many findings are left out.
        left_out: usize,
    },
    /// Two files for one layer.
    SecondFile {
        /// The layer, in words.
        layer: String,
        /// The first file.
        first: String,
    },
}

impl Problem {
    /// What is allowed instead, in words; empty where nothing can be named.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::TooLarge { max, .. } => format!("at most {max} bytes"),
            Self::Syntax(_) | Self::More { .. } => String::new(),
            Self::Unknown { allowed, .. } | Self::Value { allowed, .. } => allowed.clone(),
            Self::BadName { why, .. } => why.clone(),
            Self::NotATable { section, .. } => format!("a table: [{section}] and its keys below"),
            Self::Misplaced { section, belongs } => format!("[{section}] in {belongs}"),
            Self::SecondFile { .. } => "one file for each layer".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, max } => {
                write!(f, "the file has {bytes} bytes, allowed are at most {max}")
            }
            Self::Syntax(message) => write!(f, "not valid TOML: {message}"),
            Self::Unknown { what, found, allowed, suggestion } => {
                write!(f, "unknown {what} {found}, allowed are {allowed}{}", Hint(suggestion))
            }
            Self::BadName { what, found, why } => write!(f, "{found} cannot name a {what}: {why}"),
            Self::Value { key, found, allowed, suggestion } => {
                write!(f, "{key}: found {found}, allowed are {allowed}{}", Hint(suggestion))
            }
            Self::NotATable { section, found } => {
                write!(f, "{section}: found {found}, allowed is a table: [{section}] and its keys below")
            }
            Self::Misplaced { section, belongs } => {
                write!(f, "the section [{section}] is allowed in {belongs} only")
            }
            Self::More { left_out } => write!(f, "and {left_out} more findings after this place"),
            Self::SecondFile { layer, first } => {
                write!(f, "a second file for the layer {layer}, allowed is one; the first is {first}")
            }
        }
    }
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => write!(f, "; did you mean \"{word}\"?"),
            None => Ok(()),
        }
    }
}

/// Text in double quotes, escaped as TOML does (v1.0.0, basic strings), cut after 40 characters
/// where it comes from a file that is wrong.
pub(crate) fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{}{dots}", quoted(&cut))
}

/// Text in double quotes, escaped as TOML does (v1.0.0, basic strings). Characters that change
/// the direction of text are escaped too, so that a log line shows what the file holds.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                push_escape(&mut out, c);
            }
            c if c.is_control() => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push_escape(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{:04X}", u32::from(c));
}

/// The word that is at most two typing mistakes away, if there is one.
pub(crate) fn nearest<'w, S: AsRef<str>>(found: &str, words: &'w [S]) -> Option<&'w str> {
    const LONGEST: usize = 64;
    if found.len() > LONGEST {
        return None;
    }
    let lower = found.to_lowercase();
    words
        .iter()
        .map(|word| (distance(&lower, word.as_ref()), word.as_ref()))
        .filter(|(d, word)| *d <= 2 && *d < word.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal + usize::from(ca != cb);
            diagonal = *cell;
            *cell = changed.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
