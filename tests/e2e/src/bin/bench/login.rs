//! One PAM authentication as a whole process, against the other modules on the same card.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use signet_e2e::{Typist, Workstation};
use signet_rig::{ThirdPartyCard, account};

use crate::{
    Fault,
    table::{Row, Sample, Statistic, Target},
};

const ROUNDS: usize = 25;
/// What is tried in each round: the PAM service, and whether it asks for the PIN.
const SERVICES: [(&str, bool); 4] =
    [("signet-try", true), ("bench-p11", true), ("bench-pkcs11", true), ("bench-permit", false)];

/// On the project's own card, which answers at once, so that what the modules themselves do weighs more
/// than the target was set for; with its certificates in `state`.
pub(crate) fn measure(station: &Workstation, state: &Path) -> Result<Vec<Row>, Fault> {
    set_up_peers("alice", &state.join("alice/9a.pem"), &state.join("ca.pem"))?;
    station.insert("alice")?;
    let mut rows =
        against_peers(station, "alice", "471108", "PAM authentication, RSA-2048 card", || Target::None)?;
    station.remove()?;
    station.insert("bob")?;
    let p256 = on_card(station, "bob", "081147", &[("signet-try", true), ("bench-permit", false)])?;
    station.remove()?;
    let [newer, floor] = p256.as_slice() else { return Err("a service is missing".into()) };
    rows.push(row("PAM authentication, P-256 card", newer, "pamtester alone", floor, Target::None));
    Ok(rows)
}

/// On the applet that others wrote, the one that the target was set with. Takes the reader over.
pub(crate) fn measure_third_party(station: &Workstation) -> Result<Vec<Row>, Fault> {
    // The simulator may be gone before it has said so.
    let _ = station.cards.send("quit");
    account::add_user("dave")?;
    account::set_password("dave", "dave-pw")?;
    let card = ThirdPartyCard::start(&station.pcscd, 0, "rsa2048", "dave")?;
    station.pcscd.wait_for_card(0, true)?;
    station.await_token(true)?;
    let certificate = Path::new("/run/signet-rig/third-party-9a.pem");
    read_certificate(certificate)?;
    set_up_peers("dave", certificate, card.authority())?;
    against_peers(station, "dave", "123456", "PAM authentication, RSA-2048 card by others", || {
        Target::Ratio(0.2)
    })
}

fn row(figure: &str, own: &Sample, peer: &str, theirs: &Sample, target: Target) -> Row {
    let (figure, peer) = (figure.to_owned(), (peer.to_owned(), theirs.clone()));
    Row { figure, statistic: Statistic::Median, own: own.clone(), peer, target }
}

fn against_peers(
    station: &Workstation,
    user: &str,
    pin: &str,
    figure: &str,
    target: impl Fn() -> Target,
) -> Result<Vec<Row>, Fault> {
    let samples = on_card(station, user, pin, &SERVICES)?;
    let [signet, p11, pkcs11, floor] = samples.as_slice() else { return Err("a service is missing".into()) };
    Ok(vec![
        row(figure, signet, "pam_p11", p11, target()),
        row(figure, signet, "pam_pkcs11", pkcs11, target()),
        row(figure, signet, "pamtester alone", floor, Target::None),
    ])
}

/// Reads the certificate off the card in the reader, as PEM.
fn read_certificate(to: &Path) -> Result<(), Fault> {
    let der = to.with_extension("der");
    let mut read = Command::new("pkcs11-tool");
    read.args(["--module", &opensc(), "--read-object", "--type", "cert", "--id", "01", "--output-file"]);
    let mut convert = Command::new("openssl");
    convert.args(["x509", "-inform", "DER", "-in"]).arg(&der).arg("-out").arg(to);
    for command in [read.arg(&der), &mut convert] {
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

fn opensc() -> String {
    format!("/usr/lib/{}-linux-gnu/opensc-pkcs11.so", std::env::consts::ARCH)
}

/// Enrols the card that is in the reader, and measures all services in turn, so that what disturbs
/// the machine disturbs all of them.
fn on_card(
    station: &Workstation,
    user: &str,
    pin: &str,
    services: &[(&str, bool)],
) -> Result<Vec<Sample>, Fault> {
    let enrolled = station.enroll(user, pin)?;
    if !enrolled.granted() {
        return Err(format!("{user}'s card was not enrolled: {}", enrolled.said).into());
    }
    let mut times = vec![Vec::new(); services.len()];
    for round in 0..=ROUNDS {
        for ((service, asks), times) in services.iter().zip(&mut times) {
            let took = authenticate(service, user, asks.then_some(pin))?;
            // The first round fills the page cache.
            if round > 0 {
                times.push(took);
            }
        }
    }
    Ok(times.iter().map(|times| Sample::of_times(times)).collect())
}

fn authenticate(service: &str, user: &str, pin: Option<&str>) -> Result<Duration, Fault> {
    let started = Instant::now();
    let mut typist = Typist::start(Command::new("pamtester").args([service, user, "authenticate"]))?;
    if let Some(pin) = pin {
        // All of them end a prompt so.
        typist.answer(": ", pin)?;
    }
    let typed = typist.finish(started)?;
    if typed.granted() { Ok(typed.took) } else { Err(format!("{service} for {user}: {}", typed.said).into()) }
}

fn set_up_peers(user: &str, certificate: &Path, authority: &Path) -> Result<(), Fault> {
    let opensc = opensc();
    account::pam_service("bench-permit", "auth required pam_permit.so\n")?;
    account::pam_service("bench-p11", &format!("auth required pam_p11.so {opensc}\n"))?;
    account::pam_service("bench-pkcs11", "auth required pam_pkcs11.so\n")?;
    let home = format!("/home/{user}/.eid");
    fs::create_dir_all(&home)?;
    fs::copy(certificate, format!("{home}/authorized_certificates"))?;
    let authorities = "/etc/pam_pkcs11/cacerts";
    for directory in [authorities, "/etc/pam_pkcs11/crls"] {
        fs::create_dir_all(directory)?;
    }
    fs::copy(authority, format!("{authorities}/ca.pem"))?;
    let status = Command::new("openssl").args(["rehash", authorities]).status()?;
    if !status.success() {
        return Err(format!("openssl rehash: {status}").into());
    }
    let configuration = format!(
        "pam_pkcs11 {{\n  nullok = false;\n  debug = false;\n  card_only = true;\n  use_pkcs11_module = opensc;\n  \
         pkcs11_module opensc {{\n    module = {opensc};\n    description = \"OpenSC\";\n    slot_num = 0;\n    \
         ca_dir = {authorities};\n    crl_dir = /etc/pam_pkcs11/crls;\n    support_threads = false;\n    \
         cert_policy = ca,signature;\n    token_type = \"Smart card\";\n  }}\n  use_mappers = cn;\n  \
         mapper cn {{\n    debug = false;\n    module = internal;\n    ignorecase = false;\n    \
         mapfile = \"none\";\n  }}\n}}\n"
    );
    fs::write("/etc/pam_pkcs11/pam_pkcs11.conf", configuration)?;
    Ok(())
}
