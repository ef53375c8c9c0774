//! The card behind the real pcscd: ready at its start, believed by `OpenSC`, quick, forgetful.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    ffi::CString,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use signet_rig::{Child, Pcscd, in_sandbox};

fn card(pcscd: &Pcscd, algorithm: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet-sim-third-party-piv"));
    command.arg("--vpcd").arg(format!("127.0.0.1:{}", pcscd.port(0).unwrap()));
    command.args(["--alg", algorithm, "--cn", "Third Party", "--ca", "/run/ca.pem"]);
    let (child, _) = Child::start_ready(&mut command, "signet-sim-third-party-piv").unwrap();
    pcscd.wait_for_card(0, true).unwrap();
    child
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

#[test]
fn opensc_signs_and_the_authority_signed_the_certificate() {
    in_sandbox("opensc_signs_and_the_authority_signed_the_certificate", || {
        let pcscd = Pcscd::start(1).unwrap();
        fs::write("/run/data", [7; 32]).unwrap();
        for (algorithm, mechanism) in [("p256", "ECDSA-SHA256"), ("rsa2048", "SHA256-RSA-PKCS")] {
            let card = card(&pcscd, algorithm);
            let sign =
                ["--login", "--pin", "123456", "--sign", "--id", "01", "--signature-format", "openssl"];
            let files = ["--mechanism", mechanism, "-i", "/run/data", "-o", "/run/signature"];
            run("pkcs11-tool", &[&sign[..], &files[..]].concat());
            run("pkcs11-tool", &["--read-object", "--type", "cert", "--id", "01", "-o", "/run/cert.der"]);
            run("openssl", &["x509", "-inform", "der", "-in", "/run/cert.der", "-out", "/run/cert.pem"]);
            run("openssl", &["verify", "-CAfile", "/run/ca.pem", "/run/cert.pem"]);
            fs::write(
                "/run/public.pem",
                run("openssl", &["x509", "-in", "/run/cert.pem", "-noout", "-pubkey"]),
            )
            .unwrap();
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
            drop(card);
            pcscd.wait_for_card(0, false).unwrap();
        }
    });
}

#[test]
fn a_reset_forgets_the_pin_and_an_apdu_takes_milliseconds() {
    in_sandbox("a_reset_forgets_the_pin_and_an_apdu_takes_milliseconds", || {
        let pcscd = Pcscd::start(1).unwrap();
        let _card = card(&pcscd, "p256");
        let context = Context::establish(Scope::System).unwrap();
        let name = CString::new(pcscd.reader(0).unwrap()).unwrap();
        let mut card = context.connect(&name, ShareMode::Shared, Protocols::ANY).unwrap();
        let select = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
        let mut buffer = [0; 300];
        assert!(card.transmit(&select, &mut buffer).unwrap().ends_with(&[0x90, 0x00]));
        let verify = b"\x00\x20\x00\x80\x08123456\xFF\xFF";
        assert_eq!(card.transmit(verify, &mut buffer).unwrap(), [0x90, 0x00]);
        card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::ResetCard).unwrap();
        card.transmit(&select, &mut buffer).unwrap();
        let started = Instant::now();
        for _ in 0..50 {
            assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x80], &mut buffer).unwrap()[0], 0x63);
        }
        println!("one APDU: {:?}", started.elapsed() / 50);
        // Delayed acknowledgements alone would cost 43 ms each.
        assert!(started.elapsed() < Duration::from_millis(50 * 30), "{:?}", started.elapsed());
    });
}
