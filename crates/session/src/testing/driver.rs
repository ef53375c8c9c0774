use std::sync::Arc;

use signet_authn::{
    About, Authenticator, Ceremony, DeviceKind, Dialog, EnrollRequest, Enrolled, Failure, Frame,
    IdentifyRequest, Matched, PasswordOutcome, Proof, Question, TokenIdentifier, Verifier, VerifyRequest,
    script,
};
use signet_types::{Assurance, DeviceId, Factor, Method, UserMessage};

use crate::Drivers;

/// A driver whose proofs are known: a password that the stage checks, a token that answers one byte
/// for who it is and checks a PIN, or a finger that is right where a Signet PIN is.
#[derive(Clone, Debug)]
pub(crate) struct Fake(About);

impl Fake {
    pub(crate) fn of(method: Method) -> Self {
        let device = match method {
            Method::Smartcard => Some(DeviceKind::Pcsc),
            Method::Proximity => Some(DeviceKind::Nfc),
            Method::Fido2 => Some(DeviceKind::Hid),
            _ => None,
        };
        let identifies = matches!(method, Method::Smartcard | Method::Proximity);
        let several = method.is_token();
        Self(About { method, device, identifies, several, implicit: method == Method::Password })
    }
}

pub(crate) fn drivers(methods: &[Method]) -> Drivers {
    methods.iter().map(|m| Arc::new(Fake::of(*m)) as Arc<dyn Authenticator>).collect()
}

impl Authenticator for Fake {
    fn about(&self) -> &About {
        &self.0
    }

    fn enroll(&self, request: EnrollRequest) -> Box<dyn Ceremony<Output = Enrolled>> {
        let Some(kind) = self.0.device else {
            return script(|mut dialog| async move {
                let pin = dialog.new_secret(Question::NewPin).await?;
                if !pin.matches(&dialog.new_secret(Question::NewPinAgain).await?) {
                    return Err(Failure::Mismatch(UserMessage::ConfirmationDiffers));
                }
                let verifier = dialog.hash(pin).await?;
                Ok(Enrolled { kind: "fake".into(), identifier: None, data: verifier.as_str().into() })
            });
        };
        script(move |mut dialog| async move {
            let device = reach(&mut dialog, kind, &request.present).await?;
            let who = read(&mut dialog, &device).await?;
            show_pin(&mut dialog, &device).await?;
            let identifier = TokenIdentifier::new(vec![who]).ok();
            Ok(Enrolled { kind: "fake".into(), identifier, data: vec![who] })
        })
    }

    fn verify(&self, request: VerifyRequest) -> Box<dyn Ceremony<Output = Proof>> {
        let method = self.0.method;
        match self.0.device {
            Some(kind) => script(move |mut dialog| async move {
                let device = reach(&mut dialog, kind, &request.present).await?;
                let who = read(&mut dialog, &device).await?;
                let mut own = request.credentials.iter();
                let credential =
                    own.find(|c| c.data == [who]).ok_or(Failure::Refused(UserMessage::WrongToken))?;
                if request.settings.allow_identifier_only {
                    return Ok(proof(Some(credential.id), &[], Assurance::Identified, Some(device)));
                }
                if method == Method::Fido2 {
                    // A key without a PIN; one that is a copy is found out.
                    let ok = exchange(&mut dialog, &device, vec![3]).await? == [0x90];
                    if !ok {
                        return Err(Failure::Mismatch(UserMessage::WrongToken));
                    }
                    let factors = [Factor::Possession];
                    return Ok(proof(Some(credential.id), &factors, Assurance::SingleFactor, Some(device)));
                }
                show_pin(&mut dialog, &device).await?;
                let factors = [Factor::Knowledge, Factor::Possession];
                Ok(proof(Some(credential.id), &factors, Assurance::HardwareTwoFactor, Some(device)))
            }),
            None if method == Method::Password => script(|mut dialog| async move {
                let secret = dialog.secret(Question::Password).await?;
                match dialog.system_password(request.binding.user.clone(), secret).await? {
                    PasswordOutcome::Right => {
                        Ok(proof(None, &[Factor::Knowledge], Assurance::SingleFactor, None))
                    }
                    _ => Err(Failure::Mismatch(UserMessage::WrongPassword)),
                }
            }),
            None => script(|mut dialog| async move {
                let credential =
                    request.credentials.first().ok_or(Failure::Refused(UserMessage::NoMethodLeft))?;
                let pin = dialog.secret(Question::SignetPin).await?;
                let verifier = Verifier::new(String::from_utf8_lossy(&credential.data).into_owned());
                match dialog.compare(pin, verifier).await? {
                    Matched::Yes => {
                        Ok(proof(Some(credential.id), &[Factor::Inherence], Assurance::SingleFactor, None))
                    }
                    Matched::No => Err(Failure::Mismatch(UserMessage::WrongPin { left: None })),
                }
            }),
        }
    }

    fn identify(&self, request: IdentifyRequest) -> Option<Box<dyn Ceremony<Output = TokenIdentifier>>> {
        self.0.identifies.then(|| {
            script(|mut dialog| async move {
                let who = read(&mut dialog, &request.device).await?;
                TokenIdentifier::new(vec![who]).map_err(|_| Failure::Refused(UserMessage::TokenUnusable))
            })
        })
    }

    fn change_secret(&self, request: VerifyRequest) -> Option<Box<dyn Ceremony<Output = Enrolled>>> {
        (self.0.device.is_none() && !self.0.implicit).then(|| {
            script(|mut dialog| async move {
                let credential =
                    request.credentials.first().ok_or(Failure::Refused(UserMessage::NoMethodLeft))?;
                let old = Verifier::new(String::from_utf8_lossy(&credential.data).into_owned());
                let pin = dialog.secret(Question::SignetPin).await?;
                if dialog.compare(pin, old).await? == Matched::No {
                    return Err(Failure::Mismatch(UserMessage::WrongPin { left: None }));
                }
                let new = dialog.new_secret(Question::NewPin).await?;
                let verifier = dialog.hash(new).await?;
                Ok(Enrolled { kind: "fake".into(), identifier: None, data: verifier.as_str().into() })
            })
        })
    }
}

fn proof(
    credential: Option<signet_types::CredentialId>,
    factors: &[Factor],
    assurance: Assurance,
    device: Option<DeviceId>,
) -> Proof {
    let factors = factors.iter().fold(signet_types::Factors::NONE, |set, f| set | (*f).into());
    Proof { credential, factors, assurance, device, data: None }
}

async fn reach(dialog: &mut Dialog, kind: DeviceKind, present: &[DeviceId]) -> Result<DeviceId, Failure> {
    match present.first() {
        Some(device) => Ok(device.clone()),
        None => Ok(dialog.presented(kind).await?.device),
    }
}

async fn exchange(dialog: &mut Dialog, device: &DeviceId, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    dialog.open(device).await?;
    let reply = dialog.exchange(device, Frame::new(bytes).unwrap()).await?;
    dialog.close(device).await?;
    Ok(reply.expose().to_vec())
}

async fn read(dialog: &mut Dialog, device: &DeviceId) -> Result<u8, Failure> {
    let reply = exchange(dialog, device, vec![1]).await?;
    reply.first().copied().ok_or(Failure::Refused(UserMessage::TokenUnusable))
}

async fn show_pin(dialog: &mut Dialog, device: &DeviceId) -> Result<(), Failure> {
    let pin = dialog.secret(Question::CardPin { left: None }).await?;
    let command = [&[2], pin.expose()].concat();
    match exchange(dialog, device, command).await?.as_slice() {
        [0x90] => Ok(()),
        [0x69] => Err(Failure::Locked(UserMessage::PinBlocked)),
        _ => Err(Failure::Mismatch(UserMessage::WrongPin { left: None })),
    }
}
