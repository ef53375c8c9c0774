//! A reader with simulated cards, in-process.

use signet_authn::{Authenticator, DeviceError, Frame, Question, Settings};
use signet_conformance::World;
use signet_sim_card::{Card, CardMaker, Slot};
use signet_smartcard::Smartcard;
use signet_types::{DeviceId, PinType, Secret, Timestamp};

/// A PIN that a search finds if it is printed.
pub(crate) const PIN: &str = "918273";
pub(crate) const WRONG_PIN: &str = "918274";

/// A reader with one card in it, and others that may be put in.
pub(crate) struct Reader {
    pub(crate) slot: Slot,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    /// All that each card was sent, in order.
    pub(crate) seen: Vec<(String, Vec<u8>)>,
    opened: bool,
}

impl Reader {
    /// A reader with the PIV card `own`, described as in `signet-sim-card`.
    pub(crate) fn holding(properties: &str, pin_type: PinType) -> Self {
        let maker = CardMaker::new().unwrap();
        let card = make(&maker, &format!("own=piv,pin={PIN},{properties}"));
        Self::with(card, Settings { pin_type, ..Settings::default() })
    }

    pub(crate) fn holding_identifier() -> Self {
        let card = make(&CardMaker::new().unwrap(), "own=identifier,uid=04A1B2C3");
        Self::with(card, Settings::default())
    }

    pub(crate) fn with(card: Card, settings: Settings) -> Self {
        let mut slot = Slot::new();
        slot.add("own", card);
        let mut reader = Self { slot, settings, now: now(), seen: Vec::new(), opened: false };
        reader.reset();
        reader
    }

    pub(crate) fn own(&mut self) -> &mut Card {
        self.slot.card_mut("own").unwrap()
    }
}

pub(crate) fn make(maker: &CardMaker, description: &str) -> Card {
    maker.make(&description.parse().unwrap()).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
    )
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::try_from(text.to_owned()).unwrap()
}

impl World for Reader {
    fn driver(&self) -> Box<dyn Authenticator> {
        Box::new(Smartcard::new())
    }

    fn reset(&mut self) {
        self.slot.heal();
        self.slot.insert("own").unwrap();
        self.own().reset_tries();
        self.seen.clear();
        self.opened = false;
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn reader(&self) -> Option<DeviceId> {
        Some("pcsc:Simulated 00 00".parse().unwrap())
    }

    fn secret(&self, _: &Question) -> Secret {
        secret(PIN)
    }

    fn wrong_secret(&self, _: &Question) -> Secret {
        secret(WRONG_PIN)
    }

    fn tries_left(&self) -> Option<u8> {
        // A Signet PIN is not the card's to count.
        let counts = self.settings.pin_type == PinType::Card;
        self.slot.card("own").unwrap().tries_left().filter(|_| counts)
    }

    fn open(&mut self, _: &DeviceId) -> Result<(), DeviceError> {
        assert!(!self.opened, "opened twice");
        self.opened = true;
        if self.slot.present().is_none() {
            return Err(DeviceError::TokenGone);
        }
        self.slot.power_on();
        Ok(())
    }

    fn exchange(&mut self, _: &DeviceId, frame: &Frame) -> Result<Frame, DeviceError> {
        assert!(self.opened, "an exchange with a reader that is not opened");
        if self.slot.present().is_none() {
            return Err(DeviceError::TokenGone);
        }
        let delivery = self.slot.transmit(frame.expose());
        // After the transmission, for a swap strikes before it.
        let card = self.slot.present().unwrap_or("nobody").to_owned();
        self.seen.push((card, frame.expose().to_vec()));
        if delivery.answer.len() < 2 {
            return Err(if delivery.gone { DeviceError::TokenGone } else { DeviceError::Truncated });
        }
        Frame::new(delivery.answer).map_err(|_| DeviceError::Truncated)
    }

    fn close(&mut self, _: &DeviceId) {
        assert!(self.opened, "closed twice");
        self.opened = false;
        self.slot.power_on();
    }

    fn is_no_evidence(&self, frame: &Frame) -> bool {
        match frame.expose() {
            [0x00, 0x20, 0x00 | 0xFF, 0x80] => true,
            // Whatever a card without PIV says to SELECT, it has no PIV.
            [0x00, 0xA4, ..] => self.slot.card("own").unwrap().tries_left().is_none(),
            _ => false,
        }
    }
}

/// Lets a run go as it goes.
pub(crate) fn unbent(_: signet_conformance::Moment, _: &signet_authn::Event) -> Option<signet_authn::Event> {
    None
}
