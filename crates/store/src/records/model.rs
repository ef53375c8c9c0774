use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use signet_types::{CredentialId, Method, Timestamp, UserName};
use zeroize::Zeroizing;

use crate::{engine::Tree, error::StoreError};

/// The layout of every record that this version writes. A change of a layout raises it, and
/// [`decode`] then reads the older ones too.
const VERSION: u8 = 1;

/// A record as bytes: its version, then its fields (postcard).
pub(crate) fn encode<T: Serialize>(record: &T) -> Zeroizing<Vec<u8>> {
    // Writing to memory fails only for types without a length, and no record has one; an empty
    // body would be refused when it is read.
    let body = Zeroizing::new(postcard::to_stdvec(record).unwrap_or_default());
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len() + 1));
    bytes.push(VERSION);
    bytes.extend_from_slice(&body);
    bytes
}

/// A record from bytes.
///
/// # Errors
/// [`StoreError::Version`], [`StoreError::Damaged`]; also where bytes are left over.
pub(crate) fn decode<T: DeserializeOwned>(tree: Tree, bytes: &[u8]) -> Result<T, StoreError> {
    let (version, body) = bytes.split_first().ok_or(StoreError::Damaged { tree })?;
    if *version != VERSION {
        return Err(StoreError::Version { tree, version: *version });
    }
    match postcard::take_from_bytes(body) {
        Ok((record, [])) => Ok(record),
        _ => Err(StoreError::Damaged { tree }),
    }
}

/// One enrolled instance of a method.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub user: UserName,
    /// The method.
    pub method: Method,
    /// What it is, for people: "PIV card, RSA-2048".
    pub kind: String,
    /// The user's own words for it.
    pub description: String,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When it last passed.
    pub last_used: Option<Timestamp>,
    /// The keyed hash of the token's identifier, where it has one.
    pub identifier: Option<IdentifierHash>,
    /// The driver's record, opaque here: keys, verifiers, templates.
    pub data: Vec<u8>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver's record may hold verifiers.
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("method", &self.method)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// HMAC-SHA256 of a token's identifier under a key of this store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentifierHash([u8; 32]);

impl IdentifierHash {
    /// From bytes that a record held.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for IdentifierHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four bytes are enough to tell two apart in a log.
        f.write_str("IdentifierHash(")?;
        self.0.iter().take(4).try_for_each(|b| write!(f, "{b:02x}"))?;
        f.write_str("..)")
    }
}

/// What is remembered of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The method that passed last (RAU-01).
    pub last_method: Option<Method>,
    /// The user wants that method always.
    pub always_use_method: bool,
    /// Methods whose enrolment the user never wants to be asked for again (ENR-02).
    pub never_prompt: BTreeSet<Method>,
    /// When enrolment of a method was first asked for; the grace period counts from here (ENR-03).
    pub first_prompt: BTreeMap<Method, Timestamp>,
    /// The latest time that was seen for this user: a clock that is set back prolongs nothing.
    pub latest_time: Timestamp,
}

/// Where a try comes from, as a class: `seat0`, `remote`, `uid:1000`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// Text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid origin: expected 1 to {} printable ASCII characters", Origin::MAX_LENGTH)]
pub struct BadOrigin;

impl Origin {
    /// Longest origin, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let printable = s.bytes().all(|b| matches!(b, b' '..=b'~'));
        if s.is_empty() || s.len() > Self::MAX_LENGTH || !printable {
            Err(BadOrigin)
        } else {
            Ok(Self(s.to_owned()))
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = BadOrigin;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Failures of one user with one method from one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Failures since the last success; stays at its greatest value.
    pub failures: u32,
    /// Time of the first of them.
    pub first: Timestamp,
    /// Time of the last of them, never before an earlier one.
    pub last: Timestamp,
}

impl Counter {
    pub(super) fn charged(old: Option<Self>, now: Timestamp) -> Self {
        old.map_or(Self { failures: 1, first: now, last: now }, |c| Self {
            failures: c.failures.saturating_add(1),
            first: c.first,
            last: c.last.max(now),
        })
    }
}

/// A counter with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterEntry {
    /// The method.
    pub method: Method,
    /// The origin.
    pub origin: Origin,
    /// The failures.
    pub counter: Counter,
}

// Keys: the user's name, a NUL (which no name has), then the rest.

pub(super) fn user_prefix(user: &UserName) -> Vec<u8> {
    let mut key = user.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

pub(super) fn user_of(key: &[u8]) -> Option<UserName> {
    let name = key.split(|b| *b == 0).next()?;
    std::str::from_utf8(name).ok()?.parse().ok()
}

pub(super) fn credential_key(user: &UserName, id: CredentialId) -> Vec<u8> {
    let mut key = user_prefix(user);
    key.extend_from_slice(id.as_bytes());
    key
}

pub(super) fn counter_key(user: &UserName, method: Method, origin: &Origin) -> Vec<u8> {
    let mut key = user_prefix(user);
    key.extend_from_slice(method.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(origin.as_str().as_bytes());
    key
}

pub(super) fn counter_parts(key: &[u8]) -> Option<(Method, Origin)> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(3, '\0').skip(1);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
