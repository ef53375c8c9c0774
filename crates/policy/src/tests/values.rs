//! Every key with every wrong kind of value, from the table itself.

use super::*;
use crate::{
    EnrollmentDemand, FactorRequirement, KeyInfo, Kind, Language, LockFallback, MethodChoice, PasswordSource,
    reference_markdown,
};
use signet_types::{CharacterSet, PinType, ReaderLoss, RemovalAction};

/// Values that no key of this kind takes.
fn wrong(kind: &Kind) -> Vec<String> {
    let mut wrong: Vec<_> = ["1.5", "1979-05-27", "{ a = 1 }", "\"\"", "-1", "99999999999999999999"]
        .map(ToOwned::to_owned)
        .to_vec();
    match kind {
        Kind::Flag => wrong.extend(["1", "\"true\"", "[]"].map(ToOwned::to_owned)),
        Kind::Number { min, max } => {
            wrong.extend(["true", "\"5\"", "[]"].map(ToOwned::to_owned));
            wrong.extend(min.checked_sub(1).map(|n| n.to_string()));
            wrong.push((max + 1).to_string());
        }
        Kind::Word { .. } => wrong.extend(["true", "1", "\"nonsense\"", "[]"].map(ToOwned::to_owned)),
        Kind::Paths => wrong.extend(
            ["\"/a\"", "[1]", "[\"a.pem\"]", "[\"/a/../b\"]", "[\"/\"]", "[\"/a\", \"/a\"]", "[\"/a\\nb\"]"]
                .map(ToOwned::to_owned),
        ),
        Kind::Methods => {
            wrong.extend(
                ["[]", "\"password\"", "[\"any\"]", "[1]", "[\"totp\", \"totp\"]"].map(ToOwned::to_owned),
            );
        }
        Kind::Factors => wrong.extend(
            ["[]", "\"possession\"", "[\"any\"]", "[\"knowledge\", \"knowledge\"]", "2"]
                .map(ToOwned::to_owned),
        ),
    }
    wrong
}

/// Values that a key of this kind takes: all words, both ends of a range.
pub(super) fn right(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Flag => ["true", "false"].map(ToOwned::to_owned).to_vec(),
        Kind::Number { min, max } => vec![min.to_string(), max.to_string()],
        Kind::Word { words } => words().iter().map(|word| format!("\"{word}\"")).collect(),
        Kind::Paths => {
            ["[]", "[\"/etc/signet/ca/x.pem\"]", "[\"/a b\", \"/\u{65e5}\"]"].map(ToOwned::to_owned).to_vec()
        }
        Kind::Methods => {
            ["\"any\"", "[\"smartcard\"]", "[\"fido2\", \"password\"]"].map(ToOwned::to_owned).to_vec()
        }
        Kind::Factors => {
            ["\"any\"", "\"two-factor\"", "\"hardware-two-factor\"", "[\"knowledge\", \"possession\"]"]
                .map(ToOwned::to_owned)
                .to_vec()
        }
    }
}

fn each_key(mut check: impl FnMut(&Section, &KeyInfo)) {
    let mut keys = 0;
    for section in all_sections() {
        for info in section.keys() {
            check(&section, info);
            keys += 1;
        }
    }
    assert!(keys >= 80, "{keys} keys");
}

/// Proves: POL-10
#[test]
fn every_wrong_value_of_every_key_is_refused_with_place_and_allowed_values() {
    each_key(|section, info| {
        for value in wrong(&info.kind) {
            let text = format!("# head\n[{section}]\n{} = {value}\n", info.name);
            let source = Source { layer: layer_of(section), file: "policy.toml", text: &text };
            let Err(findings) = Document::parse(&source) else { panic!("accepted: {text}") };
            assert_eq!(findings.len(), 1, "{text}{findings:#?}");
            let said = findings[0].to_string();
            let key = format!("{section}.{}: found ", info.name);
            assert!(said.starts_with("policy.toml:3:") && said.contains(&key), "{said}");
            assert!(findings[0].at.column as usize > info.name.len(), "the value's column: {said}");
            assert!(said.contains(&format!("allowed are {}", info.kind)), "{said}");
        }
    });
}

/// Proves: POL-10
#[test]
fn every_allowed_value_of_every_key_is_read_and_written_alike() {
    each_key(|section, info| {
        let default = section.built_in(info.name).unwrap().toml();
        for value in right(&info.kind).into_iter().chain([default]) {
            let text = format!("[{section}]\n{} = {value}\n", info.name);
            let source = Source { layer: layer_of(section), file: "policy.toml", text: &text };
            let document = Document::parse(&source).unwrap_or_else(|findings| panic!("{text}{findings:#?}"));
            assert_eq!(document.entries[0].setting.toml(), value, "{text}");
        }
    });
}

#[test]
fn lists_of_paths_are_bounded() {
    let said_of = |paths: &[String]| {
        let text = format!("[method.smartcard]\ntrusted_authorities = {paths:?}\n");
        machine(&text).err().map(|findings| findings[0].to_string())
    };
    let paths: Vec<_> = (0..33).map(|n| format!("/etc/signet/ca/{n}.pem")).collect();
    assert_eq!(said_of(&paths[..32]), None);
    let said = said_of(&paths).unwrap();
    assert!(said.contains("found a list of 33, allowed are lists of at most 32 absolute paths"), "{said}");
    assert_eq!(said_of(&[format!("/{}", "a".repeat(4095))]), None);
    assert!(said_of(&[format!("/{}", "a".repeat(4096))]).is_some(), "longer than PATH_MAX");
}

#[test]
fn the_reference_names_every_key_with_default_and_meaning() {
    let reference = reference_markdown();
    each_key(|section, info| {
        let default = section.built_in(info.name).unwrap().toml();
        let row = format!("| `{}` | {} | `{default}` | {} |", info.name, info.kind, info.doc);
        assert!(reference.contains(&row), "{row}");
        assert!(
            info.doc.ends_with('.')
                && info.doc.trim() == info.doc
                && section.about().trim() == section.about(),
            "{}: {}",
            info.name,
            info.doc
        );
        assert!(section.keys().iter().filter(|other| other.name == info.name).count() == 1);
    });
    assert!(
        reference.lines().filter(|l| l.starts_with("| ")).all(|l| l.matches(" | ").count() == 3),
        "{reference}"
    );
}

/// Proves: POL-01
#[test]
fn the_language_defaults_to_the_systems_and_only_installed_ones_are_offered() {
    let built_in = Policy::default().effective_for_nobody();
    assert_eq!(built_in.language(), Language::System);
    for (locale, language) in [
        ("ja_JP.UTF-8", Language::Japanese),
        ("ja", Language::Japanese),
        ("jam_JM.UTF-8", Language::English),
        ("en_GB.UTF-8", Language::English),
        ("de_DE.UTF-8", Language::English),
        ("C", Language::English),
        ("", Language::English),
    ] {
        assert_eq!(Language::System.resolved(locale), language, "{locale}");
        assert_eq!(Language::Japanese.resolved(locale), Language::Japanese);
    }
    let said = said("[display]\nlanguage = \"de\"\n");
    assert_eq!(
        said,
        ["policy.toml:2:12: display.language: found the text \"de\", allowed are \"system\", \"en\", \"ja\""]
    );
}

/// Proves: POL-02, ENA-01
#[test]
fn every_method_is_enabled_by_itself_by_default() {
    let built_in = Policy::default().effective_for_nobody();
    for method in Method::ALL {
        // OTP-02: codes by mail or SMS are off by default.
        assert_eq!(built_in.method(method).enabled, method != Method::Code, "{method}");
        let text = format!("[method.{method}]\nenabled = {}\n", method == Method::Code);
        let turned = policy(&[(Layer::Machine, "policy.toml", &text)]).effective_for_nobody();
        for other in Method::ALL {
            let same = turned.method(other).enabled == built_in.method(other).enabled;
            assert_eq!(same, other != method, "{method} turned, {other}");
        }
    }
}

/// Proves: POL-03, POL-04, POL-05, POL-06
#[test]
fn the_methods_defaults_are_those_of_the_contract() {
    let built_in = Policy::default().effective_for_nobody();
    let fingerprint = built_in.method(Method::Fingerprint);
    assert_eq!((fingerprint.fingers.get(), fingerprint.pin_required), (1, true));
    let proximity = built_in.method(Method::Proximity);
    assert_eq!((proximity.removal_action, proximity.pin_required), (RemovalAction::Lock, true));
    let smartcard = built_in.method(Method::Smartcard);
    assert_eq!((smartcard.removal_action, smartcard.pin_type), (RemovalAction::Lock, PinType::Card));
    assert_eq!(smartcard.on_reader_loss, ReaderLoss::Remove);
    for method in [Method::Smartcard, Method::Proximity, Method::Fingerprint] {
        let settings = built_in.method(method);
        assert_eq!((settings.pin_min_length.get(), settings.pin_allowed_characters), (4, CharacterSet::Any));
    }
    for method in Method::ALL.into_iter().filter(|m| !m.is_token()) {
        assert_eq!(built_in.method(method).removal_action, RemovalAction::None, "{method}");
    }
    assert_eq!(built_in.method(Method::Password).source, PasswordSource::System);
    assert_eq!(built_in.session().lock_fallback, LockFallback::Nothing);
}

/// Proves: POL-06
#[test]
fn a_smart_cards_pin_rule_counts_with_a_signet_pin_only() {
    let rule = |pin_type: &str| {
        let text = format!(
            "[method.smartcard]\npin_type = \"{pin_type}\"\npin_min_length = 6\npin_allowed_characters = \"numeric\"\n"
        );
        policy(&[(Layer::Machine, "policy.toml", &text)])
            .effective_for_nobody()
            .method(Method::Smartcard)
            .pin_rule()
    };
    assert_eq!(rule("card"), None);
    let rule = rule("signet").unwrap();
    assert_eq!((rule.min_length(), rule.characters()), (6, CharacterSet::Numeric));
    assert!(Policy::default().effective_for_nobody().method(Method::Proximity).pin_rule().is_some());
}

#[test]
fn enrollment_and_services_are_typed() {
    let text = "[method.totp]\nenrollment = \"required\"\ngrace_days = 30\nprompt_at_start = false\n\
                [service.sudo]\nfactors = [\"possession\"]\nmethods = [\"fido2\"]\ninfo_text = false\n\
                [method.challenge]\nrequired_weight = 70\n[policy]\nmin_methods = 2\n";
    let effective = policy(&[(Layer::Machine, "policy.toml", text)]).effective_for_nobody();
    let enrollment = effective.method(Method::Totp).enrollment();
    assert_eq!((enrollment.demand, enrollment.grace_days), (EnrollmentDemand::Required, 30));
    assert_eq!((enrollment.prompt_at_logon, enrollment.prompt_at_start), (true, false));
    let sudo = effective.service(&service("sudo"));
    assert_eq!(sudo.factors, FactorRequirement::All(signet_types::Factor::Possession.into()));
    assert!(
        sudo.methods.contains(Method::Fido2) && !sudo.methods.contains(Method::Password) && !sudo.info_text
    );
    assert_eq!(effective.service(&service("login")).methods, MethodChoice::Any);
    assert_eq!(effective.method(Method::Challenge).required_weight.get(), 70);
    assert_eq!(effective.general().min_methods.get(), 2);
}
