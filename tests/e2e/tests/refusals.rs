//! What must not open anything, tried through the real programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use signet_e2e::{Setup, Workstation};
use signet_rig::in_sandbox;

/// A workstation on which alice's card is enrolled and in the reader.
fn enrolled() -> Workstation {
    let station = Workstation::start(&Setup::default()).unwrap();
    station.insert("alice").unwrap();
    let enrolled = station.enroll("alice", "471108").unwrap();
    assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
    station
}

/// Proves: AUT-04, POL-05
#[test]
fn a_wrong_pin_is_told_and_may_be_tried_again() {
    in_sandbox("a_wrong_pin_is_told_and_may_be_tried_again", || {
        let station = enrolled();
        let typed = station
            .authenticate("alice", &[("PIN", "000000"), ("Spend one", "yes"), ("PIN", "471108")])
            .unwrap();
        assert!(typed.granted(), "the second, right PIN was refused: {}", typed.said);
        assert!(typed.said.contains("Wrong PIN"), "{}", typed.said);
        assert_eq!(station.cards.tries("alice").unwrap(), 3, "a right PIN gives all tries back");
    });
}

/// The last two tries of a card are its owner's: nothing spends them unasked (security.md, R15).
///
/// Proves: AUT-04
#[test]
fn the_last_two_tries_of_a_card_are_not_spent_unasked() {
    in_sandbox("the_last_two_tries_of_a_card_are_not_spent_unasked", || {
        let station = enrolled();
        let typed = station.authenticate("alice", &[("PIN", "000000"), ("Spend one", "no")]).unwrap();
        assert!(!typed.granted(), "{}", typed.said);
        assert_eq!(
            station.cards.tries("alice").unwrap(),
            2,
            "a second try was spent without being asked for"
        );
    });
}

/// Proves: ENA-02, ENA-04, ENA-06
#[test]
fn a_disabled_method_is_told_and_opens_nothing() {
    in_sandbox("a_disabled_method_is_told_and_opens_nothing", || {
        let station = enrolled();
        assert!(station.set_policy("[method.smartcard]\nenabled = false\n").unwrap().granted());
        let card = station.ctl(&["--stdin-secrets", "verify", "smartcard", "--user", "alice"], &[]).unwrap();
        assert!(!card.granted() && card.said.contains("disabled"), "{}", card.said);
        let again = station.ctl(&["--stdin-secrets", "enroll", "smartcard", "--user", "alice"], &[]).unwrap();
        assert!(!again.granted() && again.said.contains("disabled"), "{}", again.said);
        let methods = station.ctl(&["methods", "--user", "alice"], &[]).unwrap();
        assert!(methods.said.to_lowercase().contains("disabled"), "{}", methods.said);
        let password = station.authenticate("alice", &[("password", "alice-pw")]).unwrap();
        assert!(password.granted(), "the password is enabled: {}", password.said);
        // Another method is enrolled: the exception is over, and a disabled password opens nothing.
        let both = "[method.smartcard]\nenabled = false\n[method.password]\nenabled = false\n";
        assert!(station.set_policy(both).unwrap().said.contains("alice"), "who is locked out is not told");
        assert!(!station.authenticate("alice", &[]).unwrap().granted());
        // bob has enrolled nothing: his password works although it is disabled.
        assert!(station.authenticate("bob", &[("password", "bob-pw")]).unwrap().granted());
    });
}

/// Proves: ENR-08
#[test]
fn a_card_of_somebody_else_cannot_be_enrolled_and_nobody_is_named() {
    in_sandbox("a_card_of_somebody_else_cannot_be_enrolled_and_nobody_is_named", || {
        let station = enrolled();
        let typed = station.enroll("bob", "471108").unwrap();
        assert!(!typed.granted(), "{}", typed.said);
        assert!(!typed.said.contains("alice"), "the owner is named: {}", typed.said);
        assert!(station.ctl(&["list", "--user", "bob"], &[]).unwrap().said.find("smartcard").is_none());
    });
}

/// Proves: POL-10
#[test]
fn a_faulty_policy_is_refused_with_its_place_and_the_last_good_one_stays() {
    in_sandbox("a_faulty_policy_is_refused_with_its_place_and_the_last_good_one_stays", || {
        let station = enrolled();
        for (text, says) in [
            ("[method.smartcard]\nenabled = \"no\"\n", "policy.toml:2"),
            ("[method.smartcard]\npin_min_length = 17\n", "16"),
            ("[method.smartcart]\nenabled = false\n", "smartcard"),
        ] {
            let typed = station.set_policy(text).unwrap();
            assert!(!typed.granted() && typed.said.contains(says), "{text}: {}", typed.said);
            let logon = station.authenticate("alice", &[("PIN", "471108")]).unwrap();
            assert!(logon.granted(), "{}", logon.said);
        }
    });
}

/// A dead daemon lets nobody in and nobody wait.
///
/// Proves: PAM-01
#[test]
fn a_dead_daemon_answers_within_a_second_and_with_no() {
    in_sandbox("a_dead_daemon_answers_within_a_second_and_with_no", || {
        let mut station = enrolled();
        station.signetd.kill();
        let typed = station.authenticate("alice", &[]).unwrap();
        assert!(!typed.granted());
        assert!(typed.took.as_secs() < 2, "{:?}", typed.took);
        station.restart_daemon().unwrap();
        station.await_token(true).unwrap();
        let logon = station.authenticate("alice", &[("PIN", "471108")]).unwrap();
        assert!(logon.granted(), "what was enrolled before the crash is gone: {}", logon.said);
    });
}

/// No PIN or password appears in the log, even at its most talkative, or in the audit record.
///
/// Proves: AUD-02
#[test]
fn no_secret_is_logged() {
    in_sandbox("no_secret_is_logged", || {
        let station = Workstation::start(&Setup { log_level: "trace", ..Setup::default() }).unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        assert!(
            station
                .authenticate("alice", &[("PIN", "000777"), ("Spend one", "yes"), ("PIN", "471108")])
                .unwrap()
                .granted()
        );
        let audit = std::fs::read_to_string("/var/lib/signet/audit.jsonl").unwrap();
        for secret in ["471108", "000777", "alice-pw"] {
            assert!(!station.signetd.log().contains(secret), "{secret} is in the log");
            assert!(!audit.contains(secret), "{secret} is in the audit record");
        }
    });
}
