//! The stack's verdict for everything that a daemon can do, in every shape of stack, through the
//! real libpam.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    ffi::c_int,
    time::{Duration, Instant},
};

use signet_protocol::wire::{Kind, Outcome, Verdict, authentication::Error, service};
use signet_types::UserMessage;
use support::{
    Services,
    application::{
        AUTH_ERR, AUTHINFO_UNAVAIL, Answer, Application, CONV_ERR, MAXTRIES, PERM_DENIED, SERVICE_ERR,
        SUCCESS, SYSTEM_ERR,
    },
    daemon::{Act, Daemon, grant, granted, outcome, prompt},
};

/// A stack, and which of the module's codes it lets in.
struct Shape {
    lines: &'static str,
    admits: fn(c_int) -> bool,
}

const SHAPES: [Shape; 10] = [
    Shape { lines: "auth required @ ARGS", admits: |code| code == SUCCESS },
    Shape { lines: "auth requisite @ ARGS\nauth required pam_permit.so", admits: |code| code == SUCCESS },
    Shape { lines: "auth sufficient @ ARGS", admits: |code| code == SUCCESS },
    Shape { lines: "auth sufficient @ ARGS\nauth required pam_deny.so", admits: |code| code == SUCCESS },
    Shape { lines: "auth sufficient @ ARGS\nauth required pam_permit.so", admits: |_| true },
    Shape { lines: "auth optional @ ARGS", admits: |code| code == SUCCESS },
    Shape { lines: "auth [default=ignore] @ ARGS", admits: |_| false },
    Shape { lines: "auth [default=ignore] @ ARGS\nauth required pam_deny.so", admits: |_| false },
    Shape { lines: "auth [success=ok default=ignore] @ ARGS", admits: |code| code == SUCCESS },
    // The shape of packaging/pam.d/signet-auth: only where no daemon can decide does the next
    // module (here one that lets everybody in) decide.
    Shape {
        lines: "auth [success=done authinfo_unavail=ignore default=die] @ ARGS\nauth required pam_permit.so",
        admits: |code| code == SUCCESS || code == AUTHINFO_UNAVAIL,
    },
];

/// What a daemon does, and the module's code for it.
fn behaviours() -> Vec<(&'static str, Option<Vec<Act>>, c_int)> {
    let pin = || prompt(Kind::Secret, "card-pin", "Smart card PIN: ");
    let read = || Act::Read;
    let ends = |act: Act| Some(vec![read(), pin(), read(), act]);
    let incomplete = |change: fn(&mut Outcome)| {
        let mut outcome = granted("anna");
        change(&mut outcome);
        ends(Act::Event(signet_protocol::wire::Event::Outcome(outcome)))
    };
    vec![
        ("grants", ends(grant("anna")), SUCCESS),
        ("grants another user", ends(grant("berta")), SYSTEM_ERR),
        ("grants nobody", incomplete(|o| o.user = None), SYSTEM_ERR),
        ("grants without a grant", incomplete(|o| o.grant = None), SYSTEM_ERR),
        ("is done", ends(outcome(Verdict::Done, &UserMessage::SecretChanged)), SYSTEM_ERR),
        ("denies", ends(outcome(Verdict::Denied, &UserMessage::NotAuthenticated)), AUTH_ERR),
        (
            "denies for a time",
            ends(outcome(Verdict::Denied, &UserMessage::TryLater { seconds: 9 })),
            MAXTRIES,
        ),
        ("cancels", ends(outcome(Verdict::Cancelled, &UserMessage::Cancelled)), AUTH_ERR),
        ("cannot decide", ends(outcome(Verdict::Unavailable, &UserMessage::NoMethodLeft)), AUTHINFO_UNAVAIL),
        ("is not there", None, AUTHINFO_UNAVAIL),
        ("closes at once", Some(vec![]), AUTHINFO_UNAVAIL),
        ("closes after the call", Some(vec![read()]), AUTHINFO_UNAVAIL),
        ("hangs", Some(vec![Act::Hang]), AUTHINFO_UNAVAIL),
        ("dies after the prompt", Some(vec![read(), pin()]), AUTHINFO_UNAVAIL),
        ("dies after the answer", Some(vec![read(), pin(), read()]), AUTHINFO_UNAVAIL),
        (
            "dies in the middle of a message",
            Some(vec![read(), Act::Raw(b"{\"parameters\":{")]),
            AUTHINFO_UNAVAIL,
        ),
        ("says junk", Some(vec![read(), Act::Raw(b"granted\0")]), SYSTEM_ERR),
        ("says nothing in a message", Some(vec![read(), Act::Raw(b"\0")]), SYSTEM_ERR),
        (
            "grants without a conversation",
            Some(vec![read(), Act::Raw(b"{\"parameters\":{\"result\":\"granted\"}}\0")]),
            SYSTEM_ERR,
        ),
        ("is busy", Some(vec![read(), Act::Refuse(Error::Busy { seconds: 3 }.into())]), AUTHINFO_UNAVAIL),
        (
            "does not let this caller ask",
            Some(vec![read(), Act::Refuse(service::Error::PermissionDenied {}.into())]),
            PERM_DENIED,
        ),
        (
            "knows no such method",
            Some(vec![read(), Act::Refuse(service::Error::MethodNotFound { method: "x".to_owned() }.into())]),
            SYSTEM_ERR,
        ),
    ]
}

fn daemon(script: Option<&Vec<Act>>) -> Daemon {
    script.map_or_else(Daemon::absent, |script| Daemon::once(script.clone()))
}

fn authenticate(lines: &str, arguments: &str) -> (c_int, Duration) {
    let services = Services::new();
    services.write("login", &lines.replace("ARGS", arguments));
    let application = Application::start(&services, "login", Some("anna"), vec![Answer::Text("123456")]);
    let begun = Instant::now();
    (application.authenticate(0), begun.elapsed())
}

/// Proves: PAM-01
#[test]
fn each_stack_lets_in_exactly_whom_its_shape_says() {
    for (what, script, want) in behaviours() {
        for shape in &SHAPES {
            let daemon = daemon(script.as_ref());
            let (code, took) = authenticate(shape.lines, &daemon.arguments());
            assert_eq!(code == SUCCESS, (shape.admits)(want), "a daemon that {what}, with\n{}", shape.lines);
            assert!(took < Duration::from_secs(1), "a daemon that {what} took {took:?}");
        }
        // Alone and required, the module's own code is the stack's.
        let daemon = daemon(script.as_ref());
        assert_eq!(authenticate("auth required @ ARGS", &daemon.arguments()).0, want, "a daemon that {what}");
    }
}

#[test]
fn a_server_of_another_uid_is_refused_in_every_shape_and_never_gets_the_pin() {
    for shape in &SHAPES {
        let daemon = Daemon::once(vec![Act::Read, grant("anna")]);
        let arguments = format!("socket={} server_uid=4242", daemon.socket().display());
        let (code, _) = authenticate(shape.lines, &arguments);
        assert_eq!(code == SUCCESS, (shape.admits)(SYSTEM_ERR), "{}", shape.lines);
        assert!(daemon.calls().is_empty());
    }
}

#[test]
fn a_wrong_argument_is_refused_in_every_shape() {
    for wrong in ["use_frist_pass", "method=magic", "server_uid=root", "socket=signet", "method", "debug=1"] {
        for shape in &SHAPES {
            let daemon = Daemon::once(vec![Act::Read, grant("anna")]);
            let (code, _) = authenticate(shape.lines, &format!("{} {wrong}", daemon.arguments()));
            assert_eq!(code == SUCCESS, (shape.admits)(SERVICE_ERR), "{wrong} with\n{}", shape.lines);
            assert!(daemon.calls().is_empty());
        }
    }
}

#[test]
fn no_answer_of_the_program_lets_anybody_in() {
    for shape in &SHAPES {
        let services = Services::new();
        let daemon = Daemon::once(vec![
            Act::Read,
            prompt(Kind::Secret, "card-pin", "Smart card PIN: "),
            Act::Read,
            Act::Cancelled,
            grant("anna"),
        ]);
        services.write("login", &shape.lines.replace("ARGS", &daemon.arguments()));
        let application = Application::start(&services, "login", Some("anna"), vec![Answer::NoText]);
        assert_eq!(application.authenticate(0) == SUCCESS, (shape.admits)(CONV_ERR), "{}", shape.lines);
    }
}

/// The file that is installed, before a module that lets everybody in.
#[test]
fn the_shipped_file_decides_alone_unless_no_daemon_can() {
    let shipped = include_str!("../../../packaging/pam.d/signet-auth");
    for (what, script, code) in behaviours() {
        let daemon = daemon(script.as_ref());
        let services = Services::new();
        services
            .write("signet-auth", &shipped.replace("pam_signet.so", &format!("@ {}", daemon.arguments())));
        // This libpam looks for included files in /etc/pam.d alone, unless the path is absolute.
        let included = services.path().join("signet-auth");
        services.write("login", &format!("auth include {}\nauth required pam_permit.so", included.display()));
        let application = Application::start(&services, "login", Some("anna"), vec![Answer::Text("123456")]);
        let got = application.authenticate(0);
        let want = if code == AUTHINFO_UNAVAIL { SUCCESS } else { code };
        assert_eq!(got, want, "a daemon that {what}; {:?}", application.seen());
    }
}
