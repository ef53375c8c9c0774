use signet_authn::{Choice, DeviceChange, DeviceKind, Dialog, Failure, Question};
use signet_types::{DeviceId, Method, UserMessage};

/// The reader that this ceremony uses: the only one with a card, the one that the person chooses, or
/// the first that a card is put into.
pub(crate) async fn reader(dialog: &mut Dialog, present: &[DeviceId]) -> Result<DeviceId, Failure> {
    match present {
        [] => inserted(dialog).await,
        [only] => Ok(only.clone()),
        several => {
            let choices = several.iter().map(DeviceId::as_str).map(choice).collect();
            let chosen = dialog.choose(Question::Device, choices).await?;
            let found = several.iter().find(|device| device.as_str() == chosen);
            // The dialog takes none but one of the choices.
            found.cloned().ok_or(Failure::Refused(UserMessage::WrongToken))
        }
    }
}

fn choice(device: &str) -> Choice {
    let label = device.strip_prefix("pcsc:").unwrap_or(device);
    Choice { id: device.to_owned(), label: label.to_owned() }
}

async fn inserted(dialog: &mut Dialog) -> Result<DeviceId, Failure> {
    dialog.tell(UserMessage::PresentToken(Method::Smartcard));
    loop {
        let event = dialog.presented(DeviceKind::Pcsc).await?;
        if event.change == DeviceChange::Inserted {
            return Ok(event.device);
        }
    }
}
