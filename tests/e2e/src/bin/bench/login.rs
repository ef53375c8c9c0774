//! One PAM authentication as a whole process, against the other modules on the same card.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use signet_e2e::{Typist, Workstation};
use signet_rig::account;

use crate::{
    Fault,
    table::{Row, Sample, Statistic, Target},
};

const ROUNDS: usize = 25;
/// What is tried in each round: the PAM service, and whether it asks for the PIN.
const SERVICES: [(&str, bool); 4] =
    [("signet-try", true), ("bench-p11", true), ("bench-pkcs11", true), ("bench-permit", false)];

pub(crate) fn measure(station: &Workstation, state: &Path) -> Result<Vec<Row>, Fault> {
    set_up_peers(state)?;
    let rsa = on_card(station, "alice", "471108", &SERVICES)?;
    let [signet, p11, pkcs11, floor] = rsa.as_slice() else { return Err("a service is missing".into()) };
    let p256 = on_card(station, "bob", "081147", &[("signet-try", true), ("bench-permit", false)])?;
    let [newer, newer_floor] = p256.as_slice() else { return Err("a service is missing".into()) };
    let row = |figure: &str, own: &Sample, peer: &str, theirs: &Sample, target| Row {
        figure: figure.to_owned(),
        statistic: Statistic::Median,
        own: own.clone(),
        peer: (peer.to_owned(), theirs.clone()),
        target,
    };
    let login = "PAM authentication, RSA-2048 card";
    Ok(vec![
        row(login, signet, "pam_p11", p11, Target::Ratio(0.2)),
        row(login, signet, "pam_pkcs11", pkcs11, Target::Ratio(0.2)),
        row(login, signet, "pamtester alone", floor, Target::None),
        row("PAM authentication, P-256 card", newer, "pamtester alone", newer_floor, Target::None),
    ])
}

/// Enrols the card that is put in, and measures all services in turn, so that what disturbs the
/// machine disturbs all of them.
fn on_card(
    station: &Workstation,
    user: &str,
    pin: &str,
    services: &[(&str, bool)],
) -> Result<Vec<Sample>, Fault> {
    station.insert(user)?;
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
    station.remove()?;
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

fn set_up_peers(state: &Path) -> Result<(), Fault> {
    let opensc = format!("/usr/lib/{}-linux-gnu/opensc-pkcs11.so", std::env::consts::ARCH);
    account::pam_service("bench-permit", "auth required pam_permit.so\n")?;
    account::pam_service("bench-p11", &format!("auth required pam_p11.so {opensc}\n"))?;
    account::pam_service("bench-pkcs11", "auth required pam_pkcs11.so\n")?;
    fs::create_dir_all("/home/alice/.eid")?;
    fs::copy(state.join("alice/9a.pem"), "/home/alice/.eid/authorized_certificates")?;
    let authorities = "/etc/pam_pkcs11/cacerts";
    for directory in [authorities, "/etc/pam_pkcs11/crls"] {
        fs::create_dir_all(directory)?;
    }
    fs::copy(state.join("ca.pem"), format!("{authorities}/ca.pem"))?;
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
