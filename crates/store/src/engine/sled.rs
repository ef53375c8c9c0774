use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{
    Batch, EngineError, EngineKind, Store, Tree, Visitor, check_create, check_open, files, make_directory,
};

/// The log of sled's page cache.
pub(super) const DB: &str = "db";
/// sled's parameters.
pub(super) const CONF: &str = "conf";

/// sled 0.34.7, made durable.
///
/// As its documentation says to use it, sled loses acknowledged writes in a power cut and may then
/// open empty without an error: its `flush` calls `sync_file_range` alone, which flushes neither
/// the disk's cache nor the file's length, and `conf` is never synced. So here
/// - nothing is flushed behind our back (`flush_every_ms(None)`), and after every flush comes an
///   `fdatasync` on a descriptor of our own, before anybody is told that the data is durable;
/// - a snapshot that was being written when the power or the process went is removed first, as
///   sled would take it for a damaged one and refuse to open;
/// - after opening or creating, `conf`, `db`, the directory and its parent are synced;
/// - values stay below sled's limit for blob files, which are never synced;
/// - concurrent commits share one flush.
///
/// All trees live in sled's one default tree, under a first byte that names them: a batch over one
/// sled tree is atomic by itself. sled panics on some damaged files; that is caught and becomes
/// [`EngineError::Damaged`].
pub struct SledStore {
    // Dropped before the log, which waits until sled has let go of the files.
    db: sled::Db,
    log: Log,
    applied: AtomicU64,
    durable: Mutex<u64>,
    poisoned: AtomicBool,
}

impl SledStore {
    /// Opens a store that exists.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        check_open(EngineKind::Sled, directory)?;
        for name in [DB, CONF] {
            // sled would make a missing one anew and call it an empty store.
            if !directory.join(name).is_file() {
                return Err(EngineError::Damaged(format!("the file {name} is missing")));
            }
        }
        remove_unfinished_snapshots(directory)?;
        Self::start(directory, cache_bytes)
    }

    /// Makes an empty store.
    pub fn create(directory: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        check_create(EngineKind::Sled, directory)?;
        make_directory(directory)?;
        Self::start(directory, cache_bytes)
    }

    fn start(directory: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        let config = sled::Config::new().path(directory).flush_every_ms(None).cache_capacity(cache_bytes);
        let db = shielded(|| config.open())?.map_err(failure)?;
        let log = Log::open(&directory.join(DB))?;
        files::sync_all(directory)?;
        Ok(Self {
            db,
            log,
            applied: AtomicU64::new(0),
            durable: Mutex::new(0),
            poisoned: AtomicBool::new(false),
        })
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.poisoned.load(Ordering::Acquire) { Err(EngineError::Poisoned) } else { Ok(()) }
    }

    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut changes = sled::Batch::default();
        for (tree, key, value) in batch.changes() {
            let key = full_key(tree, key);
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        shielded(|| self.db.apply_batch(changes))?.map_err(failure)?;
        let ticket = self.applied.fetch_add(1, Ordering::AcqRel) + 1;
        // Whoever holds the lock flushes for all that were applied before; they find it done.
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        if *durable >= ticket {
            return Ok(());
        }
        let covered = self.applied.load(Ordering::Acquire);
        let flushed =
            shielded(|| self.db.flush()).and_then(|done| done.map_err(failure)).and_then(|_| self.sync());
        if flushed.is_err() {
            self.poisoned.store(true, Ordering::Release);
        } else {
            *durable = covered;
        }
        flushed
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.log.0.sync_data().map_err(|e| EngineError::io("sync the store's log", e))
    }
}

impl Store for SledStore {
    fn kind(&self) -> EngineKind {
        EngineKind::Sled
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.check()?;
        let value = shielded(|| self.db.get(full_key(tree, key)))?.map_err(failure)?;
        Ok(value.map(|v| v.to_vec()))
    }

    fn scan(&self, tree: Tree, prefix: &[u8], visit: &mut Visitor<'_>) -> Result<(), EngineError> {
        self.check()?;
        let mut rows = self.db.scan_prefix(full_key(tree, prefix));
        while let Some(row) = shielded(|| rows.next())? {
            let (key, value) = row.map_err(failure)?;
            let key = key.get(1..).unwrap_or_default();
            if visit(key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, batch: &Batch) -> Result<(), EngineError> {
        self.check()?;
        let done = self.write(batch);
        if done.is_err() {
            self.poisoned.store(true, Ordering::Release);
        }
        done
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // Nothing acknowledged depends on this; it leaves a shorter recovery to the next start.
        if self.check().is_ok() {
            let _ = shielded(|| self.db.flush());
            let _ = self.sync();
        }
    }
}

/// Removes what a kill or a power cut left of a snapshot that sled was writing. It writes one at
/// each opening and names it when it is whole, but takes the unfinished file for a snapshot too,
/// finds its checksum wrong, and refuses to open for ever.
fn remove_unfinished_snapshots(directory: &Path) -> Result<(), EngineError> {
    let failed = |e| EngineError::io("remove an unfinished snapshot of the store", e);
    let lock = File::open(directory.join(DB)).map_err(failed)?;
    // While it is held, it is another process that is writing it.
    let _held = Held::take(&lock).ok_or(EngineError::InUse)?;
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Our own descriptor of sled's log.
struct Log(File);

impl Log {
    fn open(path: &Path) -> Result<Self, EngineError> {
        File::open(path).map(Self).map_err(|e| EngineError::io("open the store's log", e))
    }
}

impl Drop for Log {
    /// sled's threads hold its files, and with them the lock, a little longer than its handle
    /// lives: who opens the store again at once would find it in use.
    fn drop(&mut self) {
        drop(Held::take(&self.0));
    }
}

/// The lock of a store's log, for a moment.
struct Held<'a>(&'a File);

impl<'a> Held<'a> {
    /// Takes the lock. Who holds it may be about to let go: sled's threads after its handle, a child
    /// between fork and exec. Nothing tells when but the lock itself, and to wait for it without an
    /// end would hang on a daemon that runs. So it is tried, for two seconds at most.
    fn take(file: &'a File) -> Option<Self> {
        for _ in 0..2_000 {
            if flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK) {
                return Some(Self(file));
            }
            thread::sleep(Duration::from_millis(1));
        }
        None
    }
}

impl Drop for Held<'_> {
    /// Closing would not do: a child that was forked meanwhile shares the lock until it execs.
    fn drop(&mut self) {
        // A lock that was not taken (a file system without locks) cannot be given back.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

fn full_key(tree: Tree, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(tree.number());
    full.extend_from_slice(key);
    full
}

/// Runs a call into sled, which asserts where it should answer.
fn shielded<T>(call: impl FnOnce() -> T) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        EngineError::Damaged(format!("sled gave up: {text}"))
    })
}

fn failure(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(e) if e.kind() == std::io::ErrorKind::WouldBlock => EngineError::InUse,
        // sled wraps the lock's refusal in text of its own.
        sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => EngineError::InUse,
        sled::Error::Io(e) => EngineError::io("read or write the store's files", e),
        sled::Error::Corruption { .. } => EngineError::Damaged("a checksum of sled's log is wrong".into()),
        other => EngineError::Damaged(other.to_string()),
    }
}
