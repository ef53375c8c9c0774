//! One connection: reads calls, checks the caller, answers; a conversation streams its events.

use std::{cell::Cell, future::Future, rc::Rc, time::Duration};

use serde::{Deserialize, Deserializer};
use signet_protocol::{
    Incoming, Invocation, Refusal, Request,
    wire::{authentication, service},
};
use tokio::{sync::oneshot, time::Instant};
use zlink::{Connection, Reply, connection::socket::Socket};

use super::{Place, bounds::Bounded};
use crate::{daemon::Daemon, peer::Peer, talk::Talk};

type Read = zlink::connection::ReadConnection<<Bounded as Socket>::ReadHalf>;
type Write = zlink::connection::WriteConnection<<Bounded as Socket>::WriteHalf>;

/// How a connection goes on after a call.
enum Next {
    /// Wait for a call.
    Wait,
    /// This one came while the last one was answered.
    Call(Request),
    /// The peer is gone, or must go.
    End,
}

/// Serves a connection until it ends.
pub(super) async fn run(
    daemon: Rc<Daemon>,
    socket: Bounded,
    peer: Peer,
    place: Place,
    evicted: oneshot::Receiver<()>,
) {
    let limits = daemon.config.limits;
    let (read, write) = Connection::new(socket).split();
    let mut connection = Served { daemon, peer, read, write, talk: None };
    let header = Duration::from_secs(limits.header_seconds);
    let Some(first) = connection.first_call(header, evicted).await else { return };
    place.has_spoken();
    // A connection outlives its conversation by the time of one more call, not for ever.
    let idle = Duration::from_secs(limits.idle_seconds);
    let mut next = connection.answer(first).await;
    loop {
        next = match next {
            Next::Call(call) => connection.answer(call).await,
            Next::Wait => match tokio::time::timeout(idle, connection.wait()).await {
                Ok(next) => next,
                Err(_) => Next::End,
            },
            Next::End => break,
        };
    }
    connection.leave().await;
}

struct Served {
    daemon: Rc<Daemon>,
    peer: Peer,
    read: Read,
    write: Write,
    /// A connection has one conversation at a time; a new one ends the old one.
    talk: Option<Talk>,
}

/// zlink lends a call's method; this lets it be taken out of the call.
struct Arrived(Cell<Option<Incoming>>);

impl<'de> Deserialize<'de> for Arrived {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Incoming::deserialize(deserializer).map(|incoming| Self(Cell::new(Some(incoming))))
    }
}

impl std::fmt::Debug for Arrived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Arrived(..)")
    }
}

/// Receives a call; file descriptors that came with it are closed.
async fn receive(read: &mut Read) -> Option<Request> {
    match read.receive_call::<Arrived>().await {
        Ok((call, _descriptors)) => {
            let Incoming(invocation) = call.method().0.take()?;
            Some(Request { invocation, more: call.more(), oneway: call.oneway() })
        }
        Err(error) => {
            tracing::debug!(%error, "connection ended");
            None
        }
    }
}

impl Served {
    async fn first_call(&mut self, within: Duration, evicted: oneshot::Receiver<()>) -> Option<Request> {
        let deadline = Instant::now() + within;
        tokio::select! {
            call = receive(&mut self.read) => call,
            () = tokio::time::sleep_until(deadline) => None,
            Ok(()) = evicted => None,
        }
    }

    /// Waits for a call. A conversation whose prompt is open goes on meanwhile: its time can run
    /// out, its token can be pulled, and what it then says is told with the next answer.
    async fn wait(&mut self) -> Next {
        let call = match &mut self.talk {
            None => receive(&mut self.read).await,
            Some(talk) => tokio::select! {
                call = receive(&mut self.read) => call,
                never = talk.idle() => match never {},
            },
        };
        call.map_or(Next::End, Next::Call)
    }

    /// Ends the open conversation, if there is one: it is recorded as given up, not forgotten.
    async fn leave(&mut self) {
        if let Some(talk) = self.talk.take() {
            talk.abandon().await;
        }
    }

    async fn answer(&mut self, call: Request) -> Next {
        let Request { invocation, more, oneway } = call;
        let invocation = match invocation {
            Ok(invocation) => invocation,
            Err(error) => return self.refuse(oneway, error.into()).await,
        };
        if invocation.method().streams() && (!more || oneway) {
            return self.refuse(oneway, service::Error::ExpectedMore {}.into()).await;
        }
        match invocation {
            Invocation::Respond(respond) => self.respond(respond).await,
            Invocation::Cancel(cancel) => self.cancel(oneway, &cancel).await,
            invocation if invocation.method().streams() => {
                self.leave().await;
                match Talk::start(&self.daemon, self.peer, invocation).await {
                    Ok(talk) => self.stream(talk).await,
                    Err(refusal) => self.refuse(oneway, refusal).await,
                }
            }
            invocation => match crate::dispatch::answer(&self.daemon, self.peer, invocation).await {
                Ok(reply) if oneway => {
                    drop(reply);
                    Next::Wait
                }
                Ok(reply) => self.send(Reply::new(Some(reply))).await,
                Err(refusal) => self.refuse(oneway, refusal).await,
            },
        }
    }

    async fn respond(&mut self, respond: authentication::Respond) -> Next {
        let unknown = authentication::Error::UnknownConversation { conversation: respond.conversation };
        match self.talk.take() {
            Some(mut talk) if talk.id() == respond.conversation => match talk.respond(respond.answer) {
                Ok(()) => self.stream(talk).await,
                Err(refusal) => {
                    self.talk = Some(talk);
                    self.refuse(false, refusal).await
                }
            },
            talk => {
                self.talk = talk;
                self.refuse(false, unknown.into()).await
            }
        }
    }

    async fn cancel(&mut self, oneway: bool, cancel: &authentication::Cancel) -> Next {
        match self.talk.take() {
            Some(talk) if talk.id() == cancel.conversation => {
                talk.abandon().await;
                if oneway {
                    Next::Wait
                } else {
                    self.send(Reply::new(Some(authentication::Cancelled {}))).await
                }
            }
            talk => {
                self.talk = talk;
                let unknown =
                    authentication::Error::UnknownConversation { conversation: cancel.conversation };
                self.refuse(oneway, unknown.into()).await
            }
        }
    }

    /// Sends the conversation's events until one of them needs the client or is the last. The
    /// socket is read meanwhile: a peer that goes away, or cancels, ends the conversation at once.
    async fn stream(&mut self, mut talk: Talk) -> Next {
        let mut early = None;
        loop {
            let event = tokio::select! {
                biased;
                event = talk.next() => event,
                call = receive(&mut self.read), if early.is_none() => {
                    match call {
                        None => {
                            talk.abandon().await;
                            return Next::End;
                        }
                        Some(call) if is_cancel(&call, &talk) => talk.cancel(),
                        Some(call) => early = Some(call),
                    }
                    continue;
                }
            };
            let last = talk.needs_client();
            let begun = signet_protocol::wire::Begun { conversation: talk.id(), event };
            let sent = self.send(Reply::new(Some(begun)).set_continues(Some(!last))).await;
            if matches!(sent, Next::End) {
                talk.abandon().await;
                return Next::End;
            }
            if last {
                self.talk = (!talk.is_over()).then_some(talk);
                return early.map_or(Next::Wait, Next::Call);
            }
        }
    }

    async fn refuse(&mut self, oneway: bool, refusal: Refusal) -> Next {
        if oneway {
            return Next::Wait;
        }
        sent(self.write.send_error(&refusal, Vec::new())).await
    }

    async fn send<T: serde::Serialize + std::fmt::Debug>(&mut self, reply: Reply<T>) -> Next {
        sent(self.write.send_reply(&reply, Vec::new())).await
    }
}

async fn sent(write: impl Future<Output = zlink::Result<()>>) -> Next {
    match write.await {
        Ok(()) => Next::Wait,
        Err(error) => {
            tracing::debug!(%error, "peer does not read");
            Next::End
        }
    }
}

/// A one-way `Cancel` ends a conversation that is waiting for a card, without waiting for it.
fn is_cancel(call: &Request, talk: &Talk) -> bool {
    matches!(&call.invocation, Ok(Invocation::Cancel(cancel)) if call.oneway && cancel.conversation == talk.id())
}
