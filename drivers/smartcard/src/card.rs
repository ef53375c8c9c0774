use signet_authn::{Dialog, Failure, Matched};
use signet_types::{DeviceId, UserMessage};

use crate::{
    Malformed,
    apdu::{Command, Exchange, Progress, Response, Status},
    certificate::{Certificate, Unreadable},
    key::PublicKey,
    piv::{self, PinAnswer, PinReference, PinStatus, Slot},
};

/// An opened card: the driver's only way to the device.
pub(crate) struct Card<'d> {
    dialog: &'d mut Dialog,
    device: DeviceId,
}

/// What kind of card it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    Piv,
    Unknown,
}

/// What the card made of a request to sign.
pub(crate) enum Signed {
    /// A signature of the expected key.
    Right,
    /// Something else.
    Wrong,
    /// The card said no.
    Refused,
}

/// The tries that are left, at least one.
pub(crate) struct Tries(pub(crate) u8);

impl<'d> Card<'d> {
    /// Opens the card for this ceremony alone, with no PIN verified.
    pub(crate) async fn open(dialog: &'d mut Dialog, device: &DeviceId) -> Result<Self, Failure> {
        dialog.open(device).await?;
        Ok(Self { dialog, device: device.clone() })
    }

    /// Gives the card back, reset. A failure needs no closing: the ceremony's end does it.
    pub(crate) async fn close(self) -> Result<&'d mut Dialog, Failure> {
        self.dialog.close(&self.device).await?;
        Ok(self.dialog)
    }

    /// The reader that it is in.
    pub(crate) const fn device(&self) -> &DeviceId {
        &self.device
    }

    async fn send(&mut self, command: Command) -> Result<Response, Failure> {
        let (mut exchange, mut frame) = Exchange::begin(command)?;
        loop {
            let reply = self.dialog.exchange(&self.device, frame).await?;
            match exchange.take(reply.expose())? {
                Progress::Send(next) => frame = next,
                Progress::Done(response) => return Ok(response),
            }
        }
    }

    /// Selects the PIV application. A card that refuses has none.
    pub(crate) async fn select(&mut self) -> Result<Application, Failure> {
        let response = self.send(piv::select()).await?;
        if response.status != Status::OK {
            return Ok(Application::Unknown);
        }
        piv::parse_application(&response.data)?;
        Ok(Application::Piv)
    }

    /// Reads which PIN opens the application. The discovery object is optional, and cards without it
    /// refuse it in many ways: they have the application's own PIN only.
    pub(crate) async fn pin_reference(&mut self) -> Result<PinReference, Failure> {
        let response = self.send(piv::get_discovery()).await?;
        match response.status {
            Status::OK => Ok(piv::parse_discovery(&response.data)?),
            _ => Ok(PinReference::default()),
        }
    }

    /// Reads a key's certificate; `None` where the card has none. For 9E also where its key is of
    /// an algorithm that is not supported: 9A may still do.
    pub(crate) async fn certificate(&mut self, slot: Slot) -> Result<Option<Certificate>, Failure> {
        let response = self.send(piv::get_certificate(slot)).await?;
        match response.status {
            Status::OK => {}
            Status::NOT_FOUND | Status::NO_REFERENCE => return Ok(None),
            _ => return Err(Malformed("answer to the request for a certificate").into()),
        }
        let Some(der) = piv::parse_certificate_object(&response.data)? else { return Ok(None) };
        match Certificate::from_der(&der) {
            Ok(certificate) => Ok(Some(certificate)),
            Err(Unreadable::Key) if slot == Slot::CardAuthentication => Ok(None),
            Err(unreadable) => Err(unreadable.into()),
        }
    }

    /// Has a key sign `message` and checks the signature with the public key that the caller knows.
    pub(crate) async fn sign(
        &mut self,
        slot: Slot,
        key: &PublicKey,
        message: &[u8],
    ) -> Result<Signed, Failure> {
        let command = piv::sign(key.algorithm(), slot, &key.challenge(message));
        let response = self.send(command).await?;
        if response.status != Status::OK {
            return Ok(Signed::Refused);
        }
        let signature = piv::parse_signature(&response.data)?;
        Ok(match key.verify(message, signature) {
            Matched::Yes => Signed::Right,
            Matched::No => Signed::Wrong,
        })
    }

    /// Reads the try counter. A card on which a PIN still counts as verified, from somebody else's
    /// use of it, is told to forget it; one that does not is not used at all.
    pub(crate) async fn tries(&mut self, pin: PinReference) -> Result<Tries, Failure> {
        for _ in 0..2 {
            let response = self.send(piv::get_tries(pin)).await?;
            match piv::parse_tries(&response)? {
                PinStatus::Left(left) => return Ok(Tries(left)),
                PinStatus::Blocked => return Err(Failure::Locked(UserMessage::PinBlocked)),
                PinStatus::AlreadyVerified => {
                    self.send(piv::forget_pin(pin)).await?;
                }
            }
        }
        Err(Malformed("the PIN stays verified after a reset").into())
    }

    /// Sends a command that [`piv::verify`] made.
    pub(crate) async fn verify_pin(&mut self, command: Command) -> Result<(), Failure> {
        let response = self.send(command).await?;
        match piv::parse_verify(&response)? {
            PinAnswer::Right => Ok(()),
            PinAnswer::Wrong(left) => Err(Failure::Mismatch(UserMessage::WrongPin { left: Some(left) })),
            PinAnswer::Blocked => Err(Failure::Locked(UserMessage::PinBlocked)),
        }
    }

    /// Reads the UID of a card without a key.
    ///
    /// Four bytes that begin with 08 are random (ISO/IEC 14443-3, 6.5.4): refused, as is what has not
    /// the 4, 7 or 10 bytes of a UID.
    pub(crate) async fn uid(&mut self) -> Result<Vec<u8>, Failure> {
        let response = self.send(piv::get_uid()).await?;
        if response.status != Status::OK {
            return Err(Failure::Refused(UserMessage::TokenUnusable));
        }
        match response.data.as_slice() {
            [0x08, _, _, _] => Err(Failure::Refused(UserMessage::IdentifierRandom)),
            uid if matches!(uid.len(), 4 | 7 | 10) => Ok(uid.to_vec()),
            _ => Err(Malformed("UID").into()),
        }
    }
}
