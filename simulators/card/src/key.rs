use std::{fmt, str::FromStr};

use getrandom::SysRng;
use p256::{
    ecdsa::{self, signature::hazmat::PrehashSigner},
    elliptic_curve::Generate,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey},
};
use rsa::{BoxedUint, PrivateKey, traits::PublicKeyParts};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The asymmetric algorithms a PIV card of this simulator has (NIST SP 800-78-4, table 6-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of 2048 bits, PIV algorithm 07.
    Rsa2048,
    /// ECDSA on NIST P-256, PIV algorithm 11.
    #[default]
    P256,
    /// ECDSA on NIST P-384, PIV algorithm 14.
    P384,
}

impl KeyAlgorithm {
    /// The algorithm identifier that GENERAL AUTHENTICATE has in P1.
    #[must_use]
    pub fn piv_identifier(self) -> u8 {
        match self {
            Self::Rsa2048 => 0x07,
            Self::P256 => 0x11,
            Self::P384 => 0x14,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048 => "rsa2048",
            Self::P256 => "p256",
            Self::P384 => "p384",
        })
    }
}

impl FromStr for KeyAlgorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text {
            "rsa2048" => Ok(Self::Rsa2048),
            "p256" => Ok(Self::P256),
            "p384" => Ok(Self::P384),
            _ => Err(KeyError::UnknownAlgorithm(text.to_owned())),
        }
    }
}

/// Why a key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The algorithm is not one of this simulator's.
    #[error("unknown key algorithm `{0}`: allowed are rsa2048, p256 and p384")]
    UnknownAlgorithm(String),
    /// No RSA key could be made.
    #[error("cannot make an RSA key")]
    Rsa(#[from] rsa::Error),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[from] getrandom::Error),
    /// The bytes are no PKCS#8 private key of the algorithm.
    #[error("not a PKCS#8 private key for {0}")]
    Format(KeyAlgorithm, #[source] p256::pkcs8::Error),
    /// The public key could not be encoded.
    #[error("the public key cannot be encoded")]
    PublicKey(#[from] p256::pkcs8::spki::Error),
}

/// A private key of the card.
pub enum CardKey {
    /// RSA-2048.
    Rsa2048(Box<PrivateKey>),
    /// NIST P-256.
    P256(ecdsa::SigningKey),
    /// NIST P-384.
    P384(Box<p384::ecdsa::SigningKey>),
}

impl fmt::Debug for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardKey({})", self.algorithm())
    }
}

impl CardKey {
    /// Makes a key from the operating system's random bytes.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        Ok(match algorithm {
            KeyAlgorithm::Rsa2048 => Self::Rsa2048(Box::new(PrivateKey::new(&mut SysRng, 2048)?)),
            KeyAlgorithm::P256 => Self::P256(ecdsa::SigningKey::try_generate_from_rng(&mut SysRng)?),
            KeyAlgorithm::P384 => {
                Self::P384(Box::new(p384::ecdsa::SigningKey::try_generate_from_rng(&mut SysRng)?))
            }
        })
    }

    /// Reads a PKCS#8 key (RFC 5958) in DER.
    pub fn from_pkcs8(algorithm: KeyAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            KeyAlgorithm::Rsa2048 => PrivateKey::from_pkcs8_der(der).map(|key| Self::Rsa2048(Box::new(key))),
            KeyAlgorithm::P256 => ecdsa::SigningKey::from_pkcs8_der(der).map(Self::P256),
            KeyAlgorithm::P384 => {
                p384::ecdsa::SigningKey::from_pkcs8_der(der).map(|key| Self::P384(Box::new(key)))
            }
        }
        .map_err(|error| KeyError::Format(algorithm, error))
    }

    /// The key as PKCS#8 (RFC 5958) in DER.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Rsa2048(key) => key.to_pkcs8_der(),
            Self::P256(key) => key.to_pkcs8_der(),
            Self::P384(key) => key.to_pkcs8_der(),
        }
        .map(|document| document.as_bytes().to_vec())
        .map_err(|error| KeyError::Format(self.algorithm(), error))
    }

    /// The key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Rsa2048(_) => KeyAlgorithm::Rsa2048,
            Self::P256(_) => KeyAlgorithm::P256,
            Self::P384(_) => KeyAlgorithm::P384,
        }
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280, 4.1) in DER.
    pub fn public_key_der(&self) -> Result<Vec<u8>, KeyError> {
        let document = match self {
            Self::Rsa2048(key) => key.to_public_key().to_public_key_der()?,
            Self::P256(key) => key.verifying_key().to_public_key_der()?,
            Self::P384(key) => key.verifying_key().to_public_key_der()?,
        };
        Ok(document.as_bytes().to_vec())
    }

    pub(crate) fn public_key(&self) -> Result<SubjectPublicKeyInfoOwned, KeyError> {
        Ok(match self {
            Self::Rsa2048(key) => SubjectPublicKeyInfoOwned::from_key(&key.to_public_key())?,
            Self::P256(key) => SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?,
            Self::P384(key) => SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?,
        })
    }

    /// The private-key operation of GENERAL AUTHENTICATE (NIST SP 800-73-4 part 2, 3.2.4).
    ///
    /// RSA takes the padded block of 256 bytes and gives 256 bytes. The curves take a hash of at most
    /// the curve's size and give an `ECDSA-Sig-Value` in DER. `None` when the challenge does not fit.
    pub(crate) fn sign(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa2048(key) => {
                if challenge.len() != 256 {
                    return None;
                }
                let block = BoxedUint::from_be_slice(challenge, key.n_bits_precision()).ok()?;
                // The check against faults of the processor costs little and is what a card does.
                let signature = rsa::hazmat::rsa_decrypt_and_check(&**key, Some(&mut SysRng), &block).ok()?;
                let bytes = signature.to_be_bytes();
                let from = bytes.len().checked_sub(256)?;
                bytes.get(from..).map(<[u8]>::to_vec)
            }
            Self::P256(key) => {
                let hash = left_padded::<32>(challenge)?;
                let signature: ecdsa::Signature = key.sign_prehash(&hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let hash = left_padded::<48>(challenge)?;
                let signature: p384::ecdsa::Signature = key.sign_prehash(&hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

/// A shorter hash is a smaller number (FIPS 186-5, 6.4.1): zeros go in front.
fn left_padded<const N: usize>(hash: &[u8]) -> Option<[u8; N]> {
    if hash.is_empty() {
        return None;
    }
    let mut padded = [0; N];
    let from = N.checked_sub(hash.len())?;
    padded.get_mut(from..)?.copy_from_slice(hash);
    Some(padded)
}
