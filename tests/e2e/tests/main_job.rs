//! The main job: a smart card opens, locks and re-opens a workstation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

use signet_e2e::{Setup, Typist, Workstation, library};
use signet_rig::{account, in_sandbox};

/// Enrols alice's card, logs her on with it as session `c1`, and pulls it.
fn locked_by_removal(setup: &Setup<'_>) -> Workstation {
    let station = Workstation::start(setup).unwrap();
    station.insert("alice").unwrap();
    let enrolled = station.enroll("alice", "471108").unwrap();
    assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
    let logon = station.log_on("alice", "c1", &[("PIN", "471108")]).unwrap();
    assert!(logon.granted(), "{}\n{}", logon.said, station.signetd.log());
    assert!(!station.logind.is_locked("c1").unwrap());
    station.remove().unwrap();
    station.await_locked("c1", true).unwrap();
    station
}

const UNLOCK: [&str; 4] = ["--stdin-secrets", "session", "unlock", "c1"];

/// Proves: AUT-03, AUT-07, ENR-04, ENR-05, MET-03, PAM-01, RMV-01, RMV-02, RMV-06
#[test]
fn a_card_logs_on_locks_and_unlocks() {
    in_sandbox("a_card_logs_on_locks_and_unlocks", || {
        let station = locked_by_removal(&Setup::default());
        station.insert("bob").unwrap();
        let other = station.ctl(&UNLOCK, &[]).unwrap();
        assert!(!other.granted(), "{}", other.said);
        assert!(station.logind.is_locked("c1").unwrap(), "another person's card unlocked the session");
        station.remove().unwrap();
        station.insert("alice").unwrap();
        let right = station.ctl(&UNLOCK, &[("PIN", "471108")]).unwrap();
        assert!(right.granted(), "{}\n{}", right.said, station.signetd.log());
        station.await_locked("c1", false).unwrap();
        // The token that unlocked it last holds it open now.
        station.remove().unwrap();
        station.await_locked("c1", true).unwrap();
    });
}

/// The same on the other engine: one word in the configuration.
///
/// Proves: MET-03, RMV-01
#[test]
fn the_main_job_on_sqlite() {
    in_sandbox("the_main_job_on_sqlite", || {
        let mut station = locked_by_removal(&Setup { config: "engine = \"sqlite\"", ..Setup::default() });
        // And over a crash: the session's token is remembered.
        station.restart_daemon().unwrap();
        station.insert("alice").unwrap();
        let right = station.ctl(&UNLOCK, &[("PIN", "471108")]).unwrap();
        assert!(right.granted(), "{}\n{}", right.said, station.signetd.log());
        station.await_locked("c1", false).unwrap();
    });
}

/// A session that was opened with a password is not locked by any card.
///
/// Proves: RMV-02
#[test]
fn a_password_session_is_not_locked_by_a_card() {
    in_sandbox("a_password_session_is_not_locked_by_a_card", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let logon = station.log_on("bob", "c7", &[("password", "bob-pw")]).unwrap();
        assert!(logon.granted(), "{}\n{}", logon.said, station.signetd.log());
        station.insert("bob").unwrap();
        station.remove().unwrap();
        // What the daemon does for a removal it does in order: this answer comes after it.
        let listed = station.ctl(&["session", "list"], &[]).unwrap();
        assert!(listed.said.contains("c7"), "{}", listed.said);
        assert!(!station.logind.is_locked("c7").unwrap());
    });
}

/// pcscd gone counts as removal, and the reader comes back with it.
///
/// Proves: RMV-07
#[test]
fn a_lost_reader_locks_and_nothing_stays_dead() {
    in_sandbox("a_lost_reader_locks_and_nothing_stays_dead", || {
        let mut station = Workstation::start(&Setup::default()).unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        assert!(station.log_on("alice", "c1", &[("PIN", "471108")]).unwrap().granted());
        station.pcscd.kill().unwrap();
        station.await_locked("c1", true).unwrap();
        station.pcscd.restart().unwrap();
        station.await_token(true).unwrap();
        let right = station.ctl(&UNLOCK, &[("PIN", "471108")]).unwrap();
        assert!(right.granted(), "{}\n{}", right.said, station.signetd.log());
    });
}

/// The real `su` and `sudo`, asked by a real user.
///
/// Proves: AUT-07, PAM-01
#[test]
fn su_and_sudo_take_the_card() {
    in_sandbox("su_and_sudo_take_the_card", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let module = library().unwrap();
        let stack = format!(
            "auth required {m}\naccount required {m}\nsession required pam_permit.so\n",
            m = module.display()
        );
        for service in ["su", "sudo"] {
            account::pam_service(service, &stack).unwrap();
        }
        std::fs::write("/etc/sudoers", "Defaults !lecture\nalice ALL=(ALL) ALL\n").unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        let as_alice = |command: &str| {
            let mut run = Command::new("setpriv");
            let uid = account::user_id("alice").unwrap().to_string();
            run.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "sh", "-c", command]);
            run.env("USER", "alice");
            run
        };
        let sudo = Typist::run(&mut as_alice("sudo -S id -un"), &[("PIN", "471108")]).unwrap();
        assert!(sudo.granted() && sudo.said.contains("root"), "{}\n{}", sudo.said, station.signetd.log());
        let su = Typist::run(&mut as_alice("su alice -c 'id -un'"), &[("PIN", "471108")]).unwrap();
        assert!(su.granted() && su.said.contains("alice"), "{}", su.said);
        let wrong = Typist::run(&mut as_alice("sudo -S id -un"), &[("PIN", "999999")]).unwrap();
        assert!(!wrong.granted() && !wrong.said.contains("root"), "{}", wrong.said);
    });
}
