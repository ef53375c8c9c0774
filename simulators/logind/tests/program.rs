//! The program on a private bus, without root: what its commands do and how they are refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

struct Rig {
    bus: Child,
    logind: Child,
    address: String,
    directory: tempfile::TempDir,
}

impl Rig {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listen = format!("--address=unix:path={}", directory.path().join("bus").display());
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1", &listen])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = first_line(&mut bus);
        let mut logind = Command::new(env!("CARGO_BIN_EXE_signet-sim-logind"))
            .args(["--bus", &address, "--socket"])
            .arg(directory.path().join("socket"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(first_line(&mut logind).starts_with("ready "));
        Self { bus, logind, address, directory }
    }

    fn command(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.directory.path().join("socket")).unwrap();
        writeln!(stream, "{command}").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn call(&self, method: &str, argument: &str) -> bool {
        let output = Command::new("dbus-send")
            .args([&format!("--bus={}", self.address), "--print-reply", "--dest=org.freedesktop.login1"])
            .args(["/org/freedesktop/login1", &format!("org.freedesktop.login1.Manager.{method}")])
            .arg(argument)
            .output()
            .unwrap();
        output.status.success()
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

impl Drop for Rig {
    fn drop(&mut self) {
        for child in [&mut self.logind, &mut self.bus] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn sessions_are_made_locked_unlocked_and_ended() {
    let rig = Rig::start(&[]);
    assert_eq!(rig.command("session 3 anna 1001 seat0 tty2"), "ok");
    assert_eq!(rig.command("session c7 berta 1002 - pts/0 remote service=sshd"), "ok");
    assert_eq!(rig.command("list"), "ok 3 c7");
    assert_eq!(rig.command("locked 3"), "ok no");
    assert!(rig.call("LockSession", "string:3"));
    assert_eq!(
        (rig.command("locked 3"), rig.command("locked c7")),
        ("ok yes".to_owned(), "ok no".to_owned())
    );
    assert!(rig.call("UnlockSession", "string:3"));
    assert_eq!(rig.command("locked 3"), "ok no");
    assert_eq!(rig.command("set-locked c7 yes"), "ok");
    assert_eq!(rig.command("locked c7"), "ok yes");
    assert!(rig.call("TerminateSession", "string:c7"));
    assert_eq!(rig.command("list"), "ok 3");
    assert_eq!(rig.command("end 3"), "ok");
    assert!(!rig.call("GetSession", "string:3"));
    let calls = rig.command("calls");
    let calls: Vec<_> =
        calls.trim_start_matches("ok ").split("; ").map(|call| call.split_once(' ').unwrap().1).collect();
    assert_eq!(calls, ["LockSession 3", "UnlockSession 3", "TerminateSession c7"]);
}

#[test]
fn a_locker_that_never_locks_leaves_the_hint() {
    let rig = Rig::start(&["--locker-never"]);
    rig.command("session 3 anna 1001 seat0 -");
    assert!(rig.call("LockSession", "string:3"));
    assert_eq!(rig.command("locked 3"), "ok no");
    assert_eq!(rig.command("locker 0"), "ok");
    assert!(rig.call("LockSession", "string:3"));
    assert_eq!(rig.command("locked 3"), "ok yes");
}

#[test]
fn commands_are_refused_with_what_is_allowed() {
    let rig = Rig::start(&[]);
    rig.command("session 3 anna 1001 seat0 tty2");
    for (command, says) in [
        ("session 3 anna 1001 seat0 tty2", "there is a session 3"),
        ("session 4 anna root seat0 tty2", "is no user id"),
        ("session 4 anna 1001 seat0 tty2 sideways", "unknown option"),
        ("session ä anna 1001 seat0 tty2", "printable ASCII"),
        ("locked 9", "no session 9"),
        ("end 9", "no session 9"),
        ("locker soon", "is no time in milliseconds"),
        ("dance", "all commands"),
    ] {
        let reply = rig.command(command);
        assert!(reply.starts_with("error ") && reply.contains(says), "{command}: {reply}");
    }
    assert!(rig.command(&"x".repeat(2000)).contains("at most 1024 bytes"));
}
