//! The logical export: everything that was enrolled, in one encrypted file, and its way back.
//!
//! Layout: magic, version, Argon2id parameters, salt, nonce prefix (all in the clear, and the
//! associated data of every chunk), then chunks of at most 64 KiB, each sealed with
//! XChaCha20-Poly1305 under prefix, number and a mark on the last one (the STREAM construction of
//! Hoang, Reyhanitabar, Rogaway and Vizar, 2015): a chunk that is missing, doubled, swapped or
//! cut off is recognised. Inside are credentials, profiles, failure counters and the identifier
//! key; the indexes are made anew. Session bindings stay behind: they belong to a running system.

mod stream;

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use signet_types::Secret;
use zeroize::Zeroizing;

use self::stream::{Opener, Packer};
use crate::{
    engine::Tree,
    error::StoreError,
    records::{
        Counter, Credential, Draft, IDENTIFIER_KEY, Location, MAX_RECORD, Profile, Records, Rows, decode,
        encode,
    },
    seal::KEY_LENGTH,
};

/// Records in one commit of an import.
const GROUP: usize = 256;
/// Stands in an entry for the summary, which ends an export.
const END: u8 = 0xff;

/// Why an export or an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The passphrase is empty.
    #[error("the passphrase of an export must not be empty")]
    EmptyPassphrase,
    /// The file is no export.
    #[error("this file is not an export of a Signet store")]
    NotAnExport,
    /// The export is of another version.
    #[error("the export has version {version}; this program reads version 1")]
    Version {
        /// Its version.
        version: u8,
    },
    /// The key derivation's parameters are out of bounds.
    #[error("the export asks for more memory or time than allowed to derive its key; it is damaged")]
    Parameters,
    /// The first chunk does not open.
    #[error("the passphrase is wrong, or the export is damaged at its start")]
    Passphrase,
    /// A later chunk does not open, is cut off, or something follows the last.
    #[error("the export is damaged in part {chunk}; nothing was imported")]
    Damaged {
        /// Number of the chunk, from 0.
        chunk: u32,
    },
    /// The file could not be read or written.
    #[error("cannot read or write the export")]
    Io(#[from] io::Error),
}

/// What an export holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSummary {
    /// Credentials.
    pub credentials: u64,
    /// Profiles.
    pub profiles: u64,
    /// Failure counters.
    pub counters: u64,
}

impl ExportSummary {
    /// All records together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.credentials + self.profiles + self.counters
    }

    fn count(&mut self, tree: Tree) {
        match tree {
            Tree::Credential => self.credentials += 1,
            Tree::Profile => self.profiles += 1,
            Tree::Counter => self.counters += 1,
            _ => {}
        }
    }
}

/// The trees that are exported, [`Tree::Meta`] for the identifier key alone.
const TREES: [Tree; 4] = [Tree::Meta, Tree::Credential, Tree::Profile, Tree::Counter];

impl Records {
    /// Writes an export, as of one moment: changes wait until it is written. The caller syncs the
    /// file and checks it with [`verify_export`] before he relies on it.
    pub fn export(&self, writer: &mut dyn Write, passphrase: &Secret) -> Result<ExportSummary, ExportError> {
        let mut packer = Packer::new(writer, passphrase)?;
        self.hold(|rows| pack(rows, &mut packer))??;
        Ok(packer.summary)
    }

    /// Makes a new store from an export, complete or not at all.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where a store or a mark is: they must be moved away by hand first.
    pub fn import(
        location: &Location,
        reader: &mut dyn Read,
        passphrase: &Secret,
    ) -> Result<(Self, ExportSummary), ExportError> {
        let mut summary = ExportSummary::default();
        let records = Self::create_with(location, |records| {
            let mut group = Vec::new();
            summary = unpack(reader, passphrase, |entry| {
                group.push(entry);
                if group.len() == GROUP { put_group(records, std::mem::take(&mut group)) } else { Ok(()) }
            })?;
            put_group(records, group)
        })?;
        Ok((records, summary))
    }
}

/// Reads an export to its end and checks every part of it.
pub fn verify_export(reader: &mut dyn Read, passphrase: &Secret) -> Result<ExportSummary, ExportError> {
    unpack(reader, passphrase, |_| Ok(()))
}

fn pack(rows: &Rows, packer: &mut Packer<'_>) -> Result<(), ExportError> {
    for tree in TREES {
        let keys = if tree == Tree::Meta { vec![IDENTIFIER_KEY.to_vec()] } else { rows.keys(tree, b"")? };
        for key in keys {
            let value = rows.read(tree, &key)?.ok_or(StoreError::Damaged { tree })?;
            packer.summary.count(tree);
            packer.entry(tree.number(), &key, &value)?;
        }
    }
    let summary = encode(&packer.summary);
    packer.entry(END, b"", &summary)?;
    packer.finish()
}

/// A checked record of an export.
enum Entry {
    IdentifierKey(Zeroizing<[u8; KEY_LENGTH]>),
    Credential(Credential),
    Profile(Vec<u8>, Profile),
    Counter(Vec<u8>, Counter),
}

fn unpack(
    reader: &mut dyn Read,
    passphrase: &Secret,
    mut take: impl FnMut(Entry) -> Result<(), ExportError>,
) -> Result<ExportSummary, ExportError> {
    let mut opener = Opener::new(reader, passphrase)?;
    let mut found = ExportSummary::default();
    let mut keyed = false;
    loop {
        let (number, key, value) = opener.entry()?;
        if number == END {
            let summary: ExportSummary = decode(Tree::Meta, &value)?;
            opener.finish()?;
            // Without the key the identifiers would be those of another store.
            let whole = keyed && summary == found;
            return if whole { Ok(summary) } else { Err(opener.damaged()) };
        }
        let tree = Tree::from_number(number).ok_or_else(|| opener.damaged())?;
        found.count(tree);
        take(match tree {
            Tree::Meta if key == IDENTIFIER_KEY => {
                keyed = true;
                Entry::IdentifierKey(Zeroizing::new(decode(tree, &value)?))
            }
            Tree::Credential => Entry::Credential(decode(tree, &value)?),
            Tree::Profile => Entry::Profile(key, decode(tree, &value)?),
            Tree::Counter => Entry::Counter(key, decode(tree, &value)?),
            _ => return Err(opener.damaged()),
        })?;
    }
}

fn put_group(records: &Records, group: Vec<Entry>) -> Result<(), ExportError> {
    Ok(records.write(move |draft| group.iter().try_for_each(|entry| put(draft, entry)))?)
}

fn put(draft: &mut Draft<'_>, entry: &Entry) -> Result<(), StoreError> {
    match entry {
        Entry::IdentifierKey(key) => draft.put(Tree::Meta, IDENTIFIER_KEY.to_vec(), encode(&**key)),
        Entry::Credential(credential) => draft.insert_credential(credential),
        Entry::Profile(key, profile) => draft.put(Tree::Profile, key.clone(), encode(profile)),
        Entry::Counter(key, counter) => draft.put(Tree::Counter, key.clone(), encode(counter)),
    }
}

/// Longest entry: its header, a key, a record.
const MAX_ENTRY: usize = 7 + crate::engine::MAX_KEY + MAX_RECORD;

#[cfg(test)]
mod tests;
