use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use crate::Message;

/// The longest message in bytes, without its length: the longest frame and its envelope.
pub const MAX_MESSAGE: usize = 48 * 1024;

/// Bytes of the length before each message.
const PREFIX: usize = 4;

/// How much may lie in a [`Decoder`] unread: two whole messages.
const MAX_BUFFERED: usize = 2 * (PREFIX + MAX_MESSAGE);

/// The other side does not speak this wire; the link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A message longer than [`MAX_MESSAGE`] bytes, or more unread bytes than a decoder keeps.
    #[error("a message on the device link is longer than {MAX_MESSAGE} bytes")]
    TooLong,
    /// Bytes that are no message.
    #[error("a message on the device link cannot be read")]
    Malformed,
}

/// The bytes of a message with its length in front; wiped when dropped.
pub fn encode<M: Message>(message: &M) -> Result<Zeroizing<Vec<u8>>, LinkError> {
    // All room at once: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(vec![0; PREFIX + message.room()]);
    let (prefix, body) = bytes.split_at_mut_checked(PREFIX).ok_or(LinkError::TooLong)?;
    let length = message.write(body)?;
    if length > MAX_MESSAGE {
        return Err(LinkError::TooLong);
    }
    let declared = u32::try_from(length).map_err(|_| LinkError::TooLong)?;
    prefix.copy_from_slice(&declared.to_be_bytes());
    bytes.truncate(PREFIX + length);
    Ok(bytes)
}

/// Takes messages out of a stream of bytes, however the stream was cut.
///
/// Feed at most [`MAX_MESSAGE`] bytes at a time, take messages until there is none, feed again. After
/// an error every further call gives that error: a stream that was wrong once has no known place.
pub struct Decoder<M> {
    buffer: Zeroizing<Vec<u8>>,
    failed: Option<LinkError>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Message> Decoder<M> {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        Self { buffer: Zeroizing::new(Vec::new()), failed: None, message: PhantomData }
    }

    /// Adds bytes as they were read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.sound()?;
        let needed = self.buffer.len().saturating_add(bytes.len());
        if needed > MAX_BUFFERED {
            return self.fail(LinkError::TooLong);
        }
        if needed > self.buffer.capacity() {
            // Vec would move its bytes and leave the old ones behind; this drop wipes them.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole message, if there is one.
    pub fn message(&mut self) -> Result<Option<M>, LinkError> {
        self.sound()?;
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let Ok(length) = usize::try_from(u32::from_be_bytes(*prefix)) else {
            return self.fail(LinkError::TooLong);
        };
        if length > MAX_MESSAGE {
            return self.fail(LinkError::TooLong);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let read = M::read(body);
        self.consume(PREFIX + length);
        match read {
            Ok(message) => Ok(Some(message)),
            Err(error) => self.fail(error),
        }
    }

    /// Whether a part of a message was left unread: a stream that ends here was cut.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Moves what follows to the front and wipes what it leaves.
    fn consume(&mut self, count: usize) {
        let left = self.buffer.len().saturating_sub(count);
        self.buffer.copy_within(count.., 0);
        if let Some(stale) = self.buffer.get_mut(left..) {
            stale.zeroize();
        }
        self.buffer.truncate(left);
    }

    fn sound(&self) -> Result<(), LinkError> {
        self.failed.map_or(Ok(()), Err)
    }

    fn fail<T>(&mut self, error: LinkError) -> Result<T, LinkError> {
        self.failed = Some(error);
        self.buffer.zeroize();
        Err(error)
    }
}
