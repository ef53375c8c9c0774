//! Cards and readers that go wrong in the middle: nobody gets in by it, and the next logon works.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use common::{Line, alive, card_logon};
use signet_e2e::{Setup, Workstation};
use signet_rig::{ThirdPartyCard, in_sandbox};

fn enrolled() -> Workstation {
    let station = Workstation::start(&Setup::default()).unwrap();
    station.insert("alice").unwrap();
    enroll(&station);
    station
}

fn enroll(station: &Workstation) {
    let enrolled = station.enroll("alice", "471108").unwrap();
    assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
}

/// The card is well again, in the reader, and logs alice on.
fn recovers(station: &Workstation, what: &str) {
    if station.cards.send("present").unwrap() != "alice" {
        station.await_token(false).unwrap();
        station.insert("alice").unwrap();
    }
    station.cards.send("heal").unwrap();
    station.cards.send("reset-tries alice").unwrap();
    let mut told = card_logon("alice", "471108");
    // A try with a PIN that came to nothing counts: the next one may have to wait some seconds.
    while told.text.contains("Try again in 1 s") || told.text.contains("Try again in 2 s") {
        std::thread::park_timeout(Duration::from_millis(300));
        told = card_logon("alice", "471108");
    }
    assert!(told.granted(), "after {what}: {told:?}\n{}", station.signetd.log());
}

fn apdus(station: &Workstation) -> u32 {
    station.cards.send("apdus").unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// The APDUs of one undisturbed logon.
fn apdus_of_a_logon(station: &Workstation) -> u32 {
    let before = apdus(station);
    assert!(card_logon("alice", "471108").granted());
    apdus(station) - before
}

/// Which APDU of a logon asks for the signature (GENERAL AUTHENTICATE), 1 being the first.
fn signs_at(station: &Workstation) -> u32 {
    let all = usize::try_from(apdus_of_a_logon(station)).unwrap();
    let log = station.cards.send("apdus").unwrap();
    let instructions: Vec<_> = log.split(' ').skip(1).collect();
    let logon = &instructions[instructions.len() - all..];
    u32::try_from(logon.iter().rposition(|instruction| *instruction == "87").unwrap() + 1).unwrap()
}

/// Pulled at any APDU of a logon, the card opens nothing, and the next logon works.
///
/// Proves: AUT-04
#[test]
fn a_card_pulled_at_any_apdu_opens_nothing() {
    in_sandbox("a_card_pulled_at_any_apdu_opens_nothing", || {
        let station = enrolled();
        let all = apdus_of_a_logon(&station);
        assert!(all > 3, "{all} APDUs");
        for at in 1..=all {
            // Without an answer, or with the first half of one.
            let half = if at % 2 == 0 { " partial" } else { "" };
            station.cards.send(&format!("yank-mid-apdu {at}{half}")).unwrap();
            let told = card_logon("alice", "471108");
            let pulled = station.cards.send("present").unwrap() != "alice";
            assert!(!(told.granted() && pulled), "granted without the card, pulled at APDU {at}: {told:?}");
            assert!(pulled, "the card was to be pulled at APDU {at} of {all}: {told:?}");
            recovers(&station, &format!("the pull at APDU {at}"));
        }
        assert_eq!(station.cards.tries("alice").unwrap(), 3);
    });
}

/// Another card that takes the place of the right one never sees the right one's PIN.
///
/// Proves: AUT-04
#[test]
fn a_swapped_card_gets_no_pin_and_opens_nothing() {
    in_sandbox("a_swapped_card_gets_no_pin_and_opens_nothing", || {
        let station = enrolled();
        // While the prompt is open, by hand: out and in.
        let mut line = Line::open();
        assert!(line.start_card("alice").asks("card-pin"));
        station.remove().unwrap();
        station.insert("bob").unwrap();
        let told = line.respond("471108");
        assert!(!told.granted(), "{told:?}");
        drop(line);
        assert_eq!(station.cards.tries("bob").unwrap(), 3, "the PIN went to the other card");
        station.remove().unwrap();
        station.insert("alice").unwrap();
        // And by a reader's deceit, without an event: between any two APDUs.
        let all = apdus_of_a_logon(&station);
        for at in 1..=all {
            station.cards.send(&format!("swap-at-apdu {at} bob")).unwrap();
            let told = card_logon("alice", "471108");
            assert!(!told.granted(), "bob's card from APDU {at} on opened alice's session: {told:?}");
            station.cards.send("reset-tries bob").unwrap();
            if station.cards.send("present").unwrap() != "alice" {
                station.cards.send("swap alice").unwrap();
            }
            recovers(&station, &format!("the swap at APDU {at}"));
        }
        let mut line = Line::open();
        assert!(line.start_card("alice").asks("card-pin"));
        station.cards.send("swap bob").unwrap();
        let told = line.respond("471108");
        assert!(!told.granted(), "{told:?}");
        let bob = station.cards.tries("bob").unwrap();
        drop(line);
        station.cards.send("swap alice").unwrap();
        recovers(&station, "the swaps");
        assert_eq!(bob, 3, "the PIN went to the card that was swapped in while the prompt was open");
    });
}

/// Answers that no card gives: nothing is granted by them and nothing dies of them.
#[test]
fn hostile_answers_open_nothing() {
    in_sandbox("hostile_answers_open_nothing", || {
        let station = enrolled();
        let signs = signs_at(&station);
        for fault in [
            "garble",
            "truncate 1",
            "oversize 60000",
            "endless-61",
            "wrong-tag",
            "status 6F00",
            "status 9000",
        ] {
            for at in [1, signs / 2, signs - 1, signs] {
                station.cards.send(&format!("{fault} {at}")).unwrap();
                let told = card_logon("alice", "471108");
                // A logon whose last answer is the card's own, unspoilt signature may go on over an
                // answer before it that it does not need.
                let unneeded = at < signs && !fault.starts_with("status 6F") && !fault.starts_with("endless");
                assert!(unneeded || !told.granted(), "{fault} at {at}: {told:?}");
                assert!(alive(), "{fault} at {at}");
                recovers(&station, &format!("{fault} at {at}"));
            }
        }
    });
}

/// A card that does not answer in time is told of; others are served meanwhile.
#[test]
fn a_stalled_card_is_told_and_stops_nobody_else() {
    in_sandbox("a_stalled_card_is_told_and_stops_nobody_else", || {
        let station = enrolled();
        station.cards.send("stall 14000 2").unwrap();
        let stalled = std::thread::spawn(|| (card_logon("alice", "471108"), Instant::now()));
        let other = station.authenticate("bob", &[("password", "bob-pw")]).unwrap();
        let served = Instant::now();
        assert!(other.granted() && other.took < Duration::from_secs(5), "{} {:?}", other.said, other.took);
        let (told, ended) = stalled.join().unwrap();
        assert!(ended > served, "nothing was stalled");
        assert!(!told.granted() && !told.text.is_empty(), "{told:?}");
        station.cards.send("heal").unwrap();
        station.until("the next logon", || Ok(card_logon("alice", "471108").granted())).unwrap();
    });
}

/// The process id of the daemon's device host.
fn device_host(station: &Workstation) -> u32 {
    let parent = format!("PPid:\t{}", station.signetd.id());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.into_iter()
        .find(|id: &u32| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.contains(&parent) && status.starts_with("Name:\tsignet-device-h")
        })
        .unwrap()
}

/// pcscd or the device host dies while a PIN is asked for: a no, and then everything is as before.
#[test]
fn a_death_below_an_open_prompt_is_a_no() {
    in_sandbox("a_death_below_an_open_prompt_is_a_no", || {
        let mut station = enrolled();
        let mut line = Line::open();
        assert!(line.start_card("alice").asks("card-pin"));
        station.pcscd.kill().unwrap();
        let told = line.respond("471108");
        assert!(!told.granted(), "{told:?}");
        drop(line);
        station.await_gone();
        station.pcscd.restart().unwrap();
        station.await_token(true).unwrap();
        recovers(&station, "pcscd's death");

        for _ in 0..2 {
            let mut line = Line::open();
            assert!(line.start_card("alice").asks("card-pin"));
            let dead = device_host(&station);
            assert!(Command::new("kill").args(["-9", &dead.to_string()]).status().unwrap().success());
            let told = line.respond("471108");
            assert!(!told.granted(), "{told:?}");
            drop(line);
            station
                .until("another device host", || {
                    Ok(station.signetd.log().contains("the device host is gone"))
                })
                .unwrap();
            station.until("its readers", || Ok(card_logon("alice", "471108").granted())).unwrap();
            assert_ne!(device_host(&station), dead);
        }
    });
}

trait Gone {
    fn await_gone(&self);
}

impl Gone for Workstation {
    /// Waits until the daemon shows no reader.
    fn await_gone(&self) {
        self.until("no reader", || {
            let listed = self.ctl(&["--json", "status"], &[])?;
            Ok(!listed.said.contains("\"token_present\": true")
                && !listed.said.contains("\"token_present\":true"))
        })
        .unwrap();
    }
}

fn in_seconds(seconds: u32) -> String {
    let output = Command::new("date")
        .args(["-u", "-d", &format!("+{seconds} seconds"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// A certificate out of its time is refused with the date, at enrolment and at logon.
///
/// Proves: MET-03
#[test]
fn a_certificate_out_of_its_time_is_refused_with_the_date() {
    in_sandbox("a_certificate_out_of_its_time_is_refused_with_the_date", || {
        let end = in_seconds(25);
        let brief = format!("alice=piv,pin=471108,not-after={end}");
        let cards = [
            "old=piv,pin=471108,not-before=2019-01-01,not-after=2020-02-03",
            "young=piv,pin=471108,not-before=2090-04-05,not-after=2091-01-01",
            &brief,
        ];
        let station = Workstation::start(&Setup { cards: &cards, ..Setup::default() }).unwrap();
        station.insert("alice").unwrap();
        enroll(&station);
        assert!(card_logon("alice", "471108").granted());
        for (card, date) in [("old", "2020-02-03"), ("young", "2090-04-05")] {
            station.remove().unwrap();
            station.insert(card).unwrap();
            let typed = station.ctl(
                &["--stdin-secrets", "enroll", "smartcard", "--user", "bob"],
                &[("Your password", "bob-pw")],
            );
            let typed = typed.unwrap();
            assert!(!typed.granted() && typed.said.contains(date), "{card}: {}", typed.said);
        }
        station.remove().unwrap();
        station.insert("alice").unwrap();
        let day = &end[..10];
        let mut told = card_logon("alice", "471108");
        let deadline = Instant::now() + Duration::from_secs(30);
        // Time itself is what is waited for.
        while told.granted() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(500));
            told = card_logon("alice", "471108");
        }
        assert!(!told.granted() && told.text.contains(day), "{told:?}");
    });
}

/// A card without a key is the weak form: a Signet PIN beside it, and one proof only.
///
/// Proves: MET-03, POL-05
#[test]
fn an_identifier_with_a_signet_pin_is_one_factor() {
    in_sandbox("an_identifier_with_a_signet_pin_is_one_factor", || {
        let weak = "[method.smartcard]\npin_type = \"signet\"\n";
        let cards = ["badge=identifier,uid=04A1B2C3", "alice=piv,pin=471108", "carol=piv,pin=471108,9e=p256"];
        let station = Workstation::start(&Setup { cards: &cards, policy: weak, ..Setup::default() }).unwrap();
        let pin = [("Your password", "alice-pw"), ("New Signet PIN: ", "1234"), ("PIN again", "1234")];
        let add = ["--stdin-secrets", "enroll", "smartcard", "--user", "alice"];
        station.insert("badge").unwrap();
        let typed = station.ctl(&add, &pin).unwrap();
        assert!(typed.granted(), "{}\n{}", typed.said, station.signetd.log());
        assert!(station.authenticate("alice", &[("Signet PIN", "1234")]).unwrap().granted());
        assert!(!card_logon("alice", "4321").granted());
        let strict = format!("{weak}[service.signet-try]\nfactors = \"two-factor\"\n");
        assert!(station.set_policy(&strict).unwrap().granted());
        let told = card_logon("alice", "1234");
        assert!(!told.granted(), "an identifier that anybody can copy counted as a factor: {told:?}");
        // A PIV card whose key asks for the card's own PIN cannot have a Signet PIN.
        assert!(station.set_policy(weak).unwrap().granted());
        station.remove().unwrap();
        station.insert("alice").unwrap();
        let bob = ["--stdin-secrets", "enroll", "smartcard", "--user", "bob"];
        let typed = station.ctl(&bob, &[("Your password", "bob-pw")]).unwrap();
        assert!(!typed.granted() && typed.said.contains("pin_type"), "{}", typed.said);
        // One with a card authentication key can.
        station.remove().unwrap();
        station.insert("carol").unwrap();
        let pin = [("Your password", "bob-pw"), ("New Signet PIN: ", "5678"), ("PIN again", "5678")];
        let typed = station.ctl(&bob, &pin).unwrap();
        assert!(typed.granted(), "{}\n{}", typed.said, station.signetd.log());
        let told = card_logon("bob", "5678");
        assert!(told.granted(), "{told:?}");
    });
}

/// RSA-2048, and a card that others wrote.
///
/// Proves: MET-03
#[test]
fn rsa_and_a_card_of_others_log_on() {
    in_sandbox("rsa_and_a_card_of_others_log_on", || {
        let cards = ["alice=piv,alg=rsa2048,pin=471108,cn=alice,gzip"];
        let station = Workstation::start(&Setup { cards: &cards, ..Setup::default() }).unwrap();
        station.insert("alice").unwrap();
        enroll(&station);
        assert!(station.authenticate("alice", &[("PIN", "471108")]).unwrap().granted());
        station.remove().unwrap();
        // It may be gone before it has said so.
        let _ = station.cards.send("quit");
        let _card = ThirdPartyCard::start(&station.pcscd, 0, "p256", "bob").unwrap();
        station.pcscd.wait_for_card(0, true).unwrap();
        station.await_token(true).unwrap();
        let typed = station.enroll("bob", "123456").unwrap();
        assert!(typed.granted(), "{}\n{}", typed.said, station.signetd.log());
        let logon = station.authenticate("bob", &[("PIN", "123456")]).unwrap();
        assert!(logon.granted(), "{}\n{}", logon.said, station.signetd.log());
    });
}
