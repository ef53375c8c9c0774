//! The program with real PAM, real users and the service file that is shipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use signet_device_link::password::{MAX_REQUEST, Reply, Request, encode};
use signet_rig::{account, in_sandbox};
use signet_types::Secret;

const PROGRAM: &str = env!("CARGO_BIN_EXE_signet-password-check");

/// As it is installed.
const SHIPPED: &str = include_str!("../../../../packaging/pam.d/signet-password");

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may refuse before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn ask(request: &Request) -> Reply {
    let output = run(&[], &encode(request).unwrap());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout.len(), 1);
    Reply::from_output(&output.stdout)
}

fn check(user: &str, password: &str) -> Reply {
    ask(&Request::Check { user: user.parse().unwrap(), password: secret(password) })
}

fn change(user: &str, old: &str, new: &str) -> Reply {
    ask(&Request::Change { user: user.parse().unwrap(), old: secret(old), new: secret(new) })
}

fn tool(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

fn anna() {
    account::add_user("anna").unwrap();
    account::set_password("anna", "correct horse").unwrap();
    account::pam_service("signet-password", SHIPPED).unwrap();
}

/// Proves: MET-09
#[test]
fn the_system_password_is_right_or_wrong() {
    in_sandbox("the_system_password_is_right_or_wrong", || {
        anna();
        assert_eq!(check("anna", "correct horse"), Reply::Right);
        for wrong in ["", "correct hors", "Correct horse", "correct horse ", "correct\0horse"] {
            assert_eq!(check("anna", wrong), Reply::Wrong, "{wrong:?}");
        }
        assert_eq!(check("nobody-of-this-name", "correct horse"), Reply::Wrong);
        // A user without a password has none that could be right.
        account::add_user("berta").unwrap();
        tool("passwd", &["--delete", "berta"]);
        assert_eq!(check("berta", ""), Reply::Wrong);
    });
}

/// Proves: MET-09
#[test]
fn an_expired_password_and_a_refused_account_are_told_apart_from_a_wrong_one() {
    in_sandbox("an_expired_password_and_a_refused_account_are_told_apart_from_a_wrong_one", || {
        anna();
        tool("chage", &["--lastday", "0", "anna"]);
        assert_eq!(check("anna", "correct horse"), Reply::Expired);
        assert_eq!(check("anna", "wrong"), Reply::Wrong);
        assert_eq!(change("anna", "correct horse", "battery Staple 9"), Reply::Right);
        assert_eq!(check("anna", "battery Staple 9"), Reply::Right);
        tool("usermod", &["--expiredate", "1", "anna"]);
        assert_eq!(check("anna", "battery Staple 9"), Reply::AccountRefused);
        assert_eq!(change("anna", "battery Staple 9", "another Staple 9"), Reply::AccountRefused);
        assert_eq!(check("anna", "wrong"), Reply::Wrong);
    });
}

#[test]
fn a_password_is_changed_only_by_who_knows_it() {
    in_sandbox("a_password_is_changed_only_by_who_knows_it", || {
        anna();
        assert_eq!(change("anna", "wrong", "battery Staple 9"), Reply::Wrong);
        assert_eq!(check("anna", "correct horse"), Reply::Right);
        assert_eq!(change("anna", "correct horse", "battery\0Staple"), Reply::Failed);
        assert_eq!(check("anna", "correct horse"), Reply::Right);
        assert_eq!(change("anna", "correct horse", "battery Staple 9"), Reply::Right);
        assert_eq!(check("anna", "battery Staple 9"), Reply::Right);
        assert_eq!(check("anna", "correct horse"), Reply::Wrong);
    });
}

#[test]
fn a_stack_that_cannot_say_is_neither_right_nor_wrong() {
    in_sandbox("a_stack_that_cannot_say_is_neither_right_nor_wrong", || {
        anna();
        let stacks = [
            // No such module.
            "auth required pam_no_such_module.so\naccount required pam_permit.so\n",
            // A line that is none.
            "auth required\n",
            // A module that fails itself.
            "auth required pam_exec.so /bin/false\naccount required pam_permit.so\n",
        ];
        for stack in stacks {
            account::pam_service("signet-password", stack).unwrap();
            assert_eq!(check("anna", "correct horse"), Reply::Failed, "{stack}");
        }
        // Nothing but the account says no.
        let stack = "auth required pam_unix.so\naccount required pam_deny.so\n";
        account::pam_service("signet-password", stack).unwrap();
        assert_ne!(check("anna", "correct horse"), Reply::Right);
    });
}

/// Modules must not be led by what the daemon's environment says.
#[test]
fn modules_see_an_empty_environment() {
    in_sandbox("modules_see_an_empty_environment", || {
        anna();
        let stack = "auth required pam_unix.so nodelay\n\
                     account required pam_exec.so log=/run/environment /usr/bin/cat /proc/self/environ\n";
        account::pam_service("signet-password", stack).unwrap();
        assert_eq!(check("anna", "correct horse"), Reply::Right);
        let seen = std::fs::read_to_string("/run/environment").unwrap();
        assert!(seen.contains("PAM_SERVICE=signet-password"), "{seen}");
        for name in ["PATH=", "HOME=", "CARGO"] {
            assert!(!seen.contains(name), "{name} in {seen}");
        }
    });
}

#[test]
fn requests_that_cannot_be_read_fail() {
    let long = vec![b'x'; MAX_REQUEST + 10];
    for input in [&b""[..], b"\0", b"\x07junk", b"\x00\x04anna\x7f", &long] {
        let output = run(&[], input);
        assert_eq!(Reply::from_output(&output.stdout), Reply::Failed, "{input:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_wrong_option_is_refused_before_anything_is_read() {
    for arguments in [&["--help"][..], &["--service"], &["--service", "login", "x"]] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }
}

/// Installed setuid by mistake, it must not let its caller choose the service.
#[test]
fn a_setuid_program_refuses_the_service_option() {
    in_sandbox("a_setuid_program_refuses_the_service_option", || {
        anna();
        account::pam_service("lenient", "auth required pam_permit.so\naccount required pam_permit.so\n")
            .unwrap();
        let copy = "/usr/local/bin";
        tool("mount", &["-t", "tmpfs", "tmpfs", copy]);
        let copy = format!("{copy}/check");
        std::fs::copy(PROGRAM, &copy).unwrap();
        tool("chmod", &["4755", &copy]);
        let request =
            encode(&Request::Check { user: "anna".parse().unwrap(), password: secret("x") }).unwrap();
        std::fs::write("/tmp/signet-password-request", &*request).unwrap();
        let output = Command::new("setpriv")
            .args(["--reuid", "anna", "--clear-groups", "--", &copy, "--service", "lenient"])
            .stdin(std::fs::File::open("/tmp/signet-password-request").unwrap())
            .output()
            .unwrap();
        std::fs::remove_file("/tmp/signet-password-request").unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(run(&["--service", "lenient"], &request).stdout, [Reply::Right.to_byte()]);
    });
}

#[test]
fn a_check_takes_no_longer_than_its_hash() {
    in_sandbox("a_check_takes_no_longer_than_its_hash", || {
        anna();
        for (password, reply) in [("correct horse", Reply::Right), ("wrong", Reply::Wrong)] {
            let started = Instant::now();
            assert_eq!(check("anna", password), reply);
            println!("{reply:?} after {:?}", started.elapsed());
            // pam_unix sleeps for two seconds after a wrong one, were it not told `nodelay`.
            assert!(started.elapsed() < Duration::from_millis(1500));
        }
    });
}
