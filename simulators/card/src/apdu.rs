//! Command APDUs (ISO/IEC 7816-4:2020, 5.2) and status words.

/// Success.
pub(crate) const OK: u16 = 0x9000;
/// The lengths do not fit, or the chain is too long.
pub(crate) const WRONG_LENGTH: u16 = 0x6700;
/// The PIN was not verified.
pub(crate) const SECURITY_STATUS: u16 = 0x6982;
/// The PIN is blocked.
pub(crate) const BLOCKED: u16 = 0x6983;
/// There is nothing to get.
pub(crate) const CONDITIONS: u16 = 0x6985;
/// The data field is wrong.
pub(crate) const WRONG_DATA: u16 = 0x6A80;
/// No such application or data object.
pub(crate) const NOT_FOUND: u16 = 0x6A82;
/// P1 or P2 is wrong.
pub(crate) const WRONG_P1_P2: u16 = 0x6A86;
/// No such key or PIN.
pub(crate) const NO_REFERENCE: u16 = 0x6A88;
/// The instruction is not known here.
pub(crate) const UNKNOWN_INS: u16 = 0x6D00;
/// The class is not known.
pub(crate) const UNKNOWN_CLA: u16 = 0x6E00;

/// A parsed command APDU.
#[derive(Clone, Copy)]
pub(crate) struct Command<'a> {
    pub(crate) cla: u8,
    pub(crate) ins: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: &'a [u8],
    /// The greatest answer the sender takes, in bytes, without the status word: 256 where the command
    /// says nothing, as a card with T=0 would answer, up to 65,536 with an extended length field.
    pub(crate) expected: usize,
}

impl<'a> Command<'a> {
    /// Parses the four cases with short and extended length fields. `None` when the lengths do not
    /// fit the bytes.
    pub(crate) fn parse(apdu: &'a [u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], body) = apdu.split_first_chunk()?;
        let (data, expected) = match *body {
            [] => (&[][..], 256),
            [le] => (&[][..], short_expected(le)),
            [0, high, low] => (&[][..], extended_expected(high, low)),
            [0, high, low, ref rest @ ..] => {
                let (data, tail) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
                match *tail {
                    [] => (data, 65_536),
                    [high, low] => (data, extended_expected(high, low)),
                    _ => return None,
                }
            }
            [lc, ref rest @ ..] => {
                let (data, tail) = rest.split_at_checked(usize::from(lc))?;
                match *tail {
                    [] => (data, 256),
                    [le] => (data, short_expected(le)),
                    _ => return None,
                }
            }
        };
        Some(Self { cla, ins, p1, p2, data, expected })
    }
}

fn short_expected(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

fn extended_expected(high: u8, low: u8) -> usize {
    match u16::from_be_bytes([high, low]) {
        0 => 65_536,
        length => usize::from(length),
    }
}

/// What an applet answers before it is cut into response APDUs.
pub(crate) struct Answer {
    pub(crate) data: Vec<u8>,
    pub(crate) status: u16,
}

impl From<u16> for Answer {
    fn from(status: u16) -> Self {
        Self { data: Vec::new(), status }
    }
}

impl From<Vec<u8>> for Answer {
    fn from(data: Vec<u8>) -> Self {
        Self { data, status: OK }
    }
}
