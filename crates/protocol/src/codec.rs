//! Messages on the stream: a JSON object each, ended by one NUL byte, bounded in length and depth.

use zeroize::{Zeroize, Zeroizing};

/// The greatest length of a message in bytes, without its NUL.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// How deep arrays and objects may nest; the interfaces need 5.
pub const MAX_DEPTH: usize = 32;

/// One message without its NUL, wiped when dropped: it may carry a secret.
pub type Frame = Zeroizing<Vec<u8>>;

/// Why a stream cannot be read on. Nothing after the fault is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No NUL within [`MAX_MESSAGE`] bytes.
    #[error("the message is longer than {} bytes", MAX_MESSAGE)]
    TooLong,
    /// A NUL where a message should begin.
    #[error("the message is empty")]
    Empty,
    /// Arrays or objects nest deeper than [`MAX_DEPTH`].
    #[error("the message nests deeper than {} levels", MAX_DEPTH)]
    TooDeep,
}

/// Cuts a stream into messages. It does no I/O, holds at most one message, and gives the same
/// messages and the same fault however the stream is split.
#[derive(Default)]
pub struct Decoder {
    partial: Frame,
    fault: Option<FrameError>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off the front of `input` until a message is complete or `input` is empty.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match self.take(input) {
            Err(fault) => {
                self.fault = Some(fault);
                self.partial.zeroize();
                Err(fault)
            }
            frame => frame,
        }
    }

    /// Whether the stream stands between two messages, where its end is no loss.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.fault.is_none() && self.partial.is_empty()
    }

    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        let end = input.iter().position(|byte| *byte == 0);
        let (piece, rest) = input.split_at(end.unwrap_or(input.len()));
        if self.partial.len() + piece.len() > MAX_MESSAGE {
            return Err(FrameError::TooLong);
        }
        append(&mut self.partial, piece);
        *input = rest.get(1..).unwrap_or_default();
        if end.is_none() {
            return Ok(None);
        }
        let frame = std::mem::take(&mut self.partial);
        if frame.is_empty() {
            return Err(FrameError::Empty);
        }
        check_depth(&frame)?;
        Ok(Some(frame))
    }
}

/// Appends without leaving an unwiped copy behind when the buffer grows.
fn append(to: &mut Frame, piece: &[u8]) {
    let need = to.len() + piece.len();
    if need > to.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(need.next_power_of_two().max(4096)));
        grown.extend_from_slice(to);
        *to = grown;
    }
    to.extend_from_slice(piece);
}

/// Counts brackets outside of strings. Text that is no JSON passes or fails; the parser that
/// comes next refuses it.
fn check_depth(message: &[u8]) -> Result<(), FrameError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in message {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(FrameError::TooDeep);
        }
    }
    Ok(())
}
