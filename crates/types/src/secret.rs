use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A PIN, a password, an answer: wiped when dropped, never printed, cloned or serialised.
///
/// Bytes are kept as they were typed (no normalisation); at most [`Secret::MAX_LEN`] bytes.
pub struct Secret(Zeroizing<Vec<u8>>);

/// The text is longer than [`Secret::MAX_LEN`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is longer than {} bytes", Secret::MAX_LEN)]
pub struct SecretTooLong;

impl Secret {
    /// The longest secret that is taken, in bytes. SP 800-63B asks for 64 characters at least.
    pub const MAX_LEN: usize = 1024;

    /// Takes the bytes over; a refused secret is wiped too.
    pub fn new(bytes: Vec<u8>) -> Result<Self, SecretTooLong> {
        let mut bytes = Zeroizing::new(bytes);
        if bytes.len() > Self::MAX_LEN {
            bytes.zeroize();
            return Err(SecretTooLong);
        }
        Ok(Self(bytes))
    }

    /// The bytes, for the one place that checks or sends them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, where they are UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// A second copy, for the two places that each need to own it; the name makes copies easy to find.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretTooLong;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
