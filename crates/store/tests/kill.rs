//! Kill -9 while threads write. `SIGNET_KILL_ROUNDS` sets the rounds over both engines (200).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod workload;

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use signet_store::{EngineKind, Records};
use workload::{location, steps_found, writer};

const THREADS: usize = 3;
/// Rounds on one store, then a fresh one: what must be compared grows with each.
const ROUNDS_ON_ONE: u32 = 10;

fn rounds() -> u32 {
    env::var("SIGNET_KILL_ROUNDS").map_or(200, |n| n.parse().expect("a number")) / 2
}

/// Runs the writer, kills it `after` its first report, and counts its acknowledged steps into
/// `steps`.
fn kill_writer(engine: EngineKind, root: &Path, after: Duration, steps: &mut [u32]) {
    let mut child = Command::new(writer().unwrap())
        .args([engine.as_str(), root.to_str().unwrap(), "0"])
        .args(steps.iter().map(u32::to_string))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (ready, started) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut lines = Vec::new();
        for line in BufReader::new(output).lines() {
            lines.push(line.unwrap());
            let _ = ready.send(());
        }
        lines
    });
    started.recv_timeout(Duration::from_secs(60)).expect("the writer opens the store");
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reader.join().unwrap().iter().skip(1) {
        let (thread, step) = line.split_once(' ').unwrap();
        steps[thread.parse::<usize>().unwrap()] = step.parse::<u32>().unwrap() + 1;
    }
}

fn kill_rounds(engine: EngineKind) {
    let mut acknowledged = 0;
    let mut root = tempfile::tempdir().unwrap();
    let mut steps = [0; THREADS];
    for round in 0..rounds() {
        if round % ROUNDS_ON_ONE == 0 {
            root = tempfile::tempdir().unwrap();
            steps = [0; THREADS];
        }
        let before: u32 = steps.iter().sum();
        // Spread over opening, writing and the store's own work, without a random seed to lose.
        let after = Duration::from_micros(u64::from(round * 7_919 % 50_000));
        kill_writer(engine, root.path(), after, &mut steps);
        acknowledged += steps.iter().sum::<u32>() - before;
        let records =
            Records::open(&location(engine, root.path())).unwrap_or_else(|e| panic!("round {round}: {e}"));
        for (thread, steps) in steps.iter_mut().enumerate() {
            *steps = steps_found(&records, u8::try_from(thread).unwrap(), *steps)
                .unwrap_or_else(|e| panic!("{engine}, round {round}: {e}"));
        }
    }
    assert!(acknowledged > rounds(), "{engine}: the writer wrote: {acknowledged}");
    println!("{engine}: {} rounds, {acknowledged} acknowledged steps", rounds());
}

/// Proves: LCK-02, ENR-10
#[test]
fn a_killed_sled_loses_tears_and_halves_nothing() {
    kill_rounds(EngineKind::Sled);
}

/// Proves: LCK-02, ENR-10
#[test]
fn a_killed_sqlite_loses_tears_and_halves_nothing() {
    kill_rounds(EngineKind::Sqlite);
}
