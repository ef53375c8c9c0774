//! The password method (MET-09): the system's password, which the host checks through a PAM service,
//! or a password of Signet's own, kept as an Argon2id verifier.
//!
//! Policy says which ([`signet_authn::PasswordSource`]). The system's password needs no enrolment; where it
//! has expired it is changed before the ceremony is complete. With Signet's own, a user who has none costs
//! the same work as one who has, so that neither time nor questions tell them apart.

mod driver;
mod entry;
mod record;
mod signet;
mod system;

pub use driver::Password;
pub use record::{Record, RecordError, decoy};

#[cfg(test)]
mod tests;
