use proptest::{collection::vec, prelude::*};

use crate::codec::{Decoder, FrameError, MAX_DEPTH, MAX_MESSAGE};

/// Everything that a stream gives when it arrives in these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<FrameError>, bool) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match decoder.decode(&mut piece) {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => assert!(piece.is_empty(), "an unfinished message takes all there is"),
                Err(fault) => return (frames, Some(fault), decoder.is_between_messages()),
            }
        }
    }
    (frames, None, decoder.is_between_messages())
}

fn whole(stream: &[u8]) -> (Vec<Vec<u8>>, Option<FrameError>, bool) {
    decode([stream])
}

/// Streams that are close to messages: brackets, quotes, escapes and NULs are frequent.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![Just(0_u8), Just(b'['), Just(b'{'), Just(b'"'), Just(b'\\'), Just(b']'), any::<u8>()];
    vec(byte, 0..600)
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages_and_the_same_fault(stream in stream(), cuts in vec(0_usize..600, 0..20)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert_eq!(decode(pieces), whole(&stream));
        prop_assert_eq!(decode(stream.chunks(1)), whole(&stream));
    }

    #[test]
    fn messages_come_back_as_they_were_sent(messages in vec(vec(1_u8..=255, 1..50), 0..20)) {
        let flat: Vec<Vec<u8>> =
            messages.into_iter().map(|m| m.into_iter().filter(|b| !b"[{\"".contains(b)).chain([b'x']).collect()).collect();
        let stream: Vec<u8> = flat.iter().flat_map(|m| m.iter().copied().chain([0])).collect();
        prop_assert_eq!(whole(&stream), (flat, None, true));
    }
}

#[test]
fn the_longest_message_passes_and_one_byte_more_does_not() {
    let mut stream = vec![b'x'; MAX_MESSAGE];
    stream.push(0);
    assert_eq!(whole(&stream).0.len(), 1);
    stream.insert(0, b'x');
    assert_eq!(whole(&stream), (vec![], Some(FrameError::TooLong), false));
    // A peer that never ends its message is stopped too.
    assert_eq!(decode(vec![[b'x'; 1024].as_slice(); 65]).1, Some(FrameError::TooLong));
}

#[test]
fn depth_is_bounded_outside_of_strings_only() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth], vec![0]].concat();
    assert_eq!(whole(&nested(MAX_DEPTH)).1, None);
    assert_eq!(whole(&nested(MAX_DEPTH + 1)).1, Some(FrameError::TooDeep));
    let quoted = [b"[\"\\\"".to_vec(), vec![b'['; 100], b"\"]\0".to_vec()].concat();
    assert_eq!(whole(&quoted).1, None);
}

#[test]
fn an_empty_message_is_a_fault_and_the_fault_stays() {
    let mut decoder = Decoder::new();
    let mut input = b"\0{}\0".as_slice();
    assert_eq!(decoder.decode(&mut input), Err(FrameError::Empty));
    assert_eq!(decoder.decode(&mut b"{}\0".as_slice()), Err(FrameError::Empty));
}
