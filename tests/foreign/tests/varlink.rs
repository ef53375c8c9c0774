//! The Python package `varlink` calls a real signetd: `GetInfo`, every interface file, an error, conversations.
#![cfg(test)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use signet_rig::program;

/// signetd under a private directory; killed and reaped when this is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(root: &Path) -> Self {
        fs::create_dir_all(root.join("etc/signet")).unwrap();
        // No hardware and no password service: what is tried here is the wire.
        let config = "device_host = \"/bin/false\"\npassword_check = \"/bin/false\"\n";
        fs::write(root.join("etc/signet/signet.toml"), config).unwrap();
        let mut command = Command::new(program("signetd", "signet-daemon").unwrap());
        let mut child = command.arg("--root").arg(root).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let daemon = Self(child);
        assert!(log.any(|line| line.contains("listening on")), "signetd ended");
        // It is read to its end, so that the daemon never waits for room in the pipe.
        thread::spawn(move || log.for_each(|line| eprintln!("{line}")));
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A daemon that has ended already cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The Python that `make deps` gave the package to.
fn python() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().find(|dir| dir.join("python/.varlink").is_file());
    target.expect("the Python package varlink is missing: run 'make deps'").join("python/bin/python")
}

fn own_name() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid)).unwrap();
    line.split(':').next().unwrap().to_owned()
}

#[test]
fn a_foreign_client_reads_the_interfaces_and_holds_conversations() {
    let root = tempfile::tempdir().unwrap();
    let _daemon = Daemon::start(root.path());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/client.py");
    let socket = root.path().join("run/signet/io.signet");
    let output = Command::new(python()).arg(script).arg(socket).arg(own_name()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().next(), Some("prompt"));
}
