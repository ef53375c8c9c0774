//! Project Wycheproof's signatures against the check of a card's signature.

#![allow(clippy::unwrap_used, reason = "a test's own failure")]

use signet_authn::Matched;
use signet_smartcard::key::PublicKey;
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify};

/// How a verdict of ours compares: what is invalid must not match, what is valid must.
fn check(id: usize, comment: &str, expected: TestResult, matched: Matched) {
    match expected {
        TestResult::Valid => assert_eq!(matched, Matched::Yes, "{id}: {comment}"),
        TestResult::Invalid => assert_eq!(matched, Matched::No, "{id}: {comment}"),
        // Old forms that some libraries take: either verdict is allowed.
        TestResult::Acceptable => {}
    }
}

#[test]
fn ecdsa_signatures() {
    let mut checked = 0;
    for name in [ecdsa::TestName::EcdsaSecp256r1Sha256, ecdsa::TestName::EcdsaSecp384r1Sha384] {
        let set = ecdsa::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = PublicKey::from_spki(&group.der).unwrap();
            for test in &group.tests {
                check(test.tc_id, &test.comment, test.result, key.verify(&test.msg, &test.sig));
                checked += 1;
            }
        }
    }
    assert!(checked > 900, "{checked}");
}

#[test]
fn rsa_signatures() {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).unwrap();
    let mut checked = 0;
    for group in &set.test_groups {
        let key = PublicKey::from_spki(&group.der).unwrap();
        for test in &group.tests {
            check(test.tc_id, &test.comment, test.result, key.verify(&test.msg, &test.sig));
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}

/// Keys of sizes and curves that PIV cards have not are refused before any signature is looked at.
#[test]
fn other_keys_are_refused() {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa4096Sha256).unwrap();
    assert!(set.test_groups.iter().all(|group| PublicKey::from_spki(&group.der).is_err()));
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp521r1Sha512).unwrap();
    assert!(set.test_groups.iter().all(|group| PublicKey::from_spki(&group.der).is_err()));
}
