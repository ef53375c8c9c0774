use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{
    Records, Rows, decode, encode,
    rows::{GENERATION, HEAD, Head},
    writer::{Queue, Writer},
};
use crate::{
    engine::{self, EngineError, EngineKind, Tree},
    error::StoreError,
    mark::{Level, Mark, MarkError, Reading},
    seal::{Generation, KEY_LENGTH, Key, KeySource, Sealer, random_key, subkey},
};

/// The identifier key's key in [`Tree::Meta`]. The key is a record, not derived from the master
/// key, so that hashes stay valid when an export is imported under another master key.
pub(crate) const IDENTIFIER_KEY: &[u8] = b"identifier-key";

/// Where a store is. The three paths should not share a directory: whoever copies the store must
/// not get the key, and a store that is put back must not bring its old mark along.
#[derive(Clone, Debug)]
pub struct Location {
    /// The engine.
    pub engine: EngineKind,
    /// The engine's directory; its parent exists.
    pub directory: PathBuf,
    /// The file of the high-water mark; its directory exists.
    pub mark: PathBuf,
    /// The master key.
    pub key: KeySource,
    /// Page cache that the engine may use, in bytes.
    pub cache_bytes: u64,
}

/// What lies at a [`Location`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: no store, no mark, no key. Only then may a daemon create by itself.
    Untouched,
    /// A creation that did not finish; nobody has been told that it did. Create again.
    Unfinished,
    /// A store, or traces of one: open it, and refuse everybody where that fails.
    Present,
}

impl Location {
    /// What lies here.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let trace = self.directory.exists() || self.mark.exists();
        if !trace && draft(&self.directory).exists() {
            Presence::Unfinished
        } else if trace || self.key.is_present() {
            Presence::Present
        } else {
            Presence::Untouched
        }
    }
}

/// The name that something has until it is complete.
fn draft(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn integrity_key(master: &Key) -> Key {
    subkey(master, "integrity")
}

impl Records {
    /// Makes an empty store. Its key is made too, where there is none.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where a store or a mark is.
    pub fn create(location: &Location) -> Result<Self, StoreError> {
        Self::create_with(location, |_| Ok(()))
    }

    /// Makes a store and fills it; it gets its name only when `fill` has succeeded.
    pub(crate) fn create_with<E: From<StoreError>>(
        location: &Location,
        fill: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        for path in [&location.directory, &location.mark] {
            if path.exists() {
                return Err(StoreError::Exists { place: path.display().to_string() }.into());
            }
        }
        let staged = Location {
            directory: draft(&location.directory),
            mark: draft(&location.mark),
            ..location.clone()
        };
        clear_away(&staged)?;
        fill(&Self::stage(&staged)?)?;
        // The directory first: `open` finishes what is cut off between the two.
        let named = |e| StoreError::from(EngineError::io("name the new store", e));
        fs::rename(&staged.directory, &location.directory).map_err(named)?;
        engine::sync_parent(&location.directory).map_err(StoreError::from)?;
        Ok(Self::open(location)?)
    }

    fn stage(location: &Location) -> Result<Self, StoreError> {
        let store = engine::create_engine(location.engine, &location.directory, location.cache_bytes)?;
        let master = location.key.load_or_create()?;
        let mut generation: Generation = [0; 16];
        getrandom::fill(&mut generation)?;
        let rows = Rows::new(store, Sealer::new(&master, generation), integrity_key(&master));
        let head = rows.found(&generation)?;
        let level = Level { generation, sequence: head.sequence, digest: head.digest };
        let mark = Mark::create(&location.mark, subkey(&master, "mark"), &level)?;
        let identifier_key = random_key()?;
        let records =
            Self::assemble(rows, identifier_key.clone(), master, Writer::new(mark, head, generation));
        records
            .write(move |draft| draft.put(Tree::Meta, IDENTIFIER_KEY.to_vec(), encode(&*identifier_key)))?;
        Ok(records)
    }

    fn assemble(rows: Rows, identifier_key: Key, master: Key, writer: Writer) -> Self {
        Self { rows, identifier_key, master, queue: Mutex::new(Queue::new()), writer: Mutex::new(writer) }
    }

    /// Opens a store and proves that it is complete: its state is the mark's, or one commit ahead
    /// (the process was killed between the two), and every record is the one last written. That
    /// reads every record once.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is nothing; otherwise each thing that can be wrong has
    /// its own error, and none of them means that nobody has enrolled.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        if !location.mark.exists() && !location.directory.exists() {
            return Err(StoreError::Absent { place: location.directory.display().to_string() });
        }
        finish_creation(location)?;
        let master = location.key.load()?;
        let (mut mark, reading) = Mark::open(&location.mark, subkey(&master, "mark"))?;
        let empty = StoreError::Empty { sequence: reading.level.sequence };
        let store = match engine::open_engine(location.engine, &location.directory, location.cache_bytes) {
            Err(EngineError::Missing { .. }) => return Err(empty),
            opened => opened?,
        };
        let generation = reading.level.generation;
        let rows = Rows::new(store, Sealer::new(&master, generation), integrity_key(&master));
        match rows.raw(Tree::Meta, GENERATION)? {
            Some(found) if found == generation => {}
            Some(_) => return Err(StoreError::Foreign),
            None => return Err(empty),
        }
        let head: Head = decode(Tree::Meta, &rows.read(Tree::Meta, HEAD)?.ok_or(empty)?)?;
        let ahead = compare(&head, &reading, location)?;
        let (found, sum) = rows.survey()?;
        if (found, sum) != (head.count, head.sum) {
            return Err(StoreError::Altered { found, expected: head.count });
        }
        if ahead {
            mark.write(&Level { generation, sequence: head.sequence, digest: head.digest })?;
        }
        let damaged = StoreError::Damaged { tree: Tree::Meta };
        let identifier_key = rows.read(Tree::Meta, IDENTIFIER_KEY)?.ok_or(damaged)?;
        let identifier_key: [u8; KEY_LENGTH] = decode(Tree::Meta, &identifier_key)?;
        Ok(Self::assemble(rows, identifier_key.into(), master, Writer::new(mark, head, generation)))
    }
}

/// Whether the store is one commit ahead of its mark; any other difference is an error.
fn compare(head: &Head, reading: &Reading, location: &Location) -> Result<bool, StoreError> {
    let (found, expected) = (head.sequence, reading.level.sequence);
    let torn = MarkError::Damaged { path: location.mark.display().to_string() };
    if found < expected {
        Err(StoreError::RolledBack { found, expected })
    } else if found > expected.saturating_add(1) {
        Err(StoreError::MarkBehind { found, expected })
    } else if found > expected {
        if head.previous == reading.level.digest { Ok(true) } else { Err(StoreError::Foreign) }
    } else if reading.torn {
        // The damaged slot was written for a commit that this store does not have.
        Err(torn.into())
    } else if head.digest == reading.level.digest {
        Ok(false)
    } else {
        Err(StoreError::Foreign)
    }
}

/// Gives the mark of a store its name, where the creation was cut off just before that. The draft
/// mark is authenticated like any other and must fit the store.
fn finish_creation(location: &Location) -> Result<(), StoreError> {
    let draft = draft(&location.mark);
    if location.directory.exists() && !location.mark.exists() && draft.exists() {
        fs::rename(&draft, &location.mark).map_err(|e| EngineError::io("name the new mark", e))?;
        engine::sync_parent(&location.mark)?;
    }
    Ok(())
}

/// Removes what an unfinished creation left.
fn clear_away(staged: &Location) -> Result<(), StoreError> {
    let failed = |e| EngineError::io("remove an unfinished store", e);
    if staged.directory.exists() {
        fs::remove_dir_all(&staged.directory).map_err(failed)?;
    }
    if staged.mark.exists() {
        fs::remove_file(&staged.mark).map_err(failed)?;
    }
    Ok(())
}
