use std::collections::BTreeMap;

use serde::Serialize;
use signet_types::{CredentialId, DeviceId, GrantId, Method, ServiceName, SessionId, Timestamp, UserName};

use super::{AuditError, AuditKey};
use crate::records::Origin;

/// Longest line, in bytes.
pub(super) const MAX_LINE: usize = 16 * 1024;
/// Longest text of a detail, in characters.
const MAX_TEXT: usize = 256;

/// What happened. Words are written in the program, never taken from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, by the system's clock.
    pub time: Timestamp,
    /// What: `logon`, `enroll`, `delete`, `removal`, ..
    pub event: &'static str,
    /// How it ended: `granted`, `refused`, `done`, ..
    pub outcome: &'static str,
    /// Whom it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The PAM service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// More, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<&'static str, Detail>,
}

impl Entry {
    /// An entry without the fields that may be missing.
    #[must_use]
    pub const fn new(time: Timestamp, event: &'static str, outcome: &'static str) -> Self {
        Self {
            time,
            event,
            outcome,
            user: None,
            method: None,
            service: None,
            origin: None,
            detail: BTreeMap::new(),
        }
    }

    /// The line for this entry and its MAC.
    pub(super) fn line(
        &self,
        sequence: u64,
        previous: &[u8; 32],
        key: &AuditKey,
    ) -> Result<(Vec<u8>, [u8; 32]), AuditError> {
        let line = Line { seq: sequence, prev: hex(previous), entry: self };
        // Strings, numbers and maps with text keys always serialise.
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.pop();
        if text.len() + TRAILER > MAX_LINE {
            return Err(AuditError::TooLong { length: text.len() + TRAILER });
        }
        let mac = key.mac(&text);
        text.extend_from_slice(MAC_FIELD);
        text.extend_from_slice(hex(&mac).as_bytes());
        text.extend_from_slice(b"\"}\n");
        Ok((text, mac))
    }
}

/// Stands between what is authenticated and the MAC.
pub(super) const MAC_FIELD: &[u8] = b",\"mac\":\"";
/// Length of MAC field, MAC and the line's end, in bytes.
pub(super) const TRAILER: usize = MAC_FIELD.len() + 64 + 3;

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    prev: String,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// A detail. There is no variant that takes a secret, and none that takes bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// A word of the program.
    Word(&'static str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A credential.
    Credential(CredentialId),
    /// A grant.
    Grant(GrantId),
    /// A session.
    Session(SessionId),
    /// A device.
    Device(DeviceId),
    /// Another user: an operator, an administrator.
    User(UserName),
    /// Text from outside, made harmless; see [`Detail::text`].
    Text(Text),
}

/// Text without control characters, at most 256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Detail {
    /// Text from outside: the path of a program, the name of a host. Characters that do not print
    /// and those that turn the direction of writing become U+FFFD; what is longer than 256
    /// characters is cut. Never to be called with what a person typed in secret.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let harmless = |c: char| {
            let turns =
                matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns { char::REPLACEMENT_CHARACTER } else { c }
        };
        Self::Text(Text(text.chars().take(MAX_TEXT).map(harmless).collect()))
    }
}

pub(super) fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
