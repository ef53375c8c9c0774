//! Keys and the sealing of values.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{engine, error::StoreError};

/// Length of a key, in bytes.
pub(crate) const KEY_LENGTH: usize = 32;
pub(crate) const NONCE_LENGTH: usize = 24;
pub(crate) const TAG_LENGTH: usize = 16;

/// Key bytes, wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// Where the store's master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A file of 32 bytes that only its owner may read, apart from the store. Who reads the whole
    /// disk reads the key too: the daemon says so at its start.
    File(PathBuf),
}

/// Why the master key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no key.
    #[error(
        "the store's key {path} is missing; put it back from a backup, or import an export into a new store \
         ('signetd --import FILE')"
    )]
    Missing {
        /// The key file.
        path: String,
    },
    /// The file is open to others, of another owner, or no plain file.
    #[error("the store's key {path} must be a plain file of mode 0600 that belongs to the user of signetd")]
    Permissions {
        /// The key file.
        path: String,
    },
    /// The file has the wrong length.
    #[error("the store's key {path} must have 32 bytes; put it back from a backup")]
    Length {
        /// The key file.
        path: String,
    },
    /// A file operation failed.
    #[error("cannot {what} the store's key {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The key file.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl KeySource {
    /// Whether a key is there; it may still be refused.
    pub(crate) fn is_present(&self) -> bool {
        match self {
            Self::File(path) => fs::symlink_metadata(path).is_ok(),
        }
    }

    /// Reads the key.
    pub(crate) fn load(&self) -> Result<Key, KeyError> {
        match self {
            Self::File(path) => load_file(path),
        }
    }

    /// Reads the key, or makes one where there is none, durable when this returns.
    pub(crate) fn load_or_create(&self) -> Result<Key, StoreError> {
        match self {
            Self::File(path) if self.is_present() => Ok(load_file(path)?),
            Self::File(path) => create_file(path),
        }
    }
}

fn load_file(path: &Path) -> Result<Key, KeyError> {
    let name = || path.display().to_string();
    let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut file = match OpenOptions::new().read(true).custom_flags(nofollow).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing { path: name() }),
        opened => opened.map_err(|source| KeyError::Io { what: "open", path: name(), source })?,
    };
    let about = file.metadata().map_err(|source| KeyError::Io { what: "examine", path: name(), source })?;
    let mine = about.uid() == rustix::process::geteuid().as_raw();
    if !about.is_file() || about.mode() & 0o077 != 0 || !mine {
        return Err(KeyError::Permissions { path: name() });
    }
    let mut key = Key::default();
    let whole = about.len() == KEY_LENGTH as u64 && file.read_exact(key.as_mut_slice()).is_ok();
    if whole { Ok(key) } else { Err(KeyError::Length { path: name() }) }
}

fn create_file(path: &Path) -> Result<Key, StoreError> {
    let failed = |what| move |source| KeyError::Io { what, path: path.display().to_string(), source };
    let key = random_key()?;
    // Written under another name first: a key cut short by a power cut would read as damage.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let _ = fs::remove_file(&draft);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed("create"))?;
    file.write_all(key.as_slice()).and_then(|()| file.sync_all()).map_err(failed("write"))?;
    fs::rename(&draft, path).map_err(failed("name"))?;
    engine::sync_parent(path)?;
    Ok(key)
}

/// A fresh random key.
pub(crate) fn random_key() -> Result<Key, StoreError> {
    let mut key = Key::default();
    getrandom::fill(key.as_mut_slice())?;
    Ok(key)
}

/// HMAC-SHA256 (RFC 2104) over length-prefixed parts, so that no two lists of parts collide.
pub(crate) fn prf(key: &[u8; KEY_LENGTH], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the block is padded with zeros (RFC 2104, section 2).
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// One use's key from the master key: one block of HKDF-Expand (RFC 5869, section 2.3), which is
/// enough as the master key is uniform.
pub(crate) fn subkey(master: &Key, label: &str) -> Key {
    Zeroizing::new(prf(master, &[b"signet-store", label.as_bytes(), &[1]]))
}

/// Names the store that records belong to; random, made when it is created.
pub(crate) type Generation = [u8; 16];

/// A sealed value, before it is cut into rows.
pub(crate) struct Sealed {
    pub(crate) nonce: [u8; NONCE_LENGTH],
    pub(crate) tag: [u8; TAG_LENGTH],
    pub(crate) text: Vec<u8>,
}

/// Seals values to their place: XChaCha20-Poly1305, random nonce (192 bits: no counter needed),
/// associated data = schema version, generation, tree, key.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    generation: Generation,
}

/// Version of the sealed format and of what it is bound to.
const SCHEMA: u8 = 1;

impl Sealer {
    pub(crate) fn new(master: &Key, generation: Generation) -> Self {
        let key = subkey(master, "seal");
        Self { cipher: XChaCha20Poly1305::new((&*key).into()), generation }
    }

    fn place(&self, tree: engine::Tree, key: &[u8]) -> Vec<u8> {
        // The key comes last and everything before it has a fixed length.
        let mut place = Vec::with_capacity(key.len() + 18);
        place.push(SCHEMA);
        place.extend_from_slice(&self.generation);
        place.push(tree.number());
        place.extend_from_slice(key);
        place
    }

    pub(crate) fn seal(&self, tree: engine::Tree, key: &[u8], value: &[u8]) -> Result<Sealed, StoreError> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce)?;
        let aad = self.place(tree, key);
        let mut text = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: value, aad: &aad })
            .map_err(|_| StoreError::TooLarge { length: value.len() })?;
        let tail = text.split_off(text.len().saturating_sub(TAG_LENGTH));
        let tag = tail.try_into().map_err(|_| StoreError::Damaged { tree })?;
        Ok(Sealed { nonce, tag, text })
    }

    pub(crate) fn open(
        &self,
        tree: engine::Tree,
        key: &[u8],
        mut sealed: Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        sealed.text.extend_from_slice(&sealed.tag);
        let aad = self.place(tree, key);
        self.cipher
            .decrypt(&XNonce::from(sealed.nonce), Payload { msg: &sealed.text, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| StoreError::Damaged { tree })
    }
}
