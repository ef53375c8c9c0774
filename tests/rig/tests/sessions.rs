//! The stand-in for logind as systemd's own client sees it, and the users of the sandbox.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{path::Path, process::Command, time::Duration};

use signet_rig::{StandInLogind, SystemBus, account, in_sandbox};

const MANAGER: [&str; 3] =
    ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];

fn busctl(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("busctl").args(["--system", "--no-pager"]).args(arguments).output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

fn call(arguments: &[&str]) -> Result<String, String> {
    busctl(&[&["call"], &MANAGER[..], arguments].concat())
}

fn property(path: &str, name: &str) -> String {
    busctl(&["get-property", "org.freedesktop.login1", path, "org.freedesktop.login1.Session", name]).unwrap()
}

#[test]
fn locking_changes_the_hint_and_signals() {
    in_sandbox("locking_changes_the_hint_and_signals", || {
        let bus = SystemBus::start().unwrap();
        let logind = StandInLogind::start(&bus).unwrap();
        logind.local_session("3", "anna", 1001).unwrap();
        let path = "/org/freedesktop/login1/session/_33";
        assert_eq!(call(&["GetSession", "s", "3"]).unwrap(), format!("o \"{path}\""));
        let sessions = call(&["ListSessions"]).unwrap();
        assert_eq!(sessions, format!("a(susso) 1 \"3\" 1001 \"anna\" \"seat0\" \"{path}\""));
        assert_eq!(property(path, "LockedHint"), "b false");
        assert_eq!(property(path, "Seat"), "(so) \"seat0\" \"/\"");
        assert_eq!(property(path, "TTY"), "s \"tty2\"");
        assert_eq!(property(path, "User"), "(uo) 1001 \"/\"");

        let monitor = Command::new("dbus-monitor")
            .args(["--system", "--profile", "type=signal,path_namespace=/org/freedesktop/login1"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The monitor prints its first line once it listens; signals before that would be missed.
        let mut monitor = Monitor::new(monitor);
        call(&["LockSession", "s", "3"]).unwrap();
        monitor.expect("Lock");
        monitor.expect("PropertiesChanged");
        assert_eq!(property(path, "LockedHint"), "b true");
        assert!(logind.is_locked("3").unwrap());
        call(&["UnlockSession", "s", "3"]).unwrap();
        monitor.expect("Unlock");
        monitor.expect("PropertiesChanged");
        assert!(!logind.is_locked("3").unwrap());
        logind.send("sleep").unwrap();
        monitor.expect("PrepareForSleep");
        call(&["TerminateSession", "s", "3"]).unwrap();
        monitor.expect("SessionRemoved");
        assert!(logind.sessions().unwrap().is_empty());
        assert!(call(&["LockSession", "s", "3"]).unwrap_err().contains("No session '3' known"));
        let calls: Vec<String> = logind.calls().unwrap().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, ["LockSession 3", "UnlockSession 3", "TerminateSession 3", "LockSession 3"]);
    });
}

struct Monitor {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Monitor {
    fn new(mut child: std::process::Child) -> Self {
        use std::io::BufRead;
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut monitor = Self { child, lines };
        monitor.expect("NameAcquired");
        monitor
    }

    /// Reads on until the signal of this name.
    fn expect(&mut self, signal: &str) {
        let member = format!("\t{signal}");
        assert!(self.lines.by_ref().any(|line| line.unwrap().ends_with(&member)), "no {signal}");
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_locker_may_be_slow_or_never_lock() {
    in_sandbox("a_locker_may_be_slow_or_never_lock", || {
        let bus = SystemBus::start().unwrap();
        let logind = StandInLogind::start(&bus).unwrap();
        logind.remote_session("c1", "berta", 1002).unwrap();
        let path = "/org/freedesktop/login1/session/c1";
        assert_eq!(property(path, "Remote"), "b true");
        logind.set_locker(None).unwrap();
        call(&["LockSession", "s", "c1"]).unwrap();
        assert!(!logind.is_locked("c1").unwrap());
        logind.set_locker(Some(Duration::from_millis(300))).unwrap();
        call(&["LockSession", "s", "c1"]).unwrap();
        assert!(!logind.is_locked("c1").unwrap());
        std::thread::sleep(Duration::from_millis(600));
        assert!(logind.is_locked("c1").unwrap());
        // What a desktop's own locker says.
        let session = ["org.freedesktop.login1", path, "org.freedesktop.login1.Session"];
        busctl(&[&["call"], &session[..], &["SetLockedHint", "b", "false"]].concat()).unwrap();
        assert!(!logind.is_locked("c1").unwrap());
        busctl(&[&["call"], &session[..], &["Terminate"]].concat()).unwrap();
        assert!(call(&["GetSession", "s", "c1"]).is_err());
    });
}

#[test]
fn a_process_belongs_to_its_leaders_session() {
    in_sandbox("a_process_belongs_to_its_leaders_session", || {
        let bus = SystemBus::start().unwrap();
        let logind = StandInLogind::start(&bus).unwrap();
        let own = std::process::id();
        logind.send(&format!("session 7 anna 1001 seat0 tty1 leader={own}")).unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let answer = call(&["GetSessionByPID", "u", &child.id().to_string()]).unwrap();
        assert_eq!(answer, "o \"/org/freedesktop/login1/session/_37\"");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(call(&["GetSessionByPID", "u", "1"]).unwrap_err().contains("does not belong"));
    });
}

#[test]
fn users_and_their_passwords_are_real_and_private() {
    let before = std::fs::read("/etc/passwd").unwrap();
    in_sandbox("users_and_their_passwords_are_real_and_private", || {
        let uid = account::add_user("rig-anna").unwrap();
        account::set_password("rig-anna", "correct horse").unwrap();
        account::pam_service("rig-test", "auth required pam_unix.so\naccount required pam_unix.so\n")
            .unwrap();
        assert!(uid >= 1000 && Path::new("/home/rig-anna").is_dir());
        let shadow = std::fs::read_to_string("/etc/shadow").unwrap();
        let line = shadow.lines().find(|line| line.starts_with("rig-anna:")).unwrap();
        assert!(line.starts_with("rig-anna:$y$"), "no yescrypt hash");
        assert!(account::add_user("rig-anna").is_err());
        assert!((1..1000).contains(&account::add_system_user("rig-service").unwrap()));
    });
    assert_eq!(std::fs::read("/etc/passwd").unwrap(), before);
    assert!(!Path::new("/etc/pam.d/rig-test").exists() && !Path::new("/home/rig-anna").exists());
}
