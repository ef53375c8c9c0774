use std::{fs, sync::Arc, thread};

use proptest::prelude::*;
use signet_types::{Method, Timestamp};
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);

fn key() -> AuditKey {
    AuditKey::derive(&[5; 32].into())
}

fn place(root: &TempDir, max_bytes: u64) -> AuditPlace {
    AuditPlace {
        path: root.path().join("audit.log"),
        mark: root.path().join("audit.mark"),
        max_bytes,
        keep: 3,
    }
}

fn entry(n: u64) -> Entry {
    Entry {
        user: Some("alice".parse().unwrap()),
        method: Some(Method::Smartcard),
        service: Some("sudo".parse().unwrap()),
        detail: [("number", Detail::Number(n)), ("program", Detail::text("/usr/bin/\u{202e}x\n"))].into(),
        ..Entry::new(NOW, "logon", "granted")
    }
}

fn filled(count: u64) -> (TempDir, AuditPlace) {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, 1 << 20);
    let log = AuditLog::open(place.clone(), key()).unwrap();
    for n in 1..=count {
        assert_eq!(log.append(&entry(n)).unwrap(), n);
    }
    (root, place)
}

/// Proves: AUD-01
#[test]
fn entries_are_one_json_object_a_line_and_the_chain_goes_on_after_opening() {
    let (_root, place) = filled(3);
    let log = AuditLog::open(place.clone(), key()).unwrap();
    assert_eq!(log.append(&entry(4)).unwrap(), 4);
    drop(log);
    let text = fs::read_to_string(&place.path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    for (n, pair) in lines.windows(2).enumerate() {
        assert_eq!(pair[1]["prev"], pair[0]["mac"]);
        assert_eq!(pair[1]["seq"], n + 2);
    }
    assert_eq!(lines[0]["user"], "alice");
    assert_eq!(lines[0]["detail"]["program"], "/usr/bin/\u{fffd}x\u{fffd}");
    assert_eq!(verify(&place, &key()).unwrap(), Summary { first: 1, last: 4, checkpoint: 4 });
}

/// Proves: AUD-01
#[test]
fn every_changed_removed_doubled_or_moved_line_is_found() {
    let (_root, place) = filled(40);
    let whole = fs::read_to_string(&place.path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let refused = |lines: &[&str]| {
        fs::write(&place.path, lines.join("\n") + "\n").unwrap();
        match verify(&place, &key()) {
            Err(AuditError::Broken(found)) => found,
            other => panic!("{other:?}"),
        }
    };
    for n in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(n);
        match refused(&removed) {
            Break::Order { .. } if n > 0 && n < 39 => {}
            Break::Cut { found: 39, expected: 40 } if n == 39 => {}
            // The first line may be an older file's business, but the chain then starts late.
            Break::Order { .. } | Break::Cut { .. } => panic!("{n}"),
            Break::Start { found: 2, .. } if n == 0 => {}
            other => panic!("{n}: {other:?}"),
        }
        let mut doubled = lines.clone();
        doubled.insert(n, lines[n]);
        assert!(matches!(refused(&doubled), Break::Order { .. }));
        let mut swapped = lines.clone();
        swapped.swap(n, (n + 1) % lines.len());
        refused(&swapped);
        let changed = lines[n].replace("alice", "alicf");
        let mut with = lines.clone();
        with[n] = &changed;
        assert!(matches!(refused(&with), Break::Changed { line, .. } if line == n as u64 + 1));
    }
    fs::write(&place.path, &whole).unwrap();
    assert!(verify(&place, &key()).is_ok());
    assert!(verify(&place, &AuditKey::derive(&[6; 32].into())).is_err(), "another key");
}

#[test]
fn a_torn_last_line_is_removed_at_the_next_opening() {
    let (_root, place) = filled(3);
    let whole = fs::read(&place.path).unwrap();
    for tail in [&b"{"[..], b"{\"seq\":4,\"prev\":\"", &[0; 700], b"\n\n{}\n"] {
        fs::write(&place.path, [&whole, tail].concat()).unwrap();
        assert!(verify(&place, &key()).is_err(), "not before it is repaired");
        drop(AuditLog::open(place.clone(), key()).unwrap());
        assert_eq!(fs::read(&place.path).unwrap(), whole);
    }
    // A line that was acknowledged and is in the mark is no torn line.
    fs::write(&place.path, &whole[..whole.len() - 1]).unwrap();
    let cut = AuditLog::open(place.clone(), key()).err();
    assert!(matches!(cut, Some(AuditError::Broken(Break::Cut { found: 2, expected: 3 }))), "{cut:?}");
    let mut damaged = whole.clone();
    damaged[30] ^= 1;
    fs::write(&place.path, damaged).unwrap();
    let broken = AuditLog::open(place.clone(), key()).err();
    assert!(matches!(broken, Some(AuditError::Broken(Break::Changed { line: 1, .. }))), "{broken:?}");
    fs::remove_file(&place.path).unwrap();
    assert!(matches!(
        AuditLog::open(place, key()).err(),
        Some(AuditError::Broken(Break::Cut { found: 0, .. }))
    ));
}

/// Proves: AUD-01
#[test]
fn files_are_turned_over_and_the_chain_runs_through_them() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, 2_000);
    for n in 1..=60 {
        if n % 7 == 1 {
            drop(AuditLog::open(place.clone(), key()).unwrap());
        }
        let log = AuditLog::open(place.clone(), key()).unwrap();
        assert_eq!(log.append(&entry(n)).unwrap(), n);
        drop(log);
        let summary = verify(&place, &key()).unwrap();
        assert_eq!(summary.last, n);
    }
    let summary = verify(&place, &key()).unwrap();
    assert!(summary.first > 1, "old files go: {summary:?}");
    for n in 0..=3 {
        assert!(fs::metadata(place.file(n)).unwrap().len() <= 2_000);
    }
    assert!(!place.file(4).exists());
    // A turn-over that was cut off before the new file was made.
    fs::rename(place.file(0), root.path().join("away")).unwrap();
    for n in 1..=3 {
        fs::rename(place.file(n), place.file(n - 1)).unwrap();
    }
    let cut = AuditLog::open(place.clone(), key()).err();
    assert!(matches!(cut, Some(AuditError::Broken(Break::Cut { .. }))), "a whole file is missing: {cut:?}");
}

#[test]
fn a_turn_over_that_was_cut_off_is_no_break() {
    let (_root, place) = filled(3);
    fs::rename(place.file(0), place.file(1)).unwrap();
    let log = AuditLog::open(place.clone(), key()).unwrap();
    assert_eq!(log.append(&entry(4)).unwrap(), 4);
    assert_eq!(verify(&place, &key()).unwrap().first, 1);
}

#[test]
fn entries_of_threads_at_once_are_all_there() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, 8_000);
    let log = Arc::new(AuditLog::open(AuditPlace { keep: 100, ..place.clone() }, key()).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let log = Arc::clone(&log);
            thread::spawn(move || (0..50).map(|n| log.append(&entry(n)).unwrap()).collect::<Vec<_>>())
        })
        .collect();
    let mut numbers: Vec<u64> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=400).collect::<Vec<_>>());
    drop(log);
    let summary = verify(&AuditPlace { keep: 100, ..place }, &key()).unwrap();
    assert_eq!(summary, Summary { first: 1, last: 400, checkpoint: 400 });
}

/// What a kill can cut off unseen is bounded by the checkpoint.
#[test]
fn a_cut_is_found_up_to_the_checkpoint_even_after_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, 1 << 20);
    let log = AuditLog::open(place.clone(), key()).unwrap();
    for n in 1..=50 {
        log.append(&entry(n)).unwrap();
    }
    std::mem::forget(log);
    let text = fs::read_to_string(&place.path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for kept in 0..50 {
        let end = if kept == 0 { "" } else { "\n" };
        fs::write(&place.path, lines[..kept].join("\n") + end).unwrap();
        let found = verify(&place, &key());
        assert_eq!(found.is_err(), (kept as u64) < CHECKPOINT, "{kept}: {found:?}");
    }
}

#[test]
fn an_entry_that_is_too_long_is_refused_and_the_log_goes_on() {
    let (_root, place) = filled(1);
    let log = AuditLog::open(place, key()).unwrap();
    let mut large = entry(2);
    let words: Vec<&'static str> =
        (0..100).map(|n| &*Box::leak(format!("word{n}").into_boxed_str())).collect();
    large.detail.extend(words.iter().map(|w| (*w, Detail::text(&"x".repeat(5_000)))));
    assert!(matches!(log.append(&large), Err(AuditError::TooLong { .. })));
    assert_eq!(log.append(&entry(2)).unwrap(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_file_reads_without_a_panic(bytes: Vec<u8>, text in "\\PC*") {
        let (_root, place) = filled(1);
        for junk in [&bytes[..], text.as_bytes()] {
            fs::write(&place.path, junk).unwrap();
            prop_assert!(verify(&place, &key()).is_err());
            prop_assert!(AuditLog::open(place.clone(), key()).is_err());
        }
        let made_harmless = serde_json::to_string(&Detail::text(&text)).unwrap();
        prop_assert!(!made_harmless.chars().any(char::is_control));
    }
}
