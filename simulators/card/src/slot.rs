use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{Card, Fault};

/// How many instruction bytes are remembered.
const LOG_LENGTH: usize = 1024;

/// A reader's slot: the cards that may be put into it, the one that is in, and the faults to come.
///
/// Like [`Card`] it does no I/O: who drives it waits, sends and cuts the connection.
#[derive(Default)]
pub struct Slot {
    cards: BTreeMap<String, Card>,
    present: Option<String>,
    faults: Vec<(u32, Fault)>,
    endless: bool,
    seen: u64,
    log: VecDeque<u8>,
}

/// What reaches the reader after one APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How long the card takes before anything arrives.
    pub after: Duration,
    /// The response APDU. Fewer than two bytes, or cut, when the card was pulled.
    pub answer: Vec<u8>,
    /// The card is no longer in the slot.
    pub gone: bool,
}

/// No card of this name is in the process.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no card is called `{name}`: there are {known}")]
pub struct UnknownCard {
    /// The name that was asked for.
    pub name: String,
    /// The names there are.
    pub known: String,
}

impl Slot {
    /// An empty slot and no cards.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a card known under a name; a card of the same name is replaced.
    pub fn add(&mut self, name: impl Into<String>, card: Card) {
        self.cards.insert(name.into(), card);
    }

    /// The names of the cards, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cards.keys().map(String::as_str)
    }

    /// A card by its name.
    pub fn card(&self, name: &str) -> Result<&Card, UnknownCard> {
        self.cards.get(name).ok_or_else(|| self.unknown(name))
    }

    /// A card by its name, to change it.
    pub fn card_mut(&mut self, name: &str) -> Result<&mut Card, UnknownCard> {
        let unknown = self.unknown(name);
        self.cards.get_mut(name).ok_or(unknown)
    }

    fn unknown(&self, name: &str) -> UnknownCard {
        UnknownCard { name: name.to_owned(), known: self.names().collect::<Vec<_>>().join(", ") }
    }

    /// The name of the card that is in the slot.
    #[must_use]
    pub fn present(&self) -> Option<&str> {
        self.present.as_deref()
    }

    /// Puts a card in, without power, in place of one that is in.
    pub fn insert(&mut self, name: &str) -> Result<(), UnknownCard> {
        self.card(name)?;
        self.remove();
        self.present = Some(name.to_owned());
        Ok(())
    }

    /// Pulls the card. Faults that have not struck stay for the next card.
    pub fn remove(&mut self) {
        self.power_off();
        self.present = None;
    }

    /// Puts another card in the place of the present one without the reader noticing: it has power,
    /// nothing is selected and no PIN is verified.
    pub fn swap(&mut self, name: &str) -> Result<(), UnknownCard> {
        self.insert(name)?;
        self.power_on();
        Ok(())
    }

    /// Lets a fault strike at the `at`-th following APDU, 1 for the next.
    pub fn inject(&mut self, fault: Fault, at: u32) -> Result<(), UnknownCard> {
        if let Fault::Swap(name) = &fault {
            self.card(name)?;
        }
        self.faults.push((at.max(1), fault));
        Ok(())
    }

    /// Takes all faults away.
    pub fn heal(&mut self) {
        self.faults.clear();
        self.endless = false;
    }

    /// Power for the present card.
    pub fn power_on(&mut self) {
        self.endless = false;
        if let Some(card) = self.present_card() {
            card.power_on();
        }
    }

    /// No more power for the present card.
    pub fn power_off(&mut self) {
        self.endless = false;
        if let Some(card) = self.present_card() {
            card.power_off();
        }
    }

    /// The answer to reset of the present card.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.present.as_ref().and_then(|name| self.cards.get(name)).map(Card::atr)
    }

    /// The APDUs seen since the start, and the instruction bytes of the last 1,024 of them.
    #[must_use]
    pub fn seen(&self) -> (u64, Vec<u8>) {
        (self.seen, self.log.iter().copied().collect())
    }

    /// One APDU to the present card, with the faults that strike at it. Without a card nothing is
    /// answered.
    pub fn transmit(&mut self, apdu: &[u8]) -> Delivery {
        let mut delivery = Delivery { after: Duration::ZERO, answer: Vec::new(), gone: false };
        let striking = self.striking();
        for fault in &striking {
            if let Fault::Swap(name) = fault
                && self.swap(name).is_err()
            {
                delivery.gone = true;
            }
        }
        let Some(card) = self.present_card() else { return delivery };
        delivery.answer = card.transmit(apdu);
        self.seen += 1;
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.extend(apdu.get(1));
        for fault in &striking {
            self.spoil(&mut delivery, fault);
        }
        if self.endless {
            delivery.answer = vec![0x5A; 256];
            delivery.answer.extend([0x61, 0x00]);
        }
        if delivery.gone {
            self.remove();
        }
        delivery
    }

    /// Counts down and takes out the faults for this APDU.
    fn striking(&mut self) -> Vec<Fault> {
        for (at, _) in &mut self.faults {
            *at = at.saturating_sub(1);
        }
        self.faults.extract_if(.., |(at, _)| *at == 0).map(|(_, fault)| fault).collect()
    }

    fn spoil(&mut self, delivery: &mut Delivery, fault: &Fault) {
        let answer = &mut delivery.answer;
        match fault {
            Fault::Vanish { partial } => {
                answer.truncate(if *partial { answer.len() / 2 } else { 0 });
                delivery.gone = true;
            }
            Fault::Garble => {
                // Without random bytes the answer is garbled by a constant instead.
                if getrandom::fill(answer).is_err() {
                    answer.fill(0xA5);
                }
            }
            Fault::Stall(time) => delivery.after += *time,
            Fault::Status(status) => *answer = status.to_be_bytes().to_vec(),
            Fault::Oversize(length) => {
                *answer = vec![0x5A; *length];
                answer.extend([0x90, 0x00]);
            }
            Fault::Endless61 => self.endless = true,
            Fault::Truncate(length) => answer.truncate(*length),
            Fault::WrongTag => {
                if let Some(tag) = answer.first_mut() {
                    *tag ^= 0x01;
                }
            }
            Fault::Swap(_) => {}
        }
    }

    fn present_card(&mut self) -> Option<&mut Card> {
        self.cards.get_mut(self.present.as_ref()?)
    }
}
