use signet_authn::{Dialog, Failure, Matched, Question, Verifier};
use signet_types::{PinRule, Secret, UserMessage};

/// How often a new PIN may be refused before the ceremony gives up.
const ROUNDS: usize = 5;

/// Asks for the Signet PIN and compares it.
pub(crate) async fn check(dialog: &mut Dialog, verifier: &Verifier) -> Result<(), Failure> {
    let pin = dialog.secret(Question::SignetPin).await?;
    match dialog.compare(pin, verifier.clone()).await? {
        Matched::Yes => Ok(()),
        Matched::No => Err(Failure::Mismatch(UserMessage::WrongPin { left: None })),
    }
}

/// Asks for a new Signet PIN twice and has its verifier made. A PIN that breaks the rule and two
/// entries that differ are told and asked again.
pub(crate) async fn choose(dialog: &mut Dialog, rule: PinRule) -> Result<Verifier, Failure> {
    let mut wrong = UserMessage::ConfirmationDiffers;
    for round in 0..ROUNDS {
        if round > 0 {
            dialog.tell(wrong.clone());
        }
        match entry(dialog, rule).await? {
            Ok(pin) => return dialog.hash(pin).await,
            Err(message) => wrong = message,
        }
    }
    Err(Failure::Refused(wrong))
}

async fn entry(dialog: &mut Dialog, rule: PinRule) -> Result<Result<Secret, UserMessage>, Failure> {
    let pin = dialog.new_secret(Question::NewPin).await?;
    if let Err(violation) = rule.check(&pin) {
        return Ok(Err(UserMessage::PinRefused(violation)));
    }
    let again = dialog.new_secret(Question::NewPinAgain).await?;
    Ok(if pin.matches(&again) { Ok(pin) } else { Err(UserMessage::ConfirmationDiffers) })
}
