//! The main job end to end, for a person to watch: a smart card opens, locks and re-opens a session.
//!
//! Everything but the hardware is real: pcscd, PAM, D-Bus, the daemon, the device host. It runs in
//! namespaces of its own, so nothing of the machine changes and nothing is left running.

mod report;
mod scenes;

use std::process::{Command, ExitCode, Stdio};

use report::Report;
use signet_e2e::{E2eError, Setup, Workstation};
use signet_rig::{Entered, program};

fn main() -> ExitCode {
    match signet_rig::enter() {
        Ok(Entered::Done(code)) => code,
        Ok(Entered::Inside) => match run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed(&error),
        },
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &E2eError) -> ExitCode {
    eprintln!("signet-demo: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}

fn run() -> Result<bool, E2eError> {
    println!("Signet: a smart card opens, locks and re-opens a workstation.");
    println!("Simulated: the reader, two cards, the screen locker. Real: pcscd, PAM, D-Bus, signetd.\n");
    let mut report = Report::default();
    let station = report.set_up("pcscd, a bus, logind, two users and signetd start", || {
        Workstation::start(&Setup { log_level: "info", ..Setup::default() })
    })?;
    scenes::play(&station, &mut report)?;
    report.close(&station)?;
    if std::env::args().any(|argument| argument == "--shell") {
        shell(&station)?;
    } else {
        println!("\nTo go on by hand, with all of this running: sudo target/debug/signet-demo --shell");
    }
    Ok(report.is_good())
}

/// A shell in the sandbox, with everything running.
fn shell(station: &Workstation) -> Result<(), E2eError> {
    let ctl = program("signetctl", "signet-ctl")?;
    let directory = ctl.parent().map(|path| path.display().to_string()).unwrap_or_default();
    println!(
        "\nA shell on this workstation ('exit' ends it all). Try:\n  \
         signetctl status; signetctl methods --user alice; signetctl doctor\n  \
         card insert alice      card remove      card insert bob\n  \
         pamtester signet-try alice authenticate      (the card's PIN is 471108, the password alice-pw)\n  \
         signetctl session list; signetctl audit"
    );
    // The card simulator takes its commands line by line from a socket.
    let card = format!(
        "PATH={directory}:$PATH; card() {{ printf '%s\\n' \"$*\" | nc -NU {}; }}; PS1='signet demo # '",
        station.cards.socket().display()
    );
    std::fs::write("/run/signet-demo.rc", card)
        .map_err(|source| E2eError::Io { what: "cannot write the shell's start file".into(), source })?;
    let status =
        Command::new("bash").args(["--rcfile", "/run/signet-demo.rc", "-i"]).stdin(Stdio::inherit()).status();
    status.map(drop).map_err(|source| E2eError::Io { what: "cannot start a shell".into(), source })
}
