use std::fmt;

use signet_types::DeviceId;
use zeroize::{Zeroize, Zeroizing};

/// What kind of device a driver talks to; the device host has one port for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A PC/SC reader with a card; frames are APDUs (ISO 7816-4).
    Pcsc,
    /// An NFC reader through libnfc; frames are ISO 14443-4 or native commands.
    Nfc,
    /// A HID device; frames are reports.
    Hid,
    /// A reader behind fprintd's D-Bus interface.
    Fprint,
}

/// Bytes to or from a device. Frames carry PINs, so they are wiped when dropped and never printed.
pub struct Frame(Zeroizing<Vec<u8>>);

/// A frame longer than [`Frame::MAX_LEN`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a device frame may have at most {} bytes", Frame::MAX_LEN)]
pub struct FrameTooLong;

impl Frame {
    /// The longest frame in bytes: an extended-length APDU answer (ISO 7816-4, section 5.1) is
    /// 65,538, and no device in use needs more than half of it.
    pub const MAX_LEN: usize = 32 * 1024;

    /// Takes the bytes over; a refused frame is wiped too.
    pub fn new(bytes: Vec<u8>) -> Result<Self, FrameTooLong> {
        let mut bytes = Zeroizing::new(bytes);
        if bytes.len() > Self::MAX_LEN {
            bytes.zeroize();
            return Err(FrameTooLong);
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

/// A token came or went, or its reader did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Which device.
    pub device: DeviceId,
    /// What kind of device.
    pub kind: DeviceKind,
    /// What happened.
    pub change: DeviceChange,
}

/// What happened at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// A token is present now.
    Inserted,
    /// The token is gone.
    Removed,
    /// The reader, its middleware or its bus is gone; a token in it counts as lost (RMV-07).
    ReaderLost,
    /// The reader is there, without a token.
    ReaderFound,
}

/// Why a device did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The token was removed, or replaced since the device was opened.
    #[error("the token was removed")]
    TokenGone,
    /// The reader, its middleware or the device host is gone.
    #[error("the reader is gone")]
    ReaderGone,
    /// Another program holds the device.
    #[error("another program is using the device")]
    Busy,
    /// The device did not answer in time.
    #[error("the device did not answer in time")]
    TimedOut,
    /// The answer was no frame at all (for a card: under two bytes).
    #[error("the device's answer was cut short")]
    Truncated,
}
