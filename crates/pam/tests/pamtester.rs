//! The module in a program that was not written for it: pamtester, with its own `/etc/pam.d`.
//! Only root can give it one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use signet_protocol::wire::{Kind, Outcome, Verdict};
use signet_types::UserMessage;
use support::{
    Services,
    daemon::{Act, Daemon, grant, outcome, prompt},
};

fn pamtester(services: &Services, operations: &[&str], typed: &str) -> Output {
    run(&[], services, operations, typed)
}

/// Runs pamtester behind the words of a program that starts it.
fn run(before: &[&str], services: &Services, operations: &[&str], typed: &str) -> Output {
    let mut child = Command::new("unshare")
        .args(["--mount", "sh", "-ec", "mount --bind \"$0\" /etc/pam.d; exec \"$@\""])
        .arg(services.path())
        .args(before)
        .args(["pamtester", "login", "anna"])
        .args(operations)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // pamtester may have ended before it read anything.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn services(daemon: &Daemon) -> Services {
    let services = Services::new();
    let line = |kind: &str| format!("{kind} required @ {}\n", daemon.arguments());
    services.write("login", &["auth", "account", "session"].map(line).concat());
    services
}

fn pin() -> Act {
    prompt(Kind::Secret, "card-pin", "Smart card PIN: ")
}

/// Proves: PAM-01
#[test]
fn a_whole_transaction_succeeds() {
    let welcome = Outcome::new(Verdict::Granted, &UserMessage::Welcome);
    let daemon = Daemon::playing(vec![
        vec![Act::Read, pin(), Act::Read, grant("anna")],
        vec![Act::Read, Act::Account(welcome)],
    ]);
    let steps = ["authenticate", "acct_mgmt", "setcred", "open_session", "close_session"];
    let output = pamtester(&services(&daemon), &steps, "123456\n");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("successfully authenticated"), "{said}");
    assert_eq!(daemon.calls().len(), 3);
}

/// Proves: PAM-01
#[test]
fn a_denial_and_a_dead_daemon_fail_and_say_why() {
    let denied = outcome(Verdict::Denied, &UserMessage::WrongPin { left: Some(2) });
    let daemon = Daemon::once(vec![Act::Read, pin(), Act::Read, denied]);
    let output = pamtester(&services(&daemon), &["authenticate"], "000000\n");
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 more tries") && said.contains("Authentication failure"), "{said}");

    let begun = Instant::now();
    let output = pamtester(&services(&Daemon::absent()), &["authenticate"], "");
    assert!(!output.status.success());
    assert!(begun.elapsed() < Duration::from_secs(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot retrieve authentication info"), "{said}");
}

/// Each call of the kernel that the module makes fails in turn, in each way that it can: a denial
/// stays one, and nothing crashes (security.md, R2).
///
/// Proves: PAM-01
#[test]
fn no_failing_call_of_the_kernel_turns_a_denial_into_a_success() {
    for call in ["socket", "connect", "getsockopt", "setsockopt", "sendto", "recvfrom", "statx"] {
        for error in ["EIO", "EINTR", "EAGAIN", "EINVAL"] {
            for which in 1..=2 {
                let denied = outcome(Verdict::Denied, &UserMessage::NotAuthenticated);
                let daemon = Daemon::once(vec![Act::Read, pin(), Act::Read, denied]);
                let inject = format!("inject={call}:error={error}:when={which}");
                let output = traced(&daemon, &inject);
                assert_eq!(output.status.code(), Some(1), "{inject}: {output:?}");
                let reached = String::from_utf8_lossy(&output.stderr).contains("(INJECTED)");
                assert!(reached || which == 2, "{inject}: {output:?}");
            }
        }
    }
}

/// That the kernel cannot say who listens is a refusal, whatever it answers instead (R7).
#[test]
fn a_server_whose_uid_is_not_known_gets_no_call() {
    for error in ["EINVAL", "ENOPROTOOPT", "ENOTCONN"] {
        let daemon = Daemon::once(vec![Act::Read, pin(), Act::Read, grant("anna")]);
        let output = traced(&daemon, &format!("inject=getsockopt:error={error}"));
        assert_eq!(output.status.code(), Some(1), "{error}: {output:?}");
        assert!(daemon.calls().is_empty(), "{error}");
    }
}

#[test]
fn a_signal_in_the_middle_of_a_call_changes_nothing() {
    for call in ["sendto", "recvfrom"] {
        let daemon = Daemon::once(vec![Act::Read, pin(), Act::Read, grant("anna")]);
        let output = traced(&daemon, &format!("inject={call}:error=EINTR:when=1+2"));
        assert_eq!(output.status.code(), Some(0), "{call}: {output:?}");
    }
}

fn traced(daemon: &Daemon, inject: &str) -> Output {
    let strace = ["strace", "-f", "-qq", "-e", "trace=network,statx", "-e", inject];
    run(&strace, &services(daemon), &["authenticate"], "123456\n")
}
