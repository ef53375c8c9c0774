//! What a removal does to the sessions of the running system, and what it does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{fs, process::Command, time::Duration};

use common::Line;
use serde_json::json;
use signet_e2e::{Setup, Typist, Workstation};
use signet_rig::in_sandbox;

const UNLOCK: [&str; 4] = ["--stdin-secrets", "session", "unlock", "c1"];
const UNLOCKABLE: &str = "[session]\nunlock_by_token = true\n";

/// alice is logged on with her card as session `c1`.
fn logged_on(policy: &str) -> Workstation {
    let station = Workstation::start(&Setup { policy, ..Setup::default() }).unwrap();
    station.insert("alice").unwrap();
    let enrolled = station.enroll("alice", "471108").unwrap();
    assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
    let logon = station.log_on("alice", "c1", &[("PIN", "471108")]).unwrap();
    assert!(logon.granted(), "{}\n{}", logon.said, station.signetd.log());
    station
}

fn unlock(station: &Workstation) {
    let right = station.ctl(&UNLOCK, &[("PIN", "471108")]).unwrap();
    assert!(right.granted(), "{}\n{}", right.said, station.signetd.log());
    station.await_locked("c1", false).unwrap();
}

/// What the daemon was asked before this is done when this returns: the removal's action is carried out in order.
fn nothing_happens(station: &Workstation, session: &str) {
    let before = station.logind.calls().unwrap().len();
    std::thread::park_timeout(Duration::from_millis(700));
    assert_eq!(station.logind.calls().unwrap().len(), before, "{:?}", station.logind.calls().unwrap());
    assert!(!station.logind.is_locked(session).unwrap());
}

/// Proves: RMV-04
#[test]
fn a_changed_action_counts_from_the_removal_after_next() {
    in_sandbox("a_changed_action_counts_from_the_removal_after_next", || {
        let station = logged_on(UNLOCKABLE);
        let none = format!("{UNLOCKABLE}[method.smartcard]\nremoval_action = \"none\"\n");
        assert!(station.set_policy(&none).unwrap().granted());
        // The next removal still does what was in force at logon.
        station.remove().unwrap();
        station.await_locked("c1", true).unwrap();
        station.insert("alice").unwrap();
        unlock(&station);
        station.remove().unwrap();
        nothing_happens(&station, "c1");
        // And back: the next one is still without effect.
        assert!(station.set_policy(UNLOCKABLE).unwrap().granted());
        station.insert("alice").unwrap();
        nothing_happens(&station, "c1");
        station.remove().unwrap();
        nothing_happens(&station, "c1");
        station.insert("alice").unwrap();
        nothing_happens(&station, "c1");
        station.remove().unwrap();
        station.await_locked("c1", true).unwrap();
    });
}

/// Proves: RMV-05
#[test]
fn a_removal_during_an_enrolment_triggers_nothing() {
    in_sandbox("a_removal_during_an_enrolment_triggers_nothing", || {
        let station = logged_on(UNLOCKABLE);
        let mut line = Line::open();
        line.call("io.signet.Enrollment.Enroll", &json!({"user": "alice", "method": "smartcard"}), true);
        let first = line.reply().unwrap();
        assert!(first.get("error").is_none(), "{first}");
        station.remove().unwrap();
        nothing_happens(&station, "c1");
        station.insert("alice").unwrap();
        // A card that is pulled before it was read again was never back.
        let known = || Ok(station.signetd.log().contains("enrolled=true"));
        station.until("the card to be known again", known).unwrap();
        drop(line);
        // It is over: the next one counts again.
        station
            .until("the end of the conversation", || {
                Ok(station
                    .ctl(&["--json", "status"], &[])?
                    .said
                    .replace(' ', "")
                    .contains("\"conversations\":0"))
            })
            .unwrap();
        station.remove().unwrap();
        station.await_locked("c1", true).unwrap();
    });
}

fn audit() -> String {
    fs::read_to_string("/var/lib/signet/audit.jsonl").unwrap()
}

/// Proves: RMV-06
#[test]
fn a_locker_that_never_locks_is_recorded_and_the_session_ended() {
    in_sandbox("a_locker_that_never_locks_is_recorded_and_the_session_ended", || {
        let station = logged_on("[session]\nlock_fallback = \"terminate\"\nlock_confirm_seconds = 1\n");
        station.logind.set_locker(None).unwrap();
        station.remove().unwrap();
        station
            .until("the session's end", || Ok(!station.logind.sessions()?.contains(&"c1".into())))
            .unwrap();
        let calls: Vec<_> = station.logind.calls().unwrap().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, ["LockSession c1", "TerminateSession c1"]);
        assert!(audit().contains("lock-not-confirmed"), "{}", audit());
    });
}

/// Proves: RMV-01, RMV-06
#[test]
fn a_logoff_action_ends_only_its_own_session() {
    in_sandbox("a_logoff_action_ends_only_its_own_session", || {
        let station = logged_on("[method.smartcard]\nremoval_action = \"logoff\"\n");
        assert!(station.log_on("bob", "c2", &[("password", "bob-pw")]).unwrap().granted());
        station.remove().unwrap();
        station
            .until("the session's end", || Ok(!station.logind.sessions()?.contains(&"c1".into())))
            .unwrap();
        let calls: Vec<_> = station.logind.calls().unwrap().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, ["TerminateSession c1"]);
        assert!(station.logind.sessions().unwrap().contains(&"c2".into()));
        assert!(!station.logind.is_locked("c2").unwrap());
    });
}

/// Two people at once: the card of one concerns his session only. What happens while the daemon is
/// down is made up for at its start.
///
/// Proves: RMV-01, RMV-02
#[test]
fn a_card_pulled_while_the_daemon_was_down_locks_at_its_start() {
    in_sandbox("a_card_pulled_while_the_daemon_was_down_locks_at_its_start", || {
        let mut station = logged_on(UNLOCKABLE);
        assert!(station.log_on("bob", "c2", &[("password", "bob-pw")]).unwrap().granted());
        // A restart alone locks nobody.
        station.restart_daemon().unwrap();
        station.await_token(true).unwrap();
        nothing_happens(&station, "c1");
        station.signetd.kill();
        station.cards.remove().unwrap();
        station.pcscd.wait_for_card(0, false).unwrap();
        station.restart_daemon().unwrap();
        station.await_locked("c1", true).unwrap();
        assert!(!station.logind.is_locked("c2").unwrap());
    });
}

/// From far away nobody can put a card into this reader: it is not offered and not waited for.
///
/// Proves: AUT-09
#[test]
fn a_remote_logon_is_not_offered_the_card() {
    in_sandbox("a_remote_logon_is_not_offered_the_card", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        let apdus = station.cards.send("apdus").unwrap();
        let mut remote = Command::new("pamtester");
        remote.args(["-I", "rhost=203.0.113.9", "signet-try", "alice", "authenticate"]);
        let typed = Typist::run(&mut remote, &[("password", "alice-pw")]).unwrap();
        assert!(typed.granted() && !typed.said.contains("PIN"), "{}", typed.said);
        assert_eq!(station.cards.send("apdus").unwrap(), apdus, "the card was asked");
        // Even asked for by name.
        let told = Line::open().start(
            &json!({"service": "signet-try", "user": "alice", "remote_host": "203.0.113.9", "method": "smartcard"}),
        );
        assert!(told.prompt.is_none() && !told.granted(), "{told:?}");
        assert_eq!(station.cards.send("apdus").unwrap(), apdus, "the card was asked");
    });
}
