//! Every conversation against a scripted daemon: notices, prompts, answers, outcomes.

use serde_json::{Value, json};

use crate::support::{CARD, CONVERSATION, Scripted, answered, events, notice, outcome, prompt, reply};

/// Every conversation: its command and how it starts.
fn conversations() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("enroll smartcard", "io.signet.Enrollment.Enroll", json!({"method": "smartcard"})),
        (
            "enroll password --user bob",
            "io.signet.Enrollment.Enroll",
            json!({"user": "bob", "method": "password"}),
        ),
        (
            "verify smartcard --user alice --service sudo",
            "io.signet.Authentication.Start",
            json!({"service": "sudo", "user": "alice", "method": "smartcard"}),
        ),
        (
            "verify --user alice",
            "io.signet.Authentication.Start",
            json!({"service": "signetctl", "user": "alice"}),
        ),
        (
            "delete aaaabbbbccccddddeeeeffff00001111",
            "io.signet.Enrollment.Delete",
            json!({"credential": CARD}),
        ),
        ("pin smartcard", "io.signet.Enrollment.ChangeSecret", json!({"method": "smartcard"})),
        ("session unlock c2", "io.signet.Session.Unlock", json!({"session": "c2"})),
    ]
}

#[test]
fn every_conversation_tells_asks_and_ends() {
    for (words, method, parameters) in conversations() {
        let script = vec![
            events(
                method,
                parameters.clone(),
                &[notice("Present \u{7}your card."), prompt("secret", "PIN: ")],
            ),
            events(
                "io.signet.Authentication.Respond",
                answered("4711-canary"),
                &[notice("Wrong PIN."), prompt("confirm", "Once more?")],
            ),
            events("io.signet.Authentication.Respond", answered("yes"), &[outcome("done", "It is done.")]),
        ];
        let daemon = Scripted::new(script.clone());
        let mut words: Vec<&str> = words.split(' ').chain(["--stdin-secrets"]).collect();
        let ran = daemon.run(&words, "4711-canary\nY\n");
        daemon.finish();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?} {ran:?}");
        let start = "Present \\u{7}your card.\nPIN: \nWrong PIN.\nOnce more?\nIt is done.\n";
        assert!(ran.stdout.starts_with(start) && !ran.stdout.contains("canary"), "{words:?} {ran:?}");

        let daemon = Scripted::new(script);
        words.push("--json");
        let ran = daemon.run(&words, "4711-canary\nyes\n");
        daemon.finish();
        let lines: Vec<Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let kinds: Vec<&String> = lines.iter().flat_map(|l| l.as_object().unwrap().keys()).collect();
        assert_eq!(kinds, ["notice", "prompt", "notice", "prompt", "outcome"], "{words:?}");
        assert!(ran.code == 0 && !ran.stdout.contains("canary"), "{words:?} {ran:?}");
    }
}

#[test]
fn the_exit_code_is_the_result() {
    let granted = json!({"outcome": {
        "result": "granted", "code": "welcome", "text": "Welcome.", "user": "alice", "method": "smartcard",
    }});
    for (last, code, said) in [
        (granted, 0, "Granted: alice by smartcard.\n"),
        (outcome("denied", "Authentication failed."), 1, "Authentication failed.\n"),
        (outcome("cancelled", "Cancelled."), 1, "Cancelled.\n"),
        (outcome("unavailable", "No reader."), 2, "No reader.\n'signetctl doctor' says what is missing.\n"),
    ] {
        let start = json!({"service": "signetctl", "user": "alice"});
        let daemon = Scripted::new(vec![events("io.signet.Authentication.Start", start, &[last])]);
        let ran = daemon.run(&["verify", "--user", "alice"], "");
        assert_eq!((ran.code, ran.stdout.as_str()), (code, said), "{ran:?}");
        daemon.finish();
    }
}

#[test]
fn a_choice_is_answered_by_number_or_id() {
    let choice = json!({"prompt": {"kind": "choice", "code": "method", "text": "How?", "choices": [
        {"id": "smartcard", "label": "Smart card"}, {"id": "password", "label": "Password"},
    ]}});
    for (typed, expected) in
        [("2", Some("password")), ("smartcard", Some("smartcard")), ("3", None), ("0", None)]
    {
        let start =
            events("io.signet.Enrollment.Delete", json!({"credential": CARD}), std::slice::from_ref(&choice));
        let end = match expected {
            Some(id) => {
                events("io.signet.Authentication.Respond", answered(id), &[outcome("done", "Deleted.")])
            }
            None => {
                reply("io.signet.Authentication.Cancel", json!({"conversation": CONVERSATION}), json!({}))
            }
        };
        let daemon = Scripted::new(vec![start, end]);
        let ran = daemon.run(&["delete", CARD, "--stdin-secrets"], &format!("{typed}\n"));
        daemon.finish();
        assert!(ran.stdout.starts_with("How?\n  1  Smart card\n  2  Password\n"), "{ran:?}");
        assert_eq!(ran.code, if expected.is_some() { 0 } else { 2 }, "{ran:?}");
        if expected.is_none() {
            assert!(ran.stderr.contains("Allowed are 1 to 2, or smartcard, password."), "{ran:?}");
        }
    }
}

#[test]
fn too_few_answers_cancel_the_conversation() {
    let start = events(
        "io.signet.Enrollment.ChangeSecret",
        json!({"method": "smartcard"}),
        &[prompt("secret", "PIN: ")],
    );
    let cancel = reply("io.signet.Authentication.Cancel", json!({"conversation": CONVERSATION}), json!({}));
    let daemon = Scripted::new(vec![start, cancel]);
    let ran = daemon.run(&["pin", "smartcard", "--stdin-secrets"], "");
    assert!(ran.code == 2 && ran.stderr.contains("no answer for the prompt 'PIN: '"), "{ran:?}");
    daemon.finish();
}

#[test]
fn pin_finds_the_one_method_that_is_enrolled() {
    let method = |name: &str, credentials: u32| json!({"method": name, "status": "enrolled", "enabled": true, "credentials": credentials, "detail": ""});
    let list = |methods: Value| reply("io.signet.Enrollment.Methods", json!({}), json!({"methods": methods}));
    let change = events(
        "io.signet.Enrollment.ChangeSecret",
        json!({"method": "proximity"}),
        &[outcome("done", "Changed.")],
    );
    let daemon = Scripted::new(vec![list(json!([method("proximity", 2), method("password", 0)])), change]);
    assert_eq!(daemon.run(&["pin"], "").code, 0);
    daemon.finish();
    for (methods, said) in [
        (json!([method("proximity", 1), method("password", 1)]), "proximity, password"),
        (json!([method("proximity", 0)]), "nothing is enrolled"),
    ] {
        let daemon = Scripted::new(vec![list(methods)]);
        let ran = daemon.run(&["pin"], "");
        assert!(ran.code == 2 && ran.stderr.contains(said), "{ran:?}");
        daemon.finish();
    }
}
