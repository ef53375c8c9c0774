//! BER-TLV as PIV data objects use it (ISO/IEC 7816-4:2020, 6.3): tags of one to three bytes and
//! definite lengths of up to 65,535 bytes.

/// The bytes of one data object: tag, length, `value`.
///
/// A value above 65,535 bytes does not occur on a card; its length field would be cut.
pub(crate) fn object(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let [.., high, low] = (value.len() as u64).to_be_bytes();
    let mut bytes = tag.to_vec();
    match (high, low) {
        (0, 0..=0x7F) => bytes.push(low),
        (0, _) => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend_from_slice(value);
    bytes
}

/// Takes the first data object with a tag of one byte off `input`: its tag and value.
///
/// `None` when the input is not such an object or is cut.
pub(crate) fn take<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1F == 0x1F {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some((tag, value))
}
