use signet_authn::{Dialog, EnrollRequest, Enrolled, Failure, Question, StopReason};
use signet_types::{Method, PinType, UserMessage};

use crate::{
    Malformed,
    card::{Application, Card, Signed},
    certificate::Certificate,
    piv::Slot,
    presence,
    recognition::{Shown, check_certificate, check_identifier_only},
    record::{IdentifierRecord, Known, PivRecord, Record},
    signet_pin,
    statement::{Purpose, Statement},
    verification::{sign_proof, with_card_pin},
};

/// Enrols a card (ENR-05): whoever enrols it proves that he has its key, and knows its PIN or
/// chooses a Signet PIN. The card is only read.
pub(crate) async fn enroll(mut dialog: Dialog, request: EnrollRequest) -> Result<Enrolled, Failure> {
    if !request.existing.is_empty() && !dialog.confirm(Question::AddAnother(Method::Smartcard)).await? {
        return Err(Failure::Interrupted(StopReason::Cancelled));
    }
    let device = presence::reader(&mut dialog, &request.present).await?;
    let mut card = Card::open(&mut dialog, &device).await?;
    let record = match read(&mut card).await? {
        Found::Piv(record) => {
            refuse_enrolled(record.primary().cloned().map(Box::new).map(Shown::Certificate), &request)?;
            Record::Piv(Box::new(enroll_piv(card, *record, &request).await?))
        }
        Found::Uid(uid) => {
            check_identifier_only(&request.settings)?;
            refuse_enrolled(Some(Shown::Uid(uid.clone())), &request)?;
            let verifier = signet_pin::choose(card.close().await?, request.settings.pin_rule).await?;
            Record::Identifier(IdentifierRecord { uid, verifier })
        }
    };
    let identifier = record.identifier().map_err(|_| Malformed("identifier"))?;
    Ok(Enrolled { kind: record.kind(), identifier: Some(identifier), data: record.encode()? })
}

/// What a card has to enrol.
enum Found {
    Piv(Box<PivRecord>),
    Uid(Vec<u8>),
}

async fn read(card: &mut Card<'_>) -> Result<Found, Failure> {
    if card.select().await? != Application::Piv {
        return Ok(Found::Uid(card.uid().await?));
    }
    let pin = card.pin_reference().await?;
    let card_authentication = card.certificate(Slot::CardAuthentication).await?;
    let authentication = card.certificate(Slot::Authentication).await?;
    if card_authentication.is_none() && authentication.is_none() {
        return Ok(Found::Uid(card.uid().await?));
    }
    Ok(Found::Piv(Box::new(PivRecord { authentication, card_authentication, pin, verifier: None })))
}

/// Refuses a card that the user has enrolled already. A record that cannot be read is no reason to
/// keep the user from enrolling a card anew.
fn refuse_enrolled(shown: Option<Shown>, request: &EnrollRequest) -> Result<(), Failure> {
    let mut existing = request.existing.iter().filter_map(|credential| Known::read(credential).ok());
    match shown {
        Some(shown) if existing.any(|known| shown.is_of(&known.record)) => {
            Err(Failure::Refused(UserMessage::AlreadyEnrolled(Method::Smartcard)))
        }
        _ => Ok(()),
    }
}

async fn enroll_piv(
    mut card: Card<'_>,
    mut record: PivRecord,
    request: &EnrollRequest,
) -> Result<PivRecord, Failure> {
    let pin_type = request.settings.pin_type;
    let statement = Statement::new(&request.binding, &request.nonce);
    let (slot, certificate) = match (pin_type, &record) {
        (PinType::Card, PivRecord { authentication: Some(key), .. }) => (Slot::Authentication, key),
        (PinType::Signet, PivRecord { card_authentication: Some(key), .. }) => {
            (Slot::CardAuthentication, key)
        }
        _ => return Err(Failure::Refused(UserMessage::PinTypeUnsupported(pin_type))),
    };
    let anchors = &request.settings.trust_anchors;
    check_certificate(&mut card, slot, certificate, request.now, anchors).await?;
    match pin_type {
        PinType::Card => {
            if let Some(key) = &record.card_authentication {
                prove_card_authentication(&mut card, key, &statement).await?;
            }
            with_card_pin(card, &record, certificate, &statement).await?;
        }
        PinType::Signet => {
            sign_proof(&mut card, slot, certificate, &statement).await?;
            let verifier = signet_pin::choose(card.close().await?, request.settings.pin_rule).await?;
            record.verifier = Some(verifier);
        }
    }
    Ok(record)
}

/// The 9E key stands for the card from now on: it must be the card's own, and not a certificate that
/// was copied from somebody else's.
async fn prove_card_authentication(
    card: &mut Card<'_>,
    key: &Certificate,
    statement: &Statement,
) -> Result<(), Failure> {
    let message = statement.lesser(Purpose::Recognition);
    match card.sign(Slot::CardAuthentication, key.key(), &message).await? {
        Signed::Right => Ok(()),
        Signed::Wrong | Signed::Refused => Err(Failure::Refused(UserMessage::TokenUnusable)),
    }
}
