use std::{collections::BTreeMap, fmt, sync::Arc};

use signet_authn::{Authenticator, DeviceKind, EnrolledCredential};
use signet_types::{CredentialId, Method, UserName};

use crate::{Failures, Rules};

/// What is known of a user when a conversation asks for it: records and the rules then in force.
///
/// For a name that nobody has, the host gives a decoy: `known` false, no credentials, the rules of a
/// user without groups, and counters kept for the name like anybody's. Everything goes on as for a
/// user who has a password only, and [`crate::decide`] denies (security.md, R11).
#[derive(Clone, Debug)]
pub struct UserProfile {
    /// Whose profile this is.
    pub user: UserName,
    /// Whether there is such a user.
    pub known: bool,
    /// The rules in force now.
    pub rules: Rules,
    /// All enrolled credentials, of disabled methods too.
    pub credentials: Vec<Credential>,
    /// The method that was used last (AUT-01).
    pub last_method: Option<Method>,
    /// Failed tries by method, for the origin of this conversation.
    pub failures: BTreeMap<Method, Failures>,
}

/// One enrolled credential.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Its method.
    pub method: Method,
    /// What a person reads where one of several is to be chosen.
    pub label: String,
    /// The driver's record.
    pub data: Vec<u8>,
}

impl UserProfile {
    /// Whether a credential of this method is enrolled.
    #[must_use]
    pub fn has(&self, method: Method) -> bool {
        self.credentials.iter().any(|c| c.method == method)
    }

    /// Whether any method but the password is enrolled (ENA-02).
    #[must_use]
    pub fn has_other_than_password(&self) -> bool {
        self.credentials.iter().any(|c| c.method != Method::Password)
    }

    /// The credential with this id.
    #[must_use]
    pub fn credential(&self, id: CredentialId) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.id == id)
    }

    /// The credentials of a method, as its driver takes them.
    #[must_use]
    pub fn enrolled(&self, method: Method) -> Vec<EnrolledCredential> {
        let of_method = self.credentials.iter().filter(|c| c.method == method);
        of_method.map(|c| EnrolledCredential { id: c.id, data: c.data.clone() }).collect()
    }

    /// Failed tries of a method.
    #[must_use]
    pub fn failures(&self, method: Method) -> Failures {
        self.failures.get(&method).copied().unwrap_or_default()
    }
}

/// The installed drivers, one for each method at most (MET-02).
#[derive(Clone, Default)]
pub struct Drivers(BTreeMap<Method, Arc<dyn Authenticator>>);

impl Drivers {
    /// The driver of a method.
    #[must_use]
    pub fn get(&self, method: Method) -> Option<&Arc<dyn Authenticator>> {
        self.0.get(&method)
    }

    /// All of them, in the order of [`Method::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Authenticator>> {
        self.0.values()
    }

    /// Whether the method works without an enrolment of its own.
    #[must_use]
    pub fn is_implicit(&self, method: Method) -> bool {
        self.get(method).is_some_and(|driver| driver.about().implicit)
    }

    /// The methods that read who a token at a device of this kind is.
    pub fn identifying(&self, kind: DeviceKind) -> impl Iterator<Item = Method> {
        let about = self.iter().map(|driver| driver.about());
        about.filter(move |about| about.identifies && about.device == Some(kind)).map(|about| about.method)
    }
}

impl FromIterator<Arc<dyn Authenticator>> for Drivers {
    /// Of two drivers for one method the later one counts.
    fn from_iter<I: IntoIterator<Item = Arc<dyn Authenticator>>>(drivers: I) -> Self {
        Self(drivers.into_iter().map(|driver| (driver.about().method, driver)).collect())
    }
}

impl fmt::Debug for Drivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
