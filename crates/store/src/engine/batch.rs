use std::collections::BTreeMap;

use super::{EngineError, MAX_KEY, MAX_VALUE, Tree};

/// Changes that are applied together or not at all. The last change of a key counts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
}

impl Batch {
    /// Sets a value.
    ///
    /// # Errors
    /// [`EngineError::KeyTooLong`], [`EngineError::ValueTooLong`].
    pub fn put(&mut self, tree: Tree, key: &[u8], value: Vec<u8>) -> Result<(), EngineError> {
        if key.len() > MAX_KEY {
            return Err(EngineError::KeyTooLong { length: key.len() });
        }
        if value.len() > MAX_VALUE {
            return Err(EngineError::ValueTooLong { length: value.len() });
        }
        self.changes.insert((tree, key.to_vec()), Some(value));
        Ok(())
    }

    /// Removes a key; nothing happens where it is not there.
    pub fn delete(&mut self, tree: Tree, key: &[u8]) {
        self.changes.insert((tree, key.to_vec()), None);
    }

    /// How many keys change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in the order of their trees and keys; `None` removes.
    pub fn changes(&self) -> impl Iterator<Item = (Tree, &[u8], Option<&[u8]>)> {
        self.changes.iter().map(|((tree, key), value)| (*tree, key.as_slice(), value.as_deref()))
    }
}
