use signet_types::CredentialId;

use crate::{
    engine::{EngineError, Tree},
    mark::MarkError,
    seal::KeyError,
};

/// What went wrong with the records. [`StoreError::is_fatal`] tells whether the process must end.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The master key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The high-water mark cannot be used.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// There is no store, and no mark of one.
    #[error("there is no store at {place}; create one, or import an export ('signetd --import FILE')")]
    Absent {
        /// The directory.
        place: String,
    },
    /// A store is to be created where one is, or was.
    #[error(
        "a store or its mark exists already at {place}; open it, or, to begin anew, move the store's directory and \
         the mark away (everything enrolled is lost) and import an export"
    )]
    Exists {
        /// The directory or the mark.
        place: String,
    },
    /// There is a mark, but no data.
    #[error(
        "the store is empty, but its mark says that it held {sequence} changes; nobody is let in by an empty store. \
         Put the store's files back, or import the newest export ('signetd --import FILE')"
    )]
    Empty {
        /// The number of commits that the mark knows of.
        sequence: u64,
    },
    /// The store is older than the mark.
    #[error(
        "the store is at change {found}, but its mark at {expected}: it was cut or an old copy was put back. \
         Put the newest files back, or import the newest export ('signetd --import FILE')"
    )]
    RolledBack {
        /// The store's number of commits.
        found: u64,
        /// The mark's.
        expected: u64,
    },
    /// The mark is older than the store.
    #[error(
        "the store is at change {found}, but its mark at {expected}: an old mark was put back. \
         Put the newest mark back, or import the newest export ('signetd --import FILE')"
    )]
    MarkBehind {
        /// The store's number of commits.
        found: u64,
        /// The mark's.
        expected: u64,
    },
    /// Store and mark do not belong together, or the store's history differs from the mark's.
    #[error(
        "the store and its mark do not belong together; put back files of one and the same store, or import \
         the newest export ('signetd --import FILE')"
    )]
    Foreign,
    /// Records are missing, added or replaced by older ones.
    #[error(
        "the store's records are not the ones that were written ({found} of {expected} found): files are damaged or \
         were changed. Put the newest files back, or import the newest export ('signetd --import FILE')"
    )]
    Altered {
        /// Records found.
        found: u64,
        /// Records written.
        expected: u64,
    },
    /// A record does not open: flipped bits, another place's record, or another key.
    #[error(
        "a record in the tree {tree:?} is damaged; put the store back from a backup or import the newest export"
    )]
    Damaged {
        /// Where it lies.
        tree: Tree,
    },
    /// A record has a layout that this version does not know.
    #[error(
        "a record in the tree {tree:?} has version {version}, written by a newer signetd; install that version"
    )]
    Version {
        /// Where it lies.
        tree: Tree,
        /// Its version.
        version: u8,
    },
    /// The identifier belongs to another user's credential.
    #[error("this token is enrolled by another user")]
    IdentifierTaken,
    /// The identifier, or the id, belongs to a credential of the same user.
    #[error("this token is enrolled already, as credential {id}")]
    AlreadyEnrolled {
        /// The credential that has it.
        id: CredentialId,
    },
    /// There is no such credential.
    #[error("there is no credential {id}")]
    NoCredential {
        /// The id that was asked for.
        id: CredentialId,
    },
    /// A credential of another user or method was handed over.
    #[error("credential {id} is of another user or method than this call is for")]
    Mismatch {
        /// The credential.
        id: CredentialId,
    },
    /// A record is larger than 64 KiB.
    #[error("the record has {length} bytes; at most {} are allowed", crate::records::MAX_RECORD)]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the system's random number generator failed")]
    Random(#[from] getrandom::Error),
}

impl StoreError {
    /// Whether nothing that this process holds can be believed any more: it must end, answer
    /// nobody with success, and open the store again.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Engine(e) => {
                !matches!(e, EngineError::KeyTooLong { .. } | EngineError::ValueTooLong { .. })
            }
            Self::Mark(_) => true,
            _ => false,
        }
    }
}
