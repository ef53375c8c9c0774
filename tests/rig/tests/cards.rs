//! The card simulator behind the real pcscd, and `OpenSC` as the foreign client that believes it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fs, process::Command, time::Duration};

use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use signet_rig::{CardSimulator, Pcscd, in_sandbox};

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

fn connect(pcscd: &Pcscd, reader: u16) -> (Context, pcsc::Card) {
    let context = Context::establish(Scope::System).unwrap();
    let name = std::ffi::CString::new(pcscd.reader(reader).unwrap()).unwrap();
    let card = context.connect(&name, ShareMode::Shared, Protocols::ANY).unwrap();
    (context, card)
}

#[test]
fn insertion_and_removal_are_seen_by_event() {
    in_sandbox("insertion_and_removal_are_seen_by_event", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv", "badge=identifier,uid=04A1B2C3"]).unwrap();
        pcscd.wait_for_card(0, false).unwrap();
        for name in ["anna", "badge", "anna"] {
            cards.insert(name).unwrap();
            assert!(pcscd.wait_for_card(0, true).unwrap() < Duration::from_secs(2));
            cards.remove().unwrap();
            assert!(pcscd.wait_for_card(0, false).unwrap() < Duration::from_secs(2));
        }
        cards.insert("badge").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        let (_context, card) = connect(&pcscd, 0);
        let mut buffer = [0; 300];
        let answer = card.transmit(&[0xFF, 0xCA, 0, 0, 0], &mut buffer).unwrap();
        assert_eq!(answer, [0x04, 0xA1, 0xB2, 0xC3, 0x90, 0x00]);
    });
}

#[test]
fn two_readers_are_independent() {
    in_sandbox("two_readers_are_independent", || {
        let pcscd = Pcscd::start(2).unwrap();
        let first = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        let second = CardSimulator::start(&pcscd, 1, &["berta=piv"]).unwrap();
        first.insert("anna").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        pcscd.wait_for_card(1, false).unwrap();
        second.insert("berta").unwrap();
        pcscd.wait_for_card(1, true).unwrap();
        first.remove().unwrap();
        pcscd.wait_for_card(0, false).unwrap();
        pcscd.wait_for_card(1, true).unwrap();
        assert!(pcscd.port(2).is_err());
    });
}

#[test]
fn a_killed_pcscd_is_gone_and_comes_back_with_the_card() {
    in_sandbox("a_killed_pcscd_is_gone_and_comes_back_with_the_card", || {
        let mut pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        cards.insert("anna").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        let before = pcscd.id();
        pcscd.kill().unwrap();
        assert_eq!(Context::establish(Scope::System).err(), Some(pcsc::Error::NoService));
        pcscd.restart().unwrap();
        assert_ne!(pcscd.id(), before);
        pcscd.wait_for_card(0, true).unwrap();
    });
}

#[test]
fn a_card_pulled_in_the_middle_of_an_apdu_answers_no_status_word() {
    in_sandbox("a_card_pulled_in_the_middle_of_an_apdu_answers_no_status_word", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        cards.insert("anna").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        let (_context, card) = connect(&pcscd, 0);
        let select = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
        let mut buffer = [0; 300];
        cards.yank_mid_apdu(2).unwrap();
        assert!(card.transmit(&select, &mut buffer).unwrap().ends_with(&[0x90, 0x00]));
        match card.transmit(&select, &mut buffer) {
            Ok(answer) => assert!(answer.len() < 2, "{answer:02X?}"),
            Err(error) => assert!(
                matches!(
                    error,
                    pcsc::Error::NotTransacted | pcsc::Error::RemovedCard | pcsc::Error::NoSmartcard
                ),
                "{error}"
            ),
        }
        pcscd.wait_for_card(0, false).unwrap();
        assert_eq!(cards.send("present").unwrap(), "-");
    });
}

/// The exchanges of a login with P-256 through pcscd: the trap of delayed acknowledgements would cost
/// 43 ms for each of the four.
#[test]
fn a_login_through_pcscd_takes_milliseconds() {
    in_sandbox("a_login_through_pcscd_takes_milliseconds", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        cards.insert("anna").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        let (_context, mut card) = connect(&pcscd, 0);
        let mut times = Vec::new();
        for _ in 0..20 {
            let started = std::time::Instant::now();
            let transaction = card.transaction().unwrap();
            let mut buffer = [0; 300];
            for apdu in [
                &[0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00][..],
                &[0x00, 0x20, 0x00, 0x80],
                b"\x00\x20\x00\x80\x08123456\xFF\xFF",
                &[&[0x00, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32][..], &[7; 32], &[0]].concat(),
            ] {
                let answer = transaction.transmit(apdu, &mut buffer).unwrap();
                assert!(answer.ends_with(&[0x90, 0x00]) || answer == [0x63, 0xC3], "{answer:02X?}");
            }
            assert!(transaction.end(Disposition::ResetCard).is_ok());
            card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard).unwrap();
            times.push(started.elapsed());
        }
        times.sort();
        println!("a login: median {:?}, worst {:?}", times[10], times[19]);
        assert!(times[10] < Duration::from_millis(100), "{times:?}");
    });
}

#[test]
fn opensc_signs_with_both_kinds_of_card() {
    in_sandbox("opensc_signs_with_both_kinds_of_card", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = ["anna=piv,pin=65432109", "rita=piv,alg=rsa2048,gzip,pin=65432109,cn=Rita"];
        let cards = CardSimulator::start(&pcscd, 0, &cards).unwrap();
        fs::write("/run/data", [7; 32]).unwrap();
        for (name, mechanism) in [("anna", "ECDSA-SHA256"), ("rita", "SHA256-RSA-PKCS")] {
            cards.insert(name).unwrap();
            pcscd.wait_for_card(0, true).unwrap();
            assert!(run("opensc-tool", &["--name"]).contains("Personal Identity Verification Card"));
            assert!(run("piv-tool", &["--name"]).contains("Personal Identity Verification Card"));
            let sign =
                ["--login", "--pin", "65432109", "--sign", "--id", "01", "--signature-format", "openssl"];
            let files = ["--mechanism", mechanism, "-i", "/run/data", "-o", "/run/signature"];
            run("pkcs11-tool", &[&sign[..], &files[..]].concat());
            run("pkcs11-tool", &["--read-object", "--type", "cert", "--id", "01", "-o", "/run/cert.der"]);
            let cert = ["x509", "-inform", "der", "-in", "/run/cert.der", "-noout", "-pubkey", "-subject"];
            let text = run("openssl", &cert);
            assert!(text.contains(if name == "anna" { "CN = anna" } else { "CN = Rita" }), "{text}");
            fs::write("/run/public.pem", &text).unwrap();
            let verify = [
                "dgst",
                "-sha256",
                "-verify",
                "/run/public.pem",
                "-signature",
                "/run/signature",
                "/run/data",
            ];
            assert!(run("openssl", &verify).contains("Verified OK"));
            // A wrong PIN costs a try, which is there still after the card was out.
            let wrong = Command::new("pkcs11-tool")
                .args(["--login", "--pin", "11111111", "--list-objects"])
                .output()
                .unwrap();
            assert!(!wrong.status.success());
            cards.remove().unwrap();
            pcscd.wait_for_card(0, false).unwrap();
            assert_eq!(cards.tries(name).unwrap(), 2);
        }
    });
}

#[test]
fn commands_are_refused_with_what_is_allowed() {
    in_sandbox("commands_are_refused_with_what_is_allowed", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv", "berta=piv"]).unwrap();
        for (command, says) in [
            ("insert", "say which one"),
            ("insert carla", "there are anna, berta"),
            ("swap berta", "no card is in the reader"),
            ("explode", "all commands"),
            ("tries", "name one"),
        ] {
            let error = cards.send(command).unwrap_err().to_string();
            assert!(error.contains(says), "{command}: {error}");
        }
        cards.insert("anna").unwrap();
        cards.send("swap berta").unwrap();
        assert_eq!(cards.send("present").unwrap(), "berta");
    });
}
