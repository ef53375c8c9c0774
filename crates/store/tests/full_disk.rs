//! A full file system: a typed error, then nothing but errors, and nothing acknowledged is lost.
//!
//! The disk is a small tmpfs in a mount namespace of its own, which ends with its last process;
//! without root a user namespace gives the right to mount it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod workload;

use std::{fs, path::Path, process::Command};

use signet_store::{EngineKind, Records};
use workload::{location, run_step, steps_found, writer};

/// Fills the disk twice, the second time as another thread and with a start on the full disk, where
/// a small step may still find room, and copies it to one with room. `$1` mount point, `$2` results, `$3` writer, `$4` engine.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=3m,mode=700 tmpfs "$1" || exit 99
"$3" "$4" "$1" 0 0 > "$2/acknowledged" 2> "$2/error"
"$3" "$4" "$1" 0 - 0 > "$2/again" 2> "$2/error-again"
cp -a "$1" "$2/copy"
"#;

fn fill(engine: EngineKind, results: &Path) {
    let disk = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let output = unshare
        .args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"])
        .args([disk.path(), results])
        .arg(writer().unwrap())
        .arg(engine.as_str())
        .output()
        .unwrap();
    assert!(output.status.success(), "a tmpfs can be mounted: {}", String::from_utf8_lossy(&output.stderr));
}

fn a_full_disk_is_survived(engine: EngineKind) {
    let results = tempfile::tempdir().unwrap();
    fill(engine, results.path());
    let read = |name: &str| fs::read_to_string(results.path().join(name)).unwrap();
    for error in ["error", "error-again"] {
        assert!(read(error).contains("Engine(Full)"), "{engine}: {error}: {}", read(error));
    }
    let count = |name: &str| u32::try_from(read(name).lines().filter(|l| l.contains(' ')).count()).unwrap();
    let acknowledged = [count("acknowledged"), count("again")];
    assert!(acknowledged[0] > 50, "{engine}: the disk was not full from the beginning: {acknowledged:?}");
    let place = location(engine, &results.path().join("copy"));
    let records = Records::open(&place).unwrap();
    let steps = [0, 1].map(|n| steps_found(&records, n, acknowledged[usize::from(n)]).unwrap());
    println!("{engine}: {acknowledged:?} acknowledged steps, {steps:?} found");
    run_step(&records, 0, steps[0]).unwrap();
    drop(records);
    assert_eq!(steps_found(&Records::open(&place).unwrap(), 0, steps[0] + 1).unwrap(), steps[0] + 1);
}

/// Proves: LCK-02
#[test]
fn sled_on_a_full_disk_keeps_what_was_acknowledged() {
    a_full_disk_is_survived(EngineKind::Sled);
}

/// Proves: LCK-02
#[test]
fn sqlite_on_a_full_disk_keeps_what_was_acknowledged() {
    a_full_disk_is_survived(EngineKind::Sqlite);
}
