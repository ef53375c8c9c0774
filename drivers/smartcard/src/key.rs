//! Public keys of cards: what a card is asked to sign, and whether it did.

use std::fmt;

use p256::{ecdsa::signature::Verifier, pkcs8::DecodePublicKey};
use rsa::{PublicKey as RsaPublicKey, pkcs1v15, traits::PublicKeyParts};
use sha2::{Digest, Sha256, Sha384};
use signet_authn::Matched;

use crate::Malformed;

/// `DigestInfo` of SHA-256 up to the hash (RFC 8017, 9.2, note 1).
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// The public key of a card, of an algorithm that PIV cards sign with (NIST SP 800-78-4, table 6-2).
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// RSA with 2048 bits, PKCS #1 v1.5 with SHA-256.
    Rsa2048(Box<RsaPublicKey>),
    /// ECDSA on NIST P-256 with SHA-256.
    P256(p256::ecdsa::VerifyingKey),
    /// ECDSA on NIST P-384 with SHA-384.
    P384(Box<p384::ecdsa::VerifyingKey>),
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7) in DER.
    ///
    /// Refused is every other algorithm, an RSA modulus that has not 2048 bits, and a point that is
    /// not on its curve.
    pub fn from_spki(der: &[u8]) -> Result<Self, Malformed> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::P384(Box::new(key)));
        }
        match RsaPublicKey::from_public_key_der(der) {
            Ok(key) if key.n().bit_width() == 2048 => Ok(Self::Rsa2048(Box::new(key))),
            _ => Err(Malformed("public key of an algorithm that is not supported")),
        }
    }

    /// The algorithm's number in GENERAL AUTHENTICATE (NIST SP 800-78-4, table 6-2).
    #[must_use]
    pub const fn algorithm(&self) -> u8 {
        match self {
            Self::Rsa2048(_) => 0x07,
            Self::P256(_) => 0x11,
            Self::P384(_) => 0x14,
        }
    }

    /// Whether a signature of this key costs a card little: not RSA.
    #[must_use]
    pub const fn is_fast(&self) -> bool {
        !matches!(self, Self::Rsa2048(_))
    }

    /// What the card gets for `message`: the padded block of RFC 8017, 9.2, of 256 bytes, or the hash.
    #[must_use]
    pub fn challenge(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa2048(_) => {
                let padding = 256 - 3 - DIGEST_INFO_SHA256.len() - 32;
                let mut block = vec![0x00, 0x01];
                block.resize(2 + padding, 0xFF);
                block.push(0x00);
                block.extend(DIGEST_INFO_SHA256);
                block.extend(Sha256::digest(message));
                block
            }
            Self::P256(_) => Sha256::digest(message).to_vec(),
            Self::P384(_) => Sha384::digest(message).to_vec(),
        }
    }

    /// Whether `signature` is this key's over `message`: 256 bytes of RSA, or an `ECDSA-Sig-Value` in
    /// DER. What is no signature at all does not match either.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Matched {
        let verified = match self {
            Self::Rsa2048(key) => signature.len() == 256 && rsa_matches::<Sha256>(key, message, signature),
            Self::P256(key) => {
                p256::ecdsa::DerSignature::try_from(signature).is_ok_and(|s| key.verify(message, &s).is_ok())
            }
            Self::P384(key) => {
                p384::ecdsa::DerSignature::try_from(signature).is_ok_and(|s| key.verify(message, &s).is_ok())
            }
        };
        if verified { Matched::Yes } else { Matched::No }
    }
}

/// Checks a PKCS #1 v1.5 signature with the hash `D`.
pub(crate) fn rsa_matches<D>(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool
where
    D: Digest + rsa::pkcs8::AssociatedOid,
    pkcs1v15::VerifyingKey<D>: Verifier<pkcs1v15::Signature>,
{
    pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|s| pkcs1v15::VerifyingKey::<D>::new(key.clone()).verify(message, &s).is_ok())
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048(_) => "RSA-2048",
            Self::P256(_) => "P-256",
            Self::P384(_) => "P-384",
        })
    }
}
