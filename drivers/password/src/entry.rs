use signet_authn::{Dialog, Failure, Question};
use signet_types::{Secret, UserMessage};

/// How often a new password may be refused before the ceremony gives up.
pub(crate) const ROUNDS: usize = 5;
/// The longest new password, in characters.
const LONGEST: u8 = 128;

/// Asks for a new password twice, again where the entries differ or the length, in characters, is
/// under `min_length` or over 128.
pub(crate) async fn new_password(dialog: &mut Dialog, min_length: u8) -> Result<Secret, Failure> {
    let mut wrong = UserMessage::ConfirmationDiffers;
    for round in 0..ROUNDS {
        if round > 0 {
            dialog.tell(wrong.clone());
        }
        let password = dialog.new_secret(Question::NewPassword).await?;
        if !has_length(&password, min_length) {
            wrong = UserMessage::PasswordLength { min: min_length.max(1), max: LONGEST };
            continue;
        }
        if password.matches(&dialog.new_secret(Question::NewPasswordAgain).await?) {
            return Ok(password);
        }
        wrong = UserMessage::ConfirmationDiffers;
    }
    Err(Failure::Refused(wrong))
}

/// Bytes that are no text are counted as they are.
fn has_length(password: &Secret, min_length: u8) -> bool {
    let length = password.expose_str().map_or(password.len(), |text| text.chars().count());
    (usize::from(min_length.max(1))..=usize::from(LONGEST)).contains(&length)
}
