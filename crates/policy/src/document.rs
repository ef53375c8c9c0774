use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use signet_types::{Method, ServiceName};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    finding::{Finding, Lines, Position, Problem, excerpt, nearest},
    kind::described,
    layer::{Layer, Source},
    section::{KeyPath, Section, Setting},
};

/// A policy file whose every key and value is allowed.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) layer: Layer,
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) entries: Vec<Entry>,
}

/// One key of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: KeyPath,
    pub(crate) setting: Setting,
    pub(crate) at: Position,
}

impl Document {
    /// Reads a policy file (TOML v1.1.0). What is wrong in it is told as a whole, in the order of
    /// the file; anything wrong refuses the whole file (POL-10).
    pub fn parse(source: &Source<'_>) -> Result<Self, Vec<Finding>> {
        let mut reader = Reader::new(source);
        if source.text.len() > Source::MAX_BYTES {
            reader.find(0..0, Problem::TooLarge { bytes: source.text.len(), max: Source::MAX_BYTES });
            return Err(reader.findings);
        }
        let (root, errors) = DeTable::parse_recoverable(source.text);
        for error in errors {
            reader.find(error.span().unwrap_or_default(), Problem::Syntax(error.message().to_owned()));
        }
        // What the parser made of a broken line says nothing that its own error does not.
        let broken: BTreeSet<u32> = reader.findings.iter().map(|f| f.at.line).collect();
        let syntax_errors = reader.findings.len();
        reader.root(root.get_ref());
        let meaning = reader.findings.split_off(syntax_errors);
        reader.findings.extend(meaning.into_iter().filter(|f| !broken.contains(&f.at.line)));
        if reader.findings.is_empty() {
            let (layer, file, text) = (source.layer.clone(), source.file.to_owned(), source.text.to_owned());
            reader.entries.sort_by_key(|e| e.at);
            return Ok(Self { layer, file, text, entries: reader.entries });
        }
        Err(reader.sorted())
    }

    /// Who gives this file's values.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// How many findings of one file are told.
const MAX_FINDINGS: usize = 100;

type Pair<'a, 't> = (&'a Spanned<Cow<'t, str>>, &'a Spanned<DeValue<'t>>);

struct Reader<'a> {
    source: &'a Source<'a>,
    lines: Lines<'a>,
    findings: Vec<Finding>,
    entries: Vec<Entry>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        Self { source, lines: Lines::new(source.text), findings: Vec::new(), entries: Vec::new() }
    }

    /// The findings in the order of the file, the first hundred of them: a reader of a message
    /// has no use for more, and a message has a greatest length.
    fn sorted(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|f| f.at);
        let left_out = self.findings.len().saturating_sub(MAX_FINDINGS);
        self.findings.truncate(MAX_FINDINGS);
        let last = self.findings.last().map(|f| (f.file.clone(), f.at)).filter(|_| left_out > 0);
        self.findings.extend(last.map(|(file, at)| Finding {
            file,
            at,
            problem: Problem::More { left_out },
        }));
        self.findings
    }

    fn find(&mut self, span: Range<usize>, problem: Problem) {
        let at = self.lines.position(span.start);
        self.findings.push(Finding { file: self.source.file.to_owned(), at, problem });
    }

    fn unknown<S: AsRef<str>>(&mut self, key: &Spanned<Cow<'_, str>>, what: String, words: &[S]) {
        let allowed = words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        let suggestion = nearest(key.get_ref(), words).map(ToOwned::to_owned);
        self.find(key.span(), Problem::Unknown { what, found: excerpt(key.get_ref()), allowed, suggestion });
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            match key.get_ref().as_ref() {
                word @ ("method" | "service") => self.named(word, (key, value)),
                word => match Section::PLAIN.into_iter().find(|s| s.to_string() == word) {
                    Some(Section::Group) if !matches!(self.source.layer, Layer::Group(_)) => {
                        let belongs = "the file of a group";
                        self.find(key.span(), Problem::Misplaced { section: "group", belongs });
                    }
                    Some(section) => self.section(&section, value),
                    None => self.unknown(key, "section".to_owned(), &Section::WORDS),
                },
            }
        }
    }

    /// The sections that carry a name: `[method.NAME]`, `[service.NAME]`.
    fn named(&mut self, word: &str, (_, value): Pair<'_, '_>) {
        let Some(table) = self.table(word, value) else { return };
        for (name, value) in table {
            let text = name.get_ref();
            if word == "method" {
                match text.parse::<Method>() {
                    Ok(method) => self.section(&Section::Method(method), value),
                    Err(_) => self.unknown(name, "method".to_owned(), &Method::ALL.map(Method::as_str)),
                }
            } else {
                match text.parse::<ServiceName>() {
                    Ok(service) => self.section(&Section::Service(service), value),
                    Err(error) => {
                        let found = excerpt(text);
                        let problem = Problem::BadName { what: "service", found, why: error.to_string() };
                        self.find(name.span(), problem);
                    }
                }
            }
        }
    }

    fn table<'v, 't>(&mut self, section: &str, value: &'v Spanned<DeValue<'t>>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let (section, found) = (section.to_owned(), described(value.get_ref()));
            self.find(value.span(), Problem::NotATable { section, found });
        }
        table
    }

    fn section(&mut self, section: &Section, value: &Spanned<DeValue<'_>>) {
        let Some(table) = self.table(&section.to_string(), value) else { return };
        for pair in table {
            self.key(section, pair);
        }
    }

    fn key(&mut self, section: &Section, (key, value): Pair<'_, '_>) {
        let name = key.get_ref();
        let read = KeyPath::new(section.clone(), name).zip(section.read(name, value));
        match read {
            None => {
                let names: Vec<_> = section.keys().iter().map(|info| info.name).collect();
                self.unknown(key, format!("key of [{section}]"), &names);
            }
            Some((path, Ok(setting))) => {
                let at = self.lines.position(key.span().start);
                self.entries.push(Entry { path, setting, at });
            }
            Some((path, Err(refusal))) => {
                let problem = Problem::Value {
                    key: path.to_string(),
                    found: refusal.found,
                    allowed: path.info().kind.to_string(),
                    suggestion: refusal.suggestion,
                };
                self.find(refusal.span, problem);
            }
        }
    }
}
