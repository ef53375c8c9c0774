//! The port to the system's passwords, for the program `signet-password-check`.
//!
//! PAM modules are foreign code that blocks, forks, leaks and sometimes crashes; so each check is a
//! process of its own that `signetd` starts, gives one request and kills at a deadline. What is said
//! between them is [`signet_device_link::password`], which links no PAM.

mod check;
mod conversation;
mod environment;

pub use check::answer;
pub use environment::clear_environment;

/// The PAM service that checks passwords for Signet. Not `login`: that one would ask Signet again.
pub const SERVICE: &str = "signet-password";
