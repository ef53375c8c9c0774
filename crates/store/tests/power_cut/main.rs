//! Power cuts, rebuilt from what the writer told the kernel.
//!
//! `strace` records each write, flush, rename and truncation of a writer program, and each step
//! that it reported as acknowledged. From that, disks are rebuilt as a power cut may leave them at
//! any moment: everything that was flushed, and of the rest nothing, all, or a random part, torn
//! at sectors or pages; of the names, as many as were synced or a random number more, in order.
//! `sync_file_range` counts for nothing: it flushes neither the disk's cache nor a file's length.
//! On each disk the store must open and hold what was acknowledged before that moment.
//!
//! Not seen by this: what a file system itself loses. `SIGNET_POWER_CUT_STATES` sets the number of
//! disks for each engine (150).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod disk;
mod trace;
#[path = "../workload/mod.rs"]
mod workload;

use std::{env, fs, path::Path, process::Command};

use signet_store::{EngineKind, Presence, Records};

use disk::{Chance, Disk, Loss};
use trace::{Event, Kind, parse};
use workload::{location, open_or_create, run_step, steps_found, writer};

const THREADS: u8 = 2;
const STEPS: u32 = 24;

fn states() -> u64 {
    env::var("SIGNET_POWER_CUT_STATES").map_or(150, |n| n.parse().expect("a number"))
}

/// Runs the writer twice over one root, the second time on the store that the first left.
fn record(engine: EngineKind) -> Vec<Event> {
    let root = tempfile::tempdir().unwrap();
    let mut events = Vec::new();
    for from in [0, STEPS] {
        let log = tempfile::NamedTempFile::new().unwrap();
        let calls = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,\
                     symlink,symlinkat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,\
                     fdatasync,sync_file_range,sync,syncfs,mmap,copy_file_range,sendfile,splice";
        let output = Command::new("strace")
            .args(["-f", "-y", "-xx", "-s", "4000000", "-e", &format!("trace={calls}"), "-o"])
            .arg(log.path())
            .arg(writer().unwrap())
            .args([engine.as_str(), root.path().to_str().unwrap(), &STEPS.to_string()])
            .args((0..THREADS).map(|_| from.to_string()))
            .output()
            .expect("strace is installed (Debian package strace)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        parse(&fs::read_to_string(log.path()).unwrap(), root.path(), &mut events);
    }
    events.sort_by_key(|e| e.end);
    events
}

/// What was acknowledged before a moment.
#[derive(Default)]
struct Acknowledged {
    ready: bool,
    steps: [u32; THREADS as usize],
}

fn acknowledged(events: &[Event], cut: usize) -> Acknowledged {
    let mut found = Acknowledged::default();
    // A report that has begun may have been read.
    for event in events.iter().filter(|e| e.start <= cut) {
        match &event.kind {
            Kind::Report(line) if line == "ready\n" => found.ready = true,
            Kind::Report(line) => {
                let (thread, step) = line.trim_end().split_once(' ').unwrap();
                found.steps[thread.parse::<usize>().unwrap()] = step.parse::<u32>().unwrap() + 1;
            }
            _ => {}
        }
    }
    found
}

/// Opens the store on a rebuilt disk and compares.
fn check(engine: EngineKind, root: &Path, expected: &Acknowledged) -> Result<(), workload::Failure> {
    let location = location(engine, root);
    if expected.ready && location.presence() != Presence::Present {
        return Err(format!("the store is gone: {:?}", location.presence()).into());
    }
    let records = open_or_create(&location)?;
    let mut next = [0; THREADS as usize];
    for thread in 0..THREADS {
        next[usize::from(thread)] = steps_found(&records, thread, expected.steps[usize::from(thread)])?;
    }
    // And life goes on.
    for thread in 0..THREADS {
        run_step(&records, thread, next[usize::from(thread)])?;
    }
    drop(records);
    let records = Records::open(&location)?;
    for thread in 0..THREADS {
        steps_found(&records, thread, next[usize::from(thread)] + 1)?;
    }
    Ok(())
}

/// The moments from each change of a name or a length to a few calls after it.
fn turns(events: &[Event]) -> Vec<usize> {
    let is_turn = |e: &&Event| !matches!(e.kind, Kind::Report(_) | Kind::Write { .. } | Kind::Flush(_));
    events.iter().filter(is_turn).flat_map(|e| e.end..e.end + 6).collect()
}

/// Rebuilds disks and gives the failures, and how many disks there were.
fn cut_power(engine: EngineKind, ignored: Option<&str>) -> (Vec<String>, u64) {
    let events = record(engine);
    let last = events.last().unwrap().end;
    let reports = events.iter().filter(|e| matches!(e.kind, Kind::Report(_))).count();
    assert_eq!(reports, 2 + 2 * usize::from(THREADS) * STEPS as usize, "every step was reported");
    let mut chance = Chance::new(0x5163_6e65_7400 + engine as u64);
    let mut failures = Vec::new();
    let turns = turns(&events);
    for state in 0..states() {
        // Opening and closing are short and full of turns; by chance alone few cuts would meet them.
        let cut = if state % 3 == 0 { turns[chance.below(turns.len())] } else { chance.below(last + 1) };
        let loss =
            [Loss::Everything, Loss::Nothing, Loss::Part, Loss::Part][usize::try_from(state % 4).unwrap()];
        let mut disk = Disk::default();
        for event in events.iter().filter(|e| e.end <= cut) {
            disk.apply(event, ignored);
        }
        let root = tempfile::tempdir().unwrap();
        disk.cut(loss, &mut chance, root.path());
        if let Err(e) = check(engine, root.path(), &acknowledged(&events, cut)) {
            failures.push(format!("disk {state}, cut at {cut} of {last}, {loss:?}: {e}"));
        }
    }
    (failures, states())
}

fn nothing_is_lost(engine: EngineKind) {
    let (failures, states) = cut_power(engine, None);
    println!("{engine}: {} of {states} disks lost something", failures.len());
    assert!(failures.is_empty(), "{engine}: {} of {states}:\n{}", failures.len(), failures.join("\n"));
}

/// The test must be able to fail: without the flushes of its log, an engine loses.
fn something_is_lost_without(engine: EngineKind, file: &str) {
    let (failures, states) = cut_power(engine, Some(file));
    println!("{engine} without the flushes of {file}: {} of {states} disks lost something", failures.len());
    assert!(failures.len() as u64 > states / 20, "{engine}: {} of {states}", failures.len());
}

/// Proves: LCK-02, ENA-02
#[test]
fn sled_keeps_what_was_acknowledged() {
    nothing_is_lost(EngineKind::Sled);
}

/// Proves: LCK-02, ENA-02
#[test]
fn sqlite_keeps_what_was_acknowledged() {
    nothing_is_lost(EngineKind::Sqlite);
}

/// sled as it is documented: `sync_file_range` alone.
#[test]
fn sled_without_the_fdatasync_loses_what_was_acknowledged() {
    something_is_lost_without(EngineKind::Sled, "db");
}

#[test]
fn sqlite_without_the_flushes_of_its_log_loses_what_was_acknowledged() {
    something_is_lost_without(EngineKind::Sqlite, "signet.sqlite-wal");
}
