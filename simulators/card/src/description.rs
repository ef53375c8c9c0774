use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use x509_cert::der::DateTime;

use crate::{CertificateError, KeyAlgorithm, KeyError, Validity};

/// What a card is, as written on the command line: `NAME=KIND,key=value,...`.
///
/// `anna=piv,alg=rsa2048,pin=123456,tries=3,cn=Anna,gzip,not-before=2026-01-01,not-after=2027-01-01,9e=p256`
/// or `badge=identifier,uid=04A1B2C3`. Both take `atr=HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardDescription {
    /// What the commands call the card: ASCII letters, digits, `-` and `_`, 1 to 32 of them.
    pub name: String,
    /// PIV or identifier.
    pub kind: CardKind,
    /// The answer to reset; `None` for the kind's own.
    pub atr: Option<Vec<u8>>,
}

/// What a card can do.
#[derive(Clone, PartialEq, Eq)]
pub enum CardKind {
    /// A PIV card application (NIST SP 800-73-4).
    Piv {
        /// Algorithm of the authentication key 9A.
        algorithm: KeyAlgorithm,
        /// Algorithm of the card authentication key 9E, if the card has one.
        card_authentication: Option<KeyAlgorithm>,
        /// The PIN: 6 to 8 digits.
        pin: String,
        /// Wrong PINs in a row that block it: 1 to 15.
        tries: u8,
        /// The certificate's common name.
        common_name: String,
        /// The certificates are kept compressed with gzip.
        gzip: bool,
        /// First second of the certificates; `None` for yesterday.
        not_before: Option<DateTime>,
        /// Last second of the certificates; `None` for two years from now.
        not_after: Option<DateTime>,
    },
    /// A card that only tells its identifier to the PC/SC pseudo APDU FF CA 00 00 00.
    Identifier {
        /// The identifier: 4, 7 or 10 bytes.
        uid: Vec<u8>,
    },
}

impl fmt::Debug for CardKind {
    // The PIN is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Piv { algorithm, card_authentication, tries, common_name, .. } => f
                .debug_struct("Piv")
                .field("algorithm", algorithm)
                .field("card_authentication", card_authentication)
                .field("tries", tries)
                .field("common_name", common_name)
                .finish_non_exhaustive(),
            Self::Identifier { uid } => write!(f, "Identifier({} bytes)", uid.len()),
        }
    }
}

/// Why a card's description is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// There is no `NAME=KIND` at the front.
    #[error("a card is described by NAME=KIND,key=value,... where KIND is `piv` or `identifier`")]
    Shape,
    /// The name has another form.
    #[error("`{0}` is no card name: 1 to 32 ASCII letters, digits, `-` and `_` are")]
    Name(String),
    /// The kind is unknown.
    #[error("unknown card kind `{0}`: allowed are piv and identifier")]
    Kind(String),
    /// The key is unknown for this kind.
    #[error("unknown property `{key}`: allowed here are {allowed}")]
    Property {
        /// What was written.
        key: String,
        /// What may be written.
        allowed: &'static str,
    },
    /// The PIN breaks NIST SP 800-73-4.
    #[error("a PIV PIN has 6 to 8 digits")]
    Pin,
    /// The try counter is out of range.
    #[error("`{0}` is no try counter: 1 to 15 is")]
    Tries(String),
    /// The bytes are no identifier.
    #[error("`{0}` is no identifier: 4, 7 or 10 bytes in hexadecimal are")]
    Uid(String),
    /// The bytes are no answer to reset.
    #[error("`{0}` is no answer to reset: 2 to 33 bytes in hexadecimal, the first 3B or 3F, are")]
    Atr(String),
    /// The algorithm is unknown.
    #[error("the key's algorithm is wrong")]
    Algorithm(#[from] KeyError),
    /// The date is wrong.
    #[error("the certificate's date is wrong")]
    Date(#[from] CertificateError),
}

impl CardDescription {
    /// A PIV card with a P-256 key, the PIN 123456, three tries and `name` as common name.
    pub fn piv(name: &str) -> Result<Self, DescriptionError> {
        format!("{name}=piv").parse()
    }
}

impl FromStr for CardDescription {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        let (name, rest) = text.split_once('=').ok_or(DescriptionError::Shape)?;
        if !is_name(name) {
            return Err(DescriptionError::Name(name.to_owned()));
        }
        let mut parts = rest.split(',');
        let mut kind = match parts.next().unwrap_or_default() {
            "piv" => CardKind::Piv {
                algorithm: KeyAlgorithm::default(),
                card_authentication: None,
                pin: "123456".to_owned(),
                tries: 3,
                common_name: name.to_owned(),
                gzip: false,
                not_before: None,
                not_after: None,
            },
            // Two cards without a given identifier must not have the same.
            "identifier" => {
                CardKind::Identifier { uid: Sha256::digest(name).iter().copied().take(7).collect() }
            }
            other => return Err(DescriptionError::Kind(other.to_owned())),
        };
        let mut atr = None;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if key == "atr" {
                let bytes = unhex(value).filter(|b| (2..=33).contains(&b.len()));
                let bytes = bytes.filter(|b| matches!(b.first(), Some(0x3B | 0x3F)));
                atr = Some(bytes.ok_or_else(|| DescriptionError::Atr(value.to_owned()))?);
            } else {
                kind.set(key, value)?;
            }
        }
        Ok(Self { name: name.to_owned(), kind, atr })
    }
}

impl CardKind {
    fn set(&mut self, key: &str, value: &str) -> Result<(), DescriptionError> {
        match self {
            Self::Piv {
                algorithm,
                card_authentication,
                pin,
                tries,
                common_name,
                gzip,
                not_before,
                not_after,
            } => match key {
                "alg" => *algorithm = value.parse()?,
                "9e" => *card_authentication = Some(value.parse()?),
                "pin" => {
                    if !(6..=8).contains(&value.len()) || !value.bytes().all(|b| b.is_ascii_digit()) {
                        return Err(DescriptionError::Pin);
                    }
                    value.clone_into(pin);
                }
                "tries" => {
                    let number = value.parse().ok().filter(|n| (1..=15).contains(n));
                    *tries = number.ok_or_else(|| DescriptionError::Tries(value.to_owned()))?;
                }
                "cn" => value.clone_into(common_name),
                "gzip" if value.is_empty() => *gzip = true,
                "not-before" => *not_before = Some(Validity::parse_date(value)?),
                "not-after" => *not_after = Some(Validity::parse_date(value)?),
                _ => {
                    return Err(DescriptionError::Property {
                        key: key.to_owned(),
                        allowed: "alg, 9e, pin, tries, cn, gzip, not-before, not-after and atr",
                    });
                }
            },
            Self::Identifier { uid } => match key {
                "uid" => {
                    let bytes = unhex(value).filter(|b| matches!(b.len(), 4 | 7 | 10));
                    *uid = bytes.ok_or_else(|| DescriptionError::Uid(value.to_owned()))?;
                }
                _ => {
                    return Err(DescriptionError::Property { key: key.to_owned(), allowed: "uid and atr" });
                }
            },
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Bytes from hexadecimal digits, in either case, with or without colons.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().filter(|&c| c != ':').map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
