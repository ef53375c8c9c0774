//! The Varlink server: accepts, bounds and identifies connections, one task each.

mod bounds;
mod connection;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    rc::Rc,
};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::oneshot,
};
use zlink::connection::socket::FetchPeerCredentials;

use crate::{config::Limits, daemon::Daemon, peer::Peer};

/// Binds the socket; only one daemon may hold the directory.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Anybody may connect; the caller table says who may do what.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Accepts connections for ever.
pub(crate) async fn serve(daemon: Rc<Daemon>, listener: UnixListener) {
    let connections = Rc::new(Connections::default());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => accept(&daemon, &connections, stream).await,
            Err(error) => {
                // No descriptor is free: the silent connections give theirs back.
                tracing::error!(%error, "cannot accept a connection");
                connections.evict_oldest_silent();
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn accept(daemon: &Rc<Daemon>, connections: &Rc<Connections>, stream: UnixStream) {
    let stream = match zlink::tokio::unix::Stream::try_from(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "connection lost before it began"),
    };
    // A peer that has died is refused here: its pidfd cannot be had (EINVAL), and its uid proves nothing.
    let peer = match stream.fetch_peer_credentials().await {
        Ok(credentials) => Peer {
            uid: credentials.unix_user_id().as_raw(),
            pid: credentials.process_id().as_raw_nonzero().get(),
        },
        Err(error) => return tracing::debug!(%error, "peer without credentials refused"),
    };
    let Some((place, evicted)) = connections.admit(peer.uid, &daemon.config.limits) else {
        return tracing::warn!(uid = peer.uid, "too many connections of this uid");
    };
    let daemon = Rc::clone(daemon);
    tokio::task::spawn_local(connection::run(daemon, bounds::Bounded(stream), peer, place, evicted));
}

/// The open connections.
#[derive(Default)]
struct Connections {
    open: RefCell<HashMap<u32, u32>>,
    /// Those that have not made a call yet, the oldest first.
    silent: RefCell<BTreeMap<u64, oneshot::Sender<()>>>,
    next: RefCell<u64>,
}

/// One open connection's place; given back when it is dropped.
pub(super) struct Place {
    connections: Rc<Connections>,
    uid: u32,
    number: u64,
}

impl Connections {
    /// A place for a connection of `uid`, and what tells it to end. Where all places are taken,
    /// the oldest connection that has said nothing yet loses its own (security.md, R29).
    fn admit(self: &Rc<Self>, uid: u32, limits: &Limits) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut open = self.open.borrow_mut();
        let total: u32 = open.values().sum();
        let mine = open.entry(uid).or_default();
        if uid != 0 && *mine >= limits.connections_per_uid {
            return None;
        }
        if total >= limits.connections && !self.evict_oldest_silent() {
            return None;
        }
        *mine += 1;
        let mut next = self.next.borrow_mut();
        *next += 1;
        let (evict, evicted) = oneshot::channel();
        self.silent.borrow_mut().insert(*next, evict);
        Some((Place { connections: Rc::clone(self), uid, number: *next }, evicted))
    }

    fn evict_oldest_silent(&self) -> bool {
        match self.silent.borrow_mut().pop_first() {
            Some((_, evict)) => evict.send(()).is_ok(),
            None => false,
        }
    }
}

impl Place {
    /// The connection has made a call: it is evicted no more.
    fn has_spoken(&self) {
        self.connections.silent.borrow_mut().remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.has_spoken();
        let mut open = self.connections.open.borrow_mut();
        if let Some(count) = open.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { connections: 4, connections_per_uid: 2, ..Limits::default() }
    }

    #[test]
    fn a_uid_has_its_own_bound_and_gives_places_back() {
        let connections = Rc::new(Connections::default());
        let first = connections.admit(7, &limits()).unwrap();
        let _second = connections.admit(7, &limits()).unwrap();
        assert!(connections.admit(7, &limits()).is_none());
        drop(first);
        assert!(connections.admit(7, &limits()).is_some());
    }

    #[test]
    fn a_full_house_sheds_the_oldest_that_has_said_nothing() {
        let connections = Rc::new(Connections::default());
        let mut held: Vec<_> = (0..4).map(|_| connections.admit(0, &limits()).unwrap()).collect();
        held[0].0.has_spoken();
        let newcomer = connections.admit(1, &limits()).unwrap();
        assert!(
            held[0].1.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Closed),
            "it has spoken"
        );
        assert_eq!(held[1].1.try_recv(), Ok(()), "the oldest silent one");
        for (place, _) in &held {
            place.has_spoken();
        }
        newcomer.0.has_spoken();
        assert!(connections.admit(2, &limits()).is_none(), "nobody is left to shed");
    }
}
