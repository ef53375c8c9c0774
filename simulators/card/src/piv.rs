//! The PIV card application (NIST SP 800-73-4 part 1 for the data, part 2 for the commands).

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{
    CardKey, MakeError,
    apdu::{
        Answer, BLOCKED, Command, NO_REFERENCE, NOT_FOUND, OK, SECURITY_STATUS, UNKNOWN_CLA, UNKNOWN_INS,
        WRONG_DATA, WRONG_P1_P2,
    },
    certificate, tlv,
};

/// The application identifier with its version 1.0 (part 1, 2.2).
pub(crate) const AID: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// Without the version, the only other form SELECT takes.
const AID_WITHOUT_VERSION: &[u8] = &[0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
/// The issuer's application of a `GlobalPlatform` card: selecting it deselects PIV.
const ISSUER_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// T=1; selection by name, command chaining; "SIGNET" as pre-issuing data (ISO/IEC 7816-4:2020, 12.1.1).
pub(crate) const ATR: [u8; 17] =
    [0x3B, 0x8C, 0x80, 0x01, 0x80, 0x73, 0x80, 0x01, 0x80, 0x56, b'S', b'I', b'G', b'N', b'E', b'T', 0xAB];

/// A key of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySlot {
    /// 9A, PIV authentication: after the PIN.
    Authentication,
    /// 9E, card authentication: without a PIN.
    CardAuthentication,
}

impl KeySlot {
    /// The key reference, P2 of GENERAL AUTHENTICATE (part 1, table 4b).
    #[must_use]
    pub fn reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::CardAuthentication => 0x9E,
        }
    }

    /// The tag of the certificate's data object (part 1, table 3).
    fn object_tag(self) -> [u8; 3] {
        match self {
            Self::Authentication => [0x5F, 0xC1, 0x05],
            Self::CardAuthentication => [0x5F, 0xC1, 0x01],
        }
    }
}

pub(crate) struct KeyEntry {
    pub(crate) slot: KeySlot,
    pub(crate) key: CardKey,
    pub(crate) certificate: Vec<u8>,
}

pub(crate) struct Piv {
    pin: [u8; 8],
    tries_at_first: u8,
    tries_left: u8,
    keys: Vec<KeyEntry>,
    objects: Vec<DataObject>,
    selected: bool,
    verified: bool,
}

struct DataObject {
    tag: Vec<u8>,
    content: Vec<u8>,
    needs_pin: bool,
}

impl DataObject {
    /// A data object in the tag 53 that GET DATA answers with (part 2, 3.1.2).
    fn in_53(tag: &[u8], content: &[u8]) -> Self {
        Self { tag: tag.to_vec(), content: tlv::object(&[0x53], content), needs_pin: false }
    }
}

impl Piv {
    pub(crate) fn new(
        pin: &str,
        tries: u8,
        name: &str,
        gzip: bool,
        keys: Vec<KeyEntry>,
    ) -> Result<Self, MakeError> {
        let mut objects = Vec::new();
        for entry in &keys {
            objects.push(DataObject::in_53(&entry.slot.object_tag(), &certificate_object(entry, gzip)?));
        }
        let seed = keys.first().map_or(&[][..], |entry| &entry.certificate);
        let expiration = keys.first().map(|entry| certificate::expiration_date(&entry.certificate));
        let expiration = expiration.transpose()?.unwrap_or_else(|| "20991231".to_owned());
        // Discovery: the application and that only the PIV PIN opens it (part 1, 3.3.2).
        let policy = [tlv::object(&[0x4F], &AID), tlv::object(&[0x5F, 0x2F], &[0x40, 0x00])].concat();
        let discovery = tlv::object(&[0x7E], &policy);
        objects.push(DataObject { tag: vec![0x7E], content: discovery, needs_pin: false });
        objects.push(DataObject::in_53(&[0x5F, 0xC1, 0x02], &holder_identifier(seed, &expiration)));
        objects.push(DataObject::in_53(&[0x5F, 0xC1, 0x07], &capabilities(seed)));
        let mut printed = DataObject::in_53(&[0x5F, 0xC1, 0x09], &printed_information(name, &expiration));
        printed.needs_pin = true;
        objects.push(printed);

        let mut padded = [0xFF; 8];
        for (to, from) in padded.iter_mut().zip(pin.bytes()) {
            *to = from;
        }
        Ok(Self {
            pin: padded,
            tries_at_first: tries,
            tries_left: tries,
            keys,
            objects,
            selected: false,
            verified: false,
        })
    }

    pub(crate) fn reset(&mut self) {
        self.selected = false;
        self.verified = false;
    }

    pub(crate) fn key(&self, slot: KeySlot) -> Option<&KeyEntry> {
        self.keys.iter().find(|entry| entry.slot == slot)
    }

    pub(crate) fn tries_left(&self) -> u8 {
        self.tries_left
    }

    pub(crate) fn set_tries_left(&mut self, tries: u8) {
        self.tries_left = tries.min(self.tries_at_first);
    }

    pub(crate) fn reset_tries(&mut self) {
        self.tries_left = self.tries_at_first;
    }

    pub(crate) fn answer(&mut self, command: &Command<'_>) -> Answer {
        if command.cla != 0x00 {
            return UNKNOWN_CLA.into();
        }
        match command.ins {
            0xA4 => self.select(command),
            _ if !self.selected => UNKNOWN_INS.into(),
            0xCB => self.get_data(command),
            0x20 => self.verify(command),
            0x87 => self.general_authenticate(command),
            _ => UNKNOWN_INS.into(),
        }
    }

    /// SELECT (part 2, 3.1.1). Selecting PIV again leaves the security status as it is; an
    /// application that is not on the card changes nothing.
    fn select(&mut self, command: &Command<'_>) -> Answer {
        if (command.p1, command.p2) != (0x04, 0x00) {
            return if command.p1 == 0x04 { WRONG_P1_P2 } else { NOT_FOUND }.into();
        }
        if command.data == AID || command.data == AID_WITHOUT_VERSION {
            self.selected = true;
            return property_template().into();
        }
        if command.data == ISSUER_AID {
            self.reset();
            return tlv::object(&[0x6F], &tlv::object(&[0x84], ISSUER_AID)).into();
        }
        NOT_FOUND.into()
    }

    /// GET DATA (part 2, 3.1.2).
    fn get_data(&self, command: &Command<'_>) -> Answer {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return WRONG_P1_P2.into();
        }
        let mut input = command.data;
        let Some((0x5C, tag)) = tlv::take(&mut input) else { return WRONG_DATA.into() };
        if !input.is_empty() {
            return WRONG_DATA.into();
        }
        match self.objects.iter().find(|object| object.tag == tag) {
            Some(object) if object.needs_pin && !self.verified => SECURITY_STATUS.into(),
            Some(object) => object.content.clone().into(),
            None => NOT_FOUND.into(),
        }
    }

    /// VERIFY (part 2, 3.2.1) with the PIV PIN, reference 80.
    fn verify(&mut self, command: &Command<'_>) -> Answer {
        match (command.p1, command.p2) {
            (0x00, 0x80) => {}
            (0xFF, 0x80) if command.data.is_empty() => {
                self.verified = false;
                return OK.into();
            }
            (0xFF, 0x80) => return WRONG_DATA.into(),
            (0x00 | 0xFF, _) => return NO_REFERENCE.into(),
            _ => return WRONG_P1_P2.into(),
        }
        if command.data.is_empty() {
            return if self.verified { OK } else { self.counter_status() }.into();
        }
        if self.tries_left == 0 {
            self.verified = false;
            return BLOCKED.into();
        }
        // A malformed PIN costs no try (part 2, 3.2.1).
        if !is_padded_pin(command.data) {
            return WRONG_DATA.into();
        }
        self.verified = command.data == self.pin;
        if self.verified {
            self.tries_left = self.tries_at_first;
            return OK.into();
        }
        self.tries_left -= 1;
        self.counter_status().into()
    }

    fn counter_status(&self) -> u16 {
        if self.tries_left == 0 { BLOCKED } else { 0x63C0 | u16::from(self.tries_left) }
    }

    /// GENERAL AUTHENTICATE (part 2, 3.2.4) as internal authentication: 7C { 82 empty, 81 challenge }.
    fn general_authenticate(&self, command: &Command<'_>) -> Answer {
        let Some(entry) = self.keys.iter().find(|entry| entry.slot.reference() == command.p2) else {
            return WRONG_P1_P2.into();
        };
        if entry.key.algorithm().piv_identifier() != command.p1 {
            return WRONG_P1_P2.into();
        }
        if entry.slot == KeySlot::Authentication && !self.verified {
            return SECURITY_STATUS.into();
        }
        let Some(challenge) = challenge(command.data) else { return WRONG_DATA.into() };
        match entry.key.sign(challenge) {
            Some(signature) => tlv::object(&[0x7C], &tlv::object(&[0x82], &signature)).into(),
            None => WRONG_DATA.into(),
        }
    }
}

/// The challenge of a dynamic authentication template that asks for a response and nothing else.
fn challenge(data: &[u8]) -> Option<&[u8]> {
    let mut input = data;
    let (0x7C, mut template) = tlv::take(&mut input)? else { return None };
    let (mut challenge, mut asks) = (None, false);
    while !template.is_empty() {
        match tlv::take(&mut template)? {
            (0x81, value) if challenge.is_none() => challenge = Some(value),
            (0x82, []) if !asks => asks = true,
            _ => return None,
        }
    }
    challenge.filter(|_| asks && input.is_empty())
}

/// 6 to 8 digits, filled up with FF to 8 bytes (part 2, 2.4.3).
fn is_padded_pin(data: &[u8]) -> bool {
    let digits = data.iter().take_while(|byte| byte.is_ascii_digit()).count();
    data.len() == 8 && digits >= 6 && data.iter().skip(digits).all(|&byte| byte == 0xFF)
}

/// What SELECT answers (part 2, table 3): the identifier's right part, the authority, the algorithms.
fn property_template() -> Vec<u8> {
    let pix = AID.get(5..).unwrap_or_default();
    let rid = AID.get(..5).unwrap_or_default();
    let algorithms = [
        tlv::object(&[0x80], &[0x07]),
        tlv::object(&[0x80], &[0x11]),
        tlv::object(&[0x80], &[0x14]),
        tlv::object(&[0x06], &[0x00]),
    ]
    .concat();
    let template = [
        tlv::object(&[0x4F], pix),
        tlv::object(&[0x79], &tlv::object(&[0x4F], rid)),
        tlv::object(&[0x50], b"Signet simulated PIV card"),
        tlv::object(&[0xAC], &algorithms),
    ];
    tlv::object(&[0x61], &template.concat())
}

/// A certificate's data object (part 1, table 10): certificate, `CertInfo` (01 is gzip), error code.
fn certificate_object(entry: &KeyEntry, gzip: bool) -> Result<Vec<u8>, MakeError> {
    let content = if gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&entry.certificate).and_then(|()| encoder.finish()).map_err(MakeError::Compress)?
    } else {
        entry.certificate.clone()
    };
    let object =
        [tlv::object(&[0x70], &content), tlv::object(&[0x71], &[u8::from(gzip)]), tlv::object(&[0xFE], &[])];
    Ok(object.concat())
}

/// The card holder unique identifier (part 1, table 9): FASC-N, GUID, expiration date.
///
/// The GUID is made from the first certificate, so that a card has one and keeps it.
fn holder_identifier(seed: &[u8], expiration: &str) -> Vec<u8> {
    // The FASC-N of a card that is not a federal one: agency, system and credential all nines.
    const FASC_N: [u8; 25] = [
        0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42,
        0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB,
    ];
    let mut guid: [u8; 16] = Sha256::digest(seed).first_chunk().copied().unwrap_or_default();
    // A UUID of version 4 (RFC 9562, 5.4).
    guid[6] = guid[6] & 0x0F | 0x40;
    guid[8] = guid[8] & 0x3F | 0x80;
    let object = [
        tlv::object(&[0x30], &FASC_N),
        tlv::object(&[0x34], &guid),
        tlv::object(&[0x35], expiration.as_bytes()),
        tlv::object(&[0x3E], &[]),
        tlv::object(&[0xFE], &[]),
    ];
    object.concat()
}

/// The card capability container (part 1, table 8).
fn capabilities(seed: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(seed);
    let unique = digest.iter().copied().rev().take(14);
    let identifier: Vec<u8> = AID.iter().copied().take(5).chain([0x01, 0x02]).chain(unique).collect();
    let mut object = [
        tlv::object(&[0xF0], &identifier),
        tlv::object(&[0xF1], &[0x21]),
        tlv::object(&[0xF2], &[0x21]),
        tlv::object(&[0xF3], &[]),
        tlv::object(&[0xF4], &[0x00]),
        tlv::object(&[0xF5], &[0x10]),
    ]
    .concat();
    for tag in [0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE] {
        object.extend(tlv::object(&[tag], &[]));
    }
    object
}

/// What is printed on the card (part 1, table 14).
fn printed_information(name: &str, expiration: &str) -> Vec<u8> {
    let object = [
        tlv::object(&[0x01], name.as_bytes()),
        tlv::object(&[0x02], b"Signet"),
        tlv::object(&[0x04], expiration.as_bytes()),
        tlv::object(&[0x05], b"0000000001"),
        tlv::object(&[0x06], b"SIGNETSIMULATOR"),
        tlv::object(&[0xFE], &[]),
    ];
    object.concat()
}
