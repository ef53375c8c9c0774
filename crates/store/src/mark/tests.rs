use std::fs;

use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = [3; 32];

fn level(sequence: u64) -> Level {
    Level { generation: [1; 16], sequence, digest: [u8::try_from(sequence % 256).unwrap(); 32] }
}

fn new() -> (TempDir, std::path::PathBuf, Mark) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("mark");
    let mark = Mark::create(&path, KEY.into(), &level(1)).unwrap();
    (root, path, mark)
}

fn read(path: &Path) -> Result<Reading, MarkError> {
    Mark::open(path, KEY.into()).map(|(_, reading)| reading)
}

#[test]
fn the_newest_level_is_read() {
    let (_root, path, mut mark) = new();
    for sequence in 2..9 {
        mark.write(&level(sequence)).unwrap();
        let reading = read(&path).unwrap();
        assert_eq!((reading.level, reading.torn), (level(sequence), false));
        mark = Mark::open(&path, KEY.into()).unwrap().0;
    }
    assert!(
        matches!(Mark::create(&path, KEY.into(), &level(0)), Err(MarkError::Io { .. })),
        "never overwritten"
    );
    assert!(matches!(read(&path.with_extension("no")), Err(MarkError::Missing { .. })));
    assert!(matches!(Mark::open(&path, [4; 32].into()), Err(MarkError::Damaged { .. })));
}

/// Every write that was torn at any byte leaves the level before it.
#[test]
fn a_torn_write_leaves_the_level_before() {
    let (_root, path, mut mark) = new();
    mark.write(&level(2)).unwrap();
    let before = fs::read(&path).unwrap();
    mark.write(&level(3)).unwrap();
    let after = fs::read(&path).unwrap();
    let changed: Vec<usize> = (0..before.len()).filter(|n| before[*n] != after[*n]).collect();
    for cut in changed[0]..=changed[changed.len() - 1] {
        let torn = [&after[..cut], &before[cut..]].concat();
        fs::write(&path, torn).unwrap();
        let reading = read(&path).unwrap();
        assert!(reading.level == level(2) && (reading.torn || cut == changed[0]), "at {cut}: {reading:?}");
    }
}

#[test]
fn a_flipped_bit_is_never_believed() {
    let (_root, path, mut mark) = new();
    mark.write(&level(2)).unwrap();
    let whole = fs::read(&path).unwrap();
    for byte in (0..96).chain(4096..4192) {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1 << (byte % 8);
        fs::write(&path, &flipped).unwrap();
        let reading = read(&path).unwrap();
        assert!(reading.torn, "{byte}");
        flipped[(byte + 4096) % 8192] ^= 1;
        fs::write(&path, flipped).unwrap();
        assert!(matches!(read(&path), Err(MarkError::Damaged { .. })), "both slots");
    }
    for length in [0, 1, 95, 4096, 4191] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(read(&path).map_or(true, |r| r.torn), "cut to {length}");
    }
}
