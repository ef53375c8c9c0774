use proptest::{collection::vec, prelude::*};
use signet_authn::{DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame};
use signet_types::{DeviceId, Secret};

use super::{password::Reply, *};

fn device() -> impl Strategy<Value = DeviceId> {
    vec(b' '..=b'~', 1..160).prop_map(|bytes| String::from_utf8(bytes).unwrap().parse().unwrap())
}

fn lease() -> impl Strategy<Value = Lease> {
    any::<u32>().prop_map(Lease)
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), vec(any::<u8>(), Frame::MAX_LEN..=Frame::MAX_LEN)]
}

fn to_host() -> impl Strategy<Value = ToHost> {
    prop_oneof![
        (lease(), device()).prop_map(|(lease, device)| ToHost::Open { lease, device }),
        (lease(), frame())
            .prop_map(|(lease, bytes)| ToHost::Exchange { lease, frame: Frame::new(bytes).unwrap() }),
        lease().prop_map(|lease| ToHost::Close { lease }),
    ]
}

fn kind() -> impl Strategy<Value = DeviceKind> {
    prop_oneof![
        Just(DeviceKind::Pcsc),
        Just(DeviceKind::Nfc),
        Just(DeviceKind::Hid),
        Just(DeviceKind::Fprint)
    ]
}

fn error() -> impl Strategy<Value = DeviceError> {
    prop_oneof![
        Just(DeviceError::TokenGone),
        Just(DeviceError::ReaderGone),
        Just(DeviceError::Busy),
        Just(DeviceError::TimedOut),
        Just(DeviceError::Truncated),
    ]
}

fn change() -> impl Strategy<Value = DeviceChange> {
    prop_oneof![
        Just(DeviceChange::Inserted),
        Just(DeviceChange::Removed),
        Just(DeviceChange::ReaderLost),
        Just(DeviceChange::ReaderFound),
    ]
}

fn health() -> impl Strategy<Value = Health> {
    let line = || any::<String>().prop_map(|text| Line::new(&text));
    prop_oneof![
        Just(Health::Ready),
        (line(), line()).prop_map(|(part, advice)| Health::Missing { part, advice }),
        (line(), line()).prop_map(|(part, advice)| Health::Failing { part, advice }),
    ]
}

fn from_host() -> impl Strategy<Value = FromHost> {
    prop_oneof![
        (any::<u16>(), vec(kind(), 0..=16)).prop_map(|(version, kinds)| FromHost::Hello { version, kinds }),
        (any::<u64>(), device(), kind(), change()).prop_map(|(number, device, kind, change)| {
            FromHost::Event { number, event: DeviceEvent { device, kind, change } }
        }),
        (lease(), prop_oneof![Just(Ok(())), error().prop_map(Err)])
            .prop_map(|(lease, result)| FromHost::Opened { lease, result }),
        (lease(), prop_oneof![frame().prop_map(Ok), error().prop_map(Err)]).prop_map(|(lease, result)| {
            FromHost::Reply { lease, result: result.map(|bytes| Frame::new(bytes).unwrap()) }
        }),
        lease().prop_map(|lease| FromHost::Closed { lease }),
        (kind(), health()).prop_map(|(kind, health)| FromHost::Health { kind, health }),
    ]
}

/// What a message is, frames included, which Debug leaves out.
fn shape<M: Message + std::fmt::Debug>(message: &M) -> (String, Vec<u8>) {
    (format!("{message:?}"), encode(message).unwrap().to_vec())
}

/// Decodes `bytes` fed in pieces whose lengths are taken from `cuts` in turn.
fn decode_in_pieces<M: Message>(bytes: &[u8], cuts: &[usize]) -> Result<Vec<M>, LinkError> {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
        decoder.feed(piece)?;
        while let Some(message) = decoder.message()? {
            messages.push(message);
        }
        rest = later;
    }
    assert!(decoder.is_between_messages());
    Ok(messages)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn messages_to_the_host_come_back_however_the_stream_is_cut(
        messages in vec(to_host(), 0..6), cuts in vec(1_usize..5000, 1..6),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|m| encode(m).unwrap().to_vec()).collect();
        let back = decode_in_pieces::<ToHost>(&bytes, &cuts).unwrap();
        prop_assert!(messages.iter().map(shape).eq(back.iter().map(shape)));
    }

    #[test]
    fn messages_from_the_host_come_back_however_the_stream_is_cut(
        messages in vec(from_host(), 0..6), cuts in vec(1_usize..5000, 1..6),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|m| encode(m).unwrap().to_vec()).collect();
        let back = decode_in_pieces::<FromHost>(&bytes, &cuts).unwrap();
        prop_assert!(messages.iter().map(shape).eq(back.iter().map(shape)));
    }

    #[test]
    fn junk_never_panics_and_an_error_stays(bytes in vec(any::<u8>(), 0..600)) {
        let mut decoder = Decoder::<FromHost>::new();
        decoder.feed(&bytes).unwrap();
        let failed = loop {
            match decoder.message() {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        if let Some(error) = failed {
            prop_assert_eq!(decoder.feed(&[0]), Err(error));
            prop_assert!(matches!(decoder.message(), Err(e) if e == error));
        }
    }

    #[test]
    fn a_damaged_message_never_panics(message in from_host(), at in any::<usize>(), with in any::<u8>()) {
        let mut bytes = encode(&message).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= with;
        let mut decoder = Decoder::<FromHost>::new();
        decoder.feed(&bytes).unwrap();
        let _ = decoder.message();
    }

    #[test]
    fn password_requests_come_back(user in "[a-z_][a-z0-9._@-]{0,255}", old in vec(any::<u8>(), 0..=1024),
        new in vec(any::<u8>(), 0..=1024)) {
        let secret = |bytes: &Vec<u8>| Secret::new(bytes.clone()).unwrap();
        let request = password::Request::Change { user: user.parse().unwrap(), old: secret(&old), new: secret(&new) };
        match password::decode(&password::encode(&request).unwrap()).unwrap() {
            password::Request::Change { user: u, old: o, new: n } => {
                prop_assert_eq!(u.as_str(), user);
                prop_assert!(o.expose() == old && n.expose() == new);
            }
            password::Request::Check { .. } => prop_assert!(false),
        }
    }

    #[test]
    fn junk_as_a_password_request_never_panics(bytes in vec(any::<u8>(), 0..3000)) {
        let _ = password::decode(&bytes);
    }
}

#[test]
fn a_declared_length_over_the_bound_is_refused_before_its_bytes_come() {
    let mut decoder = Decoder::<ToHost>::new();
    decoder.feed(&u32::MAX.to_be_bytes()).unwrap();
    assert_eq!(decoder.message().err(), Some(LinkError::TooLong));
}

#[test]
fn bytes_after_a_message_inside_its_length_are_refused() {
    let mut bytes = encode(&ToHost::Close { lease: Lease(1) }).unwrap().to_vec();
    bytes.push(0);
    bytes[3] += 1;
    let mut decoder = Decoder::<ToHost>::new();
    decoder.feed(&bytes).unwrap();
    assert_eq!(decoder.message().err(), Some(LinkError::Malformed));
}

#[test]
fn unread_bytes_are_bounded() {
    let mut decoder = Decoder::<ToHost>::new();
    let piece = vec![0_u8; MAX_MESSAGE];
    decoder.feed(&piece).unwrap();
    decoder.feed(&piece).unwrap();
    assert_eq!(decoder.feed(&piece), Err(LinkError::TooLong));
}

/// Proves: MET-02
#[test]
fn a_health_is_one_clear_printable_line() {
    let health = Health::Missing { part: Line::new("pcs\ncd\u{1b}"), advice: Line::new(&"x".repeat(500)) };
    let text = health.to_string();
    assert!(text.starts_with("pcs?cd? is missing: xxx"));
    assert!(text.len() < 2 * Line::MAX_LEN + 40 && text.bytes().all(|b| matches!(b, b' '..=b'~')));
}

#[test]
fn only_one_known_byte_is_an_answer() {
    for reply in [Reply::Right, Reply::Wrong, Reply::Expired, Reply::AccountRefused, Reply::Failed] {
        assert_eq!(Reply::from_output(&[reply.to_byte()]), reply);
    }
    for output in [&b""[..], b"RR", b"r", b"\0", b"R\n"] {
        assert_eq!(Reply::from_output(output), Reply::Failed);
    }
}
