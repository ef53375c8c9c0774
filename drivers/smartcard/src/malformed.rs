use signet_authn::{DriverError, Failure};

/// Bytes from a card that are not what the standard asks for; the text names the place.
///
/// It carries none of the bytes, for they may be secret and end in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Fault(DriverError::Protocol(malformed.0))
    }
}
