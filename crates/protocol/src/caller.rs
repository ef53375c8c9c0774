use crate::Method;

/// Who calls, from the peer's uid and the subject that the call is about. The uid comes from the
/// kernel (`SO_PEERCRED`), never from a message (security.md, R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Uid 0.
    Root,
    /// The user whom the call is about.
    Self_,
    /// Any other user.
    Other,
}

impl Caller {
    /// Every kind of caller.
    pub const ALL: [Self; 3] = [Self::Root, Self::Self_, Self::Other];

    /// The caller's kind. `subject` is the uid of the user whom the call is about; a subject that
    /// is not known yet (a name that does not exist, a token that is still to identify somebody)
    /// is nobody's own.
    #[must_use]
    pub fn of(peer: u32, subject: Option<u32>) -> Self {
        match (peer, subject) {
            (0, _) => Self::Root,
            (peer, Some(subject)) if peer == subject => Self::Self_,
            _ => Self::Other,
        }
    }
}

/// Whether a caller may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// The call is handled.
    Allowed,
    /// The call is answered by `org.varlink.service.PermissionDenied`.
    Denied,
}

/// Whom a method is open to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Root,
    RootAndSelf,
    All,
}

impl Method {
    /// The caller table (security.md, R8). It names every method, so a new one does not compile
    /// without a row here.
    const fn open(self) -> Open {
        match self {
            // Opened, Closed: only PAM tells which session a grant opened. CheckPolicy, Reload:
            // the findings name users who would be locked out.
            Self::Opened | Self::Closed | Self::Reload | Self::CheckPolicy | Self::Export | Self::Audit => {
                Open::Root
            }
            // Screen lockers and `signetctl verify` authenticate their own user. For Respond and
            // Cancel the subject is the conversation's; that the conversation belongs to this
            // connection is checked besides.
            Self::Start
            | Self::Respond
            | Self::Cancel
            | Self::CheckAccount
            | Self::Enroll
            | Self::ChangeSecret
            | Self::Delete
            | Self::Describe
            | Self::ListCredentials
            | Self::ShowCredential
            | Self::Methods
            | Self::Explain
            | Self::Lock
            | Self::Unlock => Open::RootAndSelf,
            // Settings are no secret, the shipped files are world-readable. ListSessions: the
            // handler gives each caller the sessions of his own, root all.
            Self::ShowPolicy
            | Self::ListSessions
            | Self::Status
            | Self::Doctor
            | Self::GetInfo
            | Self::GetInterfaceDescription => Open::All,
        }
    }

    /// Whether `caller` may call this method.
    pub const fn access(self, caller: Caller) -> Access {
        match (self.open(), caller) {
            (_, Caller::Root) | (Open::RootAndSelf, Caller::Self_) | (Open::All, _) => Access::Allowed,
            (Open::Root, Caller::Self_ | Caller::Other) | (Open::RootAndSelf, Caller::Other) => {
                Access::Denied
            }
        }
    }
}
