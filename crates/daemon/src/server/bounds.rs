//! A socket with limits. zlink by itself lets a peer make the server hold 100 MB, and waits for
//! ever for a peer that does not read.

use std::{os::fd::AsFd, time::Duration};

use zlink::{
    connection::{
        PassedCredentials,
        socket::{ReadHalf, ReadResult, Socket, WriteHalf},
    },
    tokio::unix::Stream,
};

/// The longest message in bytes (security.md, R29).
const MAX_MESSAGE: usize = 64 * 1024;
/// The longest wait for a peer to take what it is sent.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

type InnerRead = <Stream as Socket>::ReadHalf;
type InnerWrite = <Stream as Socket>::WriteHalf;

/// A stream that bounds a message's length and the time of a write.
#[derive(Debug)]
pub(super) struct Bounded(pub(super) Stream);

/// Reads; remembers how long the message is that is not complete yet.
#[derive(Debug)]
pub(super) struct BoundedRead {
    inner: InnerRead,
    unfinished: usize,
}

/// Writes, or gives up.
#[derive(Debug)]
pub(super) struct BoundedWrite(InnerWrite);

impl Socket for Bounded {
    type ReadHalf = BoundedRead;
    type WriteHalf = BoundedWrite;

    fn split(self) -> (BoundedRead, BoundedWrite) {
        let (inner, write) = self.0.split();
        (BoundedRead { inner, unfinished: 0 }, BoundedWrite(write))
    }
}

impl ReadHalf for BoundedRead {
    async fn read(&mut self, buffer: &mut [u8]) -> zlink::Result<ReadResult> {
        let result = self.inner.read(buffer).await?;
        let fresh = buffer.get(..result.bytes_read()).unwrap_or_default();
        self.unfinished = unfinished(self.unfinished, fresh).ok_or(zlink::Error::BufferOverflow)?;
        Ok(result)
    }
}

/// The length of the message that is not complete after `fresh`, or `None` where a message is too long.
fn unfinished(before: usize, fresh: &[u8]) -> Option<usize> {
    let mut length = before;
    for part in fresh.split_inclusive(|byte| *byte == 0) {
        length += part.len();
        if length > MAX_MESSAGE {
            return None;
        }
        if part.ends_with(&[0]) {
            length = 0;
        }
    }
    Some(length)
}

impl WriteHalf for BoundedWrite {
    async fn write(
        &mut self,
        bytes: &[u8],
        fds: &[impl AsFd],
        credentials: Option<&PassedCredentials>,
    ) -> zlink::Result<()> {
        match tokio::time::timeout(WRITE_DEADLINE, self.0.write(bytes, fds, credentials)).await {
            Ok(result) => result,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_of_64_kib_passes_and_one_byte_more_does_not() {
        let mut message = vec![b'x'; MAX_MESSAGE - 1];
        message.push(0);
        assert_eq!(unfinished(0, &message), Some(0));
        assert_eq!(unfinished(1, &message), None);
        assert_eq!(unfinished(0, &vec![b'x'; MAX_MESSAGE + 1]), None);
    }

    proptest! {
        /// However the bytes are split, the verdict is the same.
        #[test]
        fn splits_do_not_matter(bytes in proptest::collection::vec(0u8..3, 0..200), at in 0usize..200) {
            let at = at.min(bytes.len());
            let whole = unfinished(0, &bytes);
            let parts = unfinished(0, &bytes[..at]).and_then(|n| unfinished(n, &bytes[at..]));
            prop_assert_eq!(whole, parts);
        }
    }
}
