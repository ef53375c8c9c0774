use std::io::{Read, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use signet_types::Secret;
use zeroize::Zeroizing;

use super::{ExportError, ExportSummary, MAX_ENTRY};
use crate::{error::StoreError, seal::Key};

const MAGIC: &[u8; 8] = b"SIGNETEX";
const VERSION: u8 = 1;
/// Argon2id (RFC 9106): 64 MiB, three passes, one lane.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The most that an export may ask for.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 10;

const HEADER: usize = 8 + 1 + 4 + 4 + 16 + PREFIX;
const PREFIX: usize = 19;
/// Plain bytes in a chunk.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

type Header = [u8; HEADER];

struct Cipher {
    aead: XChaCha20Poly1305,
    header: Header,
    chunk: u32,
}

impl Cipher {
    fn new(passphrase: &Secret, header: Header) -> Result<Self, ExportError> {
        if passphrase.is_empty() {
            return Err(ExportError::EmptyPassphrase);
        }
        let (memory, passes, salt) = parameters(&header).ok_or(ExportError::NotAnExport)?;
        if memory > MAX_MEMORY_KIB || passes > MAX_PASSES {
            return Err(ExportError::Parameters);
        }
        let params = Params::new(memory, passes, 1, Some(32)).map_err(|_| ExportError::Parameters)?;
        let mut key = Key::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose(), &salt, key.as_mut_slice())
            .map_err(|_| ExportError::Parameters)?;
        Ok(Self { aead: XChaCha20Poly1305::new((&*key).into()), header, chunk: 0 })
    }

    /// Prefix from the header, number of the chunk, whether it is the last.
    fn nonce(&self, last: bool) -> XNonce {
        let mut nonce = [0; 24];
        let prefix = self.header.iter().skip(HEADER - PREFIX).copied();
        let rest = self.chunk.to_be_bytes().into_iter().chain([u8::from(last)]);
        for (to, from) in nonce.iter_mut().zip(prefix.chain(rest)) {
            *to = from;
        }
        nonce.into()
    }

    fn seal(&mut self, plain: &[u8], last: bool) -> Result<Vec<u8>, ExportError> {
        let sealed = self.aead.encrypt(&self.nonce(last), Payload { msg: plain, aad: &self.header });
        let damaged = ExportError::Damaged { chunk: self.chunk };
        // A repeated nonce would give the content away; 2^32 chunks are 256 TiB.
        self.chunk = self.chunk.checked_add(1).ok_or(damaged)?;
        sealed.map_err(|_| ExportError::Damaged { chunk: self.chunk })
    }

    fn open(&mut self, sealed: &[u8], last: bool) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        let chunk = self.chunk;
        let plain = self.aead.decrypt(&self.nonce(last), Payload { msg: sealed, aad: &self.header });
        self.chunk = chunk.checked_add(1).ok_or(ExportError::Damaged { chunk })?;
        plain.map(Zeroizing::new).map_err(|_| match chunk {
            0 => ExportError::Passphrase,
            chunk => ExportError::Damaged { chunk },
        })
    }
}

fn parameters(header: &Header) -> Option<(u32, u32, [u8; 16])> {
    let (_, rest) = header.split_at_checked(9)?;
    let (memory, rest) = rest.split_first_chunk::<4>()?;
    let (passes, rest) = rest.split_first_chunk::<4>()?;
    let (salt, _) = rest.split_first_chunk::<16>()?;
    Some((u32::from_le_bytes(*memory), u32::from_le_bytes(*passes), *salt))
}

/// The number of a tree, a key, a record.
type RawEntry = (u8, Vec<u8>, Zeroizing<Vec<u8>>);

/// Writes entries into sealed chunks.
pub(super) struct Packer<'a> {
    writer: &'a mut dyn Write,
    cipher: Cipher,
    buffer: Zeroizing<Vec<u8>>,
    pub(super) summary: ExportSummary,
}

impl<'a> Packer<'a> {
    pub(super) fn new(writer: &'a mut dyn Write, passphrase: &Secret) -> Result<Self, ExportError> {
        let mut random = [0; 16 + PREFIX];
        getrandom::fill(&mut random).map_err(StoreError::from)?;
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&MEMORY_KIB.to_le_bytes());
        bytes.extend_from_slice(&PASSES.to_le_bytes());
        bytes.extend_from_slice(&random);
        let header: Header = bytes.try_into().map_err(|_| ExportError::NotAnExport)?;
        let cipher = Cipher::new(passphrase, header)?;
        writer.write_all(&header)?;
        // Room for a chunk and one entry: growing would leave plain copies behind.
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK + MAX_ENTRY));
        Ok(Self { writer, cipher, buffer, summary: ExportSummary::default() })
    }

    /// Tree, length of the key (u16), of the value (u32), key, value; little-endian.
    pub(super) fn entry(&mut self, tree: u8, key: &[u8], value: &[u8]) -> Result<(), ExportError> {
        let lengths = (u16::try_from(key.len()), u32::try_from(value.len()));
        let (Ok(keys), Ok(values)) = lengths else {
            return Err(StoreError::TooLarge { length: value.len() }.into());
        };
        self.buffer.push(tree);
        self.buffer.extend_from_slice(&keys.to_le_bytes());
        self.buffer.extend_from_slice(&values.to_le_bytes());
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(value);
        while self.buffer.len() > CHUNK {
            self.chunk(CHUNK, false)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), ExportError> {
        self.chunk(self.buffer.len(), true)?;
        Ok(self.writer.flush()?)
    }

    fn chunk(&mut self, length: usize, last: bool) -> Result<(), ExportError> {
        let plain = Zeroizing::new(self.buffer.drain(..length).collect::<Vec<_>>());
        let sealed = self.cipher.seal(&plain, last)?;
        let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        self.writer.write_all(&[u8::from(last)])?;
        self.writer.write_all(&length.to_le_bytes())?;
        Ok(self.writer.write_all(&sealed)?)
    }
}

/// Reads entries from sealed chunks.
pub(super) struct Opener<'a> {
    reader: &'a mut dyn Read,
    cipher: Cipher,
    buffer: Zeroizing<Vec<u8>>,
    last: bool,
}

impl<'a> Opener<'a> {
    pub(super) fn new(reader: &'a mut dyn Read, passphrase: &Secret) -> Result<Self, ExportError> {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => ExportError::NotAnExport,
            _ => ExportError::Io(e),
        })?;
        if !header.starts_with(MAGIC) {
            return Err(ExportError::NotAnExport);
        }
        let version = header.get(MAGIC.len()).copied().unwrap_or_default();
        if version != VERSION {
            return Err(ExportError::Version { version });
        }
        let cipher = Cipher::new(passphrase, header)?;
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK + MAX_ENTRY));
        Ok(Self { reader, cipher, buffer, last: false })
    }

    /// The error for what does not belong into the chunk that was read last.
    pub(super) fn damaged(&self) -> ExportError {
        ExportError::Damaged { chunk: self.cipher.chunk.saturating_sub(1) }
    }

    pub(super) fn entry(&mut self) -> Result<RawEntry, ExportError> {
        let header = self.take(7)?;
        let split = || {
            let (tree, rest) = header.split_first()?;
            let (key, rest) = rest.split_first_chunk::<2>()?;
            let (value, _) = rest.split_first_chunk::<4>()?;
            Some((*tree, usize::from(u16::from_le_bytes(*key)), u32::from_le_bytes(*value)))
        };
        let (tree, key, value) = split().ok_or_else(|| self.damaged())?;
        let value = usize::try_from(value).unwrap_or(usize::MAX);
        if key.saturating_add(value) > MAX_ENTRY {
            return Err(self.damaged());
        }
        let key = self.take(key)?.to_vec();
        Ok((tree, key, self.take(value)?))
    }

    /// Refuses what follows the last entry.
    pub(super) fn finish(&mut self) -> Result<(), ExportError> {
        let mut byte = [0];
        let over = self.buffer.is_empty() && self.last && self.reader.read(&mut byte)? == 0;
        if over { Ok(()) } else { Err(self.damaged()) }
    }

    fn take(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(Zeroizing::new(self.buffer.drain(..length).collect()))
    }

    fn fill(&mut self) -> Result<(), ExportError> {
        let cut = ExportError::Damaged { chunk: self.cipher.chunk };
        if self.last {
            return Err(cut);
        }
        let mut header = [0; 5];
        self.exact(&mut header)?;
        let [last, length @ ..] = header;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if last > 1 || length > CHUNK + TAG {
            return Err(cut);
        }
        let mut sealed = vec![0; length];
        self.exact(&mut sealed)?;
        self.last = last == 1;
        let plain = self.cipher.open(&sealed, self.last)?;
        self.buffer.extend_from_slice(&plain);
        Ok(())
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), ExportError> {
        let chunk = self.cipher.chunk;
        self.reader.read_exact(bytes).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => ExportError::Damaged { chunk },
            _ => ExportError::Io(e),
        })
    }
}
