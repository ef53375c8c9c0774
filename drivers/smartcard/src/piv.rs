//! The commands and data objects of the PIV card application (NIST SP 800-73-4, parts 1 and 2), as
//! far as a card is read and asked to sign. Nothing here writes to a card.

use std::io::Read;

use flate2::bufread::GzDecoder;
use serde::{Deserialize, Serialize};
use signet_types::Secret;
use zeroize::Zeroizing;

use crate::{
    Malformed,
    apdu::{Command, Response, Status},
    tlv::{self, Reader},
};

/// The application identifier with version 1.0 (part 1, 2.2).
const AID: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// The longest certificate that is taken, in bytes after inflating. Part 1, table 10, has 1,856.
pub const MAX_CERTIFICATE: usize = 8 * 1024;

/// A key of the card (part 1, table 4b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    /// 9A, PIV authentication: signs after the PIN.
    Authentication,
    /// 9E, card authentication: signs without a PIN.
    CardAuthentication,
}

impl Slot {
    const fn reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::CardAuthentication => 0x9E,
        }
    }

    /// The tag of the certificate's data object (part 1, table 3).
    const fn object(self) -> [u8; 3] {
        match self {
            Self::Authentication => [0x5F, 0xC1, 0x05],
            Self::CardAuthentication => [0x5F, 0xC1, 0x01],
        }
    }
}

/// Which PIN opens the application (part 1, 3.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinReference {
    /// The PIV card application's own, reference 80.
    #[default]
    Application,
    /// The card's global PIN, reference 00.
    Global,
}

impl PinReference {
    const fn number(self) -> u8 {
        match self {
            Self::Application => 0x80,
            Self::Global => 0x00,
        }
    }
}

/// Selects the application (part 2, 3.1.1).
#[must_use]
pub fn select() -> Command {
    Command::ask(0xA4, 0x04, 0x00, AID.to_vec())
}

/// Reads the application property template (part 2, table 3), which must be there.
pub fn parse_application(data: &[u8]) -> Result<(), Malformed> {
    let mut template = Reader::new(Reader::new(data).only(0x61)?);
    while template.object()?.is_some() {}
    Ok(())
}

/// Asks for the discovery object (part 1, 3.3.2).
#[must_use]
pub fn get_discovery() -> Command {
    Command::ask(0xCB, 0x3F, 0xFF, vec![0x5C, 0x01, 0x7E])
}

/// Reads which PIN opens the application from the discovery object.
pub fn parse_discovery(data: &[u8]) -> Result<PinReference, Malformed> {
    let discovery = Reader::new(data).only(0x7E)?;
    let policy = Reader::new(discovery).find(0x5F2F)?.ok_or(Malformed("no PIN usage policy"))?;
    match policy {
        // Bit 7 of the first byte: the application's PIN; bit 6: the global one as well, and then
        // the second byte names the one that the person knows.
        [first, second] if first & 0x40 != 0 => {
            let global = first & 0x20 != 0 && *second == 0x20;
            Ok(if global { PinReference::Global } else { PinReference::Application })
        }
        _ => Err(Malformed("PIN usage policy")),
    }
}

/// Asks for a key's certificate (part 2, 3.1.2).
#[must_use]
pub fn get_certificate(slot: Slot) -> Command {
    let [a, b, c] = slot.object();
    Command::ask(0xCB, 0x3F, 0xFF, vec![0x5C, 0x03, a, b, c])
}

/// Takes the certificate, DER, out of its data object (part 1, appendix A); `None` where the object
/// is there but empty. A compressed one is inflated up to [`MAX_CERTIFICATE`] bytes.
pub fn parse_certificate_object(data: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let object = Reader::new(Reader::new(data).only(0x53)?);
    let certificate = object.clone().find(0x70)?.unwrap_or_default();
    if certificate.is_empty() {
        return Ok(None);
    }
    // Bits 1 and 2 of CertInfo say how it is compressed: not (00) or by gzip (01).
    let compressed = match object.find(0x71)? {
        Some([info]) if info & 0x03 <= 1 => info & 0x01 == 1,
        _ => return Err(Malformed("certificate information")),
    };
    let certificate = if compressed { inflate(certificate)? } else { certificate.to_vec() };
    if certificate.len() > MAX_CERTIFICATE {
        return Err(Malformed("certificate too long"));
    }
    Ok(Some(certificate))
}

/// Inflates a gzip stream (RFC 1952) that must end where the bytes end, up to one byte too many.
fn inflate(compressed: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut decoder = GzDecoder::new(compressed).take(MAX_CERTIFICATE as u64 + 1);
    let mut inflated = Vec::new();
    decoder.read_to_end(&mut inflated).map_err(|_| Malformed("compressed certificate"))?;
    if inflated.len() > MAX_CERTIFICATE {
        return Err(Malformed("certificate too long"));
    }
    if decoder.into_inner().into_inner().is_empty() {
        Ok(inflated)
    } else {
        Err(Malformed("bytes after the compressed certificate"))
    }
}

/// What the card says of its PIN without being given one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinStatus {
    /// So many tries are left.
    Left(u8),
    /// No try is left.
    Blocked,
    /// The PIN counts as verified: by whoever used the card before us.
    AlreadyVerified,
}

/// Asks how many tries are left: VERIFY without data (part 2, 3.2.1).
///
/// It is a question and nothing else: its answer never counts as a verified PIN (CVE-2023-40660).
#[must_use]
pub fn get_tries(pin: PinReference) -> Command {
    Command::put(0x20, 0x00, pin.number(), Zeroizing::default())
}

/// Makes the card forget a verified PIN: VERIFY with P1 = FF (part 2, 3.2.1).
#[must_use]
pub fn forget_pin(pin: PinReference) -> Command {
    Command::put(0x20, 0xFF, pin.number(), Zeroizing::default())
}

/// Reads the answer to [`get_tries`].
pub fn parse_tries(response: &Response) -> Result<PinStatus, Malformed> {
    match (response.status, response.status.tries()) {
        (Status::BLOCKED, _) | (_, Some(0)) => Ok(PinStatus::Blocked),
        (_, Some(left)) => Ok(PinStatus::Left(left)),
        (Status::OK, _) => Ok(PinStatus::AlreadyVerified),
        _ => Err(Malformed("answer to the question for the try counter")),
    }
}

/// A PIN that no PIV card can have: it would cost a try for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIV card's PIN has 6 to 8 characters")]
pub struct PinLength;

/// Sends a PIN (part 2, 3.2.1): 6 to 8 bytes, padded with FF to 8 (part 2, 2.4.3).
pub fn verify(pin: PinReference, secret: &Secret) -> Result<Command, PinLength> {
    let typed = secret.expose();
    if !(6..=8).contains(&typed.len()) || typed.contains(&0xFF) {
        return Err(PinLength);
    }
    let mut padded = Zeroizing::new(vec![0xFF; 8]);
    padded.iter_mut().zip(typed).for_each(|(to, from)| *to = *from);
    Ok(Command::put(0x20, 0x00, pin.number(), padded))
}

/// What the card says of a PIN that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinAnswer {
    /// It is right; only a signature proves that it was this card that said so.
    Right,
    /// It is wrong and so many tries are left.
    Wrong(u8),
    /// The PIN is blocked.
    Blocked,
}

/// Reads the answer to [`verify`].
pub fn parse_verify(response: &Response) -> Result<PinAnswer, Malformed> {
    match (response.status, response.status.tries()) {
        (Status::OK, _) => Ok(PinAnswer::Right),
        (Status::BLOCKED, _) => Ok(PinAnswer::Blocked),
        (_, Some(left)) => Ok(PinAnswer::Wrong(left)),
        _ => Err(Malformed("answer to the PIN")),
    }
}

/// Asks a key to sign `challenge` (part 2, 3.2.4 and appendix A.4); `algorithm` as in SP 800-78-4,
/// table 6-2.
#[must_use]
pub fn sign(algorithm: u8, slot: Slot, challenge: &[u8]) -> Command {
    let template = [tlv::object(&[0x82], &[]), tlv::object(&[0x81], challenge)].concat();
    Command::ask(0x87, algorithm, slot.reference(), tlv::object(&[0x7C], &template))
}

/// Takes the signature out of the answer to [`sign`].
pub fn parse_signature(data: &[u8]) -> Result<&[u8], Malformed> {
    let template = Reader::new(data).only(0x7C)?;
    Reader::new(template).only(0x82)
}

/// Asks a PC/SC reader for the UID of a contactless card (PC/SC part 3, 3.2.2.1.3).
#[must_use]
pub fn get_uid() -> Command {
    Command::get(0xFF, 0xCA, 0x00, 0x00)
}
