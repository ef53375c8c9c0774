use signet_authn::{Failure, Settings, TokenIdentifier};
use signet_types::{Timestamp, UserMessage};

use crate::{
    Malformed,
    card::{Application, Card, Signed},
    certificate::Certificate,
    key::PublicKey,
    piv::Slot,
    record::{Known, PivRecord, Record},
    statement::{Purpose, Statement},
};

/// What a card shows of itself before anything is proven.
pub(crate) enum Shown {
    /// Its primary certificate: 9E, else 9A.
    Certificate(Box<Certificate>),
    /// Its UID.
    Uid(Vec<u8>),
}

impl Shown {
    pub(crate) fn identifier(&self) -> Result<TokenIdentifier, Failure> {
        let bytes = match self {
            Self::Certificate(certificate) => certificate.fingerprint().to_vec(),
            Self::Uid(uid) => uid.clone(),
        };
        TokenIdentifier::new(bytes).map_err(|_| Malformed("identifier").into())
    }

    /// Whether `record` is of a card that shows the same.
    pub(crate) fn is_of(&self, record: &Record) -> bool {
        match (self, record) {
            (Self::Certificate(shown), Record::Piv(record)) => {
                record.primary().is_some_and(|enrolled| enrolled.same_key(shown))
            }
            (Self::Uid(shown), Record::Identifier(record)) => *shown == record.uid,
            _ => false,
        }
    }
}

/// Reads what a freshly opened card shows of itself. A UID counts only where there is no key (MET-03).
pub(crate) async fn read(card: &mut Card<'_>) -> Result<Shown, Failure> {
    match card.select().await? {
        Application::Piv => read_piv(card).await,
        Application::Unknown => Ok(Shown::Uid(card.uid().await?)),
    }
}

async fn read_piv(card: &mut Card<'_>) -> Result<Shown, Failure> {
    read_piv_from(card, &[Slot::CardAuthentication, Slot::Authentication]).await
}

async fn read_piv_from(card: &mut Card<'_>, slots: &[Slot]) -> Result<Shown, Failure> {
    for slot in slots {
        if let Some(certificate) = card.certificate(*slot).await? {
            return Ok(Shown::Certificate(Box::new(certificate)));
        }
    }
    Ok(Shown::Uid(card.uid().await?))
}

/// Which of the user's credentials the freshly opened card is.
///
/// With one candidate whose card signs without a PIN and fast, its signature is asked for at once:
/// one APDU instead of the five that a certificate takes.
pub(crate) async fn recognise<'k>(
    card: &mut Card<'_>,
    enrolled: &'k [Known],
    statement: &Statement,
) -> Result<&'k Known, Failure> {
    let other = Failure::Refused(UserMessage::WrongToken);
    let application = card.select().await?;
    if application == Application::Piv
        && let [only] = enrolled
        && let Record::Piv(record) = &only.record
        && let Some(key) = fast_key(record)
    {
        let message = statement.lesser(Purpose::Recognition);
        let signed = card.sign(Slot::CardAuthentication, key, &message).await?;
        return if let Signed::Right = signed { Ok(only) } else { Err(other) };
    }
    let shown = match application {
        Application::Piv if enrolled.iter().any(has_card_authentication) => read_piv(card).await?,
        Application::Piv => read_piv_from(card, &[Slot::Authentication]).await?,
        Application::Unknown => Shown::Uid(card.uid().await?),
    };
    enrolled.iter().find(|known| shown.is_of(&known.record)).ok_or(other)
}

fn has_card_authentication(known: &Known) -> bool {
    matches!(&known.record, Record::Piv(record) if record.card_authentication.is_some())
}

/// The key that tells in one short APDU which card it is.
fn fast_key(record: &PivRecord) -> Option<&PublicKey> {
    record.card_authentication.as_ref().map(Certificate::key).filter(|key| key.is_fast())
}

/// Makes sure that the freshly opened card is the enrolled one before it is given a PIN: by a
/// signature of its 9E key (security.md, R25), or, where it has none or a slow one, by the
/// certificate of the key that will sign.
pub(crate) async fn same_card(
    card: &mut Card<'_>,
    record: &PivRecord,
    signing: &Certificate,
    statement: &Statement,
) -> Result<(), Failure> {
    let other = Failure::Refused(UserMessage::WrongToken);
    if card.select().await? != Application::Piv {
        return Err(other);
    }
    let same = if let Some(key) = fast_key(record) {
        let message = statement.lesser(Purpose::BeforePin);
        matches!(card.sign(Slot::CardAuthentication, key, &message).await?, Signed::Right)
    } else {
        card.certificate(Slot::Authentication).await?.is_some_and(|shown| shown.same_key(signing))
    };
    if same { Ok(()) } else { Err(other) }
}

/// Checks the certificate of the key that will sign. Where the enrolled one is not valid any more, the
/// card may have a newer one for the same key.
pub(crate) async fn check_certificate(
    card: &mut Card<'_>,
    slot: Slot,
    enrolled: &Certificate,
    now: Timestamp,
    anchors: &[Vec<u8>],
) -> Result<(), Failure> {
    let Err(refused) = enrolled.check(now, anchors) else { return Ok(()) };
    let verdict = match card.certificate(slot).await? {
        Some(renewed) if renewed.same_key(enrolled) => renewed.check(now, anchors),
        _ => Err(refused),
    };
    verdict.map_err(|error| Failure::Refused(error.into()))
}

/// Where policy names the authorities of its cards, a card without a certificate is none of theirs,
/// unless policy names that risk too.
pub(crate) fn check_identifier_only(settings: &Settings) -> Result<(), Failure> {
    if settings.trust_anchors.is_empty() || settings.allow_identifier_only {
        Ok(())
    } else {
        Err(Failure::Refused(UserMessage::CertificateUntrusted))
    }
}
