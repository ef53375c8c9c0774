use proptest::prelude::*;

use super::*;
use crate::{KeyPath, PolicySlot, Problem};

/// Proves: POL-10
#[test]
fn unknown_names_are_refused_with_what_was_perhaps_meant() {
    for (text, expected) in [
        (
            "[sesion]\n",
            "policy.toml:1:2: unknown section \"sesion\", allowed are display, policy, group, method, service, \
             lockout, session; did you mean \"session\"?",
        ),
        (
            "[method.smartcrad]\nenabled = true\n",
            "policy.toml:1:9: unknown method \"smartcrad\", allowed are smartcard, proximity, fido2, fingerprint, \
             challenge, password, totp, recovery, code; did you mean \"smartcard\"?",
        ),
        (
            "\n[method.totp]\n  enable = true\n",
            "policy.toml:3:3: unknown key of [method.totp] \"enable\", allowed are enabled, enrollment, grace_days, \
             prompt_at_logon, prompt_at_start; did you mean \"enabled\"?",
        ),
        (
            "[method.password]\nfingers = 3\n",
            "policy.toml:2:1: unknown key of [method.password] \"fingers\", allowed are enabled, source, min_length",
        ),
        (
            "[service.\"su do\"]\n",
            "policy.toml:1:10: \"su do\" cannot name a service: the name has a character that is not allowed; allowed \
             are a-z, A-Z, 0-9, '.', '_', '@' and '-', starting with a letter or a digit",
        ),
        (
            "[method]\nsmartcard = true\n",
            "policy.toml:2:13: method.smartcard: found true, allowed is a table: [method.smartcard] and its keys below",
        ),
        (
            "[[session]]\n",
            "policy.toml:1:1: session: found a list, allowed is a table: [session] and its keys below",
        ),
        (
            "[group]\npriority = 1\n",
            "policy.toml:1:2: the section [group] is allowed in the file of a group only",
        ),
        (
            "[method.smartcard]\nremoval_action = \"lok\"\n",
            "policy.toml:2:18: method.smartcard.removal_action: found the text \"lok\", allowed are \"none\", \"lock\", \
             \"logoff\"; did you mean \"lock\"?",
        ),
        (
            "[service.sudo]\nmethods = [\"password\",\n  \"finger\u{202e}print\"]\n",
            "policy.toml:3:3: service.sudo.methods: found the text \"finger\\u202Eprint\", allowed are \"any\" or a list \
             of different methods out of \"smartcard\", \"proximity\", \"fido2\", \"fingerprint\", \"challenge\", \
             \"password\", \"totp\", \"recovery\", \"code\"; did you mean \"fingerprint\"?",
        ),
    ] {
        assert_eq!(said(text), [expected], "{text}");
    }
    let problem = &machine("[lockout]\nthreshold = 0\n").unwrap_err()[0].problem;
    assert_eq!(problem.allowed(), "whole numbers from 1 to 100");
    let far = said("[method.passw]\n[sess]\n");
    assert!(
        far.len() == 2 && !far.concat().contains("did you mean"),
        "three letters away is a guess: {far:#?}"
    );
}

/// Proves: POL-10
#[test]
fn all_that_is_wrong_in_a_file_is_said_in_its_order() {
    let text = "[lockout]\nthreshold = 0\nwindow_seconds = 86401\n[method.pasword]\n[method.fido2]\nfingers = 1\n\
                [display]\nlanguage = en\n";
    let said = said(text);
    let starts: Vec<_> = said.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        starts,
        ["policy.toml:2:13", "policy.toml:3:18", "policy.toml:4:9", "policy.toml:6:1", "policy.toml:8:12"]
    );
    assert!(said[4].contains("not valid TOML"), "{}", said[4]);
}

/// The parser goes on after a broken line with a value of its own making; that one is not told.
#[test]
fn a_broken_line_gives_its_own_error_only() {
    for text in [
        "[session]\nlock_confirm_seconds = 1 2\n",
        "[lockout]\nthreshold = 08\n",
        "[session]\nunlock_by_token =\n",
        "[display]\nlanguage = en\n",
    ] {
        let said = said(text);
        assert!(said.len() == 1 && said[0].contains("not valid TOML"), "{said:#?}");
    }
}

/// Proves: POL-10
#[test]
fn a_key_given_twice_is_refused_however_it_is_spelt() {
    for text in [
        "[session]\nlock_confirm_seconds = 1\nlock_confirm_seconds = 1\n",
        "[session]\nunlock_by_token = true\n[session]\nlock_confirm_seconds = 1\n",
        "session.unlock_by_token = true\n[session]\nlock_confirm_seconds = 1\n",
        "[method.totp]\nenabled = true\n[method]\ntotp.enabled = false\n",
        "[method.totp]\nenabled = true\n\"enabled\" = false\n",
    ] {
        let findings = machine(text).expect_err(text);
        assert!(findings.iter().all(|f| matches!(f.problem, Problem::Syntax(_))), "{findings:#?}");
    }
}

/// Proves: POL-10
#[test]
fn size_and_depth_are_bounded() {
    let comment = "#".repeat(Source::MAX_BYTES);
    assert!(machine(&comment).is_ok());
    assert!(machine(&format!("{comment}#")).is_err());
    for deep in
        ["[".repeat(60_000), format!("a = {}", "[".repeat(60_000)), format!("{}b = 1", "a.".repeat(30_000))]
    {
        assert!(machine(&deep).is_err());
    }
    let long = format!("[session]\n{} = 1\n", "k".repeat(10_000));
    assert!(said(&long)[0].len() < 300, "a finding does not repeat a long text");
}

/// Proves: POL-10
#[test]
fn of_very_many_findings_the_first_hundred_are_told_and_the_rest_is_counted() {
    let said = said(&"x y\n".repeat(150));
    assert_eq!(said.len(), 101);
    assert!(said[99].starts_with("policy.toml:100:"), "{}", said[99]);
    assert!(said[100].ends_with("and 50 more findings after this place"), "{}", said[100]);
}

#[test]
fn columns_count_characters() {
    let text = "[method.smartcard]\ntrusted_authorities = [\"/日本\", \"x\"]\n";
    assert!(said(text)[0].starts_with("policy.toml:2:31: "), "{:?}", said(text));
}

/// Proves: POL-10
#[test]
fn a_failed_reload_keeps_the_last_good_policy() {
    let load = |text: &str| Policy::load([Source { layer: Layer::Machine, file: "policy.toml", text }]);
    let threshold = |slot: &PolicySlot| slot.current().effective_for_nobody().lockout().threshold.get();
    let mut slot = PolicySlot::default();
    slot.replace(load("[lockout]\nthreshold = 7\n")).unwrap();
    let said: Vec<_> = slot
        .replace(load("[lockout]\nthreshold = 101\n"))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "policy.toml:2:13: lockout.threshold: found the number 101, allowed are whole numbers from 1 to 100"
        ]
    );
    assert_eq!((threshold(&slot), slot.last_error().len()), (7, 1));
    slot.replace(load("[lockout]\nthreshold = 9\n")).unwrap();
    assert_eq!((threshold(&slot), slot.last_error().len()), (9, 0));
}

/// Proves: POL-10
#[test]
fn findings_of_several_files_are_told_together() {
    let wrong = [
        (Layer::Machine, "policy.toml", "[lockout]\nthreshold = 0\n"),
        (Layer::User("alice".parse().unwrap()), "users/alice.toml", "[display]\nlanguage = 1\n"),
    ];
    let sources = wrong.iter().map(|(layer, file, text)| Source { layer: layer.clone(), file, text });
    let files: Vec<_> = Policy::load(sources).unwrap_err().into_iter().map(|f| f.file).collect();
    assert_eq!(files, ["policy.toml", "users/alice.toml"]);
    let twice = ["a.toml", "b.toml"].map(|file| Source { layer: Layer::Machine, file, text: "" });
    let findings = Policy::load(twice).unwrap_err();
    assert_eq!(
        findings[0].to_string(),
        "b.toml:1:1: a second file for the layer machine, allowed is one; the first is a.toml"
    );
}

/// Proves: POL-10
#[test]
fn an_allowed_value_without_effect_or_with_a_risk_is_told() {
    let text = "[method.smartcard]\npin_min_length = 6\nallow_identifier_only = true\ngrace_days = 3\n\
                [method.proximity]\nallow_identifier_only = true\nrequire_cryptographic = true\n\
                [method.password]\nmin_length = 12\n[method.code]\nenrollment = \"required\"\n\
                [service.default]\nmethods = [\"code\"]\n[service.sudo]\ninfo_text = false\n[policy]\nmin_methods = 9\n";
    let said = |text: &str| -> Vec<String> {
        let policy = policy(&[(Layer::Machine, "policy.toml", text)]);
        policy.warnings(None, &[]).iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        said(text),
        [
            "policy.toml:17: policy.min_methods = 9: fewer methods than that are enabled: nobody can enrol so many",
            "policy.toml:2: method.smartcard.pin_min_length = 6: counts with pin_type = \"signet\" only",
            "policy.toml:3: method.smartcard.allow_identifier_only = true: whoever copies a card's identifier, which needs \
             one look at it, is let in as its owner",
            "policy.toml:4: method.smartcard.grace_days = 3: counts with enrollment = \"required\" only",
            "policy.toml:6: method.proximity.allow_identifier_only = true: has no effect: require_cryptographic refuses \
             every card without a key",
            "policy.toml:9: method.password.min_length = 12: counts with source = \"signet\" only: the system has its own \
             rule",
            "policy.toml:11: method.code.enrollment = required: the method is disabled, so that nobody is asked to enrol it",
            "policy.toml:13: service.default.methods = [\"code\"]: every method that the service takes is disabled: nobody \
             can use it",
        ]
    );
    let good = "[method.smartcard]\npin_type = \"signet\"\npin_min_length = 6\nenrollment = \"required\"\ngrace_days = 3\n\
                [method.code]\nenabled = true\n[method.password]\nsource = \"signet\"\nmin_length = 12\n";
    assert_eq!(said(good), [""; 0]);
}

#[test]
fn a_warning_is_told_of_the_value_in_force_only() {
    let policy = policy(&[
        (Layer::Machine, "policy.toml", "[method.totp]\ngrace_days = 3\n"),
        (Layer::User(user("alice")), "users/alice.toml", "[method.totp]\ngrace_days = 4\n"),
    ]);
    let said: Vec<_> = policy.warnings(Some(&user("alice")), &[]).iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["users/alice.toml:2: method.totp.grace_days = 4: counts with enrollment = \"required\" only"]
    );
}

/// Security.md, R10: a log line shows what the file holds.
#[test]
fn findings_escape_what_would_change_the_line_that_shows_them() {
    let hidden = ('\0'..='\u{9f}').filter(|c| c.is_control()).chain(['\u{200e}', '\u{200f}']);
    for c in hidden.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
        let text = format!("[service.sudo]\n\"a\\u{:04X}b\" = 1\n", u32::from(c));
        let said = said(&text);
        assert!(
            !said[0].contains(c) && said[0].contains(&format!("\"a\\u{:04X}b\"", u32::from(c))),
            "{said:?}"
        );
    }
}

#[test]
fn a_key_path_is_parsed_as_it_is_printed() {
    for section in all_sections().into_iter().chain([Section::Service(service("a.b"))]) {
        for info in section.keys() {
            let text = format!("{section}.{}", info.name);
            assert_eq!(text.parse::<KeyPath>().unwrap().to_string(), text);
        }
    }
    for bad in
        ["", ".", "method", "method.smartcard", "method.smartcard.fingers", "x.enabled", "service..factors"]
    {
        assert!(bad.parse::<KeyPath>().is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = machine(&text);
        let _ = text.parse::<KeyPath>();
    }

    /// Text that is nearly a policy gets past the TOML parser far more often.
    #[test]
    fn parsing_near_text_never_panics_and_places_are_in_the_file(
        pieces in proptest::collection::vec(prop_oneof![
            Just("[method.smartcard]\n"), Just("[service.sudo]\n"), Just("[group]\n"), Just("method."), Just("\""),
            Just("enabled = "), Just("pin_min_length = "), Just("factors = "), Just("["), Just("]"), Just("{"), Just("}"),
            Just("true"), Just("4"), Just("0x4"), Just("\"any\""), Just("\n"), Just("="), Just(","), Just("日本"), Just("#"),
        ], 0..24),
    ) {
        let text = pieces.concat();
        if let Err(findings) = machine(&text) {
            prop_assert!(!findings.is_empty());
            let lines = text.matches('\n').count() + 1;
            prop_assert!(findings.iter().all(|f| (1..=lines).contains(&(f.at.line as usize)) && f.at.column >= 1));
            prop_assert!(findings.windows(2).all(|w| w[0].at <= w[1].at));
        }
    }
}
