//! The process that owns the hardware, so that the daemon need not.
//!
//! `signetd` starts it with one end of a socket pair as standard input and talks to it in the words
//! of [`signet_device_link`]. It holds no secret of its own and decides nothing: it passes frames.
//! What it may do is as little as that needs ([`Sandbox`]); what goes wrong in it ends it, and the
//! daemon starts another one.

mod filter;
mod host;
mod link;
mod options;
mod probe;
mod sandbox;

pub use host::{HostError, run};
pub use options::{Options, OptionsError};
pub use probe::Probe;
pub use sandbox::{Sandbox, SandboxError};
