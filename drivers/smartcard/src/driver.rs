use signet_authn::{
    About, Authenticator, Ceremony, DeviceKind, EnrollRequest, Enrolled, IdentifyRequest, Proof,
    TokenIdentifier, VerifyRequest, script,
};
use signet_types::Method;

use crate::{card::Card, enrolment, recognition, secret_change, verification};

/// The smart card method.
#[derive(Clone, Debug)]
pub struct Smartcard {
    about: About,
}

impl Default for Smartcard {
    fn default() -> Self {
        Self::new()
    }
}

impl Smartcard {
    /// The driver; it has no state.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            about: About {
                method: Method::Smartcard,
                device: Some(DeviceKind::Pcsc),
                identifies: true,
                several: true,
                implicit: false,
            },
        }
    }
}

impl Authenticator for Smartcard {
    fn about(&self) -> &About {
        &self.about
    }

    fn enroll(&self, request: EnrollRequest) -> Box<dyn Ceremony<Output = Enrolled>> {
        script(|dialog| enrolment::enroll(dialog, request))
    }

    fn verify(&self, request: VerifyRequest) -> Box<dyn Ceremony<Output = Proof>> {
        script(|dialog| verification::verify(dialog, request))
    }

    fn identify(&self, request: IdentifyRequest) -> Option<Box<dyn Ceremony<Output = TokenIdentifier>>> {
        Some(script(|mut dialog| async move {
            let mut card = Card::open(&mut dialog, &request.device).await?;
            let shown = recognition::read(&mut card).await?;
            card.close().await?;
            shown.identifier()
        }))
    }

    fn change_secret(&self, request: VerifyRequest) -> Option<Box<dyn Ceremony<Output = Enrolled>>> {
        if !secret_change::has_signet_pin(&request) {
            return None;
        }
        Some(script(|dialog| secret_change::change(dialog, request)))
    }
}
