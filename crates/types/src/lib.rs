//! The vocabulary of Signet: ids, names, secrets and setting values, each parsed once.
//!
//! Nothing that came from a device, a file, a socket or the network is used before it has
//! become one of these types. The crate does no I/O and depends on no other part of Signet.

mod factor;
mod id;
mod message;
mod method;
mod name;
mod pin;
mod secret;
mod setting;
mod time;

pub use factor::{Assurance, Factor, Factors};
pub use id::{ConversationId, CredentialId, DeviceId, GrantId, IdError, SessionId};
pub use message::UserMessage;
pub use method::{Method, UnknownMethod};
pub use name::{NameError, ServiceName, UserName};
pub use pin::{CharacterSet, PinRule, PinRuleError, PinViolation};
pub use secret::{Secret, SecretTooLong};
pub use setting::{PinType, ReaderLoss, RemovalAction, UnknownValue};
pub use time::Timestamp;

#[cfg(test)]
mod tests;
