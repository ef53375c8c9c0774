//! What the two threads share: the slot and the connection that stands for the card's contacts.

use std::{
    io,
    net::{Shutdown, TcpStream},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use signet_sim_card::{CardMaker, Delivery, Fault, Slot, UnknownCard};

/// How long `insert` waits for vpcd to take the card.
const INSERTION: Duration = Duration::from_secs(10);

pub(crate) struct Bench {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    slot: Slot,
    maker: CardMaker,
    /// The connection to vpcd while a card is in.
    contacts: Option<TcpStream>,
    /// Counts insertions and removals, so that a waiting thread sees that its card is gone.
    generation: u64,
    last: Option<String>,
    quit: bool,
}

/// Why a card is not in the reader after `insert`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertError {
    #[error(transparent)]
    Unknown(#[from] UnknownCard),
    #[error("there are several cards: say which one")]
    Which,
    #[error("vpcd did not take the card within 10 s: is pcscd running with vpcd on this port?")]
    NoReader,
}

impl Bench {
    pub(crate) fn new(slot: Slot, maker: CardMaker) -> Self {
        let state = State { slot, maker, contacts: None, generation: 0, last: None, quit: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the slot.
    pub(crate) fn with_slot<T>(&self, work: impl FnOnce(&mut Slot) -> T) -> T {
        work(&mut self.lock().slot)
    }

    /// Puts a card in and waits until vpcd has it. Without a name: the one that was in last, or the
    /// only one.
    pub(crate) fn insert(&self, name: Option<&str>) -> Result<String, InsertError> {
        let mut state = self.lock();
        let name = match (name, &state.last) {
            (Some(name), _) => name.to_owned(),
            (None, Some(last)) => last.clone(),
            (None, None) => {
                let mut names = state.slot.names();
                let only = names.next().filter(|_| names.next().is_none());
                only.ok_or(InsertError::Which)?.to_owned()
            }
        };
        state.slot.card(&name)?;
        state.pull();
        state.slot.insert(&name)?;
        state.last = Some(name.clone());
        self.changed.notify_all();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, INSERTION, |state| state.contacts.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        if state.contacts.is_none() { Err(InsertError::NoReader) } else { Ok(name) }
    }

    /// Pulls the card, at once, even while an APDU is under way.
    pub(crate) fn remove(&self) {
        self.lock().pull();
        self.changed.notify_all();
    }

    /// Ends the program's work: the card is pulled and [`Bench::wait_for_card`] says so.
    pub(crate) fn quit(&self) {
        let mut state = self.lock();
        state.pull();
        state.quit = true;
        self.changed.notify_all();
    }

    /// Gives a card its PIN tries back.
    pub(crate) fn reset_tries(&self, name: &str) -> Result<(), Box<dyn std::error::Error>> {
        let mut state = self.lock();
        state.slot.card_mut(name)?.reset_tries();
        Ok(state.maker.keep_tries(name, state.slot.card(name)?)?)
    }

    /// Waits until a card is in; its number, or `None` at the end.
    pub(crate) fn wait_for_card(&self) -> Option<u64> {
        let state = self
            .changed
            .wait_while(self.lock(), |state| state.slot.present().is_none() && !state.quit)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.quit).then_some(state.generation)
    }

    /// Waits at most `time`, or until the card of this number is pulled; whether it is still in.
    pub(crate) fn wait(&self, time: Duration, generation: u64) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| state.generation == generation)
            .unwrap_or_else(PoisonError::into_inner);
        state.generation == generation
    }

    /// The card of this number has its contacts. False when it was pulled meanwhile.
    pub(crate) fn connected(&self, generation: u64, stream: &TcpStream) -> io::Result<bool> {
        let mut state = self.lock();
        if state.generation != generation {
            return Ok(false);
        }
        state.contacts = Some(stream.try_clone()?);
        self.changed.notify_all();
        Ok(true)
    }

    /// The reader is gone while the card is still in.
    pub(crate) fn disconnected(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.contacts = None;
            state.slot.power_off();
        }
    }

    /// One APDU to the card; its try counter is kept before anything is answered.
    pub(crate) fn transmit(&self, apdu: &[u8]) -> Delivery {
        let mut state = self.lock();
        let before = state.tries();
        let delivery = state.slot.transmit(apdu);
        let after = state.tries();
        if before != after
            && let Some((name, _)) = &after
            && let Err(error) =
                state.slot.card(name).map_or(Ok(()), |card| state.maker.keep_tries(name, card))
        {
            eprintln!("signet-sim-card: the try counter is not kept: {}", crate::with_causes(&error));
        }
        delivery
    }

    /// Injects a fault.
    pub(crate) fn inject(&self, fault: Fault, at: u32) -> Result<(), UnknownCard> {
        self.with_slot(|slot| slot.inject(fault, at))
    }
}

impl State {
    fn pull(&mut self) {
        self.slot.remove();
        self.generation += 1;
        if let Some(contacts) = self.contacts.take() {
            // A connection that the reader has closed already cannot be shut down.
            let _ = contacts.shutdown(Shutdown::Both);
        }
    }

    fn tries(&self) -> Option<(String, u8)> {
        let name = self.slot.present()?;
        let tries = self.slot.card(name).ok()?.tries_left()?;
        Some((name.to_owned(), tries))
    }
}
