use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    engine::{Batch, EngineError, EngineKind, MAX_VALUE, Store, Tree},
    error::StoreError,
    seal::{Key, NONCE_LENGTH, Sealed, Sealer, TAG_LENGTH, prf},
};

/// Largest record, in bytes.
pub(crate) const MAX_RECORD: usize = 64 * 1024;

/// The head's key in [`Tree::Meta`].
pub(crate) const HEAD: &[u8] = b"head";
/// The generation's key in [`Tree::Meta`]; its value is not sealed.
pub(crate) const GENERATION: &[u8] = b"generation";

/// Row: pieces that follow (u16, little-endian), nonce, tag, sealed text.
const HEADER: usize = 2 + NONCE_LENGTH + TAG_LENGTH;
/// Sealed text in the first row.
const FIRST: usize = MAX_VALUE - HEADER;

/// Changes by tree and key, in the clear; `None` removes.
pub(crate) type Changes = BTreeMap<(Tree, Vec<u8>), Option<Zeroizing<Vec<u8>>>>;

/// What a store knows of its own state, changed by each commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Number of commits.
    pub(crate) sequence: u64,
    /// Digest of the state: over everything else in this head.
    pub(crate) digest: [u8; 32],
    /// The digest before the last commit.
    pub(crate) previous: [u8; 32],
    /// XOR of the elements of all records: changes with each, whatever their order.
    pub(crate) sum: [u8; 32],
    /// Number of records.
    pub(crate) count: u64,
}

impl Head {
    /// Goes one commit on.
    pub(crate) fn advance(&mut self, key: &Key) {
        self.sequence += 1;
        self.previous = self.digest;
        let (sequence, count) = (self.sequence.to_le_bytes(), self.count.to_le_bytes());
        self.digest = prf(key, &[b"head", &sequence, &count, &self.sum, &self.previous]);
    }

    fn toggle(&mut self, element: &[u8; 32]) {
        for (sum, byte) in self.sum.iter_mut().zip(element) {
            *sum ^= byte;
        }
    }
}

/// Sealed records over an engine's rows: sealing, and cutting of long values.
pub(crate) struct Rows {
    store: Box<dyn Store>,
    sealer: Sealer,
    integrity: Key,
    /// Held for writing while a batch is applied, so that no reader gathers pieces of two values.
    gate: RwLock<()>,
    /// A commit failed somewhere between the engine and the mark.
    failed: AtomicBool,
}

impl Rows {
    pub(crate) fn new(store: Box<dyn Store>, sealer: Sealer, integrity: Key) -> Self {
        Self { store, sealer, integrity, gate: RwLock::new(()), failed: AtomicBool::new(false) }
    }

    pub(crate) fn kind(&self) -> EngineKind {
        self.store.kind()
    }

    /// Refuses everything from now on.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Refuses after [`Self::fail`].
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Acquire) { Err(EngineError::Poisoned.into()) } else { Ok(()) }
    }

    /// A record in the clear.
    pub(crate) fn read(&self, tree: Tree, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.check()?;
        let Some(row) = self.store.get(tree, key)? else { return Ok(None) };
        let (pieces, sealed) = parse(tree, &row)?;
        if pieces == 0 {
            return self.sealer.open(tree, key, sealed).map(Some);
        }
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = self.store.get(tree, key)? else { return Ok(None) };
        let (pieces, mut sealed) = parse(tree, &row)?;
        for index in 0..pieces {
            let piece = self.store.get(Tree::Piece, &piece_key(tree, key, index))?;
            sealed.text.extend_from_slice(&piece.ok_or(StoreError::Damaged { tree })?);
        }
        self.sealer.open(tree, key, sealed).map(Some)
    }

    /// The keys of a tree that start with `prefix`, in order.
    pub(crate) fn keys(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.check()?;
        let mut keys = Vec::new();
        self.store.scan(tree, prefix, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        Ok(keys)
    }

    /// A row that is not sealed.
    pub(crate) fn raw(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.store.get(tree, key)?)
    }

    /// The sum and the number of the records that are there.
    pub(crate) fn survey(&self) -> Result<(u64, [u8; 32]), StoreError> {
        let mut found = Head::default();
        for tree in Tree::ALL.into_iter().filter(|t| *t != Tree::Piece) {
            let mut broken = None;
            self.store.scan(tree, b"", &mut |key, row| {
                if is_outside(tree, key) {
                    return ControlFlow::Continue(());
                }
                match self.element(tree, key, row) {
                    Ok(element) => {
                        found.toggle(&element);
                        found.count += 1;
                        ControlFlow::Continue(())
                    }
                    Err(e) => {
                        broken = Some(e);
                        ControlFlow::Break(())
                    }
                }
            })?;
            if let Some(e) = broken {
                return Err(e);
            }
        }
        Ok((found.count, found.sum))
    }

    /// Applies changes in one commit with the head that they lead to.
    pub(crate) fn commit(&self, changes: &Changes, head: &Head) -> Result<Head, StoreError> {
        let mut batch = Batch::default();
        let mut head = head.clone();
        for ((tree, key), value) in changes {
            self.remove(*tree, key, &mut batch, &mut head)?;
            if let Some(value) = value {
                self.put(*tree, key, value, &mut batch, &mut head)?;
            }
        }
        head.advance(&self.integrity);
        let sealed = self.sealer.seal(Tree::Meta, HEAD, &super::encode(&head))?;
        batch.put(Tree::Meta, HEAD, row(0, &sealed, &sealed.text))?;
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.store.commit(&batch)?;
        Ok(head)
    }

    /// Writes the generation and the first head into an empty engine.
    pub(crate) fn found(&self, generation: &[u8; 16]) -> Result<Head, StoreError> {
        let mut batch = Batch::default();
        batch.put(Tree::Meta, GENERATION, generation.to_vec())?;
        self.store.commit(&batch)?;
        self.commit(&Changes::new(), &Head::default())
    }

    fn remove(&self, tree: Tree, key: &[u8], batch: &mut Batch, head: &mut Head) -> Result<(), StoreError> {
        let Some(old) = self.store.get(tree, key)? else { return Ok(()) };
        let (pieces, _) = parse(tree, &old)?;
        for index in 0..pieces {
            batch.delete(Tree::Piece, &piece_key(tree, key, index));
        }
        batch.delete(tree, key);
        head.toggle(&self.element(tree, key, &old)?);
        head.count = head.count.saturating_sub(1);
        Ok(())
    }

    fn put(
        &self,
        tree: Tree,
        key: &[u8],
        value: &[u8],
        batch: &mut Batch,
        head: &mut Head,
    ) -> Result<(), StoreError> {
        if value.len() > MAX_RECORD {
            return Err(StoreError::TooLarge { length: value.len() });
        }
        let sealed = self.sealer.seal(tree, key, value)?;
        let (first, rest) = sealed.text.split_at(sealed.text.len().min(FIRST));
        let mut pieces = 0;
        for piece in rest.chunks(MAX_VALUE) {
            batch.put(Tree::Piece, &piece_key(tree, key, pieces), piece.to_vec())?;
            pieces += 1;
        }
        let row = row(pieces, &sealed, first);
        head.toggle(&self.element(tree, key, &row)?);
        head.count += 1;
        Ok(batch.put(tree, key, row)?)
    }

    /// A record's part in the sum. Nonce and tag stand for the value: no other value opens with
    /// them. Without the key nobody can find records whose parts cancel out.
    fn element(&self, tree: Tree, key: &[u8], row: &[u8]) -> Result<[u8; 32], StoreError> {
        let header = row.get(..HEADER).ok_or(StoreError::Damaged { tree })?;
        Ok(prf(&self.integrity, &[b"element", &[tree.number()], key, header]))
    }
}

/// Rows that are not part of the sum: they hold it, or are checked by themselves.
pub(crate) fn is_outside(tree: Tree, key: &[u8]) -> bool {
    tree == Tree::Meta && (key == HEAD || key == GENERATION)
}

fn row(pieces: u16, sealed: &Sealed, first: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(HEADER + first.len());
    row.extend_from_slice(&pieces.to_le_bytes());
    row.extend_from_slice(&sealed.nonce);
    row.extend_from_slice(&sealed.tag);
    row.extend_from_slice(first);
    row
}

fn parse(tree: Tree, row: &[u8]) -> Result<(u16, Sealed), StoreError> {
    let split = || {
        let (pieces, rest) = row.split_first_chunk::<2>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let (tag, text) = rest.split_first_chunk::<TAG_LENGTH>()?;
        Some((u16::from_le_bytes(*pieces), Sealed { nonce: *nonce, tag: *tag, text: text.to_vec() }))
    };
    split().ok_or(StoreError::Damaged { tree })
}

fn piece_key(tree: Tree, key: &[u8], index: u16) -> Vec<u8> {
    let mut piece = Vec::with_capacity(key.len() + 3);
    piece.push(tree.number());
    piece.extend_from_slice(key);
    piece.extend_from_slice(&index.to_be_bytes());
    piece
}
