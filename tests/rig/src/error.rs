use std::{io, path::PathBuf};

/// Why a part of the rig could not be set up or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RigError {
    /// The namespaces need root.
    #[error(
        "this needs root for private namespaces: run it as root, for example `sudo -E env PATH=$PATH cargo test`"
    )]
    NotRoot,
    /// A program that comes with the system is missing or cannot be started.
    #[error("cannot start `{program}`; on Debian it comes with the package {package}")]
    Start {
        /// The program.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// One of the project's programs is not built.
    #[error("{} is not built: run `{build}` with the same profile", path.display())]
    NotBuilt {
        /// Where it was looked for.
        path: PathBuf,
        /// The command that builds it.
        build: String,
    },
    /// A program ended with a failure.
    #[error("`{program}` failed with {status}: {output}")]
    Failed {
        /// The program and its arguments.
        program: String,
        /// How it ended.
        status: String,
        /// What it wrote.
        output: String,
    },
    /// A program did not say that it is ready.
    #[error("`{program}` did not get ready: {reason}")]
    NotReady {
        /// The program.
        program: String,
        /// What happened instead.
        reason: String,
    },
    /// A simulator refused a command.
    #[error("the command `{command}` was refused: {reply}")]
    Refused {
        /// The command.
        command: String,
        /// The simulator's words.
        reply: String,
    },
    /// pcscd did not do what was asked.
    #[error("pcscd: {what}")]
    Pcsc {
        /// What was tried.
        what: &'static str,
        /// What pcscd said.
        source: pcsc::Error,
    },
    /// pcscd did not show the state in time.
    #[error("pcscd did not show {0} within 10 s")]
    Late(&'static str),
    /// There is no such reader.
    #[error("there is no reader {index}: pcscd was started with {readers}")]
    NoReader {
        /// What was asked for.
        index: u16,
        /// How many there are.
        readers: u16,
    },
    /// A file or mount of the sandbox could not be made.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RigError {
    /// A [`RigError::System`] for `what`.
    pub(crate) fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::System { what, source: source.into() }
    }
}
