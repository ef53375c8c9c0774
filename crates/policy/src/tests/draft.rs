use super::*;
use crate::{Draft, DraftError, Lock};

const FILE: &str = "# Our workstation.\n\n[method.smartcard] # cards\nremoval_action = \"lock\"   # asked for by the ward\n\n\
                    [session]\nunlock_by_token = true\n";

fn local(text: &str) -> Draft {
    Draft::new(policy(&[(Layer::Machine, "policy.toml", text)]))
}

/// Proves: POL-12, MODE-01
#[test]
fn every_shown_setting_can_be_changed_applied_and_reset() {
    let draft = local("[method.code]\nenabled = true\n");
    let shown = draft.shown();
    assert!(shown.len() > 70 && shown.iter().all(|s| s.lock.is_none() && !s.changed));
    for setting in shown {
        let key = setting.path.to_string();
        let other = match setting.allowed {
            crate::Kind::Flag => (setting.value != "true").to_string(),
            crate::Kind::Number { max, .. } => max.to_string(),
            crate::Kind::Word { words } => words().pop().unwrap(),
            crate::Kind::Paths => "[\"/etc/ca.pem\"]".to_owned(),
            crate::Kind::Methods => "[\"password\"]".to_owned(),
            crate::Kind::Factors => "two-factor".to_owned(),
        };
        let mut draft = draft.clone();
        let now = draft.set(&key, &other).unwrap_or_else(|error| panic!("{error}"));
        let held = |draft: &Draft| draft.shown().into_iter().find(|s| s.path == setting.path).unwrap();
        assert!(held(&draft).changed && held(&draft).value == now, "{key}");
        let text = draft.apply().unwrap_or_else(|findings| panic!("{findings:#?}"));
        let reread = local(&text);
        assert_eq!(held(&reread).value, now, "{key}: {text}");
        draft.reset();
        assert_eq!((held(&draft).value, draft.changes().count()), (setting.value.clone(), 0), "{key}");
    }
}

/// Proves: POL-12
#[test]
fn applying_keeps_comments_order_and_layout() {
    let mut draft = local(FILE);
    assert_eq!(draft.apply().unwrap(), FILE, "no change, no difference");
    draft.set("method.smartcard.removal_action", "none").unwrap();
    draft.set("method.smartcard.removal_action", "logoff").unwrap();
    assert_eq!(
        draft.changes().map(|(path, value)| format!("{path} = {value}")).collect::<Vec<_>>(),
        ["method.smartcard.removal_action = \"logoff\""]
    );
    draft.set("method.totp.enabled", "false").unwrap();
    draft.set("service.a.b.factors", "[\"possession\", \"knowledge\"]").unwrap();
    draft.set("session.lock_confirm_seconds", "9").unwrap();
    assert_eq!(
        draft.apply().unwrap(),
        "# Our workstation.\n\n[method.smartcard] # cards\nremoval_action = \"logoff\"   # asked for by the ward\n\n\
         [method.totp]\nenabled = false\n\n[session]\nunlock_by_token = true\nlock_confirm_seconds = 9\n\n\
         [service.\"a.b\"]\nfactors = [\"knowledge\", \"possession\"]\n"
    );
}

/// Proves: POL-12
#[test]
fn every_layout_of_a_file_takes_a_change() {
    for text in [
        "",
        "method.smartcard.enabled = true\n",
        "method = { smartcard = { enabled = true } }\n",
        "[method]\nsmartcard = { enabled = true }\n",
        "[method]\nsmartcard.enabled = true\n",
        "method = {}\n",
        "[method.totp]\n",
    ] {
        let mut draft = local(text);
        draft.set("method.smartcard.enabled", "false").unwrap();
        draft.set("method.fido2.removal_action", "none").unwrap();
        let applied = draft.apply().unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
        let effective = policy(&[(Layer::Machine, "policy.toml", &applied)]).effective_for_nobody();
        assert!(!effective.method(Method::Smartcard).enabled, "{applied}");
        assert_eq!(
            effective.method(Method::Fido2).removal_action,
            signet_types::RemovalAction::None,
            "{applied}"
        );
    }
}

/// Proves: POL-12
#[test]
fn a_refused_change_says_why_and_changes_nothing() {
    let mut draft = local("[method.fingerprint]\nenabled = false\n");
    for (key, value, said) in [
        (
            "lockout.threshold",
            "0",
            "lockout.threshold: found the number 0, allowed are whole numbers from 1 to 100",
        ),
        (
            "method.smartcard.removal_action",
            "logof",
            "method.smartcard.removal_action: found the text \"logof\", allowed are \"none\", \"lock\", \"logoff\"; did you \
             mean \"logoff\"?",
        ),
        (
            "method.smartcard.colour",
            "1",
            "unknown key \"method.smartcard.colour\"; allowed are the keys of the policy reference, such as \
             method.smartcard.enabled",
        ),
        (
            "method.fingerprint.fingers",
            "2",
            "method.fingerprint.fingers cannot be changed: the method is disabled; set method.fingerprint.enabled to true \
             first",
        ),
        ("group.priority", "2", "group.priority cannot be changed here: it is a setting of a group's file"),
    ] {
        assert_eq!(draft.set(key, value).unwrap_err().to_string(), said);
    }
    assert_eq!(draft.changes().count(), 0);
    draft.set("method.fingerprint.enabled", "true").unwrap();
    draft.set("method.fingerprint.fingers", "2").unwrap();
    assert!(draft.apply().unwrap().contains("fingers = 2"));
}

#[test]
fn what_the_organisation_sets_is_shown_locked_and_enabled_is_not_shown() {
    let mut draft = Draft::new(policy(&[
        (Layer::Machine, "policy.toml", FILE),
        (
            Layer::Enterprise,
            "enterprise.toml",
            "[method.smartcard]\nremoval_action = \"logoff\"\n[service.default]\nfactors = \"two-factor\"\n",
        ),
    ]));
    let shown = draft.shown();
    let removal = shown.iter().find(|s| s.path.to_string() == "method.smartcard.removal_action").unwrap();
    let lock = Lock::Enterprise { file: "enterprise.toml".to_owned(), line: 2 };
    assert_eq!((removal.value.as_str(), &removal.lock), ("\"logoff\"", &Some(lock.clone())));
    assert!(!shown.iter().any(|s| s.path.info().name == "enabled"));
    let key = "method.smartcard.removal_action".to_owned();
    assert_eq!(draft.set(&key, "none"), Err(DraftError::Locked { key: key.clone(), lock }));
    assert!(
        matches!(draft.set("service.sudo.factors", "any"), Err(DraftError::Locked { .. })),
        "through default"
    );
    assert!(matches!(draft.set("method.totp.enabled", "true"), Err(DraftError::NotShown { .. })));
    assert!(draft.set("session.lock_confirm_seconds", "4").is_ok(), "the rest is free");
}

/// Proves: ENA-05
#[test]
fn of_a_disabled_method_only_enabled_can_be_changed_and_in_enterprise_mode_nothing() {
    let off = "[method.totp]\nenabled = false\n";
    let shown = |draft: &Draft| -> Vec<(String, bool)> {
        let totp = draft.shown().into_iter().filter(|s| *s.path.section() == Section::Method(Method::Totp));
        totp.map(|s| (s.path.info().name.to_owned(), s.lock.is_none())).collect()
    };
    let keys = Section::Method(Method::Totp).keys().len();
    let local = shown(&local(off));
    assert_eq!(local.len(), keys, "it is shown");
    assert!(local.iter().all(|(name, free)| *free == (name == "enabled")), "{local:?}");
    let enterprise = Draft::new(policy(&[(Layer::Enterprise, "enterprise.toml", off)]));
    let enterprise = shown(&enterprise);
    assert_eq!(enterprise.len(), keys - 1);
    assert!(enterprise.iter().all(|(_, free)| !free), "{enterprise:?}");
}
