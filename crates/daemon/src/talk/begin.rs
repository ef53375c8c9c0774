//! How a conversation begins: who asks, about whom, from where, for what.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use futures_util::stream::FuturesUnordered;
use signet_protocol::{
    Invocation, Refusal,
    wire::{authentication, enrollment, service, session},
};
use signet_session::{Conversation, Input, LockoutRule, Origin, Purpose, Request};
use signet_types::{ConversationId, GrantId, Method, ServiceName, SessionId, UserName};

use super::Talk;
use crate::{
    access::{self, Subject},
    arbiter::Arbiter,
    daemon::Daemon,
    peer::Peer,
};

/// Conversations that one uid other than root may have open, and all together.
const PER_UID: usize = 16;
const TOTAL: usize = 4096;
/// When to try again, in seconds.
const BUSY_SECONDS: u32 = 2;

/// What a conversation is about, before anything was looked up.
struct Plan {
    purpose: Purpose,
    user: Option<UserName>,
    service: ServiceName,
    method: Option<Method>,
    origin: Origin,
    unlocks: Option<SessionId>,
}

impl Talk {
    /// Starts the conversation that a call asks for, if the caller may.
    pub(crate) async fn start(daemon: &Rc<Daemon>, peer: Peer, call: Invocation) -> Result<Self, Refusal> {
        let plan = plan(daemon, peer, call).await?;
        if daemon.arbiter.len() >= TOTAL || (peer.uid != 0 && daemon.arbiter.of_uid(peer.uid) >= PER_UID) {
            return Err(authentication::Error::Busy { seconds: BUSY_SECONDS }.into());
        }
        let id = ConversationId::random().map_err(|_| internal("no randomness"))?;
        let request = Request {
            id,
            grant: GrantId::random().map_err(|_| internal("no randomness"))?,
            user: plan.user,
            service: plan.service,
            origin: plan.origin,
            machine: daemon.machine,
            method: plan.method,
            purpose: plan.purpose,
            drivers: Arc::clone(&daemon.drivers),
            unavailable: daemon.unavailable(),
            present: daemon.devices.tokens(),
        };
        let conversation = Rc::new(RefCell::new(Conversation::new(request, Box::new(nonce))));
        let (entry, inputs) = Arbiter::enter(&daemon.arbiter, &conversation, peer.uid);
        let mut talk = Self {
            daemon: Rc::clone(daemon),
            peer,
            id,
            conversation,
            unlocks: plan.unlocks,
            work: FuturesUnordered::new(),
            running: HashMap::new(),
            events: VecDeque::new(),
            inputs,
            prompt: None,
            shown: None,
            over: false,
            lockout: LockoutRule::default(),
            _entry: entry,
        };
        talk.feed(Input::Begin);
        Ok(talk)
    }
}

/// Fresh random bytes. A machine without randomness proves nothing to anybody: the process ends.
fn nonce() -> [u8; 32] {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

fn internal(reason: &str) -> Refusal {
    tracing::error!(reason, "a conversation could not be started");
    authentication::Error::Busy { seconds: BUSY_SECONDS }.into()
}

async fn plan(daemon: &Rc<Daemon>, peer: Peer, call: Invocation) -> Result<Plan, Refusal> {
    match call {
        Invocation::Start(start) => start_plan(daemon, peer, start).await,
        Invocation::Enroll(call) => {
            let method = method(&call.method)?;
            manage(daemon, peer, call.user, signet_protocol::Method::Enroll, Purpose::Enroll(method)).await
        }
        Invocation::ChangeSecret(call) => {
            let purpose = Purpose::ChangeSecret(method(&call.method)?);
            manage(daemon, peer, call.user, signet_protocol::Method::ChangeSecret, purpose).await
        }
        Invocation::Delete(call) => {
            let owner = access::credential(daemon, call.credential).await?.user;
            let purpose = Purpose::Delete(call.credential);
            manage(daemon, peer, Some(owner), signet_protocol::Method::Delete, purpose).await
        }
        Invocation::Unlock(call) => unlock_plan(daemon, peer, call).await,
        _ => Err(service::Error::ExpectedMore {}.into()),
    }
}

async fn start_plan(daemon: &Daemon, peer: Peer, start: authentication::Start) -> Result<Plan, Refusal> {
    let subject = match &start.user {
        Some(user) => Subject::of(user).await?,
        None => Subject::Nobody,
    };
    access::check(peer, &subject, signet_protocol::Method::Start)?;
    let origin =
        if start.remote_host.is_some() { Origin::Remote } else { daemon.logind.origin(peer.pid).await };
    Ok(Plan {
        purpose: Purpose::Authenticate,
        user: start.user,
        service: start.service,
        method: start.method,
        origin,
        unlocks: None,
    })
}

/// Enrolling, changing and deleting: for the caller, or for the named user where the caller may.
async fn manage(
    daemon: &Daemon,
    peer: Peer,
    user: Option<UserName>,
    call: signet_protocol::Method,
    purpose: Purpose,
) -> Result<Plan, Refusal> {
    let user = access::user_or_caller(peer, user, call).await?;
    let service = match purpose {
        Purpose::Authenticate => "signet",
        Purpose::Enroll(_) => "signet-enroll",
        Purpose::ChangeSecret(_) => "signet-change",
        Purpose::Delete(_) => "signet-delete",
    };
    let origin = daemon.logind.origin(peer.pid).await;
    Ok(Plan {
        purpose,
        user: Some(user),
        service: access::own_service(service),
        method: None,
        origin,
        unlocks: None,
    })
}

async fn unlock_plan(daemon: &Daemon, peer: Peer, call: session::Unlock) -> Result<Plan, Refusal> {
    let user = daemon.sessions.user(&call.session);
    let user = user.ok_or(session::Error::UnknownSession { session: call.session.clone() })?;
    access::check(peer, &Subject::of(&user).await?, signet_protocol::Method::Unlock)?;
    let service = access::own_service("signet-unlock");
    if !daemon.may_unlock(&user).await {
        let reason = "policy leaves unlocking to the screen locker (session.unlock_by_token = false)".into();
        return Err(session::Error::SessionControl { reason }.into());
    }
    Ok(Plan {
        purpose: Purpose::Authenticate,
        user: Some(user),
        service,
        method: None,
        origin: daemon.logind.origin(peer.pid).await,
        unlocks: Some(call.session),
    })
}

fn method(word: &str) -> Result<Method, Refusal> {
    word.parse().map_err(|_| {
        let allowed = Method::ALL.map(Method::as_str).join(", ");
        let method = word.chars().filter(char::is_ascii_graphic).take(32).collect();
        enrollment::Error::UnknownMethod { method, allowed }.into()
    })
}
