//! What Signet's programs say to each other over `/run/signet/io.signet`: the Varlink interfaces,
//! their wire types, who may call what, the bounded codec, and a blocking client that needs only
//! the standard library.
//!
//! - [`interfaces`]: the interface files, as the daemon describes itself with them.
//! - [`Method`], [`Invocation`], [`Reply`], [`Refusal`]: every method, its call, reply and errors.
//! - [`wire`]: the types of the parameters, replies and errors.
//! - [`Caller`], [`Access`]: which caller may call which method.
//! - [`codec`]: messages as JSON objects ended by NUL, bounded in length and depth.
//! - [`Client`], [`Conversation`]: the blocking client.
//!
//! The message format is that of <https://varlink.org/Method-Call>.

pub mod codec;
pub mod interfaces;
pub mod wire;

mod caller;
mod client;
mod conversation;
mod envelope;
mod method;
mod secret;
mod text;

pub use caller::{Access, Caller};
pub use client::{Bounds, CallError, Client, Replies, ServerFault, ServerIdentity};
pub use conversation::{Conversation, NotOpen};
pub use envelope::{EnvelopeError, Incoming, ReplyLine, Request, encode_call, encode_error, encode_reply};
pub use method::{Call, Invocation, Method, Refusal, Reply};
pub use secret::SecretText;
pub use text::{Label, LabelError};

#[cfg(test)]
mod tests;
