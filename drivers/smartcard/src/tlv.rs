//! BER-TLV data objects (ISO/IEC 7816-4:2020, 6.3; ITU-T X.690, 8.1) as cards send them.

use crate::Malformed;

/// One data object: its tag as a number (`0x5F2F`) and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The tag's bytes as a big-endian number.
    pub tag: u32,
    /// The value.
    pub value: &'a [u8],
}

/// Reads data objects one after the other. Nothing is copied, nothing recurses.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from `bytes`, all of which must be data objects.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next data object, `None` at the end.
    ///
    /// Tags have one to three bytes and lengths are definite, of at most 65,535 bytes; a length
    /// field longer than needed is taken, as cards in use send such.
    pub fn object(&mut self) -> Result<Option<Tlv<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.tag()?;
        let length = self.length()?;
        let (value, rest) = self.rest.split_at_checked(length).ok_or(Malformed("data object cut short"))?;
        self.rest = rest;
        Ok(Some(Tlv { tag, value }))
    }

    /// The value of the first data object with this tag. All objects must be well-formed.
    pub fn find(mut self, tag: u32) -> Result<Option<&'a [u8]>, Malformed> {
        let mut found = None;
        while let Some(object) = self.object()? {
            if object.tag == tag && found.is_none() {
                found = Some(object.value);
            }
        }
        Ok(found)
    }

    /// The value of the only data object there is, which must have this tag.
    pub fn only(mut self, tag: u32) -> Result<&'a [u8], Malformed> {
        match (self.object()?, self.rest) {
            (Some(object), []) if object.tag == tag => Ok(object.value),
            (Some(object), _) if object.tag == tag => Err(Malformed("bytes after the data object")),
            _ => Err(Malformed("wrong tag")),
        }
    }

    /// How many bytes are still to be read.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed("data object cut short"))?;
        self.rest = rest;
        Ok(byte)
    }

    fn tag(&mut self) -> Result<u32, Malformed> {
        let mut tag = u32::from(self.byte()?);
        if tag & 0x1F == 0x1F {
            for position in 0.. {
                let byte = self.byte()?;
                tag = tag << 8 | u32::from(byte);
                if byte & 0x80 == 0 {
                    break;
                }
                if position == 1 {
                    return Err(Malformed("tag longer than three bytes"));
                }
            }
        }
        Ok(tag)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        match self.byte()? {
            short @ 0..=0x7F => Ok(usize::from(short)),
            0x81 => Ok(usize::from(self.byte()?)),
            0x82 => Ok(usize::from(self.byte()?) << 8 | usize::from(self.byte()?)),
            _ => Err(Malformed("length field that is indefinite or too long")),
        }
    }
}

/// The bytes of a data object. Values of driver commands are far below 65,536 bytes; a longer one
/// would not be sent, as [`crate::apdu`] refuses it.
#[must_use]
pub fn object(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let [.., high, low] = (value.len() as u64).to_be_bytes();
    let mut bytes = Vec::with_capacity(tag.len() + 3 + value.len());
    bytes.extend_from_slice(tag);
    match (high, low) {
        (0, 0..=0x7F) => bytes.push(low),
        (0, _) => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend_from_slice(value);
    bytes
}
