use signet_authn::{DriverError, Failure, Verifier};

/// The version of the format, in the first byte.
const VERSION: u8 = 1;
/// The longest verifier in bytes. Signet's own have 97.
const MAX_VERIFIER: usize = 512;

/// A password of Signet's own in the store: one version byte, then the verifier in PHC string format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The Argon2id verifier.
    pub verifier: Verifier,
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

impl Record {
    /// Reads a record that [`Record::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, phc) = bytes.split_first().ok_or(RecordError("empty"))?;
        if *version != VERSION {
            return Err(RecordError("written by a newer version"));
        }
        let phc = std::str::from_utf8(phc).map_err(|_| RecordError("malformed"))?;
        let record = Self { verifier: Verifier::new(phc.to_owned()) };
        record.check()?;
        Ok(record)
    }

    /// The bytes for the store.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        self.check()?;
        Ok([&[VERSION], self.verifier.as_str().as_bytes()].concat())
    }

    fn check(&self) -> Result<(), RecordError> {
        let phc = self.verifier.as_str();
        if phc.len() > MAX_VERIFIER || !phc.starts_with("$argon2id$") {
            return Err(RecordError("not a verifier"));
        }
        Ok(())
    }
}

/// The verifier that is compared for a user who has no password here. It costs what Signet's own
/// verifiers cost (Argon2id, 64 MiB, 3 passes, 1 lane); no password is known that matches it.
#[must_use]
pub fn decoy() -> Verifier {
    Verifier::new(DECOY.to_owned())
}

/// The hash is random bytes: no password is known that gives it.
const DECOY: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$xq5r6Zg39a5lhmC4Tw9ehQ$tIrnH5QJzeoRYwiMb8cf6xaTN8nlrC9J6lH2AmPQEu4";
