//! Who may ask for what: the caller's uid is the kernel's word, the subject's comes from the
//! system's user database, and the table is `signet_protocol`'s (security.md, R7 and R8).

use signet_protocol::{
    Access, Caller, Method, Refusal,
    wire::{enrollment, service},
};
use signet_store::Credential;
use signet_types::{CredentialId, ServiceName, UserName};

use crate::{
    accounts::{self, Account, AccountsUnavailable},
    daemon::Daemon,
    peer::Peer,
};

/// Whom a call is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A user of the system.
    User(Account),
    /// A name that no user has, or nobody yet.
    Nobody,
}

impl Subject {
    /// The subject of this name.
    pub(crate) async fn of(user: &UserName) -> Result<Self, Refusal> {
        let user = user.clone();
        let account = ask(move || accounts::by_name(&user)).await?;
        Ok(account.map_or(Self::Nobody, Self::User))
    }

    fn uid(&self) -> Option<u32> {
        match self {
            Self::User(account) => Some(account.uid),
            Self::Nobody => None,
        }
    }
}

/// Asks the system's databases away from the thread that serves everybody: a directory may be slow.
async fn ask<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, AccountsUnavailable> + Send + 'static,
) -> Result<T, Refusal> {
    let answer =
        tokio::task::spawn_blocking(question).await.unwrap_or(Err(AccountsUnavailable::interrupted()));
    answer.map_err(|error| {
        tracing::error!(%error, "a caller could not be checked");
        service::Error::PermissionDenied {}.into()
    })
}

/// Refuses a caller whom the table does not allow this method.
pub(crate) fn check(peer: Peer, subject: &Subject, method: Method) -> Result<(), Refusal> {
    match method.access(Caller::of(peer.uid, subject.uid())) {
        Access::Allowed => Ok(()),
        Access::Denied => {
            tracing::warn!(uid = peer.uid, pid = peer.pid, %method, "permission denied");
            Err(service::Error::PermissionDenied {}.into())
        }
    }
}

/// The named user, or the caller himself; refused where the caller may not, or no such user is.
pub(crate) async fn user_or_caller(
    peer: Peer,
    user: Option<UserName>,
    method: Method,
) -> Result<UserName, Refusal> {
    let subject = match &user {
        Some(user) => Subject::of(user).await?,
        None => ask(move || accounts::by_uid(peer.uid)).await?.map_or(Subject::Nobody, Subject::User),
    };
    check(peer, &subject, method)?;
    match subject {
        Subject::User(account) => Ok(account.name),
        Subject::Nobody => {
            let user = user.map_or_else(|| format!("uid {}", peer.uid), String::from);
            Err(enrollment::Error::UnknownUser { user }.into())
        }
    }
}

/// The credential of this id, whoever's it is: the caller has still to be checked.
pub(crate) async fn credential(daemon: &Daemon, id: CredentialId) -> Result<Credential, Refusal> {
    match daemon.stored(move |records| records.credential(id)).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(enrollment::Error::UnknownCredential { credential: id }.into()),
        Err(error) => {
            tracing::error!(%error, "a credential cannot be read");
            Err(service::Error::PermissionDenied {}.into())
        }
    }
}

/// The name of a service of Signet's own, for policy and the audit record.
pub(crate) fn own_service(name: &'static str) -> ServiceName {
    // The names are written in this program and keep the grammar; a test checks each.
    name.parse().unwrap_or_else(|_| std::process::abort())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_services_have_names() {
        for name in ["signet", "signet-enroll", "signet-change", "signet-delete", "signet-unlock"] {
            assert_eq!(own_service(name).as_str(), name);
        }
    }

    #[test]
    fn nobody_is_nobodys_own() {
        let peer = Peer { uid: 1000, pid: 1 };
        assert!(check(peer, &Subject::Nobody, Method::Start).is_err());
        assert!(check(Peer { uid: 0, pid: 1 }, &Subject::Nobody, Method::Start).is_ok());
    }
}
