//! A smart card made of software, for tests, demonstrations and measurements.
//!
//! [`Card`] is the honest card: a PIV card application (NIST SP 800-73-4) or a card that only has an
//! identifier. It is pure: command APDU in, response APDU out. [`Slot`] holds several cards of which
//! one is present, and injects [`Fault`]s. The program `signet-sim-card` puts a [`Slot`] behind vpcd,
//! so that the real pcscd sees it, and takes commands over a unix socket.
//!
//! This is a development tool. Its keys are as safe as the memory and the files of the process.

mod apdu;
mod card;
mod certificate;
mod description;
mod fault;
mod identifier;
mod key;
mod maker;
mod piv;
mod slot;
mod tlv;

pub use card::Card;
pub use certificate::{CertificateError, Issuer, Validity};
pub use description::{CardDescription, CardKind, DescriptionError};
pub use fault::{Fault, FaultError};
pub use key::{CardKey, KeyAlgorithm, KeyError};
pub use maker::{CardMaker, MakeError};
pub use piv::KeySlot;
pub use slot::{Delivery, Slot, UnknownCard};

#[cfg(test)]
mod tests;
