//! Prompts at a real (pseudo) terminal: echo, Ctrl-C, Escape, and the modes afterwards.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};
use serde_json::{Value, json};

use crate::support::{CONVERSATION, Scripted, answered, events, notice, outcome, prompt, reply};

/// The program at a terminal of its own; `screen` is the person's side.
struct Seat {
    screen: File,
    line: OwnedFd,
    child: Child,
    seen: String,
}

impl Seat {
    fn new(daemon: &Scripted, words: &[&str]) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let line = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let program = daemon.program();
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(program.get_program())
            .args(program.get_args())
            .args(words)
            .stdin(line.try_clone().unwrap())
            .stdout(line.try_clone().unwrap())
            .stderr(line.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { screen: screen.into(), line, child, seen: String::new() }
    }

    /// Waits until the text is on the screen.
    fn see(&mut self, text: &str) {
        let mut bytes = [0; 256];
        while !self.seen.contains(text) {
            let got = self.screen.read(&mut bytes).unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..got]));
        }
    }

    fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end: the exit code and all that was seen. The terminal must echo again.
    fn end(mut self, last: &str) -> (i32, String) {
        self.see(last);
        let code = self.child.wait().unwrap().code().unwrap();
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        (code, self.seen)
    }
}

fn start(events_: &[Value]) -> crate::support::Step {
    events("io.signet.Enrollment.ChangeSecret", json!({"method": "smartcard"}), events_)
}

fn respond(answer: &str, then: &[Value]) -> crate::support::Step {
    events("io.signet.Authentication.Respond", answered(answer), then)
}

#[test]
fn a_secret_is_not_shown_and_can_be_corrected() {
    let daemon = Scripted::new(vec![
        start(&[notice("Insert the card."), prompt("secret", "PIN: ")]),
        respond("geheim\u{e9}", &[prompt("text", "Label")]),
        respond("my card", &[outcome("done", "Changed.")]),
    ]);
    let mut seat = Seat::new(&daemon, &["pin", "smartcard"]);
    seat.see("PIN: ");
    seat.press("wrong\u{15}geheimx\u{7f}\u{1b}[A\u{e9}\r");
    seat.see("Label ");
    seat.press("my cat\u{7f}rd\r");
    let (code, seen) = seat.end("Changed.");
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("geheim") && !seen.contains("wrong"), "{seen}");
    assert!(seen.contains("my cat\u{8} \u{8}rd"), "{seen:?}");
    daemon.finish();
}

#[test]
fn ctrl_c_cancels_the_conversation() {
    let cancel = reply("io.signet.Authentication.Cancel", json!({"conversation": CONVERSATION}), json!({}));
    let daemon = Scripted::new(vec![start(&[prompt("secret", "PIN: ")]), cancel]);
    let mut seat = Seat::new(&daemon, &["pin", "smartcard"]);
    seat.see("PIN: ");
    seat.press("47\u{3}");
    let (code, seen) = seat.end("ancelled");
    assert_eq!(code, 1, "{seen}");
    daemon.finish();
}

/// Proves: AUT-06
#[test]
fn escape_goes_back() {
    for key in ["\u{1b}", "\u{4}"] {
        let back = events(
            "io.signet.Authentication.Respond",
            json!({"conversation": CONVERSATION}),
            &[outcome("cancelled", "Back.")],
        );
        let daemon = Scripted::new(vec![start(&[prompt("secret", "PIN: ")]), back]);
        let mut seat = Seat::new(&daemon, &["pin", "smartcard"]);
        seat.see("PIN: ");
        seat.press(key);
        let (code, seen) = seat.end("Back.");
        assert_eq!(code, 1, "{seen}");
        daemon.finish();
    }
}

#[test]
fn a_wrong_answer_is_asked_for_again_with_what_is_allowed() {
    let choice = json!({"prompt": {"kind": "choice", "code": "method", "text": "How?", "choices": [
        {"id": "smartcard", "label": "Smart card"}, {"id": "password", "label": "Password"},
    ]}});
    let daemon = Scripted::new(vec![
        start(&[choice]),
        respond("password", &[prompt("confirm", "Sure?")]),
        respond("no", &[outcome("done", "Good.")]),
    ]);
    let mut seat = Seat::new(&daemon, &["pin", "smartcard"]);
    seat.see("Number: ");
    seat.press("7\r");
    seat.see("Allowed are 1 to 2, or smartcard, password: ");
    seat.press("2\r");
    seat.see("Sure? [yes/no] ");
    seat.press("perhaps\r");
    seat.see("Allowed are yes, no: ");
    seat.press("N\r");
    let (code, seen) = seat.end("Good.");
    assert_eq!(code, 0, "{seen}");
    daemon.finish();
}

#[test]
fn with_json_the_prompt_stands_at_the_terminal() {
    let daemon = Scripted::new(vec![
        start(&[prompt("secret", "PIN: ")]),
        respond("4711", &[outcome("done", "Changed.")]),
    ]);
    let mut seat = Seat::new(&daemon, &["pin", "smartcard", "--json"]);
    seat.see("\nPIN: ");
    seat.press("4711\r");
    let (code, seen) = seat.end("{\"outcome\"");
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("4711"), "{seen}");
    daemon.finish();
}

#[test]
fn an_export_asks_twice_and_compares() {
    let daemon = Scripted::new(vec![]);
    let mut seat = Seat::new(&daemon, &["export", "/nowhere/export"]);
    seat.see("Passphrase for the export: ");
    seat.press("one\r");
    seat.see("The same again: ");
    seat.press("two\r");
    let (code, seen) = seat.end("Nothing was written");
    assert_eq!(code, 2, "{seen}");
    daemon.finish();
}
