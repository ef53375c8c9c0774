//! The module in a program that was not written for it: pamtester, with a private directory of
//! services (`libpam_wrapper`).
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
    let mut child = Command::new("pamtester")
        .args(["login", "anna"])
        .args(operations)
        .env("LD_PRELOAD", "libpam_wrapper.so")
        .env("PAM_WRAPPER", "1")
        .env("PAM_WRAPPER_SERVICE_DIR", services.path())
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
