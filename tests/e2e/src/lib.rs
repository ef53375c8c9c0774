//! A workstation as it would be installed, inside a sandbox of `signet-rig`: users, PAM services,
//! pcscd with a simulated card reader, a bus with a stand-in logind, and the real `signetd`.
//!
//! Tests, the demo and the benches drive it as people do: through `pamtester`, `su`, `sudo` and
//! `signetctl`, by typing at prompts.

mod program;
mod typist;
mod workstation;

pub use program::{Signetd, library, signetctl};
pub use typist::{Typed, Typist};
pub use workstation::{Cards, Setup, Workstation};

/// What went wrong with the workstation itself, not with what is tried on it.
#[derive(Debug, thiserror::Error)]
pub enum E2eError {
    /// The rig.
    #[error(transparent)]
    Rig(#[from] signet_rig::RigError),
    /// A file or a program.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A program did not say in time what was waited for.
    #[error("'{program}' did not say {wanted:?} in time; it said: {said}")]
    Silent {
        /// The program.
        program: String,
        /// What was waited for.
        wanted: String,
        /// All that it said.
        said: String,
    },
}

pub(crate) fn io<'a>(what: impl Into<String> + 'a) -> impl FnOnce(std::io::Error) -> E2eError + 'a {
    move |source| E2eError::Io { what: what.into(), source }
}
