//! The machine's clock is set back by a day under the running system.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{fs, process::Command};

use common::{Line, card_logon};
use serde_json::json;
use signet_e2e::{Setup, Workstation};
use signet_rig::in_sandbox;

/// A sandbox shares the machine's clock, and setting that would hurt everybody else on it. So signetd's
/// calls of the C library are answered as a clock would that was set back, while this file exists.
const SWITCH: &str = "/run/clock-is-a-day-back";
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && !strcmp(program_invocation_short_name, "signetd")
        && access("/run/clock-is-a-day-back", F_OK) == 0) time->tv_sec -= 86400;
    return (int)result;
}
"#;

fn install() {
    fs::write("/run/clock.c", CLOCK).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o", "/run/clock.so", "/run/clock.c"]).status();
    assert!(built.unwrap().success());
    // The sandbox has an /etc of its own.
    fs::write("/etc/ld.so.preload", "/run/clock.so\n").unwrap();
}

fn set_back(back: bool) {
    if back { fs::write(SWITCH, "").unwrap() } else { fs::remove_file(SWITCH).unwrap() }
}

/// Whoever sets the clock back, or waits for somebody to do it, gets no tries by it; and nobody is
/// locked out for a day.
#[test]
fn a_clock_set_back_gives_no_tries_and_locks_nobody_out() {
    in_sandbox("a_clock_set_back_gives_no_tries_and_locks_nobody_out", || {
        install();
        let policy = "[lockout]\nthreshold = 3\nlockout_seconds = 5\n";
        let mut station = Workstation::start(&Setup { policy, ..Setup::default() }).unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        let wrong = [("password", "x1"), ("password", "x2"), ("password", "x3")];
        assert!(!station.authenticate("bob", &wrong).unwrap().granted());
        set_back(true);
        let bob = station.authenticate("bob", &[]).unwrap();
        assert!(!bob.granted() && bob.said.contains("Too many failures"), "{}", bob.said);
        let seconds = bob.said.split("Try again in ").nth(1).and_then(|rest| rest.split(' ').next());
        let seconds: u32 = seconds.unwrap().parse().unwrap();
        assert!((1..=5).contains(&seconds), "{seconds} s");
        // The wait counts from the clock as it is now: bob is not locked out until it has caught up.
        let bob = json!({"service": "signet-try", "user": "bob"});
        station.until("the lockout's end", || Ok(Line::open().start(&bob).asks("password"))).unwrap();
        assert!(station.authenticate("bob", &[("password", "bob-pw")]).unwrap().granted());
        assert!(card_logon("alice", "471108").granted());
        station.restart_daemon().unwrap();
        station.await_token(true).unwrap();
        assert!(card_logon("alice", "471108").granted(), "{}", station.signetd.log());
        // The newest entry is dated by the clock as it is now: it was really set back.
        let audit = fs::read_to_string("/var/lib/signet/audit.jsonl").unwrap();
        let times: Vec<u64> = audit
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?.get("time")?.as_u64())
            .collect();
        let (first, last) = (times.first().unwrap(), times.last().unwrap());
        assert!(last + 80_000 < *first, "{first} {last}");
        set_back(false);
        station.restart_daemon().unwrap();
        station.await_token(true).unwrap();
        assert!(card_logon("alice", "471108").granted());
    });
}
