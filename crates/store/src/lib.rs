//! The store of a workstation: durable, sealed records that are refused, never silently lost.
//!
//! - [`Store`] is a small ordered key-value engine whose `commit` returns only after the data is
//!   on the medium. Two engines stand behind it: sled 0.34.7 (under the conditions that make it
//!   durable, see [`SledStore`]) and SQLite ([`SqliteStore`]). One conformance suite runs on both.
//! - [`Records`] is what the daemon uses: typed records, each sealed with XChaCha20-Poly1305 and
//!   bound to its place, under a [high-water mark](mark) that is kept apart. A store that is
//!   empty, cut, damaged or older than the mark is refused with a typed error: an empty store
//!   must never look like "nobody has enrolled yet", which would re-open password logon (ENA-02).
//! - [`audit`] is the append-only, hash-chained log of what happened.
//!
//! ```
//! use signet_store::{Credential, KeySource, Location, Records, EngineKind, Origin};
//! use signet_types::{CredentialId, Method, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! let location = Location {
//!     engine: EngineKind::Sled,
//!     directory: root.path().join("store"),
//!     mark: root.path().join("mark"),
//!     key: KeySource::File(root.path().join("key")),
//!     cache_bytes: signet_store::DEFAULT_CACHE_BYTES,
//! };
//! let records = Records::create(&location)?;
//! let now = Timestamp::from_secs(1_795_456_800);
//! let alice = "alice".parse()?;
//! let card = records.identifier_hash(b"piv:3b8c...");
//! let credential = Credential {
//!     id: CredentialId::random()?,
//!     user: alice,
//!     method: Method::Smartcard,
//!     kind: "PIV card, RSA-2048".into(),
//!     description: "blue card".into(),
//!     enrolled_at: now,
//!     last_used: None,
//!     identifier: Some(card.clone()),
//!     data: b"the driver's record".to_vec(),
//! };
//! records.insert(credential.clone())?;
//! let (user, id) = records.owner_of(&card)?.ok_or("not enrolled")?;
//! assert_eq!((user.as_str(), id), ("alice", credential.id));
//!
//! let origin: Origin = "seat0".parse()?;
//! let counter = records.charge(&user, Method::Smartcard, &origin, now)?; // durable before it returns
//! assert_eq!(counter.failures, 1);
//! records.clear(&user, Method::Smartcard, &origin)?;
//! # drop(records);
//! # Records::open(&location)?;
//! # Ok(())
//! # }
//! ```

pub mod audit;
mod engine;
mod error;
mod export;
pub mod mark;
mod records;
mod seal;

pub use engine::{
    Batch, DEFAULT_CACHE_BYTES, EngineError, EngineKind, MAX_KEY, MAX_VALUE, SledStore, SqliteStore, Store,
    Tree, UnknownEngine, Visitor, create_engine, open_engine,
};
pub use error::StoreError;
pub use export::{ExportError, ExportSummary, verify_export};
pub use records::{
    BadOrigin, Counter, CounterEntry, Credential, IdentifierHash, Location, Origin, Presence, Profile,
    Records, Success,
};
pub use seal::{KeyError, KeySource};
