//! A whole verification whose card answers rightly, or anything else, as the input says.
//!
//! Whatever it answers, a proof needs the card's own signature over this conversation's message.

#![no_main]

use std::{cell::RefCell, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use signet_authn::{Authenticator, DeviceError, EnrolledCredential, Event, Frame, Question, Settings};
use signet_conformance::{Host, Moment, World};
use signet_sim_card::{Card, CardMaker};
use signet_smartcard::Smartcard;
use signet_types::{DeviceId, Secret, Timestamp};

struct Reader {
    card: Card,
    /// The instruction and key of the last command that is no GET RESPONSE.
    command: (u8, u8),
}

impl World for Reader {
    fn driver(&self) -> Box<dyn Authenticator> {
        Box::new(Smartcard::new())
    }

    fn reset(&mut self) {
        self.card.reset_tries();
        self.card.power_on();
    }

    fn settings(&self) -> Settings {
        Settings::default()
    }

    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_secs(since.map(|since| since.as_secs()).unwrap_or_default())
    }

    fn reader(&self) -> Option<DeviceId> {
        "pcsc:Fuzzed 00 00".parse().ok()
    }

    fn secret(&self, _: &Question) -> Secret {
        Secret::new(b"123456".to_vec()).expect("a short secret")
    }

    fn wrong_secret(&self, _: &Question) -> Secret {
        Secret::new(b"654321".to_vec()).expect("a short secret")
    }

    fn open(&mut self, _: &DeviceId) -> Result<(), DeviceError> {
        self.card.power_on();
        Ok(())
    }

    fn exchange(&mut self, _: &DeviceId, frame: &Frame) -> Result<Frame, DeviceError> {
        let apdu = frame.expose();
        if let [_, instruction, _, key, ..] = apdu
            && *instruction != 0xC0
        {
            self.command = (*instruction, *key);
        }
        Frame::new(self.card.transmit(apdu)).map_err(|_| DeviceError::Truncated)
    }
}

thread_local! {
    static READERS: RefCell<Vec<Reader>> = RefCell::new(
        ["own=piv,alg=p256", "own=piv,alg=p256,9e=p256"]
            .iter()
            .map(|description| {
                let description = description.parse().expect("a description");
                let card = CardMaker::new().and_then(|maker| maker.make(&description)).expect("a card");
                Reader { card, command: (0, 0) }
            })
            .collect(),
    );
}

static ENROLLED: OnceLock<Vec<Vec<EnrolledCredential>>> = OnceLock::new();

/// Is this the answer to GENERAL AUTHENTICATE with key 9A: the one that proves?
const PROOF: (u8, u8) = (0x87, 0x9A);

fuzz_target!(|data: &[u8]| READERS.with_borrow_mut(|readers| {
    let enrolled =
        ENROLLED.get_or_init(|| readers.iter_mut().map(|reader| Host { world: reader }.enrolled()).collect());
    let Some((&choice, rest)) = data.split_first() else { return };
    let which = usize::from(choice) % readers.len();
    let reader = &mut readers[which];
    reader.reset();
    let mut input = rest;
    let mut forged = false;
    // The last exchange of a verification is the proof's.
    let mut last_forged = false;
    let run = Host { world: reader }.verify(&enrolled[which], choice, &mut |_: Moment, right: &Event| {
        let Event::Reply(Ok(right)) = right else { return None };
        last_forged = false;
        let (&mode, tail) = input.split_first()?;
        let reply = match mode {
            0..=127 => {
                input = tail;
                return None;
            }
            128..=191 => {
                let (reply, tail) = tail.split_at(usize::from(mode - 128).min(tail.len()));
                input = tail;
                reply.to_vec()
            }
            _ => {
                let mut reply = right.expose().to_vec();
                let at = usize::from(*tail.first()?) * reply.len() / 256;
                let flip = *tail.get(1)?;
                input = &tail[2..];
                if let Some(byte) = reply.get_mut(at) {
                    *byte ^= flip;
                }
                reply
            }
        };
        last_forged = reply != right.expose();
        forged |= last_forged;
        Frame::new(reply).ok().map(|reply| Event::Reply(Ok(reply)))
    });
    if run.ending.is_ok() {
        assert_eq!(reader.command, PROOF, "proven without a signature");
        assert!(!last_forged, "proven by a forged signature");
    }
    assert!(
        forged || !input.is_empty() || run.ending.is_ok(),
        "the right card was refused: {:?}",
        run.ending
    );
}));
