//! What the module leaves in the program that loads it: nothing. The one test of its process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use signet_protocol::wire::Kind;
use support::{
    Services,
    application::{Answer, Application, SUCCESS},
    daemon::{Act, Daemon, grant, prompt},
};

/// Everything about this process that a module could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    descriptors: usize,
    threads: usize,
    /// Signals that are caught, ignored or blocked, as the kernel says.
    signals: Vec<String>,
    variables: usize,
    module_mapped: bool,
}

impl Traces {
    fn of_this_process() -> Self {
        let count = |directory: &str| fs::read_dir(directory).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let signals = status.lines().filter(|line| line.starts_with("Sig")).map(str::to_owned).collect();
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            signals,
            variables: std::env::vars_os().count(),
            module_mapped: fs::read_to_string("/proc/self/maps").unwrap().contains("libpam_signet"),
        }
    }
}

/// Proves: PAM-01
#[test]
fn nothing_remains_after_a_hundred_logins_that_went_well_or_badly() {
    let pin = || prompt(Kind::Secret, "card-pin", "PIN: ");
    let scripts = [
        vec![Act::Read, pin(), Act::Read, grant("anna")],
        vec![Act::Read, pin(), Act::Read],
        vec![Act::Read, Act::Raw(b"junk\0")],
        vec![Act::Read, pin(), Act::Read, grant("berta")],
    ];
    let rounds = 100;
    let mut daemon = Daemon::playing(scripts.iter().cycle().take(rounds).cloned().collect());
    let services = Services::new();
    services.write("login", &format!("auth required @ {}", daemon.arguments()));
    let run = |answers: Vec<Answer>| {
        let application = Application::start(&services, "login", Some("anna"), answers);
        let code = application.authenticate(0);
        let seen = application.inheritable();
        drop(application);
        (code, seen)
    };
    let before = Traces::of_this_process();
    assert!(!before.module_mapped);
    let keep = support::inheritable();
    for round in 0..rounds {
        let answer = if round % 5 == 0 { Answer::NoText } else { Answer::Text("123456") };
        let (code, seen) = run(vec![answer]);
        assert_eq!(code == SUCCESS, round % 4 == 0 && round % 5 != 0);
        // While the prompt was open, no descriptor of the module could have reached a program
        // that the host starts.
        assert!(seen.is_none_or(|seen| seen == keep), "{seen:?} descriptors, {keep} before");
    }
    daemon.wait_until_served(rounds);
    assert_eq!(Traces::of_this_process(), before);
}
