//! Every command against a scripted daemon: what is called, what is printed, the exit code.

use serde_json::{Value, json};

use crate::support::{CARD, Ran, Scripted, Step, refusal, reply};

/// A command, what the daemon is asked and answers, what a person sees, the exit code.
struct Case {
    words: &'static str,
    script: Vec<Step>,
    human: &'static str,
    code: i32,
}

impl Case {
    fn new(words: &'static str, step: Step, human: &'static str, code: i32) -> Self {
        Self { words, script: vec![step], human, code }
    }

    fn run(&self, json: bool) -> Ran {
        let daemon = Scripted::new(self.script.clone());
        let mut words: Vec<&str> = self.words.split(' ').collect();
        if json {
            words.push("--json");
        }
        let ran = daemon.run(&words, "");
        daemon.finish();
        ran
    }

    /// The human form and the JSON form, which is the daemon's reply as it is.
    fn check(&self) {
        let human = self.run(false);
        assert_eq!(human.stdout, self.human, "{}: {human:?}", self.words);
        assert_eq!((human.code, human.stderr.as_str()), (self.code, ""), "{}", self.words);
        let ran = self.run(true);
        let document: Value = serde_json::from_str(&ran.stdout).expect(&ran.stdout);
        assert_eq!(document, self.script[0].replies[0]["parameters"], "{}", self.words);
        assert_eq!((ran.code, ran.stderr.as_str()), (self.code, ""), "{}", self.words);
    }
}

fn card() -> Value {
    json!({
        "id": CARD, "user": "alice", "method": "smartcard", "kind": "PIV", "description": "my \u{1b}[2Jcard",
        "enrolled_at": "2026-11-23T18:00:00Z",
    })
}

fn status(devices: &Value) -> Value {
    json!({
        "version": "0.1.0", "started_at": "2026-11-23T18:00:00Z", "engine": "sled",
        "key_source": "key file", "users": 2, "credentials": 3, "conversations": 0,
        "policy_in_force_since": "2026-11-23T18:00:01Z", "devices": devices,
    })
}

#[test]
fn status_shows_the_daemon_and_its_devices() {
    let facts = "\
signetd        0.1.0, running since 2026-11-23T18:00:00Z
store          sled, key from key file
enrolled       3 credentials of 2 users
policy         in force since 2026-11-23T18:00:01Z
conversations  0
";
    let devices = json!([
        {"device": "pcsc:ACME Reader 00 00", "kind": "smartcard", "token_present": true},
        {"device": "pcsc:B", "kind": "smartcard", "token_present": false},
    ]);
    let shown = "
DEVICE                  KIND       TOKEN
pcsc:ACME Reader 00 00  smartcard  present
pcsc:B                  smartcard  none
";
    let hint = "\nNo reader is connected. 'signetctl doctor' says what is missing.\n";
    for (devices, more) in [(devices, shown), (json!([]), hint)] {
        let step = reply("io.signet.Admin.Status", json!({}), status(&devices));
        let human: &'static str = format!("{facts}{more}").leak();
        Case::new("status", step, human, 0).check();
    }
}

/// Proves: ENA-04, MET-02
#[test]
fn methods_tell_where_each_stands_and_what_is_missing() {
    let method = |method: &str, status: &str, credentials: u32, detail: &str| {
        json!({
            "method": method, "status": status, "enabled": status != "disabled",
            "credentials": credentials, "detail": detail,
        })
    };
    let methods = json!({"methods": [
        method("smartcard", "enrolled", 1, ""),
        method("password", "required", 0, "3 days left"),
        method("proximity", "disabled", 1, "can only be deleted"),
        method("fido2", "unavailable", 0, "pcscd is not running: systemctl start pcscd.socket"),
    ]});
    let human = "\
METHOD     STATUS         CREDENTIALS  DETAIL
smartcard  ENROLLED       1            -
password   REQUIRED       0            3 days left
proximity  DISABLED       1            can only be deleted
fido2      NOT AVAILABLE  0            pcscd is not running: systemctl start pcscd.socket

Required: enrol it with 'signetctl enroll password'.
";
    let step = reply("io.signet.Enrollment.Methods", json!({"user": "alice"}), methods);
    Case::new("methods --user alice", step, human, 0).check();
}

#[test]
fn list_shows_ids_that_are_enough() {
    let human = "\
ID        USER   METHOD     KIND  ENROLLED              LAST USED  DESCRIPTION
aaaabbbb  alice  smartcard  PIV   2026-11-23T18:00:00Z  never      my \\u{1b}[2Jcard

'signetctl show ID' shows one; the first digits of its id are enough.
";
    let step = reply("io.signet.Enrollment.List", json!({}), json!({"credentials": [card()]}));
    Case::new("list", step, human, 0).check();
    let nothing =
        "Nothing is enrolled. 'signetctl methods' shows what can be; 'signetctl enroll METHOD' enrols it.\n";
    let step = reply("io.signet.Enrollment.List", json!({}), json!({"credentials": []}));
    Case::new("list", step, nothing, 0).check();
}

/// Proves: CRD-01
#[test]
fn a_credential_is_shown_and_its_description_changed() {
    let facts = "\
id           aaaabbbbccccddddeeeeffff00001111
user         alice
method       smartcard
kind         PIV
enrolled     2026-11-23T18:00:00Z
last used    never
description  my \\u{1b}[2Jcard
";
    let shown =
        reply("io.signet.Enrollment.Show", json!({"credential": CARD}), json!({"credential": card()}));
    Case::new("show aaaabbbbccccddddeeeeffff00001111", shown.clone(), facts, 0).check();
    let changed = reply(
        "io.signet.Enrollment.Describe",
        json!({"credential": CARD, "description": "x"}),
        json!({"credential": card()}),
    );
    let human: &'static str = format!("Changed.\n{facts}").leak();
    Case::new("modify aaaabbbbccccddddeeeeffff00001111 --description x", changed, human, 0).check();

    let list = reply("io.signet.Enrollment.List", json!({"user": "alice"}), json!({"credentials": [card()]}));
    let daemon = Scripted::new(vec![list, shown]);
    let ran = daemon.run(&["show", "aaaa", "--user", "alice"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, facts), "{ran:?}");
    daemon.finish();
}

#[test]
fn the_start_of_an_id_must_fit_one_credential() {
    let mut other = card();
    other["id"] = json!("aaaabbbbccccddddeeeeffff00002222");
    let list = reply("io.signet.Enrollment.List", json!({}), json!({"credentials": [card(), other]}));
    for (start, expected) in
        [("aaaabbbb", "several credentials' ids start with"), ("ffff", "no credential's id starts")]
    {
        let daemon = Scripted::new(vec![list.clone()]);
        let ran = daemon.run(&["delete", start], "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains(expected) && ran.stderr.contains("signetctl list"), "{ran:?}");
        daemon.finish();
    }
}

#[test]
fn doctor_says_what_to_do() {
    let checks = |state: &str| {
        json!({"checks": [
            {"part": "store", "state": "good", "text": "sled, 3 records", "advice": ""},
            {"part": "pcscd", "state": state, "text": "not running", "advice": "systemctl enable --now pcscd.socket"},
        ]})
    };
    let bad = "\
good  store  sled, 3 records
BAD   pcscd  not running
             -> systemctl enable --now pcscd.socket

1 bad, 0 warnings; '->' says what to do.
";
    Case::new("doctor", reply("io.signet.Admin.Doctor", json!({}), checks("bad")), bad, 1).check();
    let warning = bad.replace("good  ", "good     ").replace("BAD   ", "WARNING  ");
    let warning =
        warning.replace("             ->", "                ->").replace("1 bad, 0 warn", "0 bad, 1 warn");
    let step = reply("io.signet.Admin.Doctor", json!({}), checks("warning"));
    Case::new("doctor", step, warning.leak(), 0).check();
}

#[test]
fn sessions_are_listed_shown_and_locked() {
    let session = json!({
        "session": "c2", "user": "alice", "service": "login", "method": "smartcard", "credential": CARD,
        "removal_action": "lock", "locked": false, "since": "2026-11-23T18:00:00Z",
    });
    let human = "\
SESSION  USER   SERVICE  OPENED BY  ON REMOVAL  LOCKED  SINCE
c2       alice  login    smartcard  lock        no      2026-11-23T18:00:00Z
";
    let list = reply("io.signet.Session.List", json!({}), json!({"sessions": [session]}));
    Case::new("session list", list.clone(), human, 0).check();

    let daemon = Scripted::new(vec![list.clone(), list.clone(), list]);
    let ran = daemon.run(&["session", "status", "c2"], "");
    assert!(ran.code == 0 && ran.stdout.contains("on removal  lock\n"), "{ran:?}");
    let ran = daemon.run(&["session", "status", "c9", "--json"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "{\"session\":null}\n"));
    let ran = daemon.program().args(["session", "status"]).env("XDG_SESSION_ID", "c2").output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    daemon.finish();

    let lock =
        |locked: bool| reply("io.signet.Session.Lock", json!({"session": "c2"}), json!({"locked": locked}));
    let yes = "Session c2 is locked. 'signetctl session unlock c2' unlocks it.\n";
    Case::new("session lock c2", lock(true), yes, 0).check();
    let no = "Session c2 was told to lock, and did not report that it is locked. Does a screen locker run in it \
              that listens to logind?\n";
    Case::new("session lock c2", lock(false), no, 1).check();
}

/// Proves: POL-11
#[test]
fn policy_explain_names_the_layer_of_each_value() {
    let values = json!({"values": [
        {
            "key": "method.smartcard.removal_action", "value": "logoff", "layer": "machine",
            "file": "/etc/signet/policy.toml", "line": 7, "documentation": "", "shadowed": ["lock (built-in)"],
        },
        {
            "key": "method.smartcard.enabled", "value": "true", "layer": "built-in", "documentation": "",
            "shadowed": [],
        },
    ]});
    let human = "\
KEY                              VALUE   LAYER     FROM                       HIDES
method.smartcard.removal_action  logoff  machine   /etc/signet/policy.toml:7  lock (built-in)
method.smartcard.enabled         true    built-in  -                          -
";
    let parameters = json!({"user": "alice", "method": "smartcard", "service": "sudo"});
    let step = reply("io.signet.Policy.Explain", parameters, values);
    Case::new("policy explain alice smartcard sudo", step, human, 0).check();
}

#[test]
fn policy_show_and_reload_say_what_is_in_force() {
    let finding =
        json!({"file": "p.toml", "line": 3, "column": 1, "problem": "unknown key 'x'", "allowed": "z"});
    let show = |text: &str, findings: &Value| {
        reply("io.signet.Policy.Show", json!({}), json!({"text": text, "findings": findings}))
    };
    Case::new(
        "policy show",
        show("[display]\nlanguage = \"en\"\n", &json!([])),
        "[display]\nlanguage = \"en\"\n",
        0,
    )
    .check();
    let newer =
        "a = 1\n\nA newer file is not in force, because:\np.toml:3:1: unknown key 'x'; allowed are z\n";
    Case::new("policy show", show("a = 1\n", &json!([finding])), newer, 1).check();
    let reload = |in_force: bool, findings: Value, lockouts: Value| {
        let report = json!({"in_force": in_force, "findings": findings, "lockouts": lockouts});
        reply("io.signet.Policy.Reload", json!({}), report)
    };
    Case::new("policy reload", reload(true, json!([]), json!([])), "The policy is in force.\n", 0).check();
    let refused =
        "p.toml:3:1: unknown key 'x'; allowed are z\nNothing changed: the last good policy stays in force.\n";
    Case::new("policy reload", reload(false, json!([finding]), json!([])), refused, 1).check();
}

/// Proves: ENA-03, POL-10
#[test]
fn policy_check_tells_faults_and_who_would_be_locked_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "[method.smartcard]\nenabled = false\n").unwrap();

    let text = json!({"name": name, "text": "[method.smartcard]\nenabled = false\n"});
    let lockouts =
        json!({"findings": [], "lockouts": [{"user": "alice", "reason": "everything is disabled"}]});
    let daemon = Scripted::new(vec![reply("io.signet.Policy.Check", text, lockouts)]);
    let ran = daemon.run(&["policy", "check", name], "");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.starts_with("would lock out alice: everything is disabled\n"), "{ran:?}");
    daemon.finish();

    let daemon = Scripted::new(vec![]);
    let ran = daemon.run(&["policy", "check", "--offline", name], "");
    assert!(ran.code == 0 && ran.stdout.contains("every key and value is allowed"), "{ran:?}");
    std::fs::write(&file, "[method.smartcard]\nallow_identifier_only = true\n").unwrap();
    let ran = daemon.run(&["policy", "check", "--offline", name], "");
    assert!(ran.code == 0 && ran.stdout.contains(":2: method.smartcard.allow_identifier_only"), "{ran:?}");
    std::fs::write(&file, "[method.smartcard]\nenabled = 1\n").unwrap();
    let ran = daemon.run(&["policy", "check", name, "--json"], "");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["findings"][0]["line"], &report["lockouts"]), (1, &json!(2), &Value::Null));
    daemon.finish();
}

#[test]
fn policy_check_works_without_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    std::fs::write(&file, "").unwrap();
    let daemon = Scripted::new(vec![]);
    let socket = daemon.directory().join("nobody-here");
    let words = ["policy", "check", file.to_str().unwrap(), "--socket", socket.to_str().unwrap()];
    let ran = daemon.run(&words, "");
    assert!(ran.code == 0 && ran.stdout.contains("locked out is not known"), "{ran:?}");
    daemon.finish();
}

#[test]
fn the_reference_needs_no_daemon() {
    let daemon = Scripted::new(vec![]);
    let ran = daemon.run(&["policy", "reference"], "");
    assert!(ran.code == 0 && ran.stdout.contains("## [method.smartcard]"), "{ran:?}");
    daemon.finish();
}

#[test]
fn audit_entries_are_lines_for_people_and_values_for_programs() {
    let line = r#"{"event":"login","mac":"ab","outcome":"denied","prev":"cd","detail":{"reason":"wrong \u001b PIN"},"seq":7,"time":1795456800,"user":"alice"}"#;
    let entries = json!({"entries": [line]});
    let step = reply("io.signet.Admin.Audit", json!({"count": 5}), entries);
    let daemon = Scripted::new(vec![step.clone(), step]);
    let ran = daemon.run(&["audit", "-n", "5"], "");
    assert_eq!(ran.stdout, "2026-11-23T18:00:00Z login denied user=alice reason=\"wrong \\u001b PIN\"\n");
    let ran = daemon.run(&["audit", "-n", "5", "--json"], "");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["entries"][0]["user"], "alice");
    daemon.finish();
}

#[test]
fn an_export_takes_its_passphrase_from_a_prompt() {
    let daemon = Scripted::new(vec![]);
    let path = daemon.directory().join("export");
    daemon.finish();
    let step = reply(
        "io.signet.Admin.Export",
        json!({"path": path, "passphrase": "long and secret"}),
        json!({"records": 7}),
    );
    let daemon = Scripted::new(vec![step]);
    let words = ["export", path.to_str().unwrap(), "--stdin-secrets"];
    let ran = daemon.run(&words, "long and secret\n");
    assert!(ran.code == 0 && ran.stdout.contains("7 records are in"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("long and secret"));
    let ran = daemon.run(&words, "\n");
    assert!(ran.code == 2 && ran.stderr.contains("empty passphrase"), "{ran:?}");
    daemon.finish();
}

#[test]
fn errors_say_what_to_do() {
    let cases = [
        (
            "org.varlink.service.PermissionDenied",
            json!({}),
            "signetctl: permission denied\nOnly root may do this, or the user whom it is about; try it with sudo.\n",
        ),
        (
            "io.signet.Enrollment.UnknownUser",
            json!({"user": "al\u{1b}ice"}),
            "signetctl: there is no user al\\u{1b}ice on this system\n",
        ),
        ("com.example.Strange", json!({}), "signetctl: the daemon refused with 'com.example.Strange'\n"),
    ];
    for (error, details, said) in cases {
        let step = refusal("io.signet.Enrollment.List", json!({}), error, details);
        let daemon = Scripted::new(vec![step.clone(), step]);
        let ran = daemon.run(&["list"], "");
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", said));
        let ran = daemon.run(&["list", "--json"], "");
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(ran.code == 2 && ran.stderr.is_empty() && document["error"]["text"].is_string(), "{ran:?}");
        daemon.finish();
    }
}

#[test]
fn a_daemon_that_is_not_there_gives_3() {
    let daemon = Scripted::new(vec![]);
    let socket = daemon.directory().join("nobody-here");
    for words in ["status", "list", "doctor", "enroll smartcard", "session list", "policy show", "audit"] {
        let words: Vec<&str> = words.split(' ').chain(["--socket", socket.to_str().unwrap()]).collect();
        let ran = daemon.run(&words, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{words:?}");
        assert!(ran.stderr.contains("systemctl start signetd"), "{ran:?}");
    }
    daemon.finish();
}

#[test]
fn a_socket_of_somebody_else_is_told_nothing() {
    let daemon = Scripted::new(vec![]);
    let other = rustix::process::getuid().as_raw() + 1;
    let ran = daemon.run(&["status", "--server-uid", &other.to_string()], "");
    assert!(ran.code == 3 && ran.stderr.contains("Nothing was sent"), "{ran:?}");
    daemon.finish();
}

#[test]
fn a_reply_out_of_protocol_is_an_error() {
    let step = reply("io.signet.Admin.Status", json!({}), json!({"version": 7}));
    let daemon = Scripted::new(vec![step]);
    let ran = daemon.run(&["status"], "");
    assert!(ran.code == 2 && ran.stderr.contains("out of protocol"), "{ran:?}");
    daemon.finish();
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let daemon = Scripted::new(vec![]);
    let directory = daemon.directory().join("man");
    std::fs::create_dir(&directory).unwrap();
    let ran = daemon.run(&["man", directory.to_str().unwrap()], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    for command in [
        "",
        "-status",
        "-methods",
        "-enroll",
        "-verify",
        "-list",
        "-show",
        "-modify",
        "-delete",
        "-pin",
        "-doctor",
        "-export",
        "-audit",
        "-completion",
        "-man",
        "-policy",
        "-policy-check",
        "-policy-show",
        "-policy-explain",
        "-policy-reload",
        "-policy-reference",
        "-session",
        "-session-list",
        "-session-status",
        "-session-lock",
        "-session-unlock",
    ] {
        let page = std::fs::read_to_string(directory.join(format!("signetctl{command}.1"))).expect(command);
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let ran = daemon.run(&["completion", shell], "");
        assert!(ran.code == 0 && ran.stdout.contains("enroll"), "{shell}");
    }
    daemon.finish();
}
