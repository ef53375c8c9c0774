use std::{
    io, marker::PhantomData, os::unix::fs::MetadataExt, os::unix::net::UnixStream, path::Path,
    time::Duration, time::Instant,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
        socket_with,
        sockopt::{Timeout, set_socket_timeout, socket_peercred},
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Call, Refusal, ReplyLine,
    codec::{Decoder, Frame, FrameError},
    encode_call,
};

/// Who must be at the other end. A client that sends a PIN checks this before it says a word
/// (security.md, R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// The uid that the daemon runs as.
    pub uid: u32,
}

impl ServerIdentity {
    /// The system's daemon.
    pub const ROOT: Self = Self { uid: 0 };
}

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For the connection and the first reply on it together.
    pub first: Duration,
    /// For every later reply of a plain call, and for the first event of a later conversation.
    pub reply: Duration,
    /// For a whole conversation without the time that the caller takes to answer; more than the
    /// daemon's own limit of 120 s, so that the daemon ends it first and says why.
    pub conversation: Duration,
}

impl Bounds {
    /// For programs behind which a login waits: a dead or hung daemon costs a second at most.
    pub const LOGIN: Self = Self {
        first: Duration::from_millis(800),
        reply: Duration::from_millis(800),
        conversation: Duration::from_secs(130),
    };

    /// For programs that a person started and can stop.
    pub const INTERACTIVE: Self = Self {
        first: Duration::from_secs(30),
        reply: Duration::from_secs(30),
        conversation: Duration::from_secs(130),
    };
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("signetd cannot be reached; is it running? ('systemctl status signetd')")]
    Unreachable(#[source] io::Error),
    /// Somebody listens who must not be believed.
    #[error("the socket is not signetd's: {0}")]
    Untrusted(String),
    /// No answer in time.
    #[error("signetd did not answer in time")]
    TimedOut,
    /// The connection ended before the answer.
    #[error("signetd closed the connection")]
    Closed,
    /// The connection failed.
    #[error("the connection to signetd failed")]
    Connection(#[source] io::Error),
    /// The answer is not one.
    #[error("signetd answered out of protocol")]
    Fault(#[source] ServerFault),
    /// The daemon answered with an error.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The call cannot be sent.
    #[error("the call is longer than a message may be")]
    TooLong,
}

/// What an answer did wrong.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// Not a message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Not a reply, or not the one that the interface gives.
    #[error("{0}")]
    Reply(String),
    /// A reply where none was due, or one that is not due now.
    #[error("{0}")]
    Order(&'static str),
}

/// A connection to the daemon: one call at a time, on the calling thread.
pub struct Client {
    stream: UnixStream,
    decoder: Decoder,
    /// What was received and not decoded yet; wiped like everything else that may hold a secret.
    received: Zeroizing<Vec<u8>>,
    bounds: Bounds,
    /// Until when the first reply must have come; taken by the first call.
    first: Option<Instant>,
    broken: bool,
}

impl Client {
    /// Connects, and checks who listens.
    pub fn connect(path: &Path, server: ServerIdentity, bounds: Bounds) -> Result<Self, CallError> {
        let first = Instant::now() + bounds.first;
        let stream = open(path, bounds.first).map_err(|errno| CallError::Unreachable(errno.into()))?;
        let peer = socket_peercred(&stream).map_err(|errno| CallError::Connection(errno.into()))?;
        if peer.uid.as_raw() != server.uid {
            let found = peer.uid.as_raw();
            return Err(CallError::Untrusted(format!("uid {found} listens, expected is uid {}", server.uid)));
        }
        check_directory(path, server)?;
        let received = Zeroizing::new(Vec::with_capacity(RECEIVE_SIZE));
        Ok(Self { stream, decoder: Decoder::new(), received, bounds, first: Some(first), broken: false })
    }

    /// The bounds that the client was made with.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Calls a method that gives one reply.
    pub fn call<C: Call>(&mut self, call: &C) -> Result<C::Reply, CallError> {
        let (deadline, _) = self.deadlines();
        self.send(call, deadline)?;
        let (reply, continues) = self.receive(deadline)?;
        if continues {
            return Err(self.fault(ServerFault::Order("a stream where one reply is due")));
        }
        Ok(reply)
    }

    /// Calls a method that gives a stream of replies. The first must come within
    /// [`Bounds::first`] or [`Bounds::reply`], the last within [`Bounds::conversation`].
    pub fn stream<C: Call>(&mut self, call: &C) -> Result<Replies<'_, C::Reply>, CallError> {
        let (first, last) = self.deadlines();
        self.send(call, first)?;
        self.broken = true;
        Ok(Replies { client: self, next: Some(first), last, reply: PhantomData })
    }

    /// Until when the next reply and the end of a stream must come.
    pub(crate) fn deadlines(&mut self) -> (Instant, Instant) {
        let now = Instant::now();
        (self.first.take().unwrap_or(now + self.bounds.reply), now + self.bounds.conversation)
    }

    pub(crate) fn send<C: Call>(&mut self, call: &C, deadline: Instant) -> Result<(), CallError> {
        if self.broken {
            return Err(CallError::Closed);
        }
        let message = encode_call(call).map_err(|_| CallError::TooLong)?;
        self.write_all(&message, deadline).inspect_err(|_| self.broken = true)
    }

    /// Reads one reply and whether more follow.
    pub(crate) fn receive<R: DeserializeOwned>(&mut self, deadline: Instant) -> Result<(R, bool), CallError> {
        let message = self.read_message(deadline).inspect_err(|_| self.broken = true)?;
        let line =
            ReplyLine::parse(&message).map_err(|error| self.fault(ServerFault::Reply(error.to_string())))?;
        let parameters = line.result.map_err(|refusal| CallError::Refused(Box::new(refusal)))?;
        let reply = serde_json::from_value(Value::Object(parameters))
            .map_err(|error| self.fault(ServerFault::Reply(error.to_string())))?;
        Ok((reply, line.continues))
    }

    /// After a fault the stream means nothing any more.
    pub(crate) fn fault(&mut self, fault: ServerFault) -> CallError {
        self.broken = true;
        CallError::Fault(fault)
    }

    fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> Result<(), CallError> {
        while !bytes.is_empty() {
            set_timeout(&self.stream, Timeout::Send, deadline)?;
            // A dead daemon must not raise SIGPIPE in a host process.
            match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(broken(errno)),
            }
        }
        Ok(())
    }

    fn read_message(&mut self, deadline: Instant) -> Result<Frame, CallError> {
        loop {
            let mut input = self.received.as_slice();
            let frame = self.decoder.decode(&mut input).map_err(|fault| CallError::Fault(fault.into()));
            let used = self.received.len() - input.len();
            consume(&mut self.received, used);
            match frame? {
                Some(frame) => return Ok(frame),
                None => self.read_some(deadline)?,
            }
        }
    }

    fn read_some(&mut self, deadline: Instant) -> Result<(), CallError> {
        let mut chunk = Zeroizing::new([0_u8; RECEIVE_SIZE]);
        loop {
            set_timeout(&self.stream, Timeout::Recv, deadline)?;
            match recv(&self.stream, &mut chunk[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(CallError::Closed),
                Ok((got, _)) => {
                    self.received.extend_from_slice(chunk.get(..got).unwrap_or_default());
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(broken(errno)),
            }
        }
    }
}

/// How much is read at once; the capacity of the buffer, which therefore never grows.
const RECEIVE_SIZE: usize = 4096;

/// The replies of a stream, each as it comes. A stream that is dropped before its end leaves the
/// connection unusable, since what follows on it is not known.
pub struct Replies<'c, R> {
    client: &'c mut Client,
    next: Option<Instant>,
    last: Instant,
    reply: PhantomData<R>,
}

impl<R: DeserializeOwned> Iterator for Replies<'_, R> {
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        let deadline = self.next.take()?;
        match self.client.receive(deadline) {
            Ok((reply, true)) => {
                self.next = Some(self.last);
                Some(Ok(reply))
            }
            Ok((reply, false)) => {
                self.client.broken = false;
                Some(Ok(reply))
            }
            Err(error) => {
                // An error reply ends the stream in order; everything else ends the connection.
                self.client.broken = !matches!(error, CallError::Refused(_));
                Some(Err(error))
            }
        }
    }
}

/// Drops the first bytes and wipes the place where they were.
fn consume(buffer: &mut Vec<u8>, used: usize) {
    buffer.rotate_left(used);
    let kept = buffer.len() - used;
    buffer.get_mut(kept..).unwrap_or_default().zeroize();
    buffer.truncate(kept);
}

fn open(path: &Path, within: Duration) -> Result<UnixStream, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // unix(7): the send time-out bounds connect() too, where the listener's queue is full.
    set_socket_timeout(&socket, Timeout::Send, Some(within))?;
    while let Err(errno) = connect(&socket, &address) {
        if errno != Errno::INTR {
            return Err(errno);
        }
    }
    Ok(UnixStream::from(socket))
}

fn check_directory(path: &Path, server: ServerIdentity) -> Result<(), CallError> {
    let directory = path.parent().filter(|parent| parent.is_absolute());
    let Some(directory) = directory else {
        return Err(CallError::Untrusted("the socket's path is not absolute".to_owned()));
    };
    let found = std::fs::symlink_metadata(directory).map_err(CallError::Unreachable)?;
    let shown = directory.display();
    if !found.is_dir() {
        return Err(CallError::Untrusted(format!("{shown} is not a directory")));
    }
    if found.uid() != 0 && found.uid() != server.uid {
        return Err(CallError::Untrusted(format!("{shown} belongs to uid {}", found.uid())));
    }
    if found.mode() & 0o022 != 0 {
        return Err(CallError::Untrusted(format!("others may write to {shown}; allowed is at most 0755")));
    }
    Ok(())
}

fn set_timeout(stream: &UnixStream, which: Timeout, deadline: Instant) -> Result<(), CallError> {
    // Zero would mean for ever.
    let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    let left = left.ok_or(CallError::TimedOut)?.max(Duration::from_millis(1));
    set_socket_timeout(stream, which, Some(left)).map_err(|errno| CallError::Connection(errno.into()))
}

fn broken(errno: Errno) -> CallError {
    match errno {
        // The socket blocks, so this is its time-out.
        Errno::AGAIN => CallError::TimedOut,
        Errno::PIPE | Errno::CONNRESET => CallError::Closed,
        errno => CallError::Connection(errno.into()),
    }
}
