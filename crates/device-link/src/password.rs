//! What `signetd` asks the program `signet-password-check`, one request to a process.
//!
//! The request comes by standard input: the bytes of [`encode`], then its end. The answer is one
//! byte on standard output: [`Reply::to_byte`]. Anything else (no byte, two, an unknown one) is [`Reply::Failed`].

use serde::{Deserialize, Serialize};
use signet_authn::PasswordOutcome;
use signet_types::{Secret, UserName};
use zeroize::Zeroizing;

use crate::LinkError;

/// The longest request in bytes: a name, two secrets and their lengths.
pub const MAX_REQUEST: usize = 256 + 2 * Secret::MAX_LEN + 64;

/// What to do.
#[derive(Debug)]
pub enum Request {
    /// Is this the user's password, and may the account be used?
    Check {
        /// Whose.
        user: UserName,
        /// The password as it was typed.
        password: Secret,
    },
    /// Change it.
    Change {
        /// Whose.
        user: UserName,
        /// The present password.
        old: Secret,
        /// The one that replaces it.
        new: Secret,
    },
}

/// What came of it.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The password is right, or was changed.
    Right,
    /// It is wrong, or the user is unknown.
    Wrong,
    /// It is right and must be changed before it opens anything.
    Expired,
    /// The account is locked or expired.
    AccountRefused,
    /// Nothing can be said: PAM is not set up, a module failed, the new password was refused.
    Failed,
}

impl Reply {
    /// The byte for the wire: a letter, so that neither 0 nor an accident is an answer.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Right => b'R',
            Self::Wrong => b'W',
            Self::Expired => b'E',
            Self::AccountRefused => b'A',
            Self::Failed => b'F',
        }
    }

    /// Reads all that the program wrote.
    pub const fn from_output(output: &[u8]) -> Self {
        match output {
            b"R" => Self::Right,
            b"W" => Self::Wrong,
            b"E" => Self::Expired,
            b"A" => Self::AccountRefused,
            _ => Self::Failed,
        }
    }

    /// The outcome for a ceremony; none where the check failed.
    #[must_use]
    pub const fn outcome(self) -> Option<PasswordOutcome> {
        match self {
            Self::Right => Some(PasswordOutcome::Right),
            Self::Wrong => Some(PasswordOutcome::Wrong),
            Self::Expired => Some(PasswordOutcome::Expired),
            Self::AccountRefused => Some(PasswordOutcome::AccountRefused),
            Self::Failed => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    Check(&'a str, &'a [u8]),
    Change(&'a str, &'a [u8], &'a [u8]),
}

/// The request's bytes, wiped when dropped.
pub fn encode(request: &Request) -> Result<Zeroizing<Vec<u8>>, LinkError> {
    let wire = match request {
        Request::Check { user, password } => Wire::Check(user.as_str(), password.expose()),
        Request::Change { user, old, new } => Wire::Change(user.as_str(), old.expose(), new.expose()),
    };
    let mut bytes = Zeroizing::new(vec![0; MAX_REQUEST]);
    let length = postcard::to_slice(&wire, &mut bytes).map_err(|_| LinkError::TooLong)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Reads a request that fills `bytes` exactly.
pub fn decode(bytes: &[u8]) -> Result<Request, LinkError> {
    if bytes.len() > MAX_REQUEST {
        return Err(LinkError::TooLong);
    }
    let (wire, rest) = postcard::take_from_bytes(bytes).map_err(|_| LinkError::Malformed)?;
    if !rest.is_empty() {
        return Err(LinkError::Malformed);
    }
    Ok(match wire {
        Wire::Check(user, password) => Request::Check { user: name(user)?, password: secret(password)? },
        Wire::Change(user, old, new) => {
            Request::Change { user: name(user)?, old: secret(old)?, new: secret(new)? }
        }
    })
}

fn name(text: &str) -> Result<UserName, LinkError> {
    text.parse().map_err(|_| LinkError::Malformed)
}

fn secret(bytes: &[u8]) -> Result<Secret, LinkError> {
    Secret::new(bytes.to_vec()).map_err(|_| LinkError::Malformed)
}
