use std::fmt;

use signet_types::{Secret, UserName};

/// Slow or privileged work that a ceremony leaves to its host: the host queues it (security.md,
/// R16: at most two key derivations at once) and feeds the result back.
#[derive(Debug)]
pub enum Work {
    /// Make an Argon2id verifier for a new secret.
    Hash(Secret),
    /// Compare a secret with a verifier.
    Compare(Secret, Verifier),
    /// Check the system password of a user through the PAM service `signet-password`.
    SystemPassword(UserName, Secret),
    /// Change the system password of a user, from the first to the second.
    ChangeSystemPassword(UserName, Secret, Secret),
}

/// An Argon2id verifier in PHC string format. It allows guessing offline, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier(String);

impl Verifier {
    /// Wraps a PHC string; whoever compares with it parses it.
    #[must_use]
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// Whether two things were equal; an enum so that it cannot be negated by accident.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// They were.
    Yes,
    /// They were not.
    No,
}

/// What the system says of a password.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordOutcome {
    /// It is right.
    Right,
    /// It is wrong, or the user is unknown.
    Wrong,
    /// It is right and must be changed before it opens anything (MET-09).
    Expired,
    /// The account is locked or expired: the password opens nothing.
    AccountRefused,
}

/// The result of a piece of [`Work`].
#[derive(Debug)]
pub enum WorkResult {
    /// Of [`Work::Hash`].
    Hashed(Verifier),
    /// Of [`Work::Compare`].
    Compared(Matched),
    /// Of [`Work::SystemPassword`] and [`Work::ChangeSystemPassword`].
    Password(PasswordOutcome),
    /// The work could not be done: no memory, no helper, a verifier that does not parse.
    Failed,
}
