use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name that another program knows and Signet only records or compares: a terminal, a remote
/// host, a remote user. 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// Text that is no [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed are 1 to {} bytes without control characters", Label::MAX_LEN)]
pub struct LabelError;

impl Label {
    /// The greatest length in bytes.
    pub const MAX_LEN: usize = 256;

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a label of any text: control characters become U+FFFD, what is too long is cut off.
    /// Only empty text gives none, so that a strange remote host never turns into no remote host.
    #[must_use]
    pub fn lossy(text: &str) -> Option<Self> {
        let mut label = String::new();
        for c in text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }) {
            if label.len() + c.len_utf8() > Self::MAX_LEN {
                break;
            }
            label.push(c);
        }
        (!label.is_empty()).then_some(Self(label))
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        if text.is_empty() || text.len() > Self::MAX_LEN || text.chars().any(char::is_control) {
            return Err(LabelError);
        }
        Ok(Self(text))
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        text.to_owned().try_into()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
