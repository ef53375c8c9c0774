//! What the messages look like to postcard. Apart from the public types because
//! [`Frame`] must not be serialisable anywhere else.

use serde::{Deserialize, Serialize};
use signet_authn::{DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame};
use signet_types::DeviceId;

use crate::{FromHost, Health, Lease, Line, LinkError, ToHost};

/// How many kinds a `Hello` may name.
const MAX_KINDS: usize = 16;

/// Between a message and its bytes.
pub trait Wire: Sized {
    /// Writes the message into `buffer`; gives the number of bytes.
    fn write(&self, buffer: &mut [u8]) -> Result<usize, LinkError>;

    /// Reads a message that fills `bytes` exactly.
    fn read(bytes: &[u8]) -> Result<Self, LinkError>;

    /// At most how many bytes [`Wire::write`] needs.
    fn room(&self) -> usize;
}

/// Bytes that are neither text nor frame: tags, numbers, a device id, two lines.
const SMALL: usize = 1024;

fn put<T: Serialize>(value: &T, buffer: &mut [u8]) -> Result<usize, LinkError> {
    postcard::to_slice(value, buffer).map(|used| used.len()).map_err(|_| LinkError::TooLong)
}

fn take<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, LinkError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| LinkError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(LinkError::Malformed) }
}

fn frame(bytes: &[u8]) -> Result<Frame, LinkError> {
    Frame::new(bytes.to_vec()).map_err(|_| LinkError::Malformed)
}

/// Declares the wire form of a fieldless enum of another crate.
macro_rules! mirror {
    ($name:ident = $of:ident { $($variant:ident),+ }) => {
        #[derive(Clone, Copy, Serialize, Deserialize)]
        enum $name { $($variant),+ }

        impl From<$of> for $name {
            fn from(value: $of) -> Self {
                match value { $($of::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $of {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

mirror!(Kind = DeviceKind { Pcsc, Nfc, Hid, Fprint });
mirror!(Change = DeviceChange { Inserted, Removed, ReaderLost, ReaderFound });
mirror!(Error = DeviceError { TokenGone, ReaderGone, Busy, TimedOut, Truncated });

#[derive(Serialize, Deserialize)]
enum Down<'a> {
    Open(u32, &'a str),
    Exchange(u32, &'a [u8]),
    Close(u32),
}

impl Wire for ToHost {
    fn write(&self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let down = match self {
            Self::Open { lease, device } => Down::Open(lease.0, device.as_str()),
            Self::Exchange { lease, frame } => Down::Exchange(lease.0, frame.expose()),
            Self::Close { lease } => Down::Close(lease.0),
        };
        put(&down, buffer)
    }

    fn read(bytes: &[u8]) -> Result<Self, LinkError> {
        Ok(match take(bytes)? {
            Down::Open(lease, device) => Self::Open { lease: Lease(lease), device: device_id(device)? },
            Down::Exchange(lease, bytes) => Self::Exchange { lease: Lease(lease), frame: frame(bytes)? },
            Down::Close(lease) => Self::Close { lease: Lease(lease) },
        })
    }

    fn room(&self) -> usize {
        match self {
            Self::Exchange { frame, .. } => SMALL + frame.expose().len(),
            Self::Open { .. } | Self::Close { .. } => SMALL,
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Up<'a> {
    Hello(u16, Vec<Kind>),
    Event(u64, &'a str, Kind, Change),
    Opened(u32, Result<(), Error>),
    Reply(u32, Result<&'a [u8], Error>),
    Closed(u32),
    Ready(Kind),
    Missing(Kind, &'a str, &'a str),
    Failing(Kind, &'a str, &'a str),
}

impl Wire for FromHost {
    fn write(&self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let up = match self {
            Self::Hello { version, kinds } => {
                Up::Hello(*version, kinds.iter().take(MAX_KINDS).map(|&kind| kind.into()).collect())
            }
            Self::Event { number, event } => {
                Up::Event(*number, event.device.as_str(), event.kind.into(), event.change.into())
            }
            Self::Opened { lease, result } => Up::Opened(lease.0, result.map_err(Into::into)),
            Self::Reply { lease, result } => {
                Up::Reply(lease.0, result.as_ref().map(Frame::expose).map_err(|&e| e.into()))
            }
            Self::Closed { lease } => Up::Closed(lease.0),
            Self::Health { kind, health } => match health {
                Health::Ready => Up::Ready((*kind).into()),
                Health::Missing { part, advice } => {
                    Up::Missing((*kind).into(), part.as_str(), advice.as_str())
                }
                Health::Failing { part, advice } => {
                    Up::Failing((*kind).into(), part.as_str(), advice.as_str())
                }
            },
        };
        put(&up, buffer)
    }

    fn read(bytes: &[u8]) -> Result<Self, LinkError> {
        Ok(match take(bytes)? {
            Up::Hello(version, kinds) if kinds.len() <= MAX_KINDS => {
                Self::Hello { version, kinds: kinds.into_iter().map(Into::into).collect() }
            }
            Up::Hello(..) => return Err(LinkError::Malformed),
            Up::Event(number, device, kind, change) => {
                let event =
                    DeviceEvent { device: device_id(device)?, kind: kind.into(), change: change.into() };
                Self::Event { number, event }
            }
            Up::Opened(lease, result) => {
                Self::Opened { lease: Lease(lease), result: result.map_err(Into::into) }
            }
            Up::Reply(lease, Ok(bytes)) => Self::Reply { lease: Lease(lease), result: Ok(frame(bytes)?) },
            Up::Reply(lease, Err(error)) => Self::Reply { lease: Lease(lease), result: Err(error.into()) },
            Up::Closed(lease) => Self::Closed { lease: Lease(lease) },
            Up::Ready(kind) => Self::Health { kind: kind.into(), health: Health::Ready },
            Up::Missing(kind, part, advice) => Self::Health {
                kind: kind.into(),
                health: Health::Missing { part: Line::new(part), advice: Line::new(advice) },
            },
            Up::Failing(kind, part, advice) => Self::Health {
                kind: kind.into(),
                health: Health::Failing { part: Line::new(part), advice: Line::new(advice) },
            },
        })
    }

    fn room(&self) -> usize {
        match self {
            Self::Reply { result: Ok(frame), .. } => SMALL + frame.expose().len(),
            _ => SMALL,
        }
    }
}

fn device_id(text: &str) -> Result<DeviceId, LinkError> {
    text.parse().map_err(|_| LinkError::Malformed)
}
