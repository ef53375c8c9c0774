//! Command and response APDUs with short length fields (ISO/IEC 7816-4:2020, 5.2), command chaining
//! (5.3.3) and GET RESPONSE (11.7).
//!
//! Extended length fields would save a few APDUs, but neither all readers nor all PIV cards take them.

use signet_authn::Frame;
use zeroize::Zeroizing;

use crate::Malformed;

/// The longest data field of a short command, in bytes.
const BLOCK: usize = 255;
/// The longest command data that is sent, in bytes, over all blocks of a chain.
const MAX_COMMAND: usize = 1024;
/// The longest answer that is taken, in bytes, over all GET RESPONSE. SP 800-73-4 part 1, table 10:
/// the largest object has 12,710 bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// The most answers that one command may have: [`MAX_ANSWER`] in full blocks of 256.
const MAX_ROUNDS: usize = 64;

/// The status word that ends a response APDU (ISO/IEC 7816-4:2020, 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Success.
    pub const OK: Self = Self(0x9000);
    /// The PIN is blocked.
    pub const BLOCKED: Self = Self(0x6983);
    /// No such application or data object.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// No such key or data object.
    pub const NO_REFERENCE: Self = Self(0x6A88);

    /// The number of tries in 63CX.
    #[must_use]
    pub const fn tries(self) -> Option<u8> {
        if self.0 & 0xFFF0 == 0x63C0 { Some((self.0 & 0x0F) as u8) } else { None }
    }
}

/// A command APDU of any length; what is longer than one block is chained.
pub struct Command {
    class: u8,
    instruction: u8,
    p1: u8,
    p2: u8,
    data: Zeroizing<Vec<u8>>,
    answered: bool,
}

impl Command {
    /// A command without data that is answered with data: case 2.
    #[must_use]
    pub fn get(class: u8, instruction: u8, p1: u8, p2: u8) -> Self {
        Self { class, instruction, p1, p2, data: Zeroizing::default(), answered: true }
    }

    /// A command with data that is answered with a status word alone: case 3, and case 1 without data.
    #[must_use]
    pub fn put(instruction: u8, p1: u8, p2: u8, data: Zeroizing<Vec<u8>>) -> Self {
        Self { class: 0, instruction, p1, p2, data, answered: false }
    }

    /// A command with data that is answered with data: case 4.
    #[must_use]
    pub fn ask(instruction: u8, p1: u8, p2: u8, data: Vec<u8>) -> Self {
        Self { class: 0, instruction, p1, p2, data: Zeroizing::new(data), answered: true }
    }

    fn blocks(&self) -> usize {
        self.data.len().div_ceil(BLOCK).max(1)
    }

    /// The bytes of one block of the chain; `expected` is the length field of the answer.
    fn block(&self, index: usize, expected: u8) -> Result<Frame, Malformed> {
        let data = self.data.chunks(BLOCK).nth(index).unwrap_or_default();
        let last = index + 1 == self.blocks();
        let class = if last { self.class } else { self.class | 0x10 };
        let mut bytes = Vec::with_capacity(6 + BLOCK);
        bytes.extend([class, self.instruction, self.p1, self.p2]);
        if let Ok(length @ 1..) = u8::try_from(data.len()) {
            bytes.push(length);
            bytes.extend_from_slice(data);
        }
        if last && self.answered {
            bytes.push(expected);
        }
        Frame::new(bytes).map_err(|_| Malformed("command too long"))
    }
}

/// The answer to a whole command.
pub struct Response {
    /// The data of all its response APDUs.
    pub data: Zeroizing<Vec<u8>>,
    /// The last status word.
    pub status: Status,
}

/// One command on its way: its blocks, then the answer's. Pure: frames out, replies in.
pub struct Exchange {
    command: Command,
    block: usize,
    rounds: usize,
    received: Zeroizing<Vec<u8>>,
    /// The greatest number of bytes that the last frame allows in its answer.
    allowed: usize,
    corrected: bool,
}

/// What comes next in an [`Exchange`].
pub enum Progress {
    /// Send this and take its reply.
    Send(Frame),
    /// The command is answered.
    Done(Response),
}

impl Exchange {
    /// Starts a command; gives its first frame.
    pub fn begin(command: Command) -> Result<(Self, Frame), Malformed> {
        if command.data.len() > MAX_COMMAND {
            return Err(Malformed("command too long"));
        }
        let frame = command.block(0, 0)?;
        let exchange = Self {
            allowed: if command.answered { 256 } else { 0 },
            command,
            block: 0,
            rounds: 0,
            received: Zeroizing::default(),
            corrected: false,
        };
        Ok((exchange, frame))
    }

    /// Takes one reply of the card, whatever it has sent.
    ///
    /// An answer is refused that is under two bytes, longer than asked for, longer in all than 16 KiB,
    /// in more than 64 parts, or that goes on without bringing anything.
    pub fn take(&mut self, reply: &[u8]) -> Result<Progress, Malformed> {
        let (data, status) = reply.split_last_chunk::<2>().ok_or(Malformed("answer under two bytes"))?;
        let status = u16::from_be_bytes(*status);
        let [high, low] = status.to_be_bytes();
        if self.block + 1 < self.command.blocks() {
            return self.between(data, Status(status));
        }
        if data.len() > self.allowed {
            return Err(Malformed("answer longer than asked for"));
        }
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS || self.received.len() + data.len() > MAX_ANSWER {
            return Err(Malformed("endless answer"));
        }
        if self.rounds > 1 && data.is_empty() && high == 0x61 {
            return Err(Malformed("answer without progress"));
        }
        self.received.extend_from_slice(data);
        match high {
            0x61 if self.command.answered => self.get_response(low),
            0x6C if self.command.answered && !self.corrected && self.received.is_empty() => {
                self.corrected = true;
                self.allowed = length(low);
                Ok(Progress::Send(self.command.block(self.block, low)?))
            }
            0x61 | 0x6C => Err(Malformed("status word out of place")),
            // Errors have no data (ISO/IEC 7816-4:2020, 5.6); warnings, 62 and 63, may.
            0x64..=0x6F if !self.received.is_empty() => Err(Malformed("data with an error")),
            _ => {
                let data = std::mem::take(&mut self.received);
                Ok(Progress::Done(Response { data, status: Status(status) }))
            }
        }
    }

    /// The card's answer to a block that is not the last: nothing but a status word.
    fn between(&mut self, data: &[u8], status: Status) -> Result<Progress, Malformed> {
        if !data.is_empty() || matches!(status.0 >> 8, 0x61 | 0x6C) {
            return Err(Malformed("data before the end of the command"));
        }
        if status != Status::OK {
            return Ok(Progress::Done(Response { data: Zeroizing::default(), status }));
        }
        self.block += 1;
        Ok(Progress::Send(self.command.block(self.block, 0)?))
    }

    fn get_response(&mut self, more: u8) -> Result<Progress, Malformed> {
        self.allowed = length(more);
        let frame = Frame::new(vec![self.command.class & 0x03, 0xC0, 0, 0, more]);
        Ok(Progress::Send(frame.map_err(|_| Malformed("command too long"))?))
    }
}

/// The length that a length field of one byte means.
const fn length(field: u8) -> usize {
    if field == 0 { 256 } else { field as usize }
}
