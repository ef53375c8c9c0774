//! The smart card method (MET-03).
//!
//! Three kinds of proof, by what a card has and what policy asks for (POL-05):
//!
//! | card | PIN | what is proven |
//! |---|---|---|
//! | PIV key 9A | the card's own | possession by a signature of 9A, knowledge checked by the card |
//! | PIV key 9E | Signet PIN | possession by a signature of 9E, knowledge checked by Signet |
//! | no key | Signet PIN | knowledge alone: a UID can be copied, it is a hint to who it is |
//!
//! A signature is over the host's nonce, bound to user, service, machine and conversation
//! ([`signet_authn::Binding`]), and is checked with the key that was enrolled. A card that has a key is
//! never taken by its UID.
//!
//! The driver is pure: [`apdu`], [`tlv`], [`piv`], [`certificate`], [`key`] and [`record`] are codecs, and the
//! ceremonies tell their host which frames to send. It only reads cards: no command of [`piv`] writes.

pub mod apdu;
mod card;
pub mod certificate;
mod driver;
mod enrolment;
pub mod key;
mod malformed;
pub mod piv;
mod presence;
mod recognition;
pub mod record;
mod secret_change;
mod signet_pin;
mod statement;
pub mod tlv;
mod verification;

pub use driver::Smartcard;
pub use malformed::Malformed;

#[cfg(test)]
mod tests;
