use signet_authn::{Dialog, Failure, PasswordOutcome, Question};
use signet_types::{UserMessage, UserName};

use crate::entry::{ROUNDS, new_password};

/// Asks for the system's password and has it checked; where it has expired, has it changed.
pub(crate) async fn verify(mut dialog: Dialog, user: UserName) -> Result<(), Failure> {
    let password = dialog.secret(Question::Password).await?;
    // An account may have an empty password and its PAM service may take it; Signet does not.
    if password.is_empty() {
        return Err(Failure::Mismatch(UserMessage::WrongPassword));
    }
    match dialog.system_password(user.clone(), password.duplicate()).await? {
        PasswordOutcome::Right => Ok(()),
        PasswordOutcome::Wrong => Err(Failure::Mismatch(UserMessage::WrongPassword)),
        PasswordOutcome::AccountRefused => Err(Failure::Refused(UserMessage::NotPermitted)),
        PasswordOutcome::Expired => change(&mut dialog, user, &password).await,
    }
}

/// The new password's rules are the system's: a password that it refuses is asked for again.
async fn change(dialog: &mut Dialog, user: UserName, old: &signet_types::Secret) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        dialog.tell(UserMessage::PasswordExpired);
        let new = new_password(dialog, 1).await?;
        match dialog.change_system_password(user.clone(), old.duplicate(), new).await? {
            PasswordOutcome::Right => return Ok(()),
            PasswordOutcome::AccountRefused => return Err(Failure::Refused(UserMessage::NotPermitted)),
            PasswordOutcome::Wrong | PasswordOutcome::Expired => {}
        }
    }
    Err(Failure::Refused(UserMessage::PasswordExpired))
}
