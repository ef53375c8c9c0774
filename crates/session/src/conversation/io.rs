use std::{collections::BTreeSet, sync::Arc, time::Duration};

use signet_authn::{
    Answer, DeviceError, DeviceEvent, DeviceKind, Enrolled, Frame, Prompt, TokenIdentifier, Work, WorkResult,
};
use signet_types::{
    ConversationId, CredentialId, DeviceId, GrantId, Method, ServiceName, UserMessage, UserName,
};

use crate::{Charged, Drivers, Grant, Origin, UserProfile};

/// What starts a conversation.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id, random.
    pub id: ConversationId,
    /// The id of the grant that it may end in, random.
    pub grant: GrantId,
    /// Who is to be authenticated; `None`: whoever the token or the typed name says.
    pub user: Option<UserName>,
    /// For which service; it also tells logon, unlock, re-authentication and `sudo` apart (AUT-07).
    pub service: ServiceName,
    /// Where the person sits.
    pub origin: Origin,
    /// The 16 bytes of machine-id(5).
    pub machine: [u8; 16],
    /// Restricts the conversation to one method.
    pub method: Option<Method>,
    /// What it is for.
    pub purpose: Purpose,
    /// The installed drivers.
    pub drivers: Arc<Drivers>,
    /// Methods whose middleware, port or reader is missing now.
    pub unavailable: BTreeSet<Method>,
    /// The tokens that are present now.
    pub present: Vec<(DeviceKind, DeviceId)>,
}

/// What a conversation is for. All but [`Purpose::Authenticate`] authenticate the user first, by the
/// rules of the request's service (ENR-04, CRD-03, CRD-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To let the user in.
    Authenticate,
    /// To enrol a credential.
    Enroll(Method),
    /// To change the PIN or password that Signet keeps for a credential.
    ChangeSecret(Method),
    /// To delete a credential.
    Delete(CredentialId),
}

/// Where fresh random nonces come from.
pub type NonceSource = Box<dyn FnMut() -> [u8; 32] + Send>;

/// One ceremony of a conversation; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CeremonyId(pub(super) u32);

/// One prompt of a conversation; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub(super) u32);

/// A timer. Its number makes one that has been set anew differ from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The whole conversation's.
    Whole,
    /// For a token to be presented.
    Presence(u32),
}

/// What a conversation is told. An answer to something that is no longer asked is ignored.
#[derive(Debug)]
pub enum Input {
    /// Start; once.
    Begin,
    /// The answer to [`Output::Ask`]; `None` cancels the prompt (AUT-06).
    Answer(PromptId, Option<Answer>),
    /// A device event that is this conversation's own; see [`crate::Conversation::claims`].
    Device(DeviceEvent),
    /// A device event that another conversation owns, or nobody: for what is present only.
    Noticed(DeviceEvent),
    /// The answer to [`Output::Open`].
    Opened(CeremonyId, Result<(), DeviceError>),
    /// The answer to [`Output::Exchange`].
    Reply(CeremonyId, Result<Frame, DeviceError>),
    /// The answer to [`Output::Close`].
    Closed(CeremonyId),
    /// The answer to [`Output::Work`].
    Worked(CeremonyId, WorkResult),
    /// The answer to [`Output::LoadUser`]; `None`: the records cannot be read.
    Profile(Option<Box<UserProfile>>),
    /// The answer to [`Output::Lookup`].
    Owner(Result<Option<UserName>, StoreRefusal>),
    /// The answer to [`Output::Charge`].
    Charged(Charged),
    /// The answer to [`Output::Store`]; with the new credential's id after [`Change::Insert`].
    Stored(Result<Option<CredentialId>, StoreRefusal>),
    /// A timer of [`Output::SetTimer`] has run out.
    Timer(Timer),
    /// The person or the program gives the whole conversation up.
    Cancel,
    /// The client's connection is gone.
    ClientGone,
}

/// Why the store did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreRefusal {
    /// The token is another user's (ENR-08).
    #[error("the token is enrolled by another user")]
    OwnedByAnother,
    /// A record that was to be changed is gone.
    #[error("a record that was to be changed is gone")]
    Gone,
    /// Nothing was stored.
    #[error("the store failed")]
    Fault,
}

/// What the host of a conversation does, in this order.
#[derive(Debug)]
pub enum Output {
    /// Tell the person.
    Tell(UserMessage),
    /// Ask the person. At most one prompt is open at any time.
    Ask(PromptId, Prompt),
    /// The open prompt is no longer to be answered.
    Withdraw(PromptId),
    /// See [`signet_authn::Step::Open`].
    Open(CeremonyId, DeviceId),
    /// See [`signet_authn::Step::Exchange`].
    Exchange(CeremonyId, DeviceId, Frame),
    /// See [`signet_authn::Step::Close`].
    Close(CeremonyId, DeviceId),
    /// See [`signet_authn::Step::Work`].
    Work(CeremonyId, Work),
    /// The ceremony is over: what it opened is given back, what runs for it is aborted.
    End(CeremonyId),
    /// Load a user's records and the rules in force for the request's service now; a decoy for a name
    /// that nobody has.
    LoadUser(UserName),
    /// Whose the token is.
    Lookup(TokenIdentifier),
    /// Count one try before it is looked at; see [`crate::Failures::charge`]. Answered when durable.
    Charge(Charge),
    /// Store a change. Answered when durable.
    Store(Change),
    /// Feed [`Input::Timer`] after this time. A new timer of the same kind replaces the old one.
    SetTimer(Timer, Duration),
    /// The end; nothing comes after it.
    Finish(Box<Conclusion>),
}

/// Whose try to count. The host adds the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whose.
    pub user: UserName,
    /// With which method.
    pub method: Method,
    /// From where.
    pub origin: Origin,
}

/// A change of the store; each is one transaction. An insertion and a replacement clear the
/// method's counter too, for what was guessed on the way was right.
#[derive(Debug)]
pub enum Change {
    /// A granted authentication: last use, last method, changed records, counters cleared.
    Grant(GrantRecord),
    /// A new credential. The store itself refuses a token of another user, in the same transaction.
    Insert {
        /// Whose.
        user: UserName,
        /// Of which method.
        method: Method,
        /// What the driver made.
        enrolled: Enrolled,
        /// The credentials that it replaces (ENR-09).
        replaces: Vec<CredentialId>,
    },
    /// A credential's record after its secret was changed.
    Replace {
        /// Whose.
        user: UserName,
        /// Which.
        credential: CredentialId,
        /// What the driver made.
        enrolled: Enrolled,
    },
    /// A credential is deleted.
    Delete {
        /// Whose.
        user: UserName,
        /// Which.
        credential: CredentialId,
    },
}

/// What is stored with a grant, before anybody is told of it.
#[derive(Clone, Debug)]
pub struct GrantRecord {
    /// The grant.
    pub grant: Grant,
    /// Every credential that was used.
    pub used: Vec<Use>,
    /// The methods whose counters are cleared: all that gave a proof.
    pub clear: BTreeSet<Method>,
}

/// The use of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Which.
    pub credential: CredentialId,
    /// The driver's changed record, where it changed (a signature counter).
    pub data: Option<Vec<u8>>,
}

/// How a conversation ended, and what the audit log needs of it.
#[derive(Clone, Debug)]
pub enum Conclusion {
    /// The one success of an authentication.
    Granted(Grant, Facts),
    /// The success of an enrolment, a change or a deletion.
    Done(UserMessage, Facts),
    /// Not authenticated, or not allowed.
    Denied(UserMessage, Facts),
    /// Given up by the person or the program.
    Cancelled(UserMessage, Facts),
    /// Something needed is missing or broken: nothing was decided about the person.
    Unavailable(UserMessage, Facts),
}

/// What the audit log needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who it was about, as far as that became known.
    pub user: Option<UserName>,
    /// The method of the last try.
    pub method: Option<Method>,
    /// The credential that was enrolled, changed or deleted.
    pub credential: Option<CredentialId>,
    /// Tries that were charged.
    pub charged: u32,
    /// Tries that were wrong.
    pub mismatches: u32,
    /// What broke, for the log only.
    pub faults: Vec<String>,
    /// Why the decision denied.
    pub denial: Option<crate::Denial>,
}

impl Conclusion {
    /// What the person is told at the end.
    #[must_use]
    pub const fn message(&self) -> &UserMessage {
        match self {
            Self::Granted(..) => &UserMessage::Welcome,
            Self::Done(message, _)
            | Self::Denied(message, _)
            | Self::Cancelled(message, _)
            | Self::Unavailable(message, _) => message,
        }
    }

    /// What the audit log needs.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        match self {
            Self::Granted(_, facts)
            | Self::Done(_, facts)
            | Self::Denied(_, facts)
            | Self::Cancelled(_, facts)
            | Self::Unavailable(_, facts) => facts,
        }
    }
}
