//! One place in a line for each key: work of one key runs one after the other, keys beside each other.

use std::{cell::RefCell, collections::HashMap, hash::Hash, rc::Rc};

use tokio::sync::Mutex;

/// The lines, made when they are needed and dropped when they are empty.
pub(crate) struct Lanes<K>(RefCell<HashMap<K, Rc<Mutex<()>>>>);

impl<K> Default for Lanes<K> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Eq + Hash> Lanes<K> {
    /// Waits for its turn among the work of `key`, in the order of asking, and does the work.
    pub(crate) async fn run<T>(&self, key: K, work: impl Future<Output = T>) -> T {
        let lane = Rc::clone(self.0.borrow_mut().entry(key).or_default());
        let turn = lane.lock().await;
        let result = work.await;
        drop(turn);
        drop(lane);
        self.0.borrow_mut().retain(|_, lane| Rc::strong_count(lane) > 1);
        result
    }

    /// How many lines there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}
