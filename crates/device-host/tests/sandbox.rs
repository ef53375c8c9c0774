//! The sandbox, tried from inside: each test starts the host, which enters its sandbox and then tries
//! something forbidden.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod common;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Output, Stdio},
};

use common::{Host, PROGRAM};

/// `SIGSYS`: what the kernel kills with on a forbidden system call.
const SIGSYS: i32 = 31;

fn probe(arguments: &[&str], name: &str) -> (Output, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .args(["--probe-sandbox", name])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

fn is_root() -> bool {
    fs::read("/etc/shadow").is_ok()
}

/// Who the host is when root starts it, or who it stays.
fn identity() -> &'static [&'static str] {
    if is_root() { &["--user", "nobody"] } else { &["--keep-user"] }
}

#[test]
fn files_are_out_of_reach() {
    for identity in [identity(), &["--keep-user"]] {
        for name in ["shadow", "file"] {
            let (output, text) = probe(identity, name);
            assert!(output.status.success() && text.starts_with("denied"), "{name}: {output:?}");
        }
    }
}

#[test]
fn programs_internet_and_other_processes_are_death() {
    for name in ["program", "internet", "trace"] {
        let (output, text) = probe(identity(), name);
        assert_eq!(output.status.signal(), Some(SIGSYS), "{name}: {output:?}");
        assert!(text.is_empty(), "{name}: {text}");
    }
}

/// The probes fail because of the sandbox, not because they cannot succeed.
#[test]
fn without_the_sandbox_the_same_probes_succeed_and_the_log_is_loud() {
    for name in ["file", "internet", "work"] {
        let (output, text) = probe(&["--no-sandbox"], name);
        assert_eq!(text, "allowed\n", "{name}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("NO SANDBOX"));
    }
    let (_, text) = probe(identity(), "work");
    assert_eq!(text, "allowed\n");
}

#[test]
fn a_panic_in_any_thread_ends_the_process_and_keeps_its_message() {
    let (output, text) = probe(identity(), "panic");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{log}");
    assert!(text.is_empty() && log.contains("a thread panicked") && !log.contains("PIN"), "{log}");
}

#[test]
fn it_never_stays_root_and_never_serves_without_its_user() {
    if !is_root() {
        return;
    }
    for (user, says) in [("no-such-user", "there is no user no-such-user"), ("root", "is root")] {
        let (output, text) = probe(&["--user", user], "work");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.is_empty() && log.contains(says), "{log}");
    }
}

/// What the kernel says of the running process.
#[test]
fn a_serving_host_has_no_privileges_at_all() {
    let host = Host::start_with(identity());
    let status = fs::read_to_string(format!("/proc/{}/status", host.child.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp"), "2");
    assert_eq!(field("Seccomp_filters"), "3");
    if is_root() {
        assert_eq!(field("Uid"), "65534 65534 65534 65534");
        assert_eq!(field("Gid"), "65534 65534 65534 65534");
        assert_eq!(field("Groups"), "");
        assert_eq!(field("CapBnd"), "0000000000000000");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
