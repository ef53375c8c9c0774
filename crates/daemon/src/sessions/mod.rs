//! Login sessions and the tokens that hold them open: which there are, and what removal does to them.
//! The rules are `signet_session::Watch`'s; here they meet the store, the devices and logind.

mod identity;
mod watch;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    rc::Rc,
};

use serde::{Deserialize, Serialize};
use signet_protocol::wire;
use signet_session::{Action, Grant, LockRule, RemovalRule, Surroundings, Watch, Watched};
use signet_store::StoreError;
use signet_types::{GrantId, Method, ServiceName, SessionId, UserName};

pub(crate) use watch::watch;

use crate::{
    accounts,
    daemon::{self, Daemon, now},
    logind::LogindError,
    peer::Peer,
};

/// Grants that a session may still be opened with.
const GRANTS: usize = 1024;

/// The sessions of this workstation.
#[derive(Default)]
pub(crate) struct Sessions {
    watch: RefCell<Watch>,
    services: RefCell<BTreeMap<SessionId, ServiceName>>,
    grants: RefCell<VecDeque<Grant>>,
}

/// A session as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    service: ServiceName,
    watched: Watched,
}

/// What policy and the open conversations say, gathered before the watch is asked.
struct Around {
    rules: HashMap<(UserName, Method), RemovalRule>,
    locks: HashMap<UserName, LockRule>,
    busy: HashSet<UserName>,
}

impl Surroundings for Around {
    fn rule(&self, user: &UserName, method: Method) -> RemovalRule {
        // A user whose rules could not be read: the defaults, which lock.
        self.rules.get(&(user.clone(), method)).copied().unwrap_or_default()
    }

    fn busy(&self, user: &UserName) -> bool {
        self.busy.contains(user)
    }
}

impl Sessions {
    /// Whose session it is.
    pub(crate) fn user(&self, session: &SessionId) -> Option<UserName> {
        self.watch.borrow().get(session).map(|watched| watched.user.clone())
    }

    /// All sessions, or those of one user, as they are told to clients.
    pub(crate) fn list(&self, of: Option<&UserName>) -> Vec<wire::session::Session> {
        let watch = self.watch.borrow();
        let services = self.services.borrow();
        let wanted = watch.sessions().filter(|(_, watched)| of.is_none_or(|user| watched.user == *user));
        wanted
            .filter_map(|(session, watched)| {
                Some(wire::session::Session {
                    session: session.clone(),
                    user: watched.user.clone(),
                    service: services.get(session)?.clone(),
                    method: watched.token.as_ref().map(|token| token.method),
                    credential: watched.token.as_ref().map(|token| token.credential),
                    removal_action: watched.next,
                    locked: watched.locked,
                    since: watched.since.to_string(),
                })
            })
            .collect()
    }

    fn users(&self) -> HashSet<UserName> {
        self.watch.borrow().sessions().map(|(_, watched)| watched.user.clone()).collect()
    }

    fn remember(&self, grant: Grant) {
        let mut grants = self.grants.borrow_mut();
        if grants.len() == GRANTS {
            grants.pop_front();
        }
        grants.push_back(grant);
    }

    /// The grant of this id; a grant opens one session only.
    fn take(&self, id: GrantId) -> Option<Grant> {
        let mut grants = self.grants.borrow_mut();
        let place = grants.iter().position(|grant| grant.id() == id)?;
        grants.remove(place)
    }

    /// Whether this grant was given to the user for the service.
    pub(crate) fn granted(&self, id: GrantId, user: &UserName, service: &ServiceName) -> bool {
        self.grants.borrow().iter().any(|g| g.id() == id && g.user() == user && g.service() == service)
    }
}

impl Daemon {
    /// What policy says now for the users of all sessions, and for `more`.
    async fn around(&self, more: Option<&UserName>) -> Around {
        let users: Vec<_> = self.sessions.users().into_iter().chain(more.cloned()).collect();
        let busy = users.iter().filter(|user| self.arbiter.concerns(user)).cloned().collect();
        let policy = self.policy();
        let gathered = tokio::task::spawn_blocking(move || {
            let mut around = Around { rules: HashMap::new(), locks: HashMap::new(), busy };
            for user in users {
                let groups =
                    accounts::by_name(&user).ok().flatten().and_then(|a| daemon::groups(&policy, &a).ok());
                let effective = policy.effective(&user, &groups.unwrap_or_default());
                around.locks.insert(user.clone(), effective.session().into());
                for method in Method::ALL.into_iter().filter(|method| method.is_token()) {
                    let settings = effective.method(method);
                    let rule = RemovalRule {
                        action: settings.removal_action,
                        on_reader_loss: settings.on_reader_loss,
                    };
                    around.rules.insert((user.clone(), method), rule);
                }
            }
            around
        });
        let nothing = Around { rules: HashMap::new(), locks: HashMap::new(), busy: HashSet::new() };
        gathered.await.unwrap_or(nothing)
    }

    /// A session was opened, with a grant of ours or another way.
    pub(crate) async fn session_opened(
        self: &Rc<Self>,
        opened: wire::session::Opened,
    ) -> Result<(), StoreError> {
        let around = self.around(Some(&opened.user)).await;
        let grant =
            opened.grant.and_then(|id| self.sessions.take(id)).filter(|g| *g.service() == opened.service);
        self.sessions.services.borrow_mut().insert(opened.session.clone(), opened.service);
        self.sessions.watch.borrow_mut().opened(
            opened.session.clone(),
            opened.user,
            grant.as_ref(),
            &around,
            now(),
        );
        self.keep(&opened.session).await?;
        tokio::task::spawn_local(watch::follow(Rc::clone(self), opened.session));
        Ok(())
    }

    /// A session is over.
    pub(crate) async fn session_closed(&self, session: &SessionId) -> Result<(), StoreError> {
        self.sessions.watch.borrow_mut().closed(session);
        self.sessions.services.borrow_mut().remove(session);
        self.keep(session).await
    }

    /// Stores how a session stands now, or that it is no more.
    async fn keep(&self, session: &SessionId) -> Result<(), StoreError> {
        let watched = self.sessions.watch.borrow().get(session).cloned();
        let service = self.sessions.services.borrow().get(session).cloned();
        let session = session.clone();
        match watched.zip(service) {
            Some((watched, service)) => {
                // Names, ids and numbers always serialise.
                let payload = serde_json::to_vec(&Stored { service, watched }).unwrap_or_default();
                self.stored(move |records| records.put_session(&session, payload)).await
            }
            None => self.stored(move |records| records.remove_session(&session)).await,
        }
    }

    /// A grant was given: keeps it for the session that it will open, and unlocks the one that it is
    /// for. A screen locker's own conversation unlocks its session without our doing; from then on
    /// the token of this grant holds that session open (RMV-02).
    pub(crate) async fn bind_session(
        self: &Rc<Self>,
        peer: Peer,
        unlocks: Option<SessionId>,
        grant: Grant,
    ) -> Result<(), LogindError> {
        let session = match &unlocks {
            Some(session) => Some(session.clone()),
            None => self.logind.session_of(peer.pid).await.ok().flatten(),
        };
        let locked = |session: &SessionId| {
            let watch = self.sessions.watch.borrow();
            watch.get(session).is_some_and(|watched| watched.user == *grant.user() && watched.locked)
        };
        if let Some(session) = session.filter(|session| unlocks.is_some() || locked(session)) {
            if unlocks.is_some() {
                self.logind.unlock(&session).await?;
            }
            let around = self.around(Some(grant.user())).await;
            self.sessions.watch.borrow_mut().unlocked(&session, &grant, &around);
            if let Err(error) = self.keep(&session).await {
                tracing::error!(%error, %session, "the session's token could not be stored");
            }
        }
        self.sessions.remember(grant);
        Ok(())
    }

    /// Whether policy lets Signet unlock sessions of this user through logind.
    pub(crate) async fn may_unlock(&self, user: &UserName) -> bool {
        let (policy, user) = (self.policy(), user.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let account = accounts::by_name(&user).ok().flatten()?;
            let groups = daemon::groups(&policy, &account).ok()?;
            Some(policy.effective(&user, &groups).session().unlock_by_token)
        });
        asked.await.ok().flatten().unwrap_or(false)
    }

    /// Locks a session by hand.
    pub(crate) async fn lock_session(self: &Rc<Self>, session: &SessionId) -> Result<bool, LogindError> {
        let around = self.around(None).await;
        watch::lock(self, session, &around).await
    }

    /// Carries out what the watch wants, and stores how the sessions stand.
    async fn act(self: &Rc<Self>, actions: Vec<Action>, around: &Around) {
        let mut waiting: VecDeque<_> = actions.into();
        while let Some(action) = waiting.pop_front() {
            waiting.extend(watch::perform(self, action, around).await);
        }
    }
}
