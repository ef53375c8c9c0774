//! The certificate of a card: when it is valid, and who issued it.

use signet_authn::{Failure, Settings};
use signet_conformance::{Host, World};
use signet_sim_card::CardMaker;
use signet_types::{PinType, Timestamp, UserMessage};

use crate::support::{PIN, Reader, make, unbent};

/// 2026-01-01T00:00:00Z
const FIRST: u64 = 1_767_225_600;
/// 2026-06-30T00:00:00Z
const LAST: u64 = 1_782_777_600;

fn dated(settings: Settings) -> Reader {
    let description =
        format!("own=piv,pin={PIN},alg=p256,9e=p256,not-before=2026-01-01,not-after=2026-06-30");
    let mut reader = Reader::with(make(&CardMaker::new().unwrap(), &description), settings);
    reader.now = Timestamp::from_secs(FIRST);
    reader
}

/// Both ends of the validity are inside of it (RFC 5280, 4.1.2.5).
#[test]
fn a_card_is_refused_with_the_date_before_and_after_its_certificate() {
    for pin_type in [PinType::Card, PinType::Signet] {
        let mut reader = dated(Settings { pin_type, ..Settings::default() });
        let credentials = Host { world: &mut reader }.enrolled();
        for (now, expected) in [
            (FIRST - 1, Some(UserMessage::CertificateNotYetValid(Timestamp::from_secs(FIRST)))),
            (FIRST, None),
            (LAST, None),
            (LAST + 1, Some(UserMessage::CertificateExpired(Timestamp::from_secs(LAST)))),
        ] {
            reader.reset();
            reader.now = Timestamp::from_secs(now);
            let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
            assert_eq!(run.ending.err(), expected.clone().map(Failure::Refused), "at {now}");
            assert_eq!(run.questions.is_empty(), expected.is_some(), "a PIN is asked for in vain at {now}");
            reader.reset();
            let run = Host { world: &mut reader }.enroll(&mut unbent);
            assert_eq!(run.ending.err(), expected.map(Failure::Refused), "enrolment at {now}");
        }
    }
}

#[test]
fn a_card_must_lead_to_an_anchor_where_policy_names_one() {
    let (own, foreign) = (CardMaker::new().unwrap(), CardMaker::new().unwrap());
    let anchor = |maker: &CardMaker| maker.issuer().root_der().unwrap();
    let card = || make(&own, &format!("own=piv,pin={PIN},alg=p256"));
    let with = |anchors: Vec<Vec<u8>>| {
        Reader::with(card(), Settings { trust_anchors: anchors, ..Settings::default() })
    };

    for anchors in [vec![], vec![anchor(&own)], vec![anchor(&foreign), anchor(&own)]] {
        let mut reader = with(anchors);
        let credentials = Host { world: &mut reader }.enrolled();
        assert!(Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).ending.is_ok());
        // Policy changes after the enrolment.
        reader.settings.trust_anchors = vec![anchor(&foreign)];
        reader.reset();
        let run = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent);
        assert!(matches!(run.ending, Err(Failure::Refused(UserMessage::CertificateUntrusted))));
    }
    // The foreign authority has the same name as the own one: only the signature tells them apart.
    // A card's own certificate is no authority, and rubbish is no anchor.
    let leaf = card().certificate(signet_sim_card::KeySlot::Authentication).unwrap().to_vec();
    for anchors in [vec![anchor(&foreign)], vec![leaf], vec![vec![0x30, 0x00]]] {
        let run = Host { world: &mut with(anchors) }.enroll(&mut unbent);
        assert!(
            matches!(run.ending, Err(Failure::Refused(UserMessage::CertificateUntrusted))),
            "{:?}",
            run.ending
        );
    }
}

/// A certificate that is signed by the anchor and changed afterwards.
#[test]
fn a_changed_certificate_is_not_trusted() {
    use signet_smartcard::certificate::{Certificate, CertificateError};
    let maker = CardMaker::new().unwrap();
    let card = make(&maker, "own=piv,alg=p256");
    let der = card.certificate(signet_sim_card::KeySlot::Authentication).unwrap().to_vec();
    let anchors = [maker.issuer().root_der().unwrap()];
    let now = crate::support::now();
    assert_eq!(Certificate::from_der(&der).unwrap().check(now, &anchors), Ok(()));
    let mut parsed = 0;
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 0x01;
        if let Ok(certificate) = Certificate::from_der(&changed) {
            parsed += 1;
            let verdict = certificate.check(now, &anchors);
            assert!(verdict.is_err(), "byte {at} may be changed");
            assert!(matches!(
                verdict,
                Err(CertificateError::Untrusted
                    | CertificateError::Expired(_)
                    | CertificateError::NotYetValid(_))
            ));
        }
    }
    assert!(parsed > 100, "too few variants were certificates: {parsed}");
}

/// Where policy names authorities, a card without a certificate is none of theirs, unless policy
/// names that risk too.
#[test]
fn a_card_without_a_certificate_leads_to_no_anchor() {
    let anchor = CardMaker::new().unwrap().issuer().root_der().unwrap();
    let mut reader = Reader::holding_identifier();
    let credentials = Host { world: &mut reader }.enrolled();
    reader.settings.trust_anchors = vec![anchor];
    for allowed in [false, true] {
        reader.settings.allow_identifier_only = allowed;
        reader.reset();
        let verified = Host { world: &mut reader }.verify(&credentials, 2, &mut unbent).ending.err();
        reader.reset();
        let enrolled = Host { world: &mut reader }.enroll(&mut unbent).ending.err();
        let expected = (!allowed).then_some(Failure::Refused(UserMessage::CertificateUntrusted));
        assert_eq!((&verified, &enrolled), (&expected, &expected));
    }
}
