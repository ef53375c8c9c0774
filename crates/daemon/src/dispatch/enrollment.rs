//! `io.signet.Enrollment`: what is enrolled, and how each method stands.

use signet_protocol::{
    Method as Call, Refusal,
    wire::{enrollment as wire, service},
};
use signet_session::{Circumstances, MethodStatus};
use signet_store::{Credential, StoreError};
use signet_types::{CredentialId, Method};

use crate::{
    access::{self, Subject},
    daemon::Daemon,
    peer::Peer,
};

/// The longest description in characters.
const MAX_DESCRIPTION: usize = 100;

pub(super) async fn list(
    daemon: &Daemon,
    peer: Peer,
    call: wire::List,
) -> Result<wire::Credentials, Refusal> {
    let user = access::user_or_caller(peer, call.user, Call::ListCredentials).await?;
    let credentials = daemon.stored(move |records| records.credentials(&user)).await.map_err(fault)?;
    Ok(wire::Credentials { credentials: credentials.into_iter().map(told).collect() })
}

pub(super) async fn show(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Show,
) -> Result<wire::CredentialReply, Refusal> {
    let credential = own(daemon, peer, call.credential, Call::ShowCredential).await?;
    Ok(wire::CredentialReply { credential: told(credential) })
}

pub(super) async fn describe(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Describe,
) -> Result<wire::CredentialReply, Refusal> {
    let description = call.description;
    if description.chars().count() > MAX_DESCRIPTION || description.chars().any(char::is_control) {
        let allowed = format!("at most {MAX_DESCRIPTION} characters, none of them a control character");
        return Err(wire::Error::BadDescription { allowed }.into());
    }
    let credential = own(daemon, peer, call.credential, Call::Describe).await?;
    let changed = Credential { description, ..credential };
    let kept = changed.clone();
    daemon.stored(move |records| records.update(kept)).await.map_err(fault)?;
    Ok(wire::CredentialReply { credential: told(changed) })
}

pub(super) async fn methods(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Methods,
) -> Result<wire::MethodList, Refusal> {
    let user = access::user_or_caller(peer, call.user, Call::Methods).await?;
    let service = access::own_service("signet");
    let profile = daemon.profile(&user, &service, signet_session::Origin::Local).await.map_err(|error| {
        tracing::error!(%error, %user, "the user's methods cannot be told");
        Refusal::from(service::Error::PermissionDenied {})
    })?;
    let unavailable = daemon.unavailable();
    let at = Circumstances {
        drivers: &daemon.drivers,
        unavailable: &unavailable,
        profile: &profile,
        origin: signet_session::Origin::Local,
    };
    let methods = Method::ALL.into_iter().map(|method| wire::MethodStatus {
        method,
        status: status(signet_session::status(at, method)),
        enabled: profile.rules.enables(method),
        credentials: count(profile.credentials.iter().filter(|c| c.method == method).count()),
        detail: detail(daemon, method),
    });
    Ok(wire::MethodList { methods: methods.collect() })
}

const fn status(status: MethodStatus) -> wire::Status {
    match status {
        MethodStatus::Enrolled => wire::Status::Enrolled,
        MethodStatus::Optional => wire::Status::Optional,
        MethodStatus::Required => wire::Status::Required,
        MethodStatus::Disabled => wire::Status::Disabled,
        MethodStatus::Unavailable => wire::Status::Unavailable,
    }
}

/// What is missing for a method, in one line (MET-02); empty where nothing is.
fn detail(daemon: &Daemon, method: Method) -> String {
    let Some(driver) = daemon.drivers.get(method) else { return "no driver is installed".into() };
    match driver.about().device {
        Some(kind) => daemon.device_problem(kind).unwrap_or_default(),
        None => String::new(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A credential that the caller may see and change.
async fn own(daemon: &Daemon, peer: Peer, id: CredentialId, call: Call) -> Result<Credential, Refusal> {
    let credential = access::credential(daemon, id).await?;
    access::check(peer, &Subject::of(&credential.user).await?, call)?;
    Ok(credential)
}

fn told(credential: Credential) -> wire::Credential {
    wire::Credential {
        id: credential.id,
        user: credential.user,
        method: credential.method,
        kind: credential.kind,
        description: credential.description,
        enrolled_at: credential.enrolled_at.to_string(),
        last_used: credential.last_used.map(|at| at.to_string()),
    }
}

/// A fault of the store is the log's business; the caller is told that he gets nothing.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn fault(error: StoreError) -> Refusal {
    tracing::error!(%error, "the store failed");
    signet_protocol::wire::admin::Error::StoreFault { reason: "see the log of signetd".into() }.into()
}
