//! The port to smart cards through pcscd.
//!
//! A watcher thread blocks in `SCardGetStatusChange` over all readers and reports what comes and
//! goes; each reader in use has a thread of its own for connecting and exchanging, so that a card that
//! hangs holds up no other one; a clock thread ends what takes too long. Everything that happens is given
//! to one function of the owner as a [`Report`], in order.
//!
//! APDUs pass verbatim: chaining and GET RESPONSE are the driver's business.
//!
//! `unsafe` is left to the crate `pcsc`; nothing here needs it.

mod error;
mod lease;
mod port;
mod reader;
mod seat;
mod service;
mod table;
mod watcher;

pub use port::{Limits, Misuse, Port, Report};

#[cfg(test)]
mod tests;
