//! What the driver keeps of a card in the store: one version byte, then postcard.

use serde::{Deserialize, Serialize};
use signet_authn::{DriverError, EnrolledCredential, Failure, IdentifierError, TokenIdentifier, Verifier};
use signet_types::CredentialId;

use crate::{certificate::Certificate, piv::PinReference};

/// The version of the format, in the first byte.
const VERSION: u8 = 1;
/// The longest record in bytes: two certificates and a verifier.
const MAX_RECORD: usize = 24 * 1024;

/// An enrolled card.
#[derive(Clone, Debug)]
pub enum Record {
    /// A PIV card with a key.
    Piv(Box<PivRecord>),
    /// A card without a key.
    Identifier(IdentifierRecord),
}

/// An enrolled PIV card. It has at least one certificate.
#[derive(Clone, Debug)]
pub struct PivRecord {
    /// Of key 9A. With a Signet PIN its key was not proven at enrolment.
    pub authentication: Option<Certificate>,
    /// Of key 9E, whose key was always proven at enrolment.
    pub card_authentication: Option<Certificate>,
    /// Which PIN the card takes.
    pub pin: PinReference,
    /// The Signet PIN's verifier, where it was enrolled with one.
    pub verifier: Option<Verifier>,
}

/// An enrolled card without a key.
#[derive(Clone, Debug)]
pub struct IdentifierRecord {
    /// The card's UID, 4 to 10 bytes.
    pub uid: Vec<u8>,
    /// The Signet PIN's verifier.
    pub verifier: Verifier,
}

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
enum Stored {
    Piv {
        authentication: Option<Vec<u8>>,
        card_authentication: Option<Vec<u8>>,
        pin: PinReference,
        verifier: Option<String>,
    },
    Identifier {
        uid: Vec<u8>,
        verifier: String,
    },
}

/// A record that cannot be read; the text names what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecordError(pub &'static str);

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::Fault(DriverError::Record(error.0))
    }
}

impl PivRecord {
    /// The certificate whose key stands for the card: 9E, which is proven at every enrolment, else 9A.
    #[must_use]
    pub fn primary(&self) -> Option<&Certificate> {
        self.card_authentication.as_ref().or(self.authentication.as_ref())
    }
}

impl Record {
    /// Reads a record that [`Record::encode`] wrote. Another version, bytes left over, no key: an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, body) = bytes.split_first().ok_or(RecordError("empty"))?;
        if *version != VERSION {
            return Err(RecordError("written by a newer version"));
        }
        if body.len() > MAX_RECORD {
            return Err(RecordError("too long"));
        }
        match postcard::take_from_bytes(body) {
            Ok((stored, [])) => Self::from_stored(stored),
            Ok(_) => Err(RecordError("bytes after its end")),
            Err(_) => Err(RecordError("malformed")),
        }
    }

    fn from_stored(stored: Stored) -> Result<Self, RecordError> {
        let certificate = |der: Option<Vec<u8>>| {
            der.map(|der| Certificate::from_der(&der)).transpose().map_err(|_| RecordError("certificate"))
        };
        match stored {
            Stored::Piv { authentication: None, card_authentication: None, .. } => {
                Err(RecordError("no certificate"))
            }
            Stored::Piv { authentication, card_authentication, pin, verifier } => {
                Ok(Self::Piv(Box::new(PivRecord {
                    authentication: certificate(authentication)?,
                    card_authentication: certificate(card_authentication)?,
                    pin,
                    verifier: verifier.map(Verifier::new),
                })))
            }
            Stored::Identifier { uid, verifier } if (4..=10).contains(&uid.len()) => {
                Ok(Self::Identifier(IdentifierRecord { uid, verifier: Verifier::new(verifier) }))
            }
            Stored::Identifier { .. } => Err(RecordError("identifier")),
        }
    }

    /// The bytes for the store.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let der = |certificate: &Option<Certificate>| certificate.as_ref().map(|c| c.der().to_vec());
        let stored = match self {
            Self::Piv(record) => Stored::Piv {
                authentication: der(&record.authentication),
                card_authentication: der(&record.card_authentication),
                pin: record.pin,
                verifier: record.verifier.as_ref().map(|v| v.as_str().to_owned()),
            },
            Self::Identifier(record) => {
                Stored::Identifier { uid: record.uid.clone(), verifier: record.verifier.as_str().to_owned() }
            }
        };
        postcard::to_extend(&stored, vec![VERSION]).map_err(|_| RecordError("cannot be written"))
    }

    /// What identifying the same card gives: the SHA-256 of its key's `SubjectPublicKeyInfo`, or its UID.
    pub fn identifier(&self) -> Result<TokenIdentifier, IdentifierError> {
        match self {
            Self::Piv(record) => {
                TokenIdentifier::new(record.primary().map(|c| c.fingerprint().to_vec()).unwrap_or_default())
            }
            Self::Identifier(record) => TokenIdentifier::new(record.uid.clone()),
        }
    }

    /// What the card is, for people.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Piv(record) => {
                let key = record.authentication.as_ref().or(record.card_authentication.as_ref());
                key.map_or_else(|| "PIV card".to_owned(), |c| format!("PIV card ({})", c.key()))
            }
            Self::Identifier(_) => "card known by its identifier".to_owned(),
        }
    }
}

/// A credential with its record read.
pub(crate) struct Known {
    pub(crate) id: CredentialId,
    pub(crate) record: Record,
}

impl Known {
    pub(crate) fn read(credential: &EnrolledCredential) -> Result<Self, RecordError> {
        Ok(Self { id: credential.id, record: Record::decode(&credential.data)? })
    }
}
