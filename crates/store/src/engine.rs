//! The engine under the records: trees of ordered keys, atomic durable batches.

mod batch;
mod files;
mod sled;
mod sqlite;

use std::{fmt, io, ops::ControlFlow, path::Path, str::FromStr};

pub use self::{batch::Batch, sled::SledStore, sqlite::SqliteStore};
pub(crate) use files::{make_directory, sync_parent};

/// Longest key, in bytes.
pub const MAX_KEY: usize = 600;
/// Longest value, in bytes. sled keeps larger nodes in files of their own, which it never syncs.
pub const MAX_VALUE: usize = 4096;
/// Page cache that an engine may use where nothing else is configured, in bytes.
pub const DEFAULT_CACHE_BYTES: u64 = 64 << 20;

/// The trees of the store. The number is part of the format on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tree {
    /// What the store knows of itself.
    Meta = 0,
    /// Credentials by user and id.
    Credential = 1,
    /// The user of a credential id.
    CredentialUser = 2,
    /// The owner of a token identifier's hash.
    Identifier = 3,
    /// Profiles by user.
    Profile = 4,
    /// Failure counters by user, method and origin.
    Counter = 5,
    /// Session bindings by session id.
    Session = 6,
    /// Second and later pieces of values that are longer than [`MAX_VALUE`].
    Piece = 7,
}

impl Tree {
    /// Every tree, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Meta,
        Self::Credential,
        Self::CredentialUser,
        Self::Identifier,
        Self::Profile,
        Self::Counter,
        Self::Session,
        Self::Piece,
    ];

    /// The tree's number on disk.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The tree with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.number() == number)
    }
}

/// What is called with each key and value of a scan.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A durable, ordered key-value engine.
///
/// The contract, which the conformance suite proves for each engine:
/// - [`commit`](Self::commit) applies all of a batch or nothing, over all trees, and returns only
///   after it is durable against a power cut. Later reads see it.
/// - A failed commit or sync is fatal: the engine is poisoned, every later call gives
///   [`EngineError::Poisoned`], and the process should end. What is on the medium after it is
///   what was acknowledged, with or without the batch that failed.
/// - Calls may come from several threads at once.
pub trait Store: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// The value under a key.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Visits the rows whose key starts with `prefix`, in the order of their keys, until the
    /// visitor breaks. Rows that are committed meanwhile may or may not be seen.
    fn scan(&self, tree: Tree, prefix: &[u8], visit: &mut Visitor<'_>) -> Result<(), EngineError>;

    /// Applies a batch atomically and durably.
    fn commit(&self, batch: &Batch) -> Result<(), EngineError>;
}

/// Which engine holds the data: one word in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// sled 0.34.7.
    #[default]
    Sled,
    /// SQLite.
    Sqlite,
}

impl EngineKind {
    /// Both engines.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Sqlite];

    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Sqlite => "sqlite",
        }
    }

    /// Files whose presence shows that this engine lives in a directory.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Sled => &[sled::DB, sled::CONF],
            Self::Sqlite => &[sqlite::FILE],
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown store engine; allowed are \"sled\" and \"sqlite\"")]
pub struct UnknownEngine;

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|k| k.as_str() == s).ok_or(UnknownEngine)
    }
}

/// What went wrong in an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A key is longer than [`MAX_KEY`].
    #[error("the key has {length} bytes; at most {MAX_KEY} are allowed")]
    KeyTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A value is longer than [`MAX_VALUE`].
    #[error("the value has {length} bytes; at most {MAX_VALUE} are allowed")]
    ValueTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The directory holds no store.
    #[error("{directory} holds no {kind} store")]
    Missing {
        /// The directory.
        directory: String,
        /// The engine that was asked for.
        kind: EngineKind,
    },
    /// A store is to be made where one is.
    #[error("{directory} holds a {kind} store already")]
    Exists {
        /// The directory.
        directory: String,
        /// The engine that was found.
        kind: EngineKind,
    },
    /// The directory belongs to the other engine.
    #[error(
        "{directory} holds a {found} store, but the configuration says {asked}; \
         set the engine to {found}, or export with {found} and import with {asked}"
    )]
    OtherEngine {
        /// The directory.
        directory: String,
        /// The engine whose files are there.
        found: EngineKind,
        /// The engine that was asked for.
        asked: EngineKind,
    },
    /// Another process has the store open.
    #[error("the store is in use by another process; only one signetd may run")]
    InUse,
    /// The engine found its files damaged.
    #[error("the store's files are damaged: {0}")]
    Damaged(String),
    /// The file system is full.
    #[error("the file system of the store is full; nothing more is written until there is room")]
    Full,
    /// An earlier write or sync failed; nothing that this process holds can be believed.
    #[error("an earlier write to the store failed; the process must end and open the store again")]
    Poisoned,
    /// A file operation failed.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl EngineError {
    pub(crate) fn io(what: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { what, source },
        }
    }
}

/// Opens the engine that lives in `directory`.
///
/// # Errors
/// [`EngineError::Missing`], [`EngineError::OtherEngine`], [`EngineError::InUse`],
/// [`EngineError::Damaged`]. Whether the data is complete is for the layer above to decide: an
/// engine may recover a cut file to an earlier state without a word.
pub fn open_engine(
    kind: EngineKind,
    directory: &Path,
    cache_bytes: u64,
) -> Result<Box<dyn Store>, EngineError> {
    Ok(match kind {
        EngineKind::Sled => Box::new(SledStore::open(directory, cache_bytes)?),
        EngineKind::Sqlite => Box::new(SqliteStore::open(directory, cache_bytes)?),
    })
}

/// Makes an empty engine in `directory`, which may exist if no engine lives there. When it
/// returns, the files and the directory entries that lead to them are durable.
pub fn create_engine(
    kind: EngineKind,
    directory: &Path,
    cache_bytes: u64,
) -> Result<Box<dyn Store>, EngineError> {
    Ok(match kind {
        EngineKind::Sled => Box::new(SledStore::create(directory, cache_bytes)?),
        EngineKind::Sqlite => Box::new(SqliteStore::create(directory, cache_bytes)?),
    })
}

/// The engine whose files lie in `directory`, if any.
fn resident(directory: &Path) -> Option<EngineKind> {
    EngineKind::ALL.into_iter().find(|k| k.files().iter().any(|f| directory.join(f).exists()))
}

/// Refuses to open a directory that holds nothing, or the other engine's files.
fn check_open(asked: EngineKind, directory: &Path) -> Result<(), EngineError> {
    let name = directory.display().to_string();
    let other = EngineKind::ALL
        .into_iter()
        .find(|k| *k != asked && k.files().iter().any(|f| directory.join(f).exists()));
    match (other, resident(directory)) {
        (Some(found), _) => Err(EngineError::OtherEngine { directory: name, found, asked }),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(EngineError::Missing { directory: name, kind: asked }),
    }
}

/// Refuses to create where an engine lives.
fn check_create(asked: EngineKind, directory: &Path) -> Result<(), EngineError> {
    let name = directory.display().to_string();
    match resident(directory) {
        None => Ok(()),
        Some(found) if found == asked => Err(EngineError::Exists { directory: name, kind: found }),
        Some(found) => Err(EngineError::OtherEngine { directory: name, found, asked }),
    }
}

#[cfg(test)]
mod tests;
