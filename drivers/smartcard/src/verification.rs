use signet_authn::{Dialog, Failure, Proof, Question, Verifier, VerifyRequest};
use signet_types::{Assurance, Factor, Method, PinType, UserMessage};

use crate::{
    Malformed,
    card::{Card, Signed, Tries},
    certificate::Certificate,
    piv::{self, Slot},
    presence,
    recognition::{check_certificate, check_identifier_only, recognise, same_card},
    record::{Known, PivRecord, Record},
    signet_pin,
    statement::Statement,
};

/// Tries that are never spent unless the person says so (security.md, R15).
const RESERVED: u8 = 2;

/// How a PIV card proves itself.
enum Way<'r> {
    /// Key 9A after the card's own PIN.
    CardPin(&'r Certificate),
    /// Key 9E, and the Signet PIN.
    SignetPin(&'r Certificate, &'r Verifier),
}

impl<'r> Way<'r> {
    /// What policy asks for, or the card's own PIN where the card was enrolled without a Signet PIN:
    /// the card checks it and counts the tries, so it is never the weaker one. The other way round is
    /// refused.
    fn of(record: &'r PivRecord, pin_type: PinType) -> Result<Self, Failure> {
        match (pin_type, record) {
            (PinType::Signet, PivRecord { card_authentication: Some(key), verifier: Some(verifier), .. }) => {
                Ok(Self::SignetPin(key, verifier))
            }
            (_, PivRecord { authentication: Some(key), .. }) => Ok(Self::CardPin(key)),
            _ => Err(Failure::Refused(UserMessage::PinTypeUnsupported(pin_type))),
        }
    }
}

/// Verifies one of the enrolled cards.
pub(crate) async fn verify(mut dialog: Dialog, request: VerifyRequest) -> Result<Proof, Failure> {
    let enrolled = read_all(&request)?;
    let device = presence::reader(&mut dialog, &request.present).await?;
    let statement = Statement::new(&request.binding, &request.nonce);
    let mut card = Card::open(&mut dialog, &device).await?;
    let known = recognise(&mut card, &enrolled, &statement).await?;
    let (factors, assurance) = match &known.record {
        Record::Identifier(record) => {
            check_identifier_only(&request.settings)?;
            signet_pin::check(card.close().await?, &record.verifier).await?;
            (Factor::Knowledge.into(), Assurance::SingleFactor)
        }
        Record::Piv(record) => {
            let now = request.now;
            let anchors = &request.settings.trust_anchors;
            match Way::of(record, request.settings.pin_type)? {
                Way::CardPin(key) => {
                    check_certificate(&mut card, Slot::Authentication, key, now, anchors).await?;
                    with_card_pin(card, record, key, &statement).await?;
                }
                Way::SignetPin(key, verifier) => {
                    check_certificate(&mut card, Slot::CardAuthentication, key, now, anchors).await?;
                    sign_proof(&mut card, Slot::CardAuthentication, key, &statement).await?;
                    signet_pin::check(card.close().await?, verifier).await?;
                }
            }
            (Factor::Knowledge | Factor::Possession, Assurance::HardwareTwoFactor)
        }
    };
    Ok(Proof { credential: Some(known.id), factors, assurance, device: Some(device), data: None })
}

/// The user's cards. One record that cannot be read does not take the others away.
fn read_all(request: &VerifyRequest) -> Result<Vec<Known>, Failure> {
    let mut unreadable = None;
    let mut enrolled = Vec::new();
    for credential in &request.credentials {
        match Known::read(credential) {
            Ok(known) => enrolled.push(known),
            Err(error) => unreadable = Some(error),
        }
    }
    match unreadable {
        Some(error) if enrolled.is_empty() => Err(error.into()),
        None if enrolled.is_empty() => {
            Err(Failure::Refused(UserMessage::MethodNotEnrolled(Method::Smartcard)))
        }
        _ => Ok(enrolled),
    }
}

/// Asks for the card's own PIN with the card given back meanwhile, then in one exclusive transaction
/// makes sure that it is still the same card, shows it the PIN, and has key 9A sign the proof.
pub(crate) async fn with_card_pin(
    mut card: Card<'_>,
    record: &PivRecord,
    key: &Certificate,
    statement: &Statement,
) -> Result<(), Failure> {
    let Tries(left) = card.tries(record.pin).await?;
    let device = card.device().clone();
    let dialog = card.close().await?;
    let spend = left <= RESERVED;
    if spend && !dialog.confirm(Question::SpendLastTries { left }).await? {
        return Err(Failure::Locked(UserMessage::TriesReserved { left }));
    }
    let pin = dialog.secret(Question::CardPin { left: Some(left) }).await?;
    let command = piv::verify(record.pin, &pin)
        .map_err(|_| Failure::Mismatch(UserMessage::WrongPin { left: Some(left) }))?;
    drop(pin);

    let mut card = Card::open(dialog, &device).await?;
    same_card(&mut card, record, key, statement).await?;
    let Tries(still) = card.tries(record.pin).await?;
    // Another program may have spent tries while the person typed.
    if still <= RESERVED && !(spend && still >= left) {
        return Err(Failure::Locked(UserMessage::TriesReserved { left: still }));
    }
    card.verify_pin(command).await?;
    sign_proof(&mut card, Slot::Authentication, key, statement).await?;
    card.close().await?;
    Ok(())
}

/// Has the card sign the proof. A card that shows the certificate and cannot sign is a copy.
pub(crate) async fn sign_proof(
    card: &mut Card<'_>,
    slot: Slot,
    key: &Certificate,
    statement: &Statement,
) -> Result<(), Failure> {
    match card.sign(slot, key.key(), statement.proof()).await? {
        Signed::Right => Ok(()),
        Signed::Wrong => Err(Failure::Mismatch(UserMessage::WrongToken)),
        Signed::Refused => Err(Malformed("the key does not sign").into()),
    }
}
