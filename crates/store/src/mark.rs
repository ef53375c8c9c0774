//! The high-water mark: how far a store or a log had come, kept apart from it.
//!
//! A mark is a file with two slots of 4 KiB. A commit writes the slot that is *not* the newest and
//! syncs it, in place: no room is needed on a full disk, and a power cut can tear one slot only,
//! the one whose commit the store already holds. So
//! - both slots whole: the newer one counts;
//! - one slot damaged: it must have been the write in progress, so the store must be one commit
//!   ahead of the whole slot; anything else is an error;
//! - both damaged: [`MarkError::Damaged`].
//!
//! Each slot is authenticated with HMAC-SHA256 under a key of its own. What a mark cannot show is
//! store and mark put back *together*; for that it may lie on another medium, and later in a TPM.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use subtle::ConstantTimeEq;

use crate::{
    engine::{self, EngineError},
    seal::{Generation, Key, prf},
};

/// One sector of any disk, so that a torn write stays inside.
const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"SIGNMRK1";
const BODY: usize = 8 + 16 + 8 + 32;

/// Why a mark cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// There is no mark.
    #[error(
        "the store's mark {path} is missing, so nobody can tell whether the store is the newest; put the mark back, \
         or import the newest export ('signetd --import FILE')"
    )]
    Missing {
        /// The mark's file.
        path: String,
    },
    /// No slot can be believed.
    #[error(
        "the store's mark {path} is damaged, or the key is another one; put mark and key back, or import the newest \
         export ('signetd --import FILE')"
    )]
    Damaged {
        /// The mark's file.
        path: String,
    },
    /// A file operation failed.
    #[error("cannot {what} the store's mark {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The mark's file.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The directory of the mark could not be synced.
    #[error(transparent)]
    Directory(#[from] EngineError),
}

/// How far something had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Whose level this is.
    pub(crate) generation: Generation,
    /// Number of commits.
    pub(crate) sequence: u64,
    /// Digest of the state after the last of them.
    pub(crate) digest: [u8; 32],
}

/// What was found in a mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The newest level.
    pub(crate) level: Level,
    /// One slot is damaged: a newer level was being written.
    pub(crate) torn: bool,
}

/// An open mark.
pub(crate) struct Mark {
    file: File,
    path: String,
    key: Key,
    /// The slot that the next level goes to.
    next: u64,
}

impl Mark {
    /// Makes a mark, durable when this returns.
    pub(crate) fn create(path: &Path, key: Key, level: &Level) -> Result<Self, MarkError> {
        let name = path.display().to_string();
        let failed = |what| {
            let path = name.clone();
            move |source| MarkError::Io { what, path, source }
        };
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed("create"))?;
        let mut mark = Self { file, path: name.clone(), key, next: 0 };
        mark.write(level)?;
        mark.write(level)?;
        mark.file.sync_all().map_err(failed("sync"))?;
        engine::sync_parent(path)?;
        Ok(mark)
    }

    /// Opens a mark and reads how far it is.
    pub(crate) fn open(path: &Path, key: Key) -> Result<(Self, Reading), MarkError> {
        let name = path.display().to_string();
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(MarkError::Missing { path: name }),
            opened => opened.map_err(|source| MarkError::Io { what: "open", path: name.clone(), source })?,
        };
        let mut mark = Self { file, path: name, key, next: 0 };
        let slots = [mark.read(0)?, mark.read(1)?];
        let (newest, level, torn) = match slots {
            [Some(a), Some(b)] if b.sequence > a.sequence => (1, b, false),
            [Some(a), Some(_)] => (0, a, false),
            [Some(a), None] => (0, a, true),
            [None, Some(b)] => (1, b, true),
            [None, None] => return Err(MarkError::Damaged { path: mark.path }),
        };
        mark.next = 1 - newest;
        Ok((mark, Reading { level, torn }))
    }

    /// Raises the mark; durable when this returns.
    pub(crate) fn write(&mut self, level: &Level) -> Result<(), MarkError> {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(MAGIC);
        slot.extend_from_slice(&level.generation);
        slot.extend_from_slice(&level.sequence.to_le_bytes());
        slot.extend_from_slice(&level.digest);
        let mac = prf(&self.key, &[&slot]);
        slot.extend_from_slice(&mac);
        slot.resize(SLOT, 0);
        self.file
            .write_all_at(&slot, self.next * SLOT as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| MarkError::Io { what: "write", path: self.path.clone(), source })?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Makes every later write fail, as a medium that turned read-only does.
    #[cfg(test)]
    pub(crate) fn break_file(&mut self) {
        self.file = File::open(&self.path).unwrap();
    }

    /// The level in a slot; `None` where it is damaged.
    fn read(&self, slot: u64) -> Result<Option<Level>, MarkError> {
        let mut bytes = [0; BODY + 32];
        match self.file.read_exact_at(&mut bytes, slot * SLOT as u64) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            done => done.map_err(|source| MarkError::Io { what: "read", path: self.path.clone(), source })?,
        }
        let (body, mac) = bytes.split_at(BODY);
        if !bool::from(prf(&self.key, &[body]).ct_eq(mac)) {
            return Ok(None);
        }
        Ok(parse(body))
    }
}

fn parse(body: &[u8]) -> Option<Level> {
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (generation, rest) = rest.split_first_chunk::<16>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (digest, _) = rest.split_first_chunk::<32>()?;
    (magic == MAGIC).then_some(Level {
        generation: *generation,
        sequence: u64::from_le_bytes(*sequence),
        digest: *digest,
    })
}

#[cfg(test)]
mod tests;
