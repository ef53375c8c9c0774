//! The sandbox itself: what fails inside fails outside, and nothing outlives it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    panic::catch_unwind,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use signet_rig::in_sandbox;

#[test]
fn a_failure_inside_is_a_failure_outside() {
    let result = catch_unwind(|| in_sandbox("a_failure_inside_is_a_failure_outside", || panic!("inside")));
    assert!(result.is_err());
}

#[test]
fn a_wrong_name_is_not_taken_for_success() {
    assert!(catch_unwind(|| in_sandbox("no_such_test", || {})).is_err());
}

#[test]
fn mounts_network_and_processes_are_private() {
    in_sandbox("mounts_network_and_processes_are_private", || {
        std::fs::write("/etc/signet-rig-was-here", "").unwrap();
        std::fs::write("/var/lib/signet/was-here", "").unwrap();
        let routes = std::fs::read_to_string("/proc/net/dev").unwrap();
        let interfaces: Vec<_> = routes.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
        assert_eq!(interfaces.iter().map(|name| name.trim()).collect::<Vec<_>>(), ["lo"]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(std::net::TcpStream::connect(listener.local_addr().unwrap()).is_ok());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let count =
            processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
        assert_eq!(count, 2, "the first process and this one");
    });
    assert!(!Path::new("/etc/signet-rig-was-here").exists());
}

#[test]
fn what_is_left_running_inside_dies_with_the_sandbox() {
    // A time that no other process sleeps, so that it can be looked for from outside.
    let command = ["sleep", "40123.25"];
    in_sandbox("what_is_left_running_inside_dies_with_the_sandbox", || {
        let left = Command::new("setsid").arg("--fork").args(command).stdin(Stdio::null()).status();
        assert!(left.unwrap().success());
        assert!(comes_to(true, command));
    });
    assert!(comes_to(false, command));
}

#[test]
fn all_inside_dies_with_the_test_program_outside() {
    const NAME: &str = "all_inside_dies_with_the_test_program_outside";
    let command = ["sleep", "40124.25"];
    if std::env::var_os("RIG_TEST_VICTIM").is_some() {
        in_sandbox(NAME, || {
            Command::new(command[0]).arg(command[1]).status().unwrap();
        });
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env("RIG_TEST_VICTIM", "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = comes_to(true, command);
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(started && comes_to(false, command));
}

/// Whether a process with this command line comes to be there, or not to be there, within 20 s.
fn comes_to(expected: bool, command: [&str; 2]) -> bool {
    let wanted = [command[0], "\0", command[1], "\0"].concat();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let there = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
        });
        if there == expected {
            return true;
        }
        // No event tells of the start or the end of a process that is not one's own child.
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
