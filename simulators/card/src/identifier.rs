//! The card that only has an identifier, as a contactless reader shows a MIFARE Classic.

use crate::apdu::{Answer, Command, NOT_FOUND, UNKNOWN_CLA, UNKNOWN_INS, WRONG_P1_P2};

/// A MIFARE Classic 1K behind a PC/SC reader (PC/SC part 3, 3.1.3.2.3.1).
pub(crate) const ATR: [u8; 20] = [
    0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x6A,
];

pub(crate) struct Identifier {
    pub(crate) uid: Vec<u8>,
}

impl Identifier {
    pub(crate) fn answer(&self, command: &Command<'_>) -> Answer {
        match (command.cla, command.ins, command.p1, command.p2) {
            // Get Data of the reader (PC/SC part 3, 3.2.2.1.3).
            (0xFF, 0xCA, 0, 0) => self.uid.clone().into(),
            (0xFF, 0xCA, ..) => WRONG_P1_P2.into(),
            (0x00, 0xA4, ..) => NOT_FOUND.into(),
            (0x00, ..) => UNKNOWN_INS.into(),
            _ => UNKNOWN_CLA.into(),
        }
    }
}
