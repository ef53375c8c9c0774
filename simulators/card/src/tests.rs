use std::time::{Duration, Instant};

use p256::{ecdsa::signature::hazmat::PrehashVerifier, pkcs8::DecodePublicKey};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, der::Decode};

use crate::*;

const SELECT: [u8; 14] = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
const STATUS_QUERY: [u8; 4] = [0x00, 0x20, 0x00, 0x80];

fn make(text: &str) -> Card {
    let mut card = CardMaker::new().unwrap().make(&text.parse().unwrap()).unwrap();
    card.power_on();
    card
}

fn verify(pin: &[u8]) -> Vec<u8> {
    let mut apdu = vec![0x00, 0x20, 0x00, 0x80, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    apdu[5..5 + pin.len()].copy_from_slice(pin);
    apdu
}

fn get_data(tag: &[u8]) -> Vec<u8> {
    let mut apdu = vec![0x00, 0xCB, 0x3F, 0xFF, u8::try_from(tag.len()).unwrap() + 2, 0x5C];
    apdu.push(u8::try_from(tag.len()).unwrap());
    apdu.extend_from_slice(tag);
    apdu.push(0);
    apdu
}

/// Sends in chained commands of at most 255 bytes and gathers the answer with GET RESPONSE.
fn exchange(card: &mut Card, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
    let blocks: Vec<&[u8]> = data.chunks(255).collect();
    let mut response = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let mut apdu = header.to_vec();
        if i + 1 < blocks.len() {
            apdu[0] |= 0x10;
        }
        apdu.push(u8::try_from(block.len()).unwrap());
        apdu.extend_from_slice(block);
        response = card.transmit(&apdu);
        assert!(i + 1 == blocks.len() || response == [0x90, 0x00]);
    }
    collect(card, &response)
}

fn collect(card: &mut Card, first: &[u8]) -> (Vec<u8>, u16) {
    let (mut data, mut status) = split(first);
    while status >> 8 == 0x61 {
        let (more, next) = split(&card.transmit(&[0x00, 0xC0, 0x00, 0x00, status.to_be_bytes()[1]]));
        data.extend(more);
        status = next;
    }
    (data, status)
}

fn split(response: &[u8]) -> (Vec<u8>, u16) {
    let (data, status) = response.split_last_chunk::<2>().unwrap();
    (data.to_vec(), u16::from_be_bytes(*status))
}

fn authenticate(card: &mut Card, key: u8, algorithm: u8, challenge: &[u8]) -> (Vec<u8>, u16) {
    let template =
        tlv::object(&[0x7C], &[tlv::object(&[0x82], &[]), tlv::object(&[0x81], challenge)].concat());
    let (data, status) = exchange(card, [0x00, 0x87, algorithm, key], &template);
    if status != 0x9000 {
        return (data, status);
    }
    let mut input = data.as_slice();
    let (0x7C, mut inner) = tlv::take(&mut input).unwrap() else { panic!("no 7C") };
    let (0x82, signature) = tlv::take(&mut inner).unwrap() else { panic!("no 82") };
    (signature.to_vec(), status)
}

#[test]
fn select_takes_the_whole_and_the_truncated_identifier_only() {
    let mut card = make("a=piv");
    let select = |card: &mut Card, aid: &[u8]| exchange(card, [0x00, 0xA4, 0x04, 0x00], aid);
    for length in [9, 11] {
        let (template, status) = select(&mut card, &piv::AID[..length]);
        assert_eq!((template[0], status), (0x61, 0x9000));
    }
    for length in [1, 5, 8, 10] {
        assert_eq!(select(&mut card, &piv::AID[..length]).1, 0x6A82, "{length}");
    }
}

#[test]
fn pin_counts_down_blocks_and_survives_reset() {
    let mut card = make("a=piv,pin=12345678,tries=3");
    card.transmit(&SELECT);
    assert_eq!(card.transmit(&STATUS_QUERY), [0x63, 0xC3]);
    assert_eq!(card.transmit(&verify(b"00000000")), [0x63, 0xC2]);
    // Malformed PINs cost nothing.
    assert_eq!(card.transmit(&verify(b"12345")), [0x6A, 0x80]);
    assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x80, 0x02, 0x31, 0x32]), [0x6A, 0x80]);
    card.reset();
    card.transmit(&SELECT);
    assert_eq!(card.transmit(&verify(b"00000000")), [0x63, 0xC1]);
    assert_eq!(card.transmit(&verify(b"12345678")), [0x90, 0x00]);
    assert_eq!(card.transmit(&STATUS_QUERY), [0x90, 0x00]);
    assert_eq!(card.tries_left(), Some(3));
    for left in [2, 1] {
        assert_eq!(card.transmit(&verify(b"00000000")), [0x63, 0xC0 | left]);
    }
    assert_eq!(card.transmit(&verify(b"00000000")), [0x69, 0x83]);
    assert_eq!(card.transmit(&verify(b"12345678")), [0x69, 0x83]);
    assert_eq!(card.transmit(&STATUS_QUERY), [0x69, 0x83]);
    card.reset_tries();
    assert_eq!(card.transmit(&verify(b"12345678")), [0x90, 0x00]);
}

/// What ends the verification of the PIN, with its name.
type End = (&'static str, fn(&mut Card));

#[test]
fn security_status_ends_with_power_reset_and_deselection() {
    let mut card = make("a=piv");
    let digest = Sha256::digest(b"challenge");
    let ends: [End; 4] = [
        ("reset", |card| drop(card.reset().to_vec())),
        ("power", |card| {
            card.power_off();
            card.power_on();
        }),
        ("VERIFY FF", |card| drop(card.transmit(&[0x00, 0x20, 0xFF, 0x80]))),
        ("another application", |card| {
            assert_eq!(exchange(card, [0, 0xA4, 4, 0], &[0xA0, 0, 0, 1, 0x51, 0, 0, 0]).1, 0x9000);
        }),
    ];
    for (what, end) in ends {
        card.transmit(&SELECT);
        assert_eq!(card.transmit(&verify(b"123456")), [0x90, 0x00]);
        card.transmit(&SELECT);
        assert_eq!(authenticate(&mut card, 0x9A, 0x11, &digest).1, 0x9000, "{what}");
        end(&mut card);
        card.transmit(&SELECT);
        assert_eq!(authenticate(&mut card, 0x9A, 0x11, &digest).1, 0x6982, "{what}");
    }
}

#[test]
fn curve_signatures_verify_with_the_certificate_and_need_the_pin_for_9a_only() {
    let mut card = make("a=piv,alg=p256,9e=p384");
    card.transmit(&SELECT);
    let digest = Sha256::digest(b"challenge");
    assert_eq!(authenticate(&mut card, 0x9A, 0x11, &digest).1, 0x6982);
    let (signature, _) = authenticate(&mut card, 0x9E, 0x14, &digest);
    let public = card.key(KeySlot::CardAuthentication).unwrap().public_key_der().unwrap();
    let mut padded = [0; 48];
    padded[16..].copy_from_slice(&digest);
    p384::ecdsa::VerifyingKey::from_public_key_der(&public)
        .unwrap()
        .verify_prehash(&padded, &p384::ecdsa::Signature::from_der(&signature).unwrap())
        .unwrap();
    card.transmit(&verify(b"123456"));
    let (signature, _) = authenticate(&mut card, 0x9A, 0x11, &digest);
    let certificate = Certificate::from_der(card.certificate(KeySlot::Authentication).unwrap()).unwrap();
    let public =
        x509_cert::der::Encode::to_der(certificate.tbs_certificate().subject_public_key_info()).unwrap();
    let public = p256::ecdsa::VerifyingKey::from_public_key_der(&public).unwrap();
    let signature = p256::ecdsa::Signature::from_der(&signature).unwrap();
    public.verify_prehash(&digest, &signature).unwrap();
    assert!(public.verify_prehash(&Sha256::digest(b"another"), &signature).is_err());
    // The wrong algorithm, the wrong key, too long a hash.
    assert_eq!(authenticate(&mut card, 0x9A, 0x14, &digest).1, 0x6A86);
    assert_eq!(authenticate(&mut card, 0x9C, 0x11, &digest).1, 0x6A86);
    assert_eq!(authenticate(&mut card, 0x9A, 0x11, &[1; 33]).1, 0x6A80);
}

#[test]
fn rsa_signature_verifies_over_chained_commands() {
    let mut card = make("a=piv,alg=rsa2048");
    card.transmit(&SELECT);
    card.transmit(&verify(b"123456"));
    let digest = Sha256::digest(b"challenge");
    // EMSA-PKCS1-v1_5 (RFC 8017, 9.2) with the DigestInfo of SHA-256.
    let info = [
        0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
        0x04, 0x20,
    ];
    let mut block = vec![0x00, 0x01];
    block.resize(256 - 1 - info.len() - 32, 0xFF);
    block.push(0x00);
    block.extend(info);
    block.extend(digest);
    let (signature, status) = authenticate(&mut card, 0x9A, 0x07, &block);
    assert_eq!((signature.len(), status), (256, 0x9000));
    let public = card.key(KeySlot::Authentication).unwrap().public_key_der().unwrap();
    let public = rsa::PublicKey::from_public_key_der(&public).unwrap();
    public.verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).unwrap();
    assert_eq!(authenticate(&mut card, 0x9A, 0x07, &block[1..]).1, 0x6A80);
}

#[test]
fn certificates_are_signed_by_the_authority_with_the_dates_asked_for() {
    let maker = CardMaker::new().unwrap();
    let text =
        "a=piv,alg=p384,cn=Müller\\, Anna #1,not-before=2019-01-01,not-after=2020-02-03T04:05:06Z,gzip";
    assert!(text.parse::<CardDescription>().is_err(), "a comma ends the common name");
    let text = "a=piv,alg=p384,cn=Müller+Anna #1 ,not-before=2019-01-01,not-after=2020-02-03T04:05:06Z,gzip";
    let mut card = maker.make(&text.parse().unwrap()).unwrap();
    card.power_on();
    card.transmit(&SELECT);
    let first = card.transmit(&get_data(&[0x5F, 0xC1, 0x05]));
    assert_eq!(first[0], 0x53);
    let (object, status) = collect(&mut card, &first);
    assert_eq!(status, 0x9000);
    let mut object = object.as_slice();
    let (_, mut content) = tlv::take(&mut object).unwrap();
    let (0x70, packed) = tlv::take(&mut content).unwrap() else { panic!("no 70") };
    assert_eq!(tlv::take(&mut content), Some((0x71, &[0x01][..])));
    assert_eq!(tlv::take(&mut content), Some((0xFE, &[][..])));
    let mut der = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut der).unwrap();
    assert_eq!(der, card.certificate(KeySlot::Authentication).unwrap());

    let certificate = Certificate::from_der(&der).unwrap();
    let tbs = certificate.tbs_certificate();
    assert_eq!(tbs.subject().to_string(), "CN=Müller\\+Anna #1\\ ");
    assert_eq!(tbs.validity().not_before.to_string(), "2019-01-01T00:00:00Z");
    assert_eq!(tbs.validity().not_after.to_string(), "2020-02-03T04:05:06Z");
    let root = Certificate::from_der(&maker.issuer().root_der().unwrap()).unwrap();
    let public = x509_cert::der::Encode::to_der(root.tbs_certificate().subject_public_key_info()).unwrap();
    let signed = x509_cert::der::Encode::to_der(tbs).unwrap();
    p256::ecdsa::VerifyingKey::from_public_key_der(&public)
        .unwrap()
        .verify_prehash(
            &Sha256::digest(&signed),
            &p256::ecdsa::Signature::from_der(certificate.signature().raw_bytes()).unwrap(),
        )
        .unwrap();
}

#[test]
fn printed_information_needs_the_pin_and_unknown_objects_are_not_found() {
    let mut card = make("a=piv");
    assert_eq!(card.transmit(&get_data(&[0x7E])), [0x6D, 0x00], "nothing is selected");
    card.transmit(&SELECT);
    let discovery = card.transmit(&get_data(&[0x7E]));
    assert_eq!(discovery[..4], [0x7E, 0x12, 0x4F, 0x0B]);
    assert_eq!(discovery[15..], [0x5F, 0x2F, 0x02, 0x40, 0x00, 0x90, 0x00]);
    assert_eq!(card.transmit(&get_data(&[0x5F, 0xC1, 0x09])), [0x69, 0x82]);
    card.transmit(&verify(b"123456"));
    assert_eq!(card.transmit(&get_data(&[0x5F, 0xC1, 0x09]))[0], 0x53);
    assert_eq!(card.transmit(&get_data(&[0x5F, 0xC1, 0x08])), [0x6A, 0x82]);
    assert_eq!(card.transmit(&get_data(&[0x5F, 0xC1, 0x01])), [0x6A, 0x82], "there is no key 9E");
}

#[test]
fn extended_length_answers_at_once_and_a_new_command_ends_a_chain() {
    let mut card = make("a=piv");
    card.transmit(&SELECT);
    let whole = card.transmit(&[0, 0xCB, 0x3F, 0xFF, 0, 0, 5, 0x5C, 3, 0x5F, 0xC1, 0x05, 0, 0]);
    assert!(whole.len() > 400 && whole.ends_with(&[0x90, 0x00]));
    let first = card.transmit(&get_data(&[0x5F, 0xC1, 0x05]));
    assert_eq!((first.len(), first[256]), (258, 0x61));
    assert_eq!(card.transmit(&get_data(&[0x7E])).len(), 22);
    assert_eq!(card.transmit(&[0, 0xC0, 0, 0, 0]), [0x69, 0x85], "the rest is forgotten");
    // Half a chain for GET DATA, then another command: the half is forgotten.
    assert_eq!(card.transmit(&[0x10, 0xCB, 0x3F, 0xFF, 2, 0x5C, 1]), [0x90, 0x00]);
    assert_eq!(card.transmit(&STATUS_QUERY), [0x63, 0xC3]);
    assert_eq!(card.transmit(&[0, 0xCB, 0x3F, 0xFF, 1, 0x7E]), [0x6A, 0x80]);
}

#[test]
fn identifier_card_tells_its_identifier_and_nothing_else() {
    let mut card = make("badge=identifier,uid=04:a1:B2:C3");
    assert_eq!(card.transmit(&[0xFF, 0xCA, 0, 0, 0]), [0x04, 0xA1, 0xB2, 0xC3, 0x90, 0x00]);
    assert_eq!(card.transmit(&SELECT), [0x6A, 0x82]);
    assert_eq!((card.tries_left(), card.atr()[0]), (None, 0x3B));
    card.power_off();
    assert!(card.transmit(&[0xFF, 0xCA, 0, 0, 0]).is_empty());
}

#[test]
fn a_directory_keeps_keys_certificates_and_tries() {
    let directory = tempfile::tempdir().unwrap();
    let description = "anna=piv,alg=p384,9e=p256".parse().unwrap();
    let maker = CardMaker::in_directory(directory.path()).unwrap();
    let mut card = maker.make(&description).unwrap();
    card.set_tries_left(2);
    maker.keep_tries("anna", &card).unwrap();
    let again = CardMaker::in_directory(directory.path()).unwrap();
    let same = again.make(&description).unwrap();
    assert_eq!(same.tries_left(), Some(2));
    assert_eq!(again.issuer().root_der().unwrap(), maker.issuer().root_der().unwrap());
    for slot in [KeySlot::Authentication, KeySlot::CardAuthentication] {
        assert_eq!(same.certificate(slot), card.certificate(slot));
        assert_eq!(same.key(slot).unwrap().to_pkcs8().unwrap(), card.key(slot).unwrap().to_pkcs8().unwrap());
    }
    // Another algorithm than the kept key's is said, not silently replaced.
    let error = again.make(&"anna=piv,alg=rsa2048".parse().unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "no key for the card");
    std::fs::write(directory.path().join("anna/tries"), "many").unwrap();
    assert!(matches!(again.make(&description).err().unwrap(), MakeError::Tries(_)));
}

#[test]
fn descriptions_are_refused_with_what_is_allowed() {
    for (text, says) in [
        ("anna", "NAME=KIND"),
        ("a/b=piv", "1 to 32"),
        ("a=yubikey", "piv and identifier"),
        ("a=piv,alg=rsa1024", "algorithm"),
        ("a=piv,pin=12345", "6 to 8 digits"),
        ("a=piv,tries=16", "1 to 15"),
        ("a=piv,uid=00", "allowed here are alg"),
        ("a=identifier,pin=123456", "allowed here are uid"),
        ("a=identifier,uid=0102", "4, 7 or 10 bytes"),
        ("a=identifier,uid=010203040", "4, 7 or 10 bytes"),
        ("a=piv,atr=00", "answer to reset"),
        ("a=piv,not-after=tomorrow", "date"),
    ] {
        let error = text.parse::<CardDescription>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let shown = format!("{:?}", "a=piv,pin=765432".parse::<CardDescription>().unwrap());
    assert!(!shown.contains("765432"), "{shown}");
}

fn slot() -> Slot {
    let maker = CardMaker::new().unwrap();
    let mut slot = Slot::new();
    for name in ["anna", "berta"] {
        slot.add(name, maker.make(&CardDescription::piv(name).unwrap()).unwrap());
    }
    slot.insert("anna").unwrap();
    slot.power_on();
    slot
}

fn inject(slot: &mut Slot, text: &str) {
    let (fault, at) = Fault::parse(text).unwrap();
    slot.inject(fault, at).unwrap();
}

#[test]
fn each_fault_strikes_at_its_apdu_only() {
    let mut slot = slot();
    let honest = slot.transmit(&SELECT).answer;
    let struck = |slot: &mut Slot, text: &str| {
        inject(slot, text);
        let delivery = slot.transmit(&SELECT);
        assert_eq!(slot.transmit(&SELECT).answer, honest, "{text}");
        delivery
    };
    assert_eq!(struck(&mut slot, "status 6F00").answer, [0x6F, 0x00]);
    assert_eq!(struck(&mut slot, "oversize 5000").answer.len(), 5002);
    assert_eq!(struck(&mut slot, "truncate").answer, [0x61]);
    assert_eq!(struck(&mut slot, "truncate 0").answer, []);
    assert_eq!(struck(&mut slot, "wrong-tag").answer[0], 0x60);
    assert_eq!(struck(&mut slot, "stall 250").after, Duration::from_millis(250));
    let garbled = struck(&mut slot, "garble").answer;
    assert!(garbled.len() == honest.len() && garbled != honest);
    inject(&mut slot, "status 6A82 2");
    assert_eq!(slot.transmit(&SELECT).answer, honest);
    assert_eq!(slot.transmit(&SELECT).answer, [0x6A, 0x82]);
}

#[test]
fn an_endless_chain_ends_by_healing_or_reset() {
    let mut slot = slot();
    for end in [Slot::heal, Slot::power_on] {
        inject(&mut slot, "endless-61");
        slot.transmit(&SELECT);
        for _ in 0..100 {
            let answer = slot.transmit(&[0, 0xC0, 0, 0, 0]).answer;
            assert!(answer.len() == 258 && answer.ends_with(&[0x61, 0x00]));
        }
        end(&mut slot);
        assert!(slot.transmit(&SELECT).answer.ends_with(&[0x90, 0x00]));
    }
}

#[test]
fn a_pulled_card_leaves_the_slot_with_half_an_answer_or_none() {
    for (text, length) in [("yank-mid-apdu 2", 0), ("yank-mid-apdu 2 partial", 31)] {
        let mut slot = slot();
        inject(&mut slot, text);
        assert!(!slot.transmit(&SELECT).gone);
        let delivery = slot.transmit(&SELECT);
        assert_eq!((delivery.gone, delivery.answer.len()), (true, length), "{text}");
        assert_eq!((slot.present(), slot.atr()), (None, None));
        assert!(slot.transmit(&SELECT).answer.is_empty());
        assert_eq!(slot.seen().0, 2);
    }
}

#[test]
fn a_swapped_card_answers_without_selection_or_pin() {
    let mut slot = slot();
    slot.transmit(&SELECT);
    slot.transmit(&verify(b"123456"));
    inject(&mut slot, "swap-at-apdu 2 berta");
    assert_eq!(slot.transmit(&STATUS_QUERY).answer, [0x90, 0x00]);
    assert_eq!(slot.transmit(&STATUS_QUERY).answer, [0x6D, 0x00]);
    assert_eq!(slot.present(), Some("berta"));
    let error = slot.inject(Fault::Swap("carla".to_owned()), 1).unwrap_err();
    assert_eq!(error.to_string(), "no card is called `carla`: there are anna, berta");
    assert_eq!(slot.seen(), (4, vec![0xA4, 0x20, 0x20, 0x20]));
}

#[test]
fn faults_are_refused_with_how_they_are_written() {
    for (text, says) in [
        ("explode", "unknown fault"),
        ("stall", "stall MS [N]"),
        ("stall 99999999999", "at most"),
        ("status 90000", "four hexadecimal"),
        ("garble 0", "garble [N]"),
        ("garble 1 2", "garble [N]"),
        ("swap-at-apdu berta", "N NAME"),
        ("oversize 70000", "65533"),
    ] {
        let error = Fault::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

/// A login's exchanges cost the card a millisecond or a few; the bound leaves room for a busy machine.
#[test]
fn a_login_is_quick() {
    for (description, algorithm, challenge) in [
        ("a=piv", 0x11, vec![7; 32]),
        ("a=piv,alg=p384", 0x14, vec![7; 48]),
        ("a=piv,alg=rsa2048", 0x07, vec![7; 256]),
    ] {
        let mut card = make(description);
        let started = Instant::now();
        for _ in 0..10 {
            card.reset();
            card.transmit(&SELECT);
            card.transmit(&verify(b"123456"));
            assert_eq!(authenticate(&mut card, 0x9A, algorithm, &challenge).1, 0x9000);
        }
        println!("{description}: {:?}", started.elapsed() / 10);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn no_apdu_makes_a_card_panic_or_answer_without_a_status_word(
        apdus in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                (
                    prop::sample::select(vec![0x00u8, 0x10, 0xFF]),
                    prop::sample::select(vec![0xA4u8, 0xCB, 0x20, 0x87, 0xC0, 0xCA]),
                    prop::sample::select(vec![0x00u8, 0x04, 0x3F, 0x11, 0xFF]),
                    prop::sample::select(vec![0x00u8, 0x80, 0x9A, 0x9E, 0xFF]),
                    prop::collection::vec(any::<u8>(), 0..255),
                )
                    .prop_map(|(cla, ins, p1, p2, data)| {
                        let mut apdu = vec![cla, ins, p1, p2, u8::try_from(data.len()).unwrap()];
                        apdu.extend(data);
                        apdu
                    }),
            ],
            1..20,
        ),
    ) {
        thread_local!(static CARDS: std::cell::RefCell<Vec<Card>> =
            std::cell::RefCell::new(vec![make("a=piv,9e=p256"), make("b=identifier")]));
        CARDS.with_borrow_mut(|cards| {
            for card in cards {
                card.reset();
                card.transmit(&SELECT);
                card.transmit(&verify(b"123456"));
                for apdu in &apdus {
                    let answer = card.transmit(apdu);
                    assert!(answer.len() >= 2 && answer.len() <= 65_538, "{apdu:02X?}");
                }
            }
        });
    }

    #[test]
    fn a_data_object_is_read_back(tag in prop::sample::select(vec![0x53u8, 0x70, 0x81]), value in prop::collection::vec(any::<u8>(), 0..3000)) {
        let bytes = tlv::object(&[tag], &value);
        let mut input = bytes.as_slice();
        prop_assert_eq!(tlv::take(&mut input), Some((tag, value.as_slice())));
        prop_assert!(input.is_empty());
    }

    #[test]
    fn texts_never_panic(text in ".{0,80}", tail in ",?[a-z0-9=,:-]{0,40}") {
        let _ = text.parse::<CardDescription>();
        let _ = format!("a=piv{tail}").parse::<CardDescription>();
        let _ = Fault::parse(&text);
    }
}
