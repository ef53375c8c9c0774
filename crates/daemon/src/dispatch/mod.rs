//! The calls that are answered by one reply, by interface.

mod admin;
mod enrollment;
mod policy;
mod session;

use std::rc::Rc;

use signet_protocol::{
    Invocation, Method, Refusal, Reply,
    wire::{
        authentication::{AccountChecked, CheckAccount},
        service,
    },
};

pub(crate) use policy::reload as reload_policy;

use crate::{
    access::{self, Subject},
    daemon::Daemon,
    peer::Peer,
};

/// Answers a call whose method does not stream.
pub(crate) async fn answer(daemon: &Rc<Daemon>, peer: Peer, call: Invocation) -> Result<Reply, Refusal> {
    Ok(match call {
        Invocation::GetInfo(_) => Reply::GetInfo(service::Info::of_daemon()),
        Invocation::GetInterfaceDescription(call) => Reply::GetInterfaceDescription(call.answer()?),
        Invocation::CheckAccount(call) => Reply::CheckAccount(check_account(daemon, peer, call).await?),
        Invocation::Describe(call) => Reply::Describe(enrollment::describe(daemon, peer, call).await?),
        Invocation::ListCredentials(call) => {
            Reply::ListCredentials(enrollment::list(daemon, peer, call).await?)
        }
        Invocation::ShowCredential(call) => {
            Reply::ShowCredential(enrollment::show(daemon, peer, call).await?)
        }
        Invocation::Methods(call) => Reply::Methods(enrollment::methods(daemon, peer, call).await?),
        Invocation::Explain(call) => Reply::Explain(policy::explain(daemon, peer, call).await?),
        Invocation::Reload(_) => {
            access::check(peer, &Subject::Nobody, Method::Reload)?;
            Reply::Reload(policy::reload(daemon).await)
        }
        Invocation::CheckPolicy(call) => Reply::CheckPolicy(policy::check(daemon, peer, call).await?),
        Invocation::ShowPolicy(_) => Reply::ShowPolicy(policy::show(daemon, peer).await?),
        Invocation::Opened(call) => Reply::Opened(session::opened(daemon, peer, call).await?),
        Invocation::Closed(call) => Reply::Closed(session::closed(daemon, peer, call).await?),
        Invocation::ListSessions(_) => Reply::ListSessions(session::list(daemon, peer).await?),
        Invocation::Lock(call) => Reply::Lock(session::lock(daemon, peer, call).await?),
        Invocation::Status(_) => Reply::Status(admin::status(daemon, peer).await?),
        Invocation::Doctor(_) => Reply::Doctor(admin::doctor(daemon, peer).await?),
        Invocation::Export(call) => Reply::Export(admin::export(daemon, peer, call).await?),
        Invocation::Audit(call) => Reply::Audit(admin::audit(daemon, peer, call).await?),
        // These stream; the connection never sends them here.
        Invocation::Start(_)
        | Invocation::Respond(_)
        | Invocation::Cancel(_)
        | Invocation::Enroll(_)
        | Invocation::ChangeSecret(_)
        | Invocation::Delete(_)
        | Invocation::Unlock(_) => return Err(service::Error::ExpectedMore {}.into()),
    })
}

/// PAM account management: a user who was authenticated by us is let in; for another one there is
/// nothing that Signet would know against him, and the stack's other modules decide.
async fn check_account(daemon: &Daemon, peer: Peer, call: CheckAccount) -> Result<AccountChecked, Refusal> {
    use signet_protocol::wire::{Outcome, Verdict};
    use signet_types::UserMessage;

    let subject = Subject::of(&call.user).await?;
    access::check(peer, &subject, Method::CheckAccount)?;
    let granted = call.grant.is_none_or(|id| daemon.sessions.granted(id, &call.user, &call.service));
    let outcome = match subject {
        Subject::User(account) if granted => {
            Outcome { user: Some(account.name), ..Outcome::new(Verdict::Granted, &UserMessage::Welcome) }
        }
        _ => Outcome::new(Verdict::Denied, &UserMessage::NotPermitted),
    };
    Ok(AccountChecked { outcome })
}
