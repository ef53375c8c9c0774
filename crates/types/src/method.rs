use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A kind of proof (behaviour.md, MET-01). The name on the wire, in policy files and in the
/// store is the lower-case word of [`Method::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Smart card over PC/SC: PIV (NIST SP 800-73-4) or known by identifier only.
    Smartcard,
    /// Contactless card over NFC or a PC/SC contactless reader.
    Proximity,
    /// FIDO2 key over CTAP HID.
    Fido2,
    /// Fingerprint reader.
    Fingerprint,
    /// Challenge questions.
    Challenge,
    /// The system password, or a password that Signet keeps as an Argon2id verifier.
    Password,
    /// Time-based one-time password (RFC 6238).
    Totp,
    /// Single-use recovery codes.
    Recovery,
    /// One-time code by e-mail or SMS.
    Code,
}

impl Method {
    /// Every method, in the order in which they are listed to people.
    pub const ALL: [Self; 9] = [
        Self::Smartcard,
        Self::Proximity,
        Self::Fido2,
        Self::Fingerprint,
        Self::Challenge,
        Self::Password,
        Self::Totp,
        Self::Recovery,
        Self::Code,
    ];

    /// The method's name in policy files, on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smartcard => "smartcard",
            Self::Proximity => "proximity",
            Self::Fido2 => "fido2",
            Self::Fingerprint => "fingerprint",
            Self::Challenge => "challenge",
            Self::Password => "password",
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Code => "code",
        }
    }

    /// Whether the proof is a thing that can be present or absent (RMV-01).
    #[must_use]
    pub const fn is_token(self) -> bool {
        matches!(self, Self::Smartcard | Self::Proximity | Self::Fido2)
    }

    /// Whether the method needs hardware at the workstation's own seat (AUT-09).
    #[must_use]
    pub const fn needs_local_seat(self) -> bool {
        self.is_token() || matches!(self, Self::Fingerprint)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown method; known are smartcard, proximity, fido2, fingerprint, challenge, password, totp, recovery, code"
)]
pub struct UnknownMethod;

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|m| m.as_str() == s).ok_or(UnknownMethod)
    }
}
