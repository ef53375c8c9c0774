//! A daemon that plays a part: the real socket and the real codec, scripted events.

use std::{
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread::{self, JoinHandle},
};

use serde::Serialize;
use signet_protocol::{
    Invocation, Refusal, Request,
    codec::Decoder,
    encode_error, encode_reply,
    wire::{
        Begun, Choice, Event, Kind, Notice, Outcome, Prompt, Verdict,
        authentication::{AccountChecked, Cancelled},
        service::Info,
        session::Recorded,
    },
};
use signet_types::{ConversationId, GrantId, UserMessage};
use tempfile::TempDir;

pub const CONVERSATION: ConversationId = ConversationId::from_bytes([0xc0; 16]);
pub const GRANT: GrantId = GrantId::from_bytes([0x9a; 16]);

/// What the daemon does next with a connection.
#[derive(Clone, Debug)]
pub enum Act {
    /// Reads one call and keeps it for the test.
    Read,
    Event(Event),
    Account(Outcome),
    Recorded,
    Info,
    Cancelled,
    Refuse(Refusal),
    Raw(&'static [u8]),
    /// Says nothing until the client goes.
    Hang,
}

/// A daemon; each connection is served by the next script, the last one for ever.
pub struct Daemon {
    dir: TempDir,
    calls: Arc<Mutex<Vec<Invocation>>>,
    stop: Arc<AtomicBool>,
    served: Option<Receiver<()>>,
    server: Option<JoinHandle<()>>,
}

impl Daemon {
    pub fn playing(scripts: Vec<Vec<Act>>) -> Self {
        let mut daemon = Self::absent();
        let listener = UnixListener::bind(daemon.socket()).unwrap();
        let (calls, stop) = (Arc::clone(&daemon.calls), Arc::clone(&daemon.stop));
        let (done, ended) = channel();
        daemon.served = Some(ended);
        let server = thread::spawn(move || {
            let mut scripts = scripts.into_iter().peekable();
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let script = scripts.next().unwrap_or_default();
                Peer { stream, decoder: Decoder::new(), rest: Vec::new() }.play(script, &calls);
                // Nobody listens where the test does not wait.
                let _ = done.send(());
            }
        });
        daemon.server = Some(server);
        daemon
    }

    /// One connection, one script.
    pub fn once(script: Vec<Act>) -> Self {
        Self::playing(vec![script])
    }

    /// Nobody listens.
    pub fn absent() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir, calls: Arc::default(), stop: Arc::default(), served: None, server: None }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("io.signet")
    }

    /// The arguments of the line in `pam.d` that lead here.
    pub fn arguments(&self) -> String {
        format!("socket={} server_uid={}", self.socket().display(), super::uid())
    }

    /// Waits until so many connections have ended on this side too.
    pub fn wait_until_served(&mut self, connections: usize) {
        let served = self.served.as_ref().unwrap();
        (0..connections).for_each(|_| served.recv().unwrap());
    }

    /// The calls so far, in their order.
    pub fn calls(&self) -> Vec<Invocation> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(server) = self.server.take() {
            drop(UnixStream::connect(self.socket()));
            let ended = server.join();
            assert!(thread::panicking() || ended.is_ok(), "the daemon's script did not go through");
        }
    }
}

struct Peer {
    stream: UnixStream,
    decoder: Decoder,
    rest: Vec<u8>,
}

impl Peer {
    fn play(mut self, script: Vec<Act>, calls: &Mutex<Vec<Invocation>>) {
        for act in script {
            match act {
                Act::Read => match self.request() {
                    Some(call) => calls.lock().unwrap().push(call),
                    None => return,
                },
                Act::Event(event) => {
                    let continues = matches!(event, Event::Notice(_));
                    self.reply(&Begun { conversation: CONVERSATION, event }, continues);
                }
                Act::Account(outcome) => self.reply(&AccountChecked { outcome }, false),
                Act::Recorded => self.reply(&Recorded {}, false),
                Act::Info => self.reply(&Info::of_daemon(), false),
                Act::Cancelled => self.reply(&Cancelled {}, false),
                Act::Refuse(refusal) => self.write(&encode_error(&refusal).unwrap()),
                Act::Raw(bytes) => self.write(bytes),
                Act::Hang => while self.request().is_some() {},
            }
        }
    }

    fn reply(&mut self, parameters: &impl Serialize, continues: bool) {
        self.write(&encode_reply(parameters, continues).unwrap());
    }

    /// The client may be gone; the test sees that elsewhere.
    fn write(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    fn request(&mut self) -> Option<Invocation> {
        loop {
            let mut input = self.rest.as_slice();
            let frame = self.decoder.decode(&mut input).unwrap();
            self.rest = input.to_vec();
            if let Some(frame) = frame {
                return Some(Request::parse(&frame).unwrap().invocation.unwrap());
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(got) => self.rest.extend_from_slice(&chunk[..got]),
            }
        }
    }
}

pub fn notice(text: &str) -> Act {
    Act::Event(Event::Notice(Notice { code: "present-token".to_owned(), text: text.to_owned() }))
}

pub fn prompt(kind: Kind, code: &str, text: &str) -> Act {
    Act::Event(Event::Prompt(Prompt { kind, code: code.to_owned(), text: text.to_owned(), choices: vec![] }))
}

pub fn choice(text: &str, choices: &[(&str, &str)]) -> Act {
    let choices = choices
        .iter()
        .map(|(id, label)| Choice { id: (*id).to_owned(), label: (*label).to_owned() })
        .collect();
    Act::Event(Event::Prompt(Prompt {
        kind: Kind::Choice,
        code: "method".to_owned(),
        text: text.to_owned(),
        choices,
    }))
}

pub fn outcome(result: Verdict, message: &UserMessage) -> Act {
    Act::Event(Event::Outcome(Outcome::new(result, message)))
}

pub fn granted(user: &str) -> Outcome {
    Outcome {
        user: Some(user.parse().unwrap()),
        grant: Some(GRANT),
        method: Some(signet_types::Method::Smartcard),
        ..Outcome::new(Verdict::Granted, &UserMessage::Welcome)
    }
}

pub fn grant(user: &str) -> Act {
    Act::Event(Event::Outcome(granted(user)))
}
