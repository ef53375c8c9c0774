use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use signet_types::{Secret, SecretTooLong};
use zeroize::Zeroizing;

/// A secret on the wire: text of at most [`Secret::MAX_LEN`] bytes, wiped when dropped, never
/// printed. It is the one secret type that can be serialised, because sending it is its purpose;
/// everything behind the wire turns it into a [`Secret`] at once.
#[derive(PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over; a refused one is wiped too.
    pub fn new(text: String) -> Result<Self, SecretTooLong> {
        let text = Zeroizing::new(text);
        if text.len() > Secret::MAX_LEN { Err(SecretTooLong) } else { Ok(Self(text)) }
    }

    /// The text, for the one place that sends or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same secret, with its text taken over and not copied.
    pub fn into_secret(mut self) -> Result<Secret, SecretTooLong> {
        Secret::new(std::mem::take(&mut *self.0).into_bytes())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(SecretVisitor)
    }
}

struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text of at most {} bytes", Secret::MAX_LEN)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        SecretText::new(text.to_owned()).map_err(E::custom)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SecretText, E> {
        SecretText::new(text).map_err(E::custom)
    }
}
