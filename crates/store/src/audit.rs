//! The audit log: one JSON object a line, chained and authenticated, appended and synced.
//!
//! Each line has the number of its entry, the MAC of the line before (`prev`) and its own (`mac`,
//! HMAC-SHA256 over the line up to there, so over `prev` too): a line that is changed, removed,
//! added or moved is found by [`verify`]. A [mark](crate::mark) beside it is raised every
//! [`CHECKPOINT`] entries and when the log is closed: a log that ends before its mark was cut.
//! Fewer than [`CHECKPOINT`] entries at the very end can be cut off unseen; that is the bound.
//!
//! Entries have typed fields only, none of which can hold a secret.
//!
//! A process that is killed may leave a last line that is not whole; nobody was told that it is
//! written. [`AuditLog::open`] removes it. Files are turned over at a size, the older ones named
//! `.1`, `.2`, ..; the chain runs on through them.

mod check;
mod entry;
mod newest;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

pub use self::{
    check::{Break, Summary, verify},
    entry::{Detail, Entry},
};
use crate::{
    engine::{self, EngineError},
    mark::{Level, Mark, MarkError},
    seal::{Key, prf, subkey},
};

/// Entries between two writes of the mark.
pub const CHECKPOINT: u64 = 32;

/// What goes wrong with the audit log. All but [`AuditError::TooLong`] are fatal.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The chain is broken.
    #[error(transparent)]
    Broken(#[from] Break),
    /// The mark cannot be used.
    #[error("the audit log's mark cannot be used")]
    Mark(#[from] MarkError),
    /// A directory cannot be synced.
    #[error(transparent)]
    Directory(#[from] EngineError),
    /// The entry is longer than 16 KiB.
    #[error("the audit entry has {length} bytes; at most {} are allowed", entry::MAX_LINE)]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// An earlier write failed.
    #[error("an earlier write to the audit log failed; the process must end and open the log again")]
    Poisoned,
    /// A file operation failed.
    #[error("cannot {what} the audit log {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
}

/// The key that authenticates the log; see [`Records::audit_key`](crate::Records::audit_key).
pub struct AuditKey {
    lines: Key,
    mark: Key,
}

impl AuditKey {
    pub(crate) fn derive(master: &Key) -> Self {
        Self { lines: subkey(master, "audit"), mark: subkey(master, "audit mark") }
    }

    fn mac(&self, body: &[u8]) -> [u8; 32] {
        prf(&self.lines, &[b"line", body])
    }
}

/// Where the log is and how large it may grow.
#[derive(Clone, Debug)]
pub struct AuditPlace {
    /// The newest file.
    pub path: PathBuf,
    /// The mark.
    pub mark: PathBuf,
    /// Size at which a file is turned over, in bytes.
    pub max_bytes: u64,
    /// How many older files are kept.
    pub keep: u32,
}

impl AuditPlace {
    /// The `n`th older file; 0 is the newest.
    fn file(&self, n: u32) -> PathBuf {
        numbered(&self.path, n)
    }
}

fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if n > 0 {
        name.push(format!(".{n}"));
    }
    PathBuf::from(name)
}

/// An open audit log; shared by reference between threads.
pub struct AuditLog {
    place: AuditPlace,
    key: AuditKey,
    tail: Mutex<Tail>,
    synced: Mutex<Synced>,
}

/// The end of the log.
struct Tail {
    file: Arc<File>,
    bytes: u64,
    sequence: u64,
    mac: [u8; 32],
    failed: bool,
}

/// What is known to be on the medium.
struct Synced {
    sequence: u64,
    checkpoint: u64,
    mark: Mark,
}

impl AuditLog {
    /// Opens the log, and makes one where there is neither a log nor a mark.
    ///
    /// # Errors
    /// [`AuditError::Broken`] where the newest file's chain is broken or ends before the mark. A
    /// last line that is not whole is removed without an error.
    pub fn open(place: AuditPlace, key: AuditKey) -> Result<Self, AuditError> {
        let found = check::tail(&place, &key)?;
        let level = Level { generation: [0; 16], sequence: found.sequence, digest: found.mac };
        let fresh = found.sequence == 0 && !place.mark.exists();
        let mut mark = if fresh {
            Mark::create(&place.mark, key.mark.clone(), &level)?
        } else {
            let (mark, reading) = Mark::open(&place.mark, key.mark.clone())?;
            found.compare(&reading.level)?;
            mark
        };
        let file = open_file(&place.path)?;
        let failed =
            |source| AuditError::Io { what: "repair", path: place.path.display().to_string(), source };
        file.set_len(found.bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        engine::sync_parent(&place.path)?;
        mark.write(&level)?;
        let tail = Tail {
            file: Arc::new(file),
            bytes: found.bytes,
            sequence: found.sequence,
            mac: found.mac,
            failed: false,
        };
        let synced = Synced { sequence: found.sequence, checkpoint: found.sequence, mark };
        Ok(Self { place, key, tail: Mutex::new(tail), synced: Mutex::new(synced) })
    }

    /// Appends an entry and returns its number, from 1 on; durable when this returns. Entries that
    /// several threads append at once share one sync.
    pub fn append(&self, entry: &Entry) -> Result<u64, AuditError> {
        let sequence = self.write(entry)?;
        // Whoever holds this lock syncs for all that were written before.
        let mut synced = self.synced.lock().map_err(|_| AuditError::Poisoned)?;
        if synced.sequence >= sequence {
            return Ok(sequence);
        }
        let (file, level) = {
            let tail = self.tail()?;
            (Arc::clone(&tail.file), Level { generation: [0; 16], sequence: tail.sequence, digest: tail.mac })
        };
        let done = self.sync(&file, &mut synced, &level);
        if done.is_err() {
            self.tail()?.failed = true;
        }
        done.map(|()| sequence)
    }

    fn sync(&self, file: &File, synced: &mut Synced, level: &Level) -> Result<(), AuditError> {
        file.sync_data().map_err(|e| self.failure("sync", e))?;
        synced.sequence = level.sequence;
        if level.sequence >= synced.checkpoint + CHECKPOINT {
            synced.mark.write(level)?;
            synced.checkpoint = level.sequence;
        }
        Ok(())
    }

    fn write(&self, entry: &Entry) -> Result<u64, AuditError> {
        let mut tail = self.tail()?;
        let sequence = tail.sequence + 1;
        let (line, mac) = entry.line(sequence, &tail.mac, &self.key)?;
        if tail.bytes > 0 && tail.bytes + line.len() as u64 > self.place.max_bytes {
            let turned = self.turn_over(&mut tail);
            tail.failed = turned.is_err();
            turned?;
        }
        if let Err(e) = (&*tail.file).write_all(&line) {
            // Part of a line may be there; the next opening removes it.
            tail.failed = true;
            return Err(self.failure("write", e));
        }
        tail.bytes += line.len() as u64;
        tail.sequence = sequence;
        tail.mac = mac;
        Ok(sequence)
    }

    /// Ends the newest file and begins another.
    fn turn_over(&self, tail: &mut Tail) -> Result<(), AuditError> {
        let failed = |e| self.failure("turn over", e);
        tail.file.sync_all().map_err(failed)?;
        for n in (0..self.place.keep).rev() {
            let from = self.place.file(n);
            if from.exists() {
                fs::rename(from, self.place.file(n + 1)).map_err(failed)?;
            }
        }
        if self.place.keep == 0 {
            fs::remove_file(&self.place.path).map_err(failed)?;
        }
        tail.file = Arc::new(open_file(&self.place.path)?);
        tail.bytes = 0;
        Ok(engine::sync_parent(&self.place.path)?)
    }

    fn tail(&self) -> Result<MutexGuard<'_, Tail>, AuditError> {
        let tail = self.tail.lock().map_err(|_| AuditError::Poisoned)?;
        if tail.failed { Err(AuditError::Poisoned) } else { Ok(tail) }
    }

    fn failure(&self, what: &'static str, source: io::Error) -> AuditError {
        AuditError::Io { what, path: self.place.path.display().to_string(), source }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // Raises the mark to the end; without it the bound on an unseen cut is CHECKPOINT.
        let Ok(level) =
            self.tail().map(|t| Level { generation: [0; 16], sequence: t.sequence, digest: t.mac })
        else {
            return;
        };
        if let Ok(synced) = self.synced.get_mut()
            && synced.sequence == level.sequence
            && synced.checkpoint < level.sequence
        {
            let _ = synced.mark.write(&level);
        }
    }
}

fn open_file(path: &Path) -> Result<File, AuditError> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(|source| AuditError::Io {
        what: "open",
        path: path.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests;
