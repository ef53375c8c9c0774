//! What the module shows to the dynamic linker.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{collections::BTreeSet, process::Command};

/// Proves: PAM-01
#[test]
fn the_module_exports_its_six_entry_points_and_needs_libpam_and_libc_alone() {
    let module = support::module();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(&module).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let names: BTreeSet<String> = run("nm", &["-D", "--defined-only"])
        .lines()
        .map(|line| line.split_whitespace().last().unwrap().to_owned())
        .collect();
    let want = ["acct_mgmt", "authenticate", "chauthtok", "close_session", "open_session", "setcred"];
    assert_eq!(names, want.map(|name| format!("pam_sm_{name}")).into());
    let needed: Vec<String> = run("readelf", &["-d", "-W"])
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .map(|line| line.rsplit_once('[').unwrap().1.trim_end_matches(']').to_owned())
        .collect();
    for library in &needed {
        let known = ["libpam.so.0", "libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"];
        assert!(known.contains(&library.as_str()), "{library} is loaded into every program that logs on");
    }
    assert!(needed.iter().any(|library| library == "libpam.so.0"));
}
