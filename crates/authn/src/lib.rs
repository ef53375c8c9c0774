//! What every driver is written against: the trait [`Authenticator`], the sans-IO [`Ceremony`],
//! and [`script`], which lets a ceremony be written from top to bottom.
//!
//! A ceremony does no I/O. It is fed [`Event`]s and answers each with a [`Turn`]: notices for the
//! person and one [`Step`] that its host carries out: ask, open a device, exchange a frame, wait
//! for a token, hash a secret, or stop with a result. So every path through a driver can be
//! enumerated in a test, and the process that runs a driver needs no device library.
//!
//! A driver knows no session, no store, no policy, no port and no other driver.

mod authenticator;
mod ceremony;
mod device;
mod prompt;
mod script;
mod work;

pub use authenticator::{
    About, Authenticator, Binding, EnrollRequest, Enrolled, EnrolledCredential, IdentifierError,
    IdentifyRequest, PasswordSource, Proof, Settings, TokenIdentifier, VerifyRequest,
};
pub use ceremony::{Ceremony, DriverError, Event, Failure, Step, StopReason, Turn};
pub use device::{DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame, FrameTooLong};
pub use prompt::{Answer, Choice, Prompt, PromptKind, Question};
pub use script::{Dialog, script};
pub use work::{Matched, PasswordOutcome, Verifier, Work, WorkResult};

#[cfg(test)]
mod tests;
