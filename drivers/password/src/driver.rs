use signet_authn::{
    About, Authenticator, Ceremony, Dialog, EnrollRequest, Enrolled, Failure, PasswordSource, Proof,
    VerifyRequest, script,
};
use signet_types::{Assurance, Factor, Method, UserMessage};

use crate::{signet, system};

/// The password method.
#[derive(Clone, Debug)]
pub struct Password {
    about: About,
}

impl Default for Password {
    fn default() -> Self {
        Self::new()
    }
}

impl Password {
    /// The driver; it has no state.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            about: About {
                method: Method::Password,
                device: None,
                identifies: false,
                several: false,
                implicit: true,
            },
        }
    }
}

impl Authenticator for Password {
    fn about(&self) -> &About {
        &self.about
    }

    /// Enrols a password of Signet's own; the system's needs no enrolment and is refused as enrolled.
    fn enroll(&self, request: EnrollRequest) -> Box<dyn Ceremony<Output = Enrolled>> {
        script(|dialog| enroll(dialog, request))
    }

    fn verify(&self, request: VerifyRequest) -> Box<dyn Ceremony<Output = Proof>> {
        script(|dialog| verify(dialog, request))
    }

    /// Changes a password of Signet's own; the system's is changed by the system.
    fn change_secret(&self, request: VerifyRequest) -> Option<Box<dyn Ceremony<Output = Enrolled>>> {
        if request.settings.password_source != PasswordSource::Signet || request.credentials.is_empty() {
            return None;
        }
        Some(script(|dialog| signet::change(dialog, request)))
    }
}

async fn enroll(dialog: Dialog, request: EnrollRequest) -> Result<Enrolled, Failure> {
    if request.settings.password_source == PasswordSource::System || !request.existing.is_empty() {
        return Err(Failure::Refused(UserMessage::AlreadyEnrolled(Method::Password)));
    }
    signet::enroll(dialog, &request.settings).await
}

async fn verify(dialog: Dialog, request: VerifyRequest) -> Result<Proof, Failure> {
    let credential = match request.settings.password_source {
        PasswordSource::System => {
            system::verify(dialog, request.binding.user).await?;
            None
        }
        PasswordSource::Signet => Some(signet::verify(dialog, &request.credentials).await?),
    };
    Ok(Proof {
        credential,
        factors: Factor::Knowledge.into(),
        assurance: Assurance::SingleFactor,
        device: None,
        data: None,
    })
}
