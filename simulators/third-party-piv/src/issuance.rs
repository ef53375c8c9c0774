//! What the issuer of a card does: management key, key generation, certificate.

use des::{
    TdesEde3,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use piv_authenticator::Client;
use rsa::{
    BoxedUint,
    pkcs8::{EncodePublicKey, spki},
};
use signet_sim_card::{CertificateError, Issuer, KeyAlgorithm, Validity};

use crate::applet::Applet;

/// The management key of a fresh card: three-key Triple DES, algorithm 03.
const MANAGEMENT_KEY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];
/// `SubjectPublicKeyInfo` up to the point, for an uncompressed point of 65 bytes (RFC 5480, 2).
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86,
    0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same for a point of 97 bytes.
const P384_HEAD: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x05, 0x2B, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// Why the card could not be issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("the card refused {what} with status {status:04X}")]
    Refused { what: &'static str, status: u16 },
    #[error("the card's answer to {0} is malformed")]
    Malformed(&'static str),
    #[error("the card made no RSA key")]
    Rsa(#[from] rsa::Error),
    #[error("the card's public key cannot be encoded")]
    PublicKey(#[from] spki::Error),
    #[error("no certificate for the card")]
    Certificate(#[from] CertificateError),
}

/// Makes a key in 9A and stores a certificate for it that `issuer` signs, valid for two years.
pub(crate) fn issue<C: Client>(
    applet: &mut Applet<C>,
    algorithm: KeyAlgorithm,
    common_name: &str,
    issuer: &Issuer,
) -> Result<(), IssueError> {
    let aid = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
    call(applet, "SELECT", [0x00, 0xA4, 0x04, 0x00], &aid)?;
    log_in(applet)?;
    // GENERATE ASYMMETRIC KEY PAIR (NIST SP 800-73-4 part 2, 3.3.2).
    let wanted = tlv(&[0xAC], &tlv(&[0x80], &[algorithm.piv_identifier()]));
    let answer = call(applet, "GENERATE", [0x00, 0x47, 0x00, 0x9A], &wanted)?;
    let public_key = public_key(algorithm, &answer)?;
    let validity = Validity::days_from_now(730)?;
    let certificate = issuer.issue_for(common_name, validity, &public_key)?;
    // PUT DATA (part 2, 3.3.1) of the certificate for 9A.
    let object = [tlv(&[0x70], &certificate), tlv(&[0x71], &[0x00]), tlv(&[0xFE], &[])].concat();
    let data = [tlv(&[0x5C], &[0x5F, 0xC1, 0x05]), tlv(&[0x53], &object)].concat();
    call(applet, "PUT DATA", [0x00, 0xDB, 0x3F, 0xFF], &data)?;
    Ok(())
}

/// The management key answers the card's challenge (part 2, A.1: external authentication).
fn log_in<C: Client>(applet: &mut Applet<C>) -> Result<(), IssueError> {
    const WHAT: &str = "the management key";
    let header = [0x00, 0x87, 0x03, 0x9B];
    let answer = call(applet, WHAT, header, &tlv(&[0x7C], &tlv(&[0x81], &[])))?;
    let mut block: [u8; 8] = match *answer {
        [0x7C, 10, 0x81, 8, ref challenge @ ..] => {
            challenge.try_into().map_err(|_| IssueError::Malformed(WHAT))?
        }
        _ => return Err(IssueError::Malformed(WHAT)),
    };
    let cipher = TdesEde3::new(&Array(MANAGEMENT_KEY));
    cipher.encrypt_block((&mut block).into());
    call(applet, WHAT, header, &tlv(&[0x7C], &tlv(&[0x82], &block)))?;
    Ok(())
}

/// `SubjectPublicKeyInfo` in DER from the template 7F49 (part 2, 3.3.2).
fn public_key(algorithm: KeyAlgorithm, answer: &[u8]) -> Result<Vec<u8>, IssueError> {
    let malformed = || IssueError::Malformed("GENERATE");
    let (_, template) = take(answer.strip_prefix(&[0x7F]).ok_or_else(malformed)?).ok_or_else(malformed)?.0;
    let ((tag, first), rest) = take(template).ok_or_else(malformed)?;
    match (algorithm, tag) {
        (KeyAlgorithm::P256, 0x86) if first.len() == 65 => Ok([P256_HEAD, first].concat()),
        (KeyAlgorithm::P384, 0x86) if first.len() == 97 => Ok([P384_HEAD, first].concat()),
        (KeyAlgorithm::Rsa2048, 0x81) => {
            let ((_, exponent), _) = take(rest).ok_or_else(malformed)?;
            let number = BoxedUint::from_be_slice_vartime;
            let key = rsa::PublicKey::new(number(first), number(exponent))?;
            Ok(key.to_public_key_der()?.into_vec())
        }
        _ => Err(malformed()),
    }
}

/// One command with an extended length; its data if the status is 9000.
fn call<C: Client>(
    applet: &mut Applet<C>,
    what: &'static str,
    header: [u8; 4],
    data: &[u8],
) -> Result<Vec<u8>, IssueError> {
    let length = u16::try_from(data.len()).map_err(|_| IssueError::Malformed(what))?.to_be_bytes();
    let apdu = [&header[..], &[0], &length, data, &[0, 0]].concat();
    match applet.call(&apdu) {
        (answer, 0x9000) => Ok(answer),
        (_, status) => Err(IssueError::Refused { what, status }),
    }
}

fn tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let [.., high, low] = (value.len() as u64).to_be_bytes();
    let length = match (high, low) {
        (0, 0..=0x7F) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [tag, &length, value].concat()
}

/// Tag and value of the first data object, and what stands behind it.
type Taken<'a> = ((u8, &'a [u8]), &'a [u8]);

fn take(input: &[u8]) -> Option<Taken<'_>> {
    let (&tag, rest) = input.split_first()?;
    let (length, rest) = match *rest {
        [length @ 0..=0x7F, ref rest @ ..] | [0x81, length, ref rest @ ..] => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some(((tag, value), rest))
}
