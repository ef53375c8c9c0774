use std::time::Duration;

/// How a card, or the reader's contact with it, goes wrong at one APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The card is pulled while the APDU is under way: no answer, or the first half of it.
    Vanish {
        /// The first half of the answer still arrives.
        partial: bool,
    },
    /// Every byte of the answer is random; the length stays.
    Garble,
    /// The card answers after this time.
    Stall(Duration),
    /// The answer is this status word alone.
    Status(u16),
    /// The answer has this many bytes before its status word 9000.
    Oversize(usize),
    /// From here on every answer is 256 bytes and "256 more", until the card is healed or loses power.
    Endless61,
    /// The answer ends after this many bytes.
    Truncate(usize),
    /// The first byte of the answer, the outermost tag, is another.
    WrongTag,
    /// The card of this name has silently taken the place of the card; the new one answers.
    Swap(String),
}

/// Why a fault's text is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no such fault.
    #[error(
        "unknown fault `{0}`: allowed are yank-mid-apdu [N] [partial], garble [N], stall MS [N], status SW [N], \
         oversize [BYTES] [N], endless-61 [N], truncate [BYTES] [N], wrong-tag [N] and swap-at-apdu N NAME"
    )]
    Unknown(String),
    /// A value is missing, malformed, out of range or too many.
    #[error("wrong value for {fault}: it is written `{usage}`")]
    Value {
        /// The fault's word.
        fault: &'static str,
        /// How it is written.
        usage: &'static str,
    },
}

/// The longest stall, one hour: what is longer is a card that never answers.
const LONGEST_STALL_MS: u64 = 3_600_000;
/// The longest oversize answer, in bytes: what vpcd's length field takes besides the status word.
const LONGEST_ANSWER: usize = 65_533;

impl Fault {
    /// Reads a fault as the command socket has it: the fault and at which of the following APDUs it
    /// strikes, 1 for the next.
    pub fn parse(text: &str) -> Result<(Self, u32), FaultError> {
        let mut words = text.split_ascii_whitespace();
        let word = words.next().unwrap_or_default();
        let values: Vec<&str> = words.collect();
        let wrong = |fault, usage| FaultError::Value { fault, usage };
        match (word, values.as_slice()) {
            ("yank-mid-apdu", [at @ .., "partial"]) => {
                Some(Self::Vanish { partial: true }).zip(countdown(at))
            }
            ("yank-mid-apdu", at) => Some(Self::Vanish { partial: false }).zip(countdown(at)),
            ("garble", at) => Some(Self::Garble).zip(countdown(at)),
            ("endless-61", at) => Some(Self::Endless61).zip(countdown(at)),
            ("wrong-tag", at) => Some(Self::WrongTag).zip(countdown(at)),
            ("stall", [ms, at @ ..]) => number(ms)
                .filter(|&ms| ms <= LONGEST_STALL_MS)
                .map(|ms| Self::Stall(Duration::from_millis(ms)))
                .zip(countdown(at)),
            ("status", [sw, at @ ..]) => status_word(sw).map(Self::Status).zip(countdown(at)),
            ("oversize", []) => Some((Self::Oversize(1024), 1)),
            ("oversize", [length, at @ ..]) => number(length)
                .filter(|&length| length <= LONGEST_ANSWER)
                .map(Self::Oversize)
                .zip(countdown(at)),
            ("truncate", []) => Some((Self::Truncate(1), 1)),
            ("truncate", [length, at @ ..]) => number(length).map(Self::Truncate).zip(countdown(at)),
            ("swap-at-apdu", [at, name]) => Some(Self::Swap((*name).to_owned())).zip(countdown(&[at])),
            _ => None,
        }
        .ok_or_else(|| match word {
            "yank-mid-apdu" => wrong("yank-mid-apdu", "yank-mid-apdu [N] [partial]"),
            "garble" => wrong("garble", "garble [N]"),
            "endless-61" => wrong("endless-61", "endless-61 [N]"),
            "wrong-tag" => wrong("wrong-tag", "wrong-tag [N]"),
            "stall" => wrong("stall", "stall MS [N], at most 3600000 ms"),
            "status" => wrong("status", "status SW [N], SW being four hexadecimal digits"),
            "oversize" => wrong("oversize", "oversize [BYTES] [N], at most 65533 bytes"),
            "truncate" => wrong("truncate", "truncate [BYTES] [N]"),
            "swap-at-apdu" => wrong("swap-at-apdu", "swap-at-apdu N NAME"),
            other => FaultError::Unknown(other.to_owned()),
        })
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn countdown(values: &[&str]) -> Option<u32> {
    match values {
        [] => Some(1),
        [at] => number(at).filter(|&at| at > 0),
        _ => None,
    }
}

fn status_word(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 16).ok().filter(|_| text.len() == 4)
}
