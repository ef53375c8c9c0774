use std::{
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::getuid;
use tempfile::TempDir;

use crate::{
    Bounds, CallError, Client, Conversation, Invocation, NotOpen, Refusal, Request, SecretText,
    ServerIdentity,
    codec::Decoder,
    encode_error, encode_reply,
    wire::{
        Begun, Event, Kind, Notice, Outcome, Prompt, Verdict,
        authentication::{AccountChecked, Cancelled, CheckAccount, Error, Start},
        session,
    },
};
use signet_types::{ConversationId, UserMessage};

const ID: ConversationId = ConversationId::from_bytes([9; 16]);

/// A directory as the daemon makes it.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join("io.signet");
    (dir, path)
}

fn me() -> ServerIdentity {
    ServerIdentity { uid: getuid().as_raw() }
}

/// A peer for one connection that runs `script`.
fn serve<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (TempDir, Client, JoinHandle<T>) {
    let (dir, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        script(Peer { stream, decoder: Decoder::new(), rest: Vec::new() })
    });
    let client = Client::connect(&path, me(), Bounds::LOGIN).unwrap();
    (dir, client, server)
}

struct Peer {
    stream: UnixStream,
    decoder: Decoder,
    rest: Vec<u8>,
}

impl Peer {
    fn request(&mut self) -> Option<Invocation> {
        loop {
            let mut input = self.rest.as_slice();
            let frame = self.decoder.decode(&mut input).unwrap();
            self.rest = input.to_vec();
            if let Some(frame) = frame {
                return Some(Request::parse(&frame).unwrap().invocation.unwrap());
            }
            let mut chunk = [0; 1000];
            // A client that goes with something unread resets the connection.
            let got = self.stream.read(&mut chunk).unwrap_or_default();
            if got == 0 {
                return None;
            }
            self.rest.extend_from_slice(&chunk[..got]);
        }
    }

    fn event(&mut self, event: Event, continues: bool) {
        self.event_of(ID, event, continues);
    }

    fn event_of(&mut self, conversation: ConversationId, event: Event, continues: bool) {
        self.stream.write_all(&encode_reply(&Begun { conversation, event }, continues).unwrap()).unwrap();
    }
}

fn notice() -> Event {
    Event::Notice(Notice { code: "present-token".to_owned(), text: "Present your smart card.".to_owned() })
}

fn prompt() -> Event {
    Event::Prompt(Prompt {
        kind: Kind::Secret,
        code: "card-pin".to_owned(),
        text: "PIN: ".to_owned(),
        choices: vec![],
    })
}

fn outcome() -> Event {
    Event::Outcome(Outcome::new(Verdict::Denied, &UserMessage::NotAuthenticated))
}

fn start() -> Start {
    Start {
        service: "login".parse().unwrap(),
        user: None,
        requester: None,
        terminal: None,
        remote_host: None,
        method: None,
    }
}

#[test]
fn a_conversation_goes_from_start_to_outcome() {
    let (_dir, mut client, server) = serve(|mut peer| {
        assert!(matches!(peer.request(), Some(Invocation::Start(_))));
        peer.event(notice(), true);
        peer.event(prompt(), false);
        let Some(Invocation::Respond(respond)) = peer.request() else { panic!("no answer") };
        assert_eq!(respond.answer.unwrap().expose(), "123456");
        peer.event(outcome(), false);
    });
    let mut conversation = Conversation::start(&mut client, &start()).unwrap();
    assert_eq!(conversation.next_event().unwrap(), Some(notice()));
    // Nothing can be answered before something was asked.
    assert_eq!(conversation.respond(None).unwrap(), Err(NotOpen));
    assert_eq!(conversation.next_event().unwrap(), Some(prompt()));
    assert_eq!(conversation.next_event().unwrap(), None);
    conversation.respond(Some(SecretText::new("123456".to_owned()).unwrap())).unwrap().unwrap();
    assert_eq!(conversation.next_event().unwrap(), Some(outcome()));
    assert!(conversation.has_ended());
    assert_eq!(conversation.next_event().unwrap(), None);
    assert_eq!(conversation.respond(None).unwrap(), Err(NotOpen));
    server.join().unwrap();
}

#[test]
fn an_open_prompt_is_cancelled_by_a_call() {
    let (_dir, mut client, server) = serve(|mut peer| {
        peer.request();
        peer.event(prompt(), false);
        let cancelled =
            matches!(peer.request(), Some(Invocation::Cancel(cancel)) if cancel.conversation == ID);
        peer.stream.write_all(&encode_reply(&Cancelled {}, false).unwrap()).unwrap();
        cancelled
    });
    let mut conversation = Conversation::start(&mut client, &start()).unwrap();
    conversation.next_event().unwrap();
    conversation.cancel().unwrap();
    assert!(server.join().unwrap());
}

#[test]
fn streams_that_break_the_order_are_faults_and_end_the_connection() {
    let other = ConversationId::from_bytes([8; 16]);
    let scripts: [fn(&mut Peer, ConversationId); 4] = [
        |peer, _| peer.event(notice(), false),
        |peer, _| peer.event(prompt(), true),
        |peer, _| peer.event(outcome(), true),
        |peer, other| {
            peer.event(notice(), true);
            peer.event_of(other, outcome(), false);
        },
    ];
    for script in scripts {
        let (_dir, mut client, server) = serve(move |mut peer| {
            peer.request();
            script(&mut peer, other);
            peer.request()
        });
        let mut conversation = Conversation::start(&mut client, &start()).unwrap();
        let fault = loop {
            match conversation.next_event() {
                Ok(Some(Event::Notice(_))) => {}
                other => break other,
            }
        };
        assert!(matches!(fault, Err(CallError::Fault(_))), "{fault:?}");
        assert!(conversation.has_ended());
        assert!(matches!(client.call(&session::List {}), Err(CallError::Closed)));
        drop(client);
        assert!(server.join().unwrap().is_none(), "nothing is sent on a connection that failed");
    }
}

#[test]
fn a_plain_call_gives_its_reply_or_its_typed_error() {
    let (_dir, mut client, server) = serve(|mut peer| {
        peer.request();
        let outcome = Outcome::new(Verdict::Granted, &UserMessage::Welcome);
        peer.stream.write_all(&encode_reply(&AccountChecked { outcome }, false).unwrap()).unwrap();
        peer.request();
        peer.stream.write_all(&encode_error(&Error::Busy { seconds: 2 }.into()).unwrap()).unwrap();
    });
    let call = CheckAccount { user: "anna".parse().unwrap(), service: "login".parse().unwrap(), grant: None };
    assert_eq!(client.call(&call).unwrap().outcome.result, Verdict::Granted);
    let Err(CallError::Refused(refusal)) = client.call(&call) else { panic!("not refused") };
    assert_eq!(*refusal, Refusal::Authentication(Error::Busy { seconds: 2 }));
    server.join().unwrap();
}

#[test]
fn replies_of_a_stream_come_one_by_one_and_a_stream_left_early_ends_the_connection() {
    let (_dir, mut client, server) = serve(|mut peer| {
        for _ in 0..2 {
            peer.request();
            peer.event(notice(), true);
            peer.event(prompt(), false);
        }
    });
    let events: Vec<_> = client.stream(&start()).unwrap().map(|reply| reply.unwrap().event).collect();
    assert_eq!(events, [notice(), prompt()]);
    client.stream(&start()).unwrap().next().unwrap().unwrap();
    assert!(matches!(client.call(&session::List {}), Err(CallError::Closed)));
    server.join().unwrap();
}

/// Proves: PAM-01
#[test]
fn a_daemon_that_is_absent_silent_or_dead_is_known_within_a_second() {
    let begun = Instant::now();
    let (_dir, path) = place();
    assert!(matches!(Client::connect(&path, me(), Bounds::LOGIN), Err(CallError::Unreachable(_))));
    // A socket file that nobody listens on any more.
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(Client::connect(&path, me(), Bounds::LOGIN), Err(CallError::Unreachable(_))));
    assert!(begun.elapsed() < Duration::from_secs(1));

    let begun = Instant::now();
    let (_dir, mut client, server) = serve(|mut peer| while peer.request().is_some() {});
    let mut conversation = Conversation::start(&mut client, &start()).unwrap();
    assert!(matches!(conversation.next_event(), Err(CallError::TimedOut)));
    assert!(begun.elapsed() < Duration::from_secs(1));
    drop(client);
    server.join().unwrap();

    let begun = Instant::now();
    let (_dir, mut client, server) = serve(|mut peer| {
        peer.request();
        peer.stream.write_all(b"{\"parameters\":{").unwrap();
    });
    let mut conversation = Conversation::start(&mut client, &start()).unwrap();
    assert!(matches!(conversation.next_event(), Err(CallError::Closed)));
    assert!(begun.elapsed() < Duration::from_secs(1));
    server.join().unwrap();
}

#[test]
fn a_listener_that_never_accepts_costs_no_more_than_the_bounds() {
    let (_dir, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let begun = Instant::now();
    let mut held = Vec::new();
    let last = loop {
        match Client::connect(&path, me(), Bounds::LOGIN) {
            Ok(client) => held.push(client),
            Err(error) => break error,
        }
        assert!(held.len() < 10, "the queue of a listener with backlog 0 is short");
    };
    assert!(matches!(last, CallError::Unreachable(_)), "{last:?}");
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn junk_is_a_fault() {
    for junk in [&b"hello\0"[..], b"\0", b"{\"parameters\":{\"a\":1}}\0", b"\xff\xfe\0", &[b'['; 100]] {
        let (_dir, mut client, server) = serve(move |mut peer| {
            peer.request();
            peer.stream.write_all(&[junk, &[0]].concat()).unwrap();
            peer.request();
        });
        let got = client.call(&session::List {});
        assert!(matches!(got, Err(CallError::Fault(_))), "{got:?}");
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn a_server_of_another_uid_or_in_a_directory_that_others_write_is_not_believed() {
    let (dir, path) = place();
    let _listener = UnixListener::bind(&path).unwrap();
    let other = ServerIdentity { uid: getuid().as_raw().wrapping_add(1) };
    assert!(matches!(Client::connect(&path, other, Bounds::LOGIN), Err(CallError::Untrusted(_))));
    assert!(Client::connect(&path, me(), Bounds::LOGIN).is_ok());
    for mode in [0o775, 0o757, 0o1777] {
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(Client::connect(&path, me(), Bounds::LOGIN), Err(CallError::Untrusted(_))),
            "{mode:o}"
        );
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    let through = Client::connect(&link.join("io.signet"), me(), Bounds::LOGIN);
    assert!(matches!(through, Err(CallError::Untrusted(_))));
}
