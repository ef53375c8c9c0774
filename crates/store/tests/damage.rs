//! Flipped bits and cut files: an error, or the right data, never anything else.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod workload;

use std::{
    fs,
    path::{Path, PathBuf},
};

use signet_store::{EngineKind, Records, StoreError};
use tempfile::TempDir;
use workload::{location, run_step, steps_found};

const STEPS: u32 = 60;

/// Copies a directory, with the directories in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file under a directory that has content.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A store with known content: closed in good order, and as a kill leaves it (SQLite with its log).
fn filled(engine: EngineKind, closed: bool) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let records = Records::create(&location(engine, root.path())).unwrap();
    for step in 0..STEPS {
        run_step(&records, 0, step).unwrap();
    }
    if closed {
        return root;
    }
    let killed = tempfile::tempdir().unwrap();
    copy(root.path(), killed.path());
    killed
}

/// Opens a damaged copy; true where everything was there.
fn survives(engine: EngineKind, root: &Path, what: &str) -> bool {
    match Records::open(&location(engine, root)) {
        Err(StoreError::Absent { .. }) => panic!("{what}: taken for a place without a store"),
        Err(_) => false,
        // An error while reading is as good as one while opening.
        Ok(records) => match steps_found(&records, 0, STEPS) {
            Ok(found) => found == STEPS,
            Err(e) => match e.downcast::<StoreError>() {
                Ok(_) => false,
                Err(e) => panic!("{what}: wrong data: {e}"),
            },
        },
    }
}

/// Damages a copy of each store and gives how many were refused and how many were whole.
fn try_all(engine: EngineKind, closed: bool, damage: impl Fn(&Path) -> Vec<(String, Vec<u8>)>) -> (u32, u32) {
    let original = filled(engine, closed);
    let (mut refused, mut whole) = (0, 0);
    for file in files(original.path()) {
        for (what, bytes) in damage(&file) {
            let copied = tempfile::tempdir().unwrap();
            copy(original.path(), copied.path());
            let name = file.strip_prefix(original.path()).unwrap();
            fs::write(copied.path().join(name), bytes).unwrap();
            let what = format!("{engine}, {}: {what}", name.display());
            if survives(engine, copied.path(), &what) { whole += 1 } else { refused += 1 }
        }
    }
    (refused, whole)
}

/// Flips spread over a file, more of them where it begins: there lie the structures.
fn flips(file: &Path) -> Vec<(String, Vec<u8>)> {
    let whole = fs::read(file).unwrap();
    let length = whole.len();
    let used = whole.iter().rposition(|b| *b != 0).unwrap_or(0) + 1;
    let mut places: Vec<usize> = (0..12).map(|n| n * 9).collect();
    places.extend((0..28).map(|n| n * used / 28));
    places.retain(|p| *p < length);
    let flip = |(n, place): (usize, usize)| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (n % 8);
        (format!("bit {} of byte {place} flipped", n % 8), bytes)
    };
    places.into_iter().enumerate().map(flip).collect()
}

/// Cuts at every kind of place: nothing left, inside the header, at and beside the boundaries of
/// pages and segments, inside records, before the last byte.
fn cuts(file: &Path) -> Vec<(String, Vec<u8>)> {
    let whole = fs::read(file).unwrap();
    let length = whole.len();
    let used = whole.iter().rposition(|b| *b != 0).unwrap_or(0);
    let mut places = vec![0, 1, 16, 100, 511, 512, 4095, 4096, 4097, 8192, 12_288, 65_536];
    places.extend([used / 3, used / 2, used.saturating_sub(1), used, used + 1, length / 2, length - 1]);
    places.extend([512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1]);
    places.retain(|p| *p < length);
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|p| (format!("cut to {p} of {length} bytes"), whole[..p].to_vec())).collect()
}

fn flipped_bits(engine: EngineKind) {
    for closed in [true, false] {
        let (refused, whole) = try_all(engine, closed, flips);
        println!("{engine}: {refused} refused, {whole} whole");
        assert!(refused + whole >= 60 && refused > 0, "{engine}: {refused} refused, {whole} whole");
    }
}

fn cut_files(engine: EngineKind) {
    for closed in [true, false] {
        let (refused, whole) = try_all(engine, closed, cuts);
        println!("{engine}: {refused} refused, {whole} whole");
        assert!(refused > 10, "{engine}: {refused} refused, {whole} whole");
    }
}

#[test]
fn flipped_bits_in_sled_never_give_wrong_data() {
    flipped_bits(EngineKind::Sled);
}

#[test]
fn flipped_bits_in_sqlite_never_give_wrong_data() {
    flipped_bits(EngineKind::Sqlite);
}

/// Proves: ENA-02
#[test]
fn a_cut_sled_is_refused_or_whole_never_empty() {
    cut_files(EngineKind::Sled);
}

/// Proves: ENA-02
#[test]
fn a_cut_sqlite_is_refused_or_whole_never_empty() {
    cut_files(EngineKind::Sqlite);
}
