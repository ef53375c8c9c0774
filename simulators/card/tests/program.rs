//! The program behind a vpcd that the test plays, so that neither pcscd nor root is needed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const ATR: u8 = 4;
const SELECT: [u8; 14] = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
const WRONG_PIN: &[u8] = b"\x00\x20\x00\x80\x08999999\xFF\xFF";

struct Rig {
    vpcd: TcpListener,
    process: Child,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Rig {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let vpcd = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_signet-sim-card"))
            .args(["--vpcd", &vpcd.local_addr().unwrap().to_string(), "--socket"])
            .arg(&socket)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready "), "{line}");
        Self { vpcd, process, socket, _directory: directory }
    }

    fn command(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        writeln!(stream, "{command}").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn card(&self) -> Contacts {
        Contacts(self.vpcd.accept().unwrap().0)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

struct Contacts(TcpStream);

impl Contacts {
    /// Two writes, as vpcd does it.
    fn send(&mut self, frame: &[u8]) {
        self.0.write_all(&u16::try_from(frame.len()).unwrap().to_be_bytes()).unwrap();
        self.0.write_all(frame).unwrap();
    }

    /// `None` when the card is gone.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut frame).ok()?;
        Some(frame)
    }

    fn transmit(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        self.send(apdu);
        self.receive()
    }
}

#[test]
fn a_card_is_inserted_answers_and_is_removed() {
    let rig = Rig::start(&["--card", "anna=piv"]);
    let (reply, mut card) = std::thread::scope(|scope| {
        let inserting = scope.spawn(|| rig.command("insert"));
        let card = rig.card();
        (inserting.join().unwrap(), card)
    });
    assert_eq!(reply, "ok anna");
    assert_eq!(card.transmit(&[ATR]).unwrap()[0], 0x3B);
    // Without power nothing answers, and with it the application does.
    assert_eq!(card.transmit(&SELECT).unwrap(), []);
    card.send(&[POWER_ON]);
    assert!(card.transmit(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
    card.send(&[POWER_OFF]);
    card.send(&[POWER_ON]);
    assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x80]).unwrap(), [0x6D, 0x00]);
    assert_eq!(rig.command("apdus"), "ok 3 A4 A4 20");
    assert_eq!(rig.command("remove"), "ok");
    assert_eq!(card.receive(), None);
    assert_eq!(rig.command("present"), "ok -");
}

#[test]
fn a_card_leaves_in_the_middle_of_an_apdu_or_of_a_stall() {
    let rig = Rig::start(&["--card", "anna=piv", "--insert", "anna"]);
    let mut card = rig.card();
    card.send(&[POWER_ON]);
    assert_eq!(rig.command("yank-mid-apdu"), "ok");
    assert_eq!(card.transmit(&SELECT), None);

    assert_eq!(rig.command("yank-mid-apdu 1 partial"), "ok");
    let mut card = std::thread::scope(|scope| {
        scope.spawn(|| rig.command("insert"));
        rig.card()
    });
    card.send(&[POWER_ON]);
    let cut = card.transmit(&SELECT).unwrap();
    assert!(cut.len() > 2 && !cut.ends_with(&[0x90, 0x00]));
    assert_eq!(card.receive(), None);

    let mut card = std::thread::scope(|scope| {
        scope.spawn(|| rig.command("insert"));
        rig.card()
    });
    card.send(&[POWER_ON]);
    assert_eq!(rig.command("stall 3600000"), "ok");
    card.send(&SELECT);
    // Pulling the card ends the stall at once.
    let started = Instant::now();
    assert_eq!(rig.command("remove"), "ok");
    assert_eq!(card.receive(), None);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_stalled_answer_comes_late_and_whole() {
    let rig = Rig::start(&["--card", "anna=piv", "--insert", "anna"]);
    let mut card = rig.card();
    card.send(&[POWER_ON]);
    assert_eq!(rig.command("stall 200"), "ok");
    let started = Instant::now();
    assert!(card.transmit(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn the_card_comes_back_to_a_reader_that_went_away() {
    let rig = Rig::start(&["--card", "anna=piv", "--insert", "anna"]);
    let mut card = rig.card();
    card.send(&[POWER_ON]);
    assert!(card.transmit(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
    drop(card);
    let mut card = rig.card();
    card.send(&[POWER_ON]);
    assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x80]).unwrap(), [0x6D, 0x00]);
}

#[test]
fn a_state_directory_keeps_the_certificate_and_the_tries() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().to_str().unwrap();
    let arguments = ["--card", "anna=piv", "--insert", "anna", "--state", directory];
    let rig = Rig::start(&arguments);
    let mut card = rig.card();
    card.send(&[POWER_ON]);
    card.transmit(&SELECT).unwrap();
    assert_eq!(card.transmit(WRONG_PIN).unwrap(), [0x63, 0xC2]);
    // The counter is kept before the answer goes out: a kill at once loses nothing.
    drop(rig);
    let certificate = std::fs::read(state.path().join("anna/9a.pem")).unwrap();
    let rig = Rig::start(&arguments);
    assert_eq!(rig.command("tries anna"), "ok 2");
    assert_eq!(rig.command("reset-tries anna"), "ok");
    assert_eq!(std::fs::read(state.path().join("anna/9a.pem")).unwrap(), certificate);
    assert_eq!(std::fs::read_to_string(state.path().join("anna/tries")).unwrap(), "3\n");
}

#[test]
fn arguments_are_refused_with_what_is_allowed() {
    for (cards, says) in [
        (&["--card", "anna=pov"][..], "piv and identifier"),
        (&["--card", "anna=piv", "--card", "anna=piv"], "two cards"),
        (&["--card", "anna=piv", "--insert", "berta"], "there are anna"),
        (&[], "--card"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_signet-sim-card"))
            .args(["--vpcd", "127.0.0.1:1", "--socket", "/nonexistent/socket"])
            .args(cards)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
    }
}
