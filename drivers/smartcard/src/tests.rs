use proptest::prelude::*;
use signet_types::Secret;

use crate::{
    Malformed,
    apdu::{Command, Exchange, Progress, Response, Status},
    certificate::Certificate,
    piv::{self, PinReference, PinStatus},
    record::Record,
    tlv::{self, Reader, Tlv},
};

/// Feeds replies until the command is answered or refused; gives the frames that were sent too.
fn exchange(command: Command, replies: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Response, Malformed>) {
    let (mut exchange, frame) = Exchange::begin(command).unwrap();
    let mut sent = vec![frame.expose().to_vec()];
    for reply in replies {
        match exchange.take(reply) {
            Ok(Progress::Send(frame)) => sent.push(frame.expose().to_vec()),
            Ok(Progress::Done(response)) => return (sent, Ok(response)),
            Err(malformed) => return (sent, Err(malformed)),
        }
    }
    panic!("the replies did not suffice: {sent:02x?}")
}

fn refused(command: Command, replies: &[&[u8]]) -> bool {
    exchange(command, replies).1.is_err()
}

#[test]
fn a_long_command_is_chained_and_a_long_answer_fetched() {
    let command = Command::ask(0x87, 0x07, 0x9A, vec![0xAB; 256]);
    let (sent, response) = exchange(command, &[&[0x90, 0x00], &[1, 2, 0x61, 0x02], &[3, 4, 0x90, 0x00]]);
    assert_eq!(sent[0][..5], [0x10, 0x87, 0x07, 0x9A, 0xFF]);
    assert_eq!(sent[0].len(), 5 + 255, "no length of an answer before the end of the chain");
    assert_eq!(sent[1], [0x00, 0x87, 0x07, 0x9A, 0x01, 0xAB, 0x00]);
    assert_eq!(sent[2], [0x00, 0xC0, 0x00, 0x00, 0x02]);
    let response = response.unwrap();
    assert_eq!((response.data.as_slice(), response.status), (&[1, 2, 3, 4][..], Status::OK));
}

#[test]
fn the_four_cases_of_a_command() {
    let first = |command| Exchange::begin(command).unwrap().1.expose().to_vec();
    assert_eq!(first(piv::get_tries(PinReference::Application)), [0x00, 0x20, 0x00, 0x80]);
    assert_eq!(first(piv::get_uid()), [0xFF, 0xCA, 0x00, 0x00, 0x00]);
    let pin = Secret::new(b"123456".to_vec()).unwrap();
    assert_eq!(
        first(piv::verify(PinReference::Global, &pin).unwrap()),
        [0x00, 0x20, 0x00, 0x00, 0x08, b'1', b'2', b'3', b'4', b'5', b'6', 0xFF, 0xFF]
    );
    assert_eq!(first(piv::select())[..6], [0x00, 0xA4, 0x04, 0x00, 0x0B, 0xA0]);
}

#[test]
fn a_wrong_length_is_corrected_once() {
    let ask = || piv::get_discovery();
    let (sent, response) = exchange(ask(), &[&[0x6C, 0x14], &[1, 0x90, 0x00]]);
    assert_eq!(sent[1].last(), Some(&0x14));
    assert!(response.is_ok());
    assert!(refused(ask(), &[&[0x6C, 0x14], &[0x6C, 0x14]]), "for ever");
    assert!(
        refused(piv::get_tries(PinReference::Application), &[&[0x6C, 0x14]]),
        "nothing was to be answered"
    );
}

#[test]
fn hostile_answers_are_refused() {
    let ask = || piv::get_discovery();
    let long = [&[0x5A; 257][..], &[0x90, 0x00]].concat();
    for reply in [&[][..], &[0x90], &long] {
        assert!(refused(ask(), &[reply]), "{reply:02x?}");
    }
    assert!(refused(ask(), &[&[1, 0x61, 0x02], &[1, 2, 3, 0x90, 0x00]]), "more than it announced");
    assert!(refused(ask(), &[&[1, 0x61, 0x02], &[0x61, 0x02]]), "without progress");
    assert!(refused(ask(), &[&[1, 0x6A, 0x82]]), "data with an error");
    let chained = || Command::ask(0x87, 0x07, 0x9A, vec![0xAB; 256]);
    assert!(refused(chained(), &[&[1, 0x90, 0x00]]) && refused(chained(), &[&[0x61, 0x01]]));
    assert_eq!(exchange(chained(), &[&[0x68, 0x84]]).1.unwrap().status, Status(0x6884));
    assert!(Exchange::begin(Command::ask(0x87, 0x07, 0x9A, vec![0; 1025])).is_err());
    assert!(
        refused(piv::get_tries(PinReference::Application), &[&[1, 0x90, 0x00]]),
        "nothing was to be answered"
    );
}

#[test]
fn an_endless_answer_ends_after_64_parts_or_16_kib() {
    for part in [&[0x5A, 0x61, 0x01][..], &[&[0x5A; 256][..], &[0x61, 0x00]].concat()] {
        let (mut exchange, _) = Exchange::begin(piv::get_discovery()).unwrap();
        let mut rounds = 0;
        while let Ok(Progress::Send(_)) = exchange.take(part) {
            rounds += 1;
        }
        assert!(rounds <= 64, "{rounds}");
    }
}

#[test]
fn data_objects_are_read_strictly() {
    let read = |bytes: &'static [u8]| Reader::new(bytes).object();
    assert_eq!(read(&[0x5F, 0x2F, 0x01, 0x07]), Ok(Some(Tlv { tag: 0x5F2F, value: &[0x07] })));
    assert_eq!(read(&[0x53, 0x82, 0x00, 0x01, 0x07]), Ok(Some(Tlv { tag: 0x53, value: &[0x07] })));
    assert_eq!(read(&[]), Ok(None));
    for bad in [
        &[0x53][..],
        &[0x53, 0x02, 0x00],
        &[0x53, 0x80, 0x00, 0x00],
        &[0x53, 0x83, 0x00, 0x00, 0x00],
        &[0x53, 0x81],
        &[0x5F],
        &[0x5F, 0x81, 0x81, 0x01, 0x00],
    ] {
        assert!(Reader::new(bad).object().is_err(), "{bad:02x?}");
    }
    assert!(Reader::new(&[0x53, 0x00, 0x00]).only(0x53).is_err(), "bytes after it");
}

#[test]
fn the_discovery_object_names_the_pin() {
    let object = |policy: &[u8]| tlv::object(&[0x7E], &tlv::object(&[0x5F, 0x2F], policy));
    for (policy, expected) in [
        ([0x40, 0x00], Some(PinReference::Application)),
        ([0x60, 0x10], Some(PinReference::Application)),
        ([0x60, 0x20], Some(PinReference::Global)),
        ([0x40, 0x20], Some(PinReference::Application)),
        ([0x00, 0x00], None),
    ] {
        assert_eq!(piv::parse_discovery(&object(&policy)).ok(), expected, "{policy:02x?}");
    }
    for bad in [vec![], vec![0x7E, 0x00], object(&[0x40]), object(&[0x40, 0x00, 0x00])] {
        assert!(piv::parse_discovery(&bad).is_err(), "{bad:02x?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn certificate_object(certificate: &[u8], info: &[u8]) -> Vec<u8> {
    let parts = [tlv::object(&[0x70], certificate), tlv::object(&[0x71], info), tlv::object(&[0xFE], &[])];
    tlv::object(&[0x53], &parts.concat())
}

#[test]
fn a_certificate_is_inflated_up_to_a_bound() {
    let parse = |certificate: &[u8], info: &[u8]| {
        piv::parse_certificate_object(&certificate_object(certificate, info))
    };
    assert_eq!(parse(b"abc", &[0x00]), Ok(Some(b"abc".to_vec())));
    assert_eq!(parse(&gzip(b"abc"), &[0x01]), Ok(Some(b"abc".to_vec())));
    assert_eq!(parse(&gzip(&[0; 8192]), &[0x01]), Ok(Some(vec![0; 8192])));
    assert_eq!(parse(&[], &[0x00]), Ok(None));
    assert_eq!(piv::parse_certificate_object(&[0x53, 0x00]), Ok(None));
    let bomb = gzip(&vec![0; 10_000_000]);
    assert!(bomb.len() < 12_000, "the bomb must fit a card");
    let trailing = [gzip(b"abc"), vec![0]].concat();
    let twice = [gzip(b"abc"), gzip(b"abc")].concat();
    let mut damaged = gzip(b"abc");
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    for (certificate, info) in [
        (bomb.as_slice(), 1),
        (&gzip(&[0; 8193]), 1),
        (&[0; 8193], 0),
        (&trailing, 1),
        (&twice, 1),
        (&damaged, 1),
        (b"abc", 1),
        (b"abc", 2),
        (b"abc", 3),
    ] {
        assert!(parse(certificate, &[info]).is_err(), "{} bytes, {info}", certificate.len());
    }
    assert!(parse(b"abc", &[]).is_err() && parse(b"abc", &[0, 0]).is_err());
    let without_information = tlv::object(&[0x53], &tlv::object(&[0x70], b"abc"));
    assert!(piv::parse_certificate_object(&without_information).is_err());
}

#[test]
fn only_63cx_tells_the_tries() {
    let parse = |status: u16| {
        piv::parse_tries(&Response { data: zeroize::Zeroizing::default(), status: Status(status) })
    };
    assert_eq!(parse(0x63C3), Ok(PinStatus::Left(3)));
    assert_eq!(parse(0x63C0), Ok(PinStatus::Blocked));
    assert_eq!(parse(0x6983), Ok(PinStatus::Blocked));
    assert_eq!(parse(0x9000), Ok(PinStatus::AlreadyVerified));
    for other in [0x6300, 0x63B3, 0x6982, 0x6A88, 0x6700] {
        assert!(parse(other).is_err(), "{other:04x}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes: Vec<u8>) {
        let _ = piv::parse_application(&bytes);
        let _ = piv::parse_discovery(&bytes);
        let _ = piv::parse_certificate_object(&bytes);
        let _ = piv::parse_signature(&bytes);
        let _ = Certificate::from_der(&bytes);
        let _ = Record::decode(&bytes);
        let _ = piv::parse_certificate_object(&certificate_object(&bytes, &[0x01]));
    }

    /// Whatever the replies, an exchange ends within 64 frames and 16 KiB.
    #[test]
    fn an_exchange_ends(replies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..200)) {
        let (mut exchange, _) = Exchange::begin(Command::ask(0x87, 0x07, 0x9A, vec![0; 600])).unwrap();
        let mut frames = 1;
        for reply in &replies {
            match exchange.take(reply) {
                Ok(Progress::Send(frame)) => {
                    prop_assert!(frame.expose().len() <= 261);
                    frames += 1;
                }
                Ok(Progress::Done(response)) => {
                    prop_assert!(response.data.len() <= 16 * 1024);
                    break;
                }
                Err(_) => break,
            }
        }
        prop_assert!(frames <= 3 + 64 + 1);
    }

    /// However a card cuts its answer, it is the same answer.
    #[test]
    fn the_cut_of_an_answer_changes_nothing(data in prop::collection::vec(any::<u8>(), 1..2000), cut in 1..=256_usize) {
        let parts: Vec<&[u8]> = data.chunks(cut).collect();
        let mut replies = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let next = parts.get(index + 1).map(|next| u8::try_from(next.len()).unwrap_or(0));
            replies.push([*part, &next.map_or([0x90, 0x00], |length| [0x61, length])].concat());
        }
        let replies: Vec<&[u8]> = replies.iter().map(Vec::as_slice).collect();
        prop_assume!(replies.len() <= 64);
        let (_, response) = exchange(piv::get_discovery(), &replies);
        let response = response.unwrap();
        prop_assert_eq!(response.data.as_slice(), data.as_slice());
    }

    #[test]
    fn a_data_object_round_trips(tag in prop::sample::select(vec![vec![0x53_u8], vec![0x5F, 0x2F], vec![0x5F, 0xC1, 0x05]]), value in prop::collection::vec(any::<u8>(), 0..1000)) {
        let number = tag.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let bytes = tlv::object(&tag, &value);
        prop_assert_eq!(Reader::new(&bytes).only(number), Ok(value.as_slice()));
        for cut in 0..bytes.len() {
            prop_assert!(Reader::new(&bytes[..cut]).only(number).is_err());
        }
    }

    #[test]
    fn a_signature_request_round_trips(challenge in prop::collection::vec(any::<u8>(), 1..300)) {
        // The request has the form of its answer, with another tag inside.
        let (mut exchange, frame) = Exchange::begin(piv::sign(0x11, piv::Slot::Authentication, &challenge)).unwrap();
        let mut data = Vec::new();
        let mut frame = frame;
        loop {
            let bytes = frame.expose();
            data.extend_from_slice(&bytes[5..5 + usize::from(bytes[4])]);
            if bytes[0] == 0 { break }
            match exchange.take(&[0x90, 0x00]).unwrap() {
                Progress::Send(next) => frame = next,
                Progress::Done(_) => break,
            }
        }
        let template = Reader::new(&data).only(0x7C).unwrap();
        prop_assert_eq!(Reader::new(template).find(0x81), Ok(Some(challenge.as_slice())));
    }
}
