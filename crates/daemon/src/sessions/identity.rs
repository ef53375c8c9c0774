//! Reads who a token is, outside of any conversation: is it the one that holds a session open?

use std::rc::Rc;

use signet_authn::{Ceremony, DeviceError, Event, IdentifyRequest, Step, StopReason, TokenIdentifier};
use signet_types::{CredentialId, DeviceId, Method};

use crate::{daemon::Daemon, devices::Leased};

/// The credential of the token at a device; `None`: nobody's, or it could not be read.
pub(super) async fn identify(daemon: &Rc<Daemon>, device: &DeviceId, method: Method) -> Option<CredentialId> {
    let ceremony = daemon.drivers.get(method)?.identify(IdentifyRequest { device: device.clone() })?;
    let identifier = run(daemon, device, ceremony).await?;
    let hash = daemon.records.identifier_hash(identifier.as_bytes());
    match daemon.stored(move |records| records.owner_of(&hash)).await {
        Ok(owner) => owner.map(|(_, credential)| credential),
        Err(error) => {
            tracing::error!(%error, "a token's owner cannot be looked up");
            None
        }
    }
}

/// Runs a ceremony that only talks to its device; one that wants a person is stopped.
async fn run(
    daemon: &Rc<Daemon>,
    device: &DeviceId,
    mut ceremony: Box<dyn Ceremony<Output = TokenIdentifier>>,
) -> Option<TokenIdentifier> {
    let mut lease: Option<Leased> = None;
    let mut event = Event::Begin;
    loop {
        event = match ceremony.step(event).step {
            Step::Done(result) => return result.ok(),
            Step::Open(wanted) if wanted == *device => match daemon.devices.open(wanted).await {
                Ok(opened) => {
                    lease = Some(opened);
                    Event::Opened(Ok(()))
                }
                Err(error) => Event::Opened(Err(error)),
            },
            Step::Exchange(wanted, frame) if wanted == *device => match &lease {
                Some(lease) => Event::Reply(lease.exchange(frame).await),
                None => Event::Reply(Err(DeviceError::ReaderGone)),
            },
            Step::Close(_) => {
                lease = None;
                Event::Closed
            }
            _ => Event::Stop(StopReason::Cancelled),
        };
    }
}
