use crate::{
    CardKey, KeySlot,
    apdu::{self, Answer, Command},
    identifier::Identifier,
    piv::Piv,
};

/// The longest command data that a chain may gather, in bytes.
const LONGEST_CHAIN: usize = 4096;

/// An honest card: power, reset and APDUs, no I/O and no clock.
pub struct Card {
    atr: Vec<u8>,
    applet: Applet,
    powered: bool,
    chain: Option<Chain>,
    /// The rest of a long answer, for GET RESPONSE, with its status word.
    rest: Option<Answer>,
}

pub(crate) enum Applet {
    Piv(Box<Piv>),
    Identifier(Identifier),
}

/// The data of a command chain so far (ISO/IEC 7816-4:2020, 5.3.3).
struct Chain {
    ins: u8,
    p1: u8,
    p2: u8,
    data: Vec<u8>,
}

impl Card {
    pub(crate) fn new(atr: Vec<u8>, applet: Applet) -> Self {
        Self { atr, applet, powered: false, chain: None, rest: None }
    }

    /// The answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        &self.atr
    }

    /// The contacts have power; gives the answer to reset.
    pub fn power_on(&mut self) -> &[u8] {
        self.forget();
        self.powered = true;
        &self.atr
    }

    /// A warm reset: like [`Card::power_on`], the security status is gone.
    pub fn reset(&mut self) -> &[u8] {
        self.power_on()
    }

    /// Without power the card forgets all but its try counter.
    pub fn power_off(&mut self) {
        self.forget();
        self.powered = false;
    }

    fn forget(&mut self) {
        self.chain = None;
        self.rest = None;
        if let Applet::Piv(piv) = &mut self.applet {
            piv.reset();
        }
    }

    /// Answers one command APDU with a response APDU: data and status word, 2 to 65,538 bytes.
    ///
    /// A card that has no power answers nothing: an empty vector.
    pub fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        if !self.powered {
            return Vec::new();
        }
        let Some(command) = Command::parse(apdu) else {
            self.chain = None;
            self.rest = None;
            return apdu::WRONG_LENGTH.to_be_bytes().to_vec();
        };
        let answer = self.answer(&command);
        self.cut(answer, command.expected)
    }

    fn answer(&mut self, command: &Command<'_>) -> Answer {
        let rest = self.rest.take();
        if (command.cla, command.ins) == (0x00, 0xC0) {
            self.chain = None;
            return rest.unwrap_or_else(|| apdu::CONDITIONS.into());
        }
        let started = self.chain.take().filter(|chain| {
            (chain.ins, chain.p1, chain.p2) == (command.ins, command.p1, command.p2)
                && matches!(command.cla, 0x00 | 0x10)
        });
        let mut data = started.map_or_else(Vec::new, |chain| chain.data);
        data.extend_from_slice(command.data);
        if data.len() > LONGEST_CHAIN {
            return apdu::WRONG_LENGTH.into();
        }
        if command.cla == 0x10 && matches!(self.applet, Applet::Piv(_)) {
            self.chain = Some(Chain { ins: command.ins, p1: command.p1, p2: command.p2, data });
            return apdu::OK.into();
        }
        let whole = Command { data: &data, ..*command };
        match &mut self.applet {
            Applet::Piv(piv) => piv.answer(&whole),
            Applet::Identifier(identifier) => identifier.answer(&whole),
        }
    }

    /// Keeps back what is longer than the sender takes and says so with 61xx.
    fn cut(&mut self, mut answer: Answer, expected: usize) -> Vec<u8> {
        let mut response = answer.data;
        let mut status = answer.status;
        if response.len() > expected {
            answer.data = response.split_off(expected);
            status = 0x6100 | u16::from(u8::try_from(answer.data.len()).unwrap_or(0));
            self.rest = Some(answer);
        }
        response.extend(status.to_be_bytes());
        response
    }

    /// The PIN tries that are left; `None` on a card without a PIN.
    #[must_use]
    pub fn tries_left(&self) -> Option<u8> {
        match &self.applet {
            Applet::Piv(piv) => Some(piv.tries_left()),
            Applet::Identifier(_) => None,
        }
    }

    /// Sets the PIN tries that are left, at most the card's own number. No effect without a PIN.
    pub fn set_tries_left(&mut self, tries: u8) {
        if let Applet::Piv(piv) = &mut self.applet {
            piv.set_tries_left(tries);
        }
    }

    /// Gives all PIN tries back, as an unblocking by the issuer would.
    pub fn reset_tries(&mut self) {
        if let Applet::Piv(piv) = &mut self.applet {
            piv.reset_tries();
        }
    }

    /// A key of the card.
    #[must_use]
    pub fn key(&self, slot: KeySlot) -> Option<&CardKey> {
        match &self.applet {
            Applet::Piv(piv) => piv.key(slot).map(|entry| &entry.key),
            Applet::Identifier(_) => None,
        }
    }

    /// The certificate of a key, X.509 in DER.
    #[must_use]
    pub fn certificate(&self, slot: KeySlot) -> Option<&[u8]> {
        match &self.applet {
            Applet::Piv(piv) => piv.key(slot).map(|entry| entry.certificate.as_slice()),
            Applet::Identifier(_) => None,
        }
    }
}
