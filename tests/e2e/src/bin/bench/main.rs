//! The figures of the README, each with its peer measured in the same run.
//!
//! Everything but the hardware is real: pcscd, PAM, D-Bus, the daemon, the device host, all in the
//! profile that this program was built in. A figure that misses its target is marked, which is no
//! failure; a figure that could not be measured is one.

mod disk;
mod identify;
mod login;
mod memory;
mod removal;
mod table;
mod talk;

use std::{error::Error, process::ExitCode};

use signet_e2e::{Setup, Workstation};
use signet_rig::Entered;

use crate::{disk::Disk, table::Row};

/// What went wrong, with its causes.
type Fault = Box<dyn Error + Send + Sync>;

/// Alice's card is the one of the target, bob's has the newer algorithm.
const CARDS: [&str; 2] = ["alice=piv,alg=rsa2048,pin=471108,cn=alice", "bob=piv,alg=p256,pin=081147,cn=bob"];

fn main() -> ExitCode {
    let done = match signet_rig::enter() {
        Ok(Entered::Done(code)) => return code,
        Ok(Entered::Inside) => run(),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failed("the set-up", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn failed(part: &str, error: &(dyn Error + 'static)) {
    eprintln!("signet-bench: {part} could not be measured: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
}

/// One part of the table.
type Part<'a> = (&'a str, Box<dyn FnOnce() -> Result<Vec<Row>, Fault> + 'a>);

fn run() -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        eprintln!(
            "signet-bench: built without optimisation, so these figures mean nothing; use 'make bench'"
        );
    }
    let disk = Disk::new()?;
    disk.hold("/var/lib/signet")?;
    signet_rig::account::add_user("carol")?;
    let mut station = Workstation::start(&Setup { cards: &CARDS, log_level: "info", ..Setup::default() })?;
    let state = std::path::Path::new("/run/signet-rig/cards");
    // The peers need the certificates of the cards, which the simulator gives with a state directory.
    drop(station.cards);
    station.cards = signet_rig::CardSimulator::start_in(&station.pcscd, 0, &CARDS, Some(state))?;
    let parts: [Part<'_>; 6] = [
        ("a login", Box::new(|| login::measure(&station, state))),
        ("a removal", Box::new(|| removal::measure(&station))),
        // It takes the reader over, and comes before what leaves the disk busy.
        ("a login with the card of others", Box::new(|| login::measure_third_party(&station))),
        ("a conversation", Box::new(talk::measure)),
        ("identifying a card", Box::new(|| identify::measure(&disk))),
        ("memory", Box::new(|| memory::measure(&disk))),
    ];
    let (mut rows, mut missing) = (Vec::new(), 0);
    for (name, part) in parts {
        eprintln!("measuring {name} ...");
        match part() {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                failed(name, error.as_ref());
                missing += 1;
            }
        }
    }
    print!("{}", table::text(&rows));
    if missing == 0 { Ok(()) } else { Err(format!("{missing} of the 6 parts").into()) }
}
