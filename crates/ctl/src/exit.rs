use std::process::ExitCode;

/// What the exit code says. A wrong command line gives [`Exit::Error`] too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes: granted, done, good, found. Code 0.
    Yes,
    /// No: denied, cancelled, faults found. Code 1.
    No,
    /// The question could not be answered. Code 2.
    Error,
    /// signetd does not answer. Code 3.
    Unreachable,
}

impl Exit {
    /// [`Exit::Yes`] for true, [`Exit::No`] for false.
    #[must_use]
    pub const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Error => 2,
            Self::Unreachable => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
