//! Whose device event is it? One event serves one conversation (security.md, R24): the newest that
//! waits for such a device gets it, all others are only told what is present now.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use signet_authn::DeviceEvent;
use signet_session::{Conversation, Input};
use signet_types::UserName;
use tokio::sync::{broadcast, mpsc};

/// The open conversations, the oldest first.
#[derive(Default)]
pub(crate) struct Arbiter {
    open: RefCell<BTreeMap<u64, Party>>,
    next: Cell<u64>,
}

struct Party {
    conversation: Rc<RefCell<Conversation>>,
    uid: u32,
    inputs: mpsc::UnboundedSender<Input>,
}

/// A conversation's entry; it leaves when this is dropped.
pub(crate) struct Entry {
    arbiter: Rc<Arbiter>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.arbiter.open.borrow_mut().remove(&self.number);
    }
}

impl Arbiter {
    /// Enters a conversation; device events come through the receiver.
    pub(crate) fn enter(
        self: &Rc<Self>,
        conversation: &Rc<RefCell<Conversation>>,
        uid: u32,
    ) -> (Entry, mpsc::UnboundedReceiver<Input>) {
        let (inputs, received) = mpsc::unbounded_channel();
        let number = self.next.get();
        self.next.set(number + 1);
        let party = Party { conversation: Rc::clone(conversation), uid, inputs };
        self.open.borrow_mut().insert(number, party);
        (Entry { arbiter: Rc::clone(self), number }, received)
    }

    /// How many conversations are open.
    pub(crate) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    /// How many conversations this uid has open.
    pub(crate) fn of_uid(&self, uid: u32) -> usize {
        self.open.borrow().values().filter(|party| party.uid == uid).count()
    }

    /// Whether a conversation about this user is open (RMV-05).
    pub(crate) fn concerns(&self, user: &UserName) -> bool {
        self.open.borrow().values().any(|party| party.conversation.borrow().user() == Some(user))
    }

    /// Hands out device events, for ever.
    pub(crate) async fn run(self: Rc<Self>, mut events: broadcast::Receiver<DeviceEvent>) {
        loop {
            match events.recv().await {
                Ok(event) => self.hand_out(&event),
                // Old events are thrown away anyway; each conversation looks at what is present.
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "device events missed");
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn hand_out(&self, event: &DeviceEvent) {
        let mut owned = false;
        for party in self.open.borrow().values().rev() {
            let mine = !owned && party.conversation.borrow().claims(event);
            owned |= mine;
            let input = if mine { Input::Device(event.clone()) } else { Input::Noticed(event.clone()) };
            // A conversation that has just ended takes no more inputs.
            let _ = party.inputs.send(input);
        }
    }
}
