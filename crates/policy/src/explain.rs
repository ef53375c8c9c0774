use std::fmt;

use crate::{
    document::Document,
    layer::Layer,
    section::{KeyPath, Section, Setting},
};

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in force.
    InForce,
    /// A stronger layer gave another one, or the same.
    Covered {
        /// The layer whose value is in force.
        by: Layer,
        /// Whether both layers are groups and their values differ: only their order decided.
        conflict: bool,
    },
}

/// One value that a layer gave for a key, and where it stands (POL-11).
///
/// `Display` gives one line: `KEY = VALUE (LAYER, FILE:LINE)`, and for a covered value the layer
/// that covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The dotted key as the layer wrote it; for a service it may be the one of `default`.
    pub key: String,
    /// The value as it is written in a policy file, words without quotes.
    pub value: String,
    /// The value as it is written in a policy file.
    pub toml: String,
    /// Who gave it.
    pub layer: Layer,
    /// The file and its line; none for the built-in layer.
    pub place: Option<(String, u32)>,
    /// Whether it is in force.
    pub standing: Standing,
    doc: &'static str,
}

impl Explained {
    /// What the key means; the same sentences as in the reference.
    #[must_use]
    pub fn documentation(&self) -> &'static str {
        self.doc
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({}", self.key, self.value, self.layer)?;
        if let Some((file, line)) = &self.place {
            write!(f, ", {file}:{line}")?;
        }
        f.write_str(")")?;
        match &self.standing {
            Standing::InForce => Ok(()),
            Standing::Covered { by, conflict: false } => write!(f, ", covered by {by}"),
            Standing::Covered { by, conflict: true } => {
                write!(f, ", in conflict with {by}, which ranks higher")
            }
        }
    }
}

/// What was given for a key, the strongest first.
pub(crate) fn trail(stack: &[&Document], path: &KeyPath) -> Vec<Explained> {
    let built_in = path.section().built_in(path.info().name);
    let mut given: Vec<_> =
        built_in.iter().map(|setting| explained(path, setting, Layer::BuiltIn, None)).collect();
    for document in stack {
        for alias in aliases(path) {
            given.extend(document.entries.iter().filter(|entry| entry.path == alias).map(|entry| {
                let place = Some((document.file.clone(), entry.at.line));
                explained(&entry.path, &entry.setting, document.layer.clone(), place)
            }));
        }
    }
    given.reverse();
    let mut given = given.into_iter();
    let Some(winner) = given.next() else { return Vec::new() };
    let covered = given.map(|weaker| cover(weaker, &winner)).collect::<Vec<_>>();
    std::iter::once(winner).chain(covered).collect()
}

fn cover(weaker: Explained, winner: &Explained) -> Explained {
    let groups = matches!((&weaker.layer, &winner.layer), (Layer::Group(a), Layer::Group(b)) if a != b);
    let conflict = groups && weaker.value != winner.value;
    Explained { standing: Standing::Covered { by: winner.layer.clone(), conflict }, ..weaker }
}

/// The paths that can give the key a value, the weaker first.
fn aliases(path: &KeyPath) -> Vec<KeyPath> {
    let general = match path.section() {
        Section::Service(name) if name.as_str() != Section::DEFAULT_SERVICE => {
            format!("service.{}.{}", Section::DEFAULT_SERVICE, path.info().name).parse().ok()
        }
        _ => None,
    };
    general.into_iter().chain([path.clone()]).collect()
}

fn explained(path: &KeyPath, setting: &Setting, layer: Layer, place: Option<(String, u32)>) -> Explained {
    let toml = setting.toml();
    let value = toml.trim_matches('"').to_owned();
    Explained {
        key: path.to_string(),
        value,
        toml,
        layer,
        place,
        standing: Standing::InForce,
        doc: path.info().doc,
    }
}
