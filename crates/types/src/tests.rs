use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn secret(text: &str) -> Secret {
    Secret::try_from(text.to_owned()).unwrap()
}

/// Proves: POL-06
#[test]
fn a_pin_is_refused_with_the_rule_it_breaks() {
    let rule = PinRule::new(6, CharacterSet::Numeric).unwrap();
    assert_eq!(rule.check(&secret("12345")), Err(PinViolation::TooShort { min: 6 }));
    assert_eq!(
        rule.check(&secret("12345a")),
        Err(PinViolation::Character { allowed: CharacterSet::Numeric })
    );
    assert_eq!(rule.check(&secret(&"1".repeat(65))), Err(PinViolation::TooLong { max: 64 }));
    assert_eq!(rule.check(&secret("123456")), Ok(()));
    let rule = PinRule::new(4, CharacterSet::Alphanumeric).unwrap();
    assert!(rule.check(&secret("ab12")).is_ok());
    assert!(rule.check(&secret("ab-12")).is_err());
    assert!(PinRule::default().check(&secret("日本語字")).is_ok(), "length counts characters, not bytes");
    assert!(PinRule::default().check(&Secret::new(vec![0xff; 8]).unwrap()).is_err());
}

/// Proves: POL-06
#[test]
fn a_pin_rule_outside_4_to_16_cannot_be_made() {
    for length in 0..=u8::MAX {
        let allowed = (4..=16).contains(&length);
        assert_eq!(PinRule::new(length, CharacterSet::Any).is_ok(), allowed, "{length}");
    }
}

/// Proves: AUD-02
#[test]
fn a_secret_prints_nothing_of_itself() {
    let printed = format!("{:?}", secret("canary-7f3a"));
    assert!(!printed.contains("canary"), "{printed}");
    assert!(Secret::new(vec![b'x'; Secret::MAX_LEN + 1]).is_err());
}

#[test]
fn user_names_that_break_files_paths_or_options_are_refused() {
    for bad in ["", "a:b", "a\nb", "../etc", "a/b", "-rf", ".ssh", "a b", "\u{202e}a", "A", &"a".repeat(257)]
    {
        assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
    }
    for good in ["alice", "_apt", "a.b@example.org", "0day", "x-y_z"] {
        assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
    }
}

#[test]
fn device_ids_hold_printable_ascii_only() {
    assert!("pcsc:ACME Reader (0) 00 00".parse::<DeviceId>().is_ok());
    for bad in ["", "a\u{1b}[2J", "a\0b", "é", &"r".repeat(161)] {
        assert!(bad.parse::<DeviceId>().is_err(), "{bad:?}");
    }
}

#[test]
fn timestamps_print_as_iso_8601() {
    for (secs, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_795_456_800, "2026-11-23T18:00:00Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
    ] {
        assert_eq!(Timestamp::from_secs(secs).to_string(), text);
    }
}

/// Proves: MET-01
#[test]
fn every_method_has_a_name_of_its_own() {
    let names: HashSet<_> = Method::ALL.iter().map(|m| m.as_str()).collect();
    assert_eq!(names.len(), Method::ALL.len());
    for method in Method::ALL {
        assert_eq!(method.as_str().parse(), Ok(method));
    }
    assert_eq!("Smartcard".parse::<Method>(), Err(UnknownMethod));
}

#[test]
fn factors_are_a_set() {
    let both = Factor::Knowledge | Factor::Possession;
    assert!(both.covers(Factor::Knowledge.into()) && both.covers(Factors::NONE));
    assert!(!Factors::from(Factor::Knowledge).covers(both));
    assert_eq!(both.iter().collect::<Vec<_>>(), [Factor::Knowledge, Factor::Possession]);
}

proptest! {
    #[test]
    fn ids_round_trip_and_have_one_spelling(bytes: [u8; 16]) {
        let id = CredentialId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse::<CredentialId>(), Ok(id));
        let upper = id.to_string().to_uppercase();
        prop_assert_eq!(upper.parse::<CredentialId>().is_ok(), upper == id.to_string());
    }

    #[test]
    fn parsing_never_panics(text in ".*") {
        let _ = text.parse::<UserName>();
        let _ = text.parse::<ServiceName>();
        let _ = text.parse::<DeviceId>();
        let _ = text.parse::<SessionId>();
        let _ = text.parse::<CredentialId>();
        let _ = text.parse::<Method>();
    }
}
