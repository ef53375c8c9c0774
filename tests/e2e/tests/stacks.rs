//! The real `su` and `sudo` under every usual shape of stack: they let in exactly when signetd grants.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

use signet_e2e::{Setup, Typist, Workstation, library};
use signet_rig::{account, in_sandbox};

/// Shapes of the group `auth`; `M` is the module. None of them may succeed without it.
const SHAPES: [&str; 6] = [
    "auth required M",
    "auth requisite M\nauth required pam_permit.so",
    "auth sufficient M",
    "auth sufficient M\nauth required pam_deny.so",
    "auth [success=done default=ignore] M\nauth required pam_deny.so",
    "auth [success=ok default=ignore] M",
];

const PROGRAMS: [(&str, &str); 2] = [("su", "su alice -c 'echo in'"), ("sudo", "sudo -k; sudo -S echo in")];

fn use_stack(shape: &str) {
    let module = library().unwrap();
    let auth = shape.replace('M', &module.display().to_string());
    let rest = "account required pam_permit.so\nsession required pam_permit.so\n";
    for (service, _) in PROGRAMS {
        account::pam_service(service, &format!("{auth}\n{rest}")).unwrap();
    }
}

/// Runs a command as alice; whether it was let in, and what was said.
fn is_let_in(command: &str, answers: &[(&str, &str)]) -> (bool, String) {
    let uid = account::user_id("alice").unwrap().to_string();
    let mut run = Command::new("setpriv");
    run.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "sh", "-c", command]).env("USER", "alice");
    let typed = Typist::run(&mut run, answers).unwrap();
    (typed.granted() && typed.said.lines().any(|line| line.ends_with("in")), typed.said)
}

/// Proves: PAM-01
#[test]
fn su_and_sudo_let_in_exactly_when_signetd_grants() {
    in_sandbox("su_and_sudo_let_in_exactly_when_signetd_grants", || {
        let mut station = Workstation::start(&Setup::default()).unwrap();
        std::fs::write("/etc/sudoers", "Defaults !lecture\nalice ALL=(ALL) ALL\n").unwrap();
        station.insert("alice").unwrap();
        assert!(station.enroll("alice", "471108").unwrap().granted());
        for shape in SHAPES {
            use_stack(shape);
            for (program, command) in PROGRAMS {
                let (right, said) = is_let_in(command, &[("PIN", "471108")]);
                assert!(right, "{program}, right PIN, {shape}: {said}");
                let (cancelled, said) = is_let_in(command, &[]);
                assert!(!cancelled, "{program}, cancelled, {shape}: {said}");
            }
        }
        station.signetd.kill();
        for shape in SHAPES {
            use_stack(shape);
            for (program, command) in PROGRAMS {
                let (dead, said) = is_let_in(command, &[]);
                assert!(!dead, "{program}, daemon dead, {shape}: {said}");
            }
        }
    });
}
