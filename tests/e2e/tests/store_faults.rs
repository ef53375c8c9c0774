//! The running system with a store that is damaged, old, empty or gone: nobody is let in by it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{fs, path::Path, process::Command};

use signet_e2e::{E2eError, Setup, Signetd, Typed, Workstation};
use signet_rig::{account, in_sandbox};

const STATE: &str = "/var/lib/signet";
const ENGINES: [&str; 2] = ["sled", "sqlite"];

fn setup_for(engine: &str) -> String {
    format!("engine = {engine:?}")
}

fn copy(from: &str, to: &str) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").args(["-a", from, to]).status().unwrap().success());
}

/// Alice's card is enrolled; passwords are disabled. Afterwards the daemon is dead.
fn prepared(engine: &str) -> Workstation {
    let config = setup_for(engine);
    let mut station = Workstation::start(&Setup { config: &config, ..Setup::default() }).unwrap();
    copy(STATE, "/run/early");
    station.insert("alice").unwrap();
    let enrolled = station.enroll("alice", "471108").unwrap();
    assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
    assert!(station.set_policy("[method.password]\nenabled = false\n").unwrap().granted());
    station.signetd.kill();
    copy(STATE, "/run/good");
    station
}

/// Each regular file under a directory.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn store_files() -> Vec<std::path::PathBuf> {
    let data = files(&Path::new(STATE).join("store"));
    data.into_iter().filter(|path| fs::metadata(path).unwrap().len() > 0).collect()
}

/// No store is a yes: neither for alice nor for bob, to whom ENA-02's exception would apply.
fn nobody_gets_in(what: &str) {
    for (user, password) in [("alice", "alice-pw"), ("bob", "bob-pw")] {
        let typed = Workstation::pam("signet-try", user, &["authenticate"], &[]).unwrap();
        assert!(!typed.granted(), "{what}: {user} was let in: {}", typed.said);
        assert!(typed.said.contains("cannot retrieve authentication info"), "{what}: {}", typed.said);
        let typed = guess(user, password);
        assert!(!typed, "{what}: {user} was let in by a disabled password");
    }
}

/// Types the password whether asked or not.
fn guess(user: &str, password: &str) -> bool {
    let script = format!("(sleep 0.2; echo {password}) | pamtester signet-try {user} authenticate");
    Command::new("sh").args(["-c", &script]).output().unwrap().status.success()
}

fn refused(what: &str) {
    match Signetd::start(&[], "info") {
        Err(E2eError::Silent { said, .. }) => {
            let advises =
                ["Put ", "put ", "import", "Restore", "restore"].iter().any(|word| said.contains(word));
            assert!(advises, "{what}: the log does not say what to do: {said}");
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(daemon) => panic!("{what}: the daemon started: {}", daemon.log()),
    }
    nobody_gets_in(what);
}

fn damaged_stores_are_refused(engine: &str) {
    let mut station = prepared(engine);
    let restore = || copy("/run/good", STATE);
    let state = Path::new(STATE);
    let damage: [(&str, &dyn Fn()); 6] = [
        ("emptied", &|| fs::remove_dir_all(state.join("store")).unwrap()),
        ("truncated to nothing", &|| store_files().iter().for_each(|f| fs::write(f, b"").unwrap())),
        ("rolled back", &|| {
            fs::remove_dir_all(state.join("store")).unwrap();
            copy("/run/early/store", "/var/lib/signet/store");
        }),
        ("without its key", &|| fs::remove_file(state.join("store.key")).unwrap()),
        ("without its mark", &|| fs::remove_file(state.join("store.mark")).unwrap()),
        ("with a bit of its key flipped", &|| flip(&state.join("store.key"), 5)),
    ];
    for (what, spoil) in damage {
        restore();
        spoil();
        refused(&format!("{engine}, {what}"));
    }
    // A flipped bit or a cut anywhere is either noticed or without effect: never another truth.
    for step in 0..6_u64 {
        restore();
        let files = store_files();
        let file = files.iter().max_by_key(|f| fs::metadata(f).unwrap().len()).unwrap();
        let length = fs::metadata(file).unwrap().len();
        if step % 2 == 0 {
            flip(file, length * (step + 1) / 8);
        } else {
            fs::File::options().write(true).open(file).unwrap().set_len(length * step / 8).unwrap();
        }
        match Signetd::start(&[], "info") {
            Err(_) => nobody_gets_in(&format!("{engine}, damage {step}")),
            Ok(daemon) => {
                let list = station.ctl(&["list", "--user", "alice"], &[]).unwrap();
                assert!(
                    !list.granted() || list.said.contains("smartcard"),
                    "{}\n{}",
                    list.said,
                    daemon.log()
                );
                assert!(!guess("alice", "alice-pw"), "{engine}, damage {step}: ENA-02 was re-opened");
            }
        }
    }
    restore();
    station.restart_daemon().unwrap();
    station.await_token(true).unwrap();
    let logon = station.authenticate("alice", &[("PIN", "471108")]).unwrap();
    assert!(logon.granted(), "{}\n{}", logon.said, station.signetd.log());
}

fn flip(file: &Path, at: u64) {
    let mut bytes = fs::read(file).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

/// Proves: ENA-02
#[test]
fn damaged_stores_let_nobody_in_sled() {
    in_sandbox("damaged_stores_let_nobody_in_sled", || damaged_stores_are_refused("sled"));
}

/// Proves: ENA-02
#[test]
fn damaged_stores_let_nobody_in_sqlite() {
    in_sandbox("damaged_stores_let_nobody_in_sqlite", || damaged_stores_are_refused("sqlite"));
}

/// What was acknowledged is there after a crash.
#[test]
fn an_acknowledged_enrolment_survives_a_crash() {
    in_sandbox("an_acknowledged_enrolment_survives_a_crash", || {
        for user in ["eve0", "eve1"] {
            account::add_user(user).unwrap();
            account::set_password(user, &format!("{user}-pw")).unwrap();
        }
        let cards = ["eve0=piv,pin=471108", "eve1=piv,pin=471108", "eve2=piv,pin=471108"];
        let mut station = Workstation::start(&Setup { cards: &cards, ..Setup::default() }).unwrap();
        for engine in ENGINES {
            station.signetd.kill();
            let text = fs::read_to_string("/etc/signet/signet.toml").unwrap();
            let rest: Vec<_> = text.lines().filter(|line| !line.starts_with("engine")).collect();
            let rest = rest.join("\n");
            fs::write("/etc/signet/signet.toml", format!("{}\n{rest}", setup_for(engine))).unwrap();
            for file in ["store", "store.mark", "store.key", "audit.jsonl", "audit.mark"] {
                let path = Path::new(STATE).join(file);
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
            station.restart_daemon().unwrap();
            station.insert("eve2").unwrap();
            for user in ["eve0", "eve1"] {
                station.remove().unwrap();
                station.insert(user).unwrap();
                let enrolled = station.enroll(user, "471108").unwrap();
                // No time for anything to be tidied up.
                station.signetd.kill();
                assert!(enrolled.granted(), "{}\n{}", enrolled.said, station.signetd.log());
                station.restart_daemon().unwrap();
                let list = station.ctl(&["list", "--user", user], &[]).unwrap();
                assert!(list.said.contains("smartcard"), "{engine}: {user}'s card is lost: {}", list.said);
            }
        }
    });
}

fn wrong(station: &Workstation) -> Typed {
    let three = [("password", "x1"), ("password", "x2"), ("password", "x3")];
    station.authenticate("bob", &three).unwrap()
}

/// Failures count over a crash: whoever kills the daemon gets no tries back.
#[test]
fn a_lockout_survives_a_crash() {
    in_sandbox("a_lockout_survives_a_crash", || {
        let policy = "[lockout]\nthreshold = 3\nlockout_seconds = 120\n";
        let mut station = Workstation::start(&Setup { policy, ..Setup::default() }).unwrap();
        let typed = wrong(&station);
        assert!(!typed.granted(), "{}", typed.said);
        for round in 0..2 {
            let typed = station.authenticate("bob", &[]).unwrap();
            assert!(
                !typed.granted() && typed.said.contains("Too many failures"),
                "round {round}: {}",
                typed.said
            );
            let seconds = typed.said.split("Try again in ").nth(1).and_then(|rest| rest.split(' ').next());
            let seconds: u32 = seconds.unwrap().parse().unwrap();
            assert!((1..=120).contains(&seconds), "{seconds}");
            assert!(!guess("bob", "bob-pw"), "the right password opened a locked account");
            station.restart_daemon().unwrap();
        }
        // Only bob is locked out.
        assert!(station.authenticate("alice", &[("password", "alice-pw")]).unwrap().granted());
    });
}
