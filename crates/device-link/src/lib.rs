//! The wire between `signetd` and `signet-device-host`, and between `signetd` and `signet-password-check`.
//!
//! Pure: bytes in, messages out. The daemon links this crate, so it names no device library. One
//! message is a `u32` length (big-endian, at most [`MAX_MESSAGE`]) and that many bytes of postcard.
//! A frame's bytes pass from the buffer into [`Frame`](signet_authn::Frame) without a copy that is not wiped.
//!
//! ```
//! use signet_device_link::{Decoder, Lease, ToHost, encode};
//!
//! let bytes = encode(&ToHost::Close { lease: Lease(7) })?;
//! let mut decoder = Decoder::<ToHost>::new();
//! decoder.feed(&bytes)?;
//! assert!(matches!(decoder.message()?, Some(ToHost::Close { lease: Lease(7) })));
//! # Ok::<(), signet_device_link::LinkError>(())
//! ```

mod codec;
mod health;
mod message;
pub mod password;
mod wire;

pub use codec::{Decoder, LinkError, MAX_MESSAGE, encode};
pub use health::{Health, Line};
pub use message::{FromHost, Lease, Message, ToHost, VERSION};

#[cfg(test)]
mod tests;
