use signet_authn::{Dialog, Enrolled, Failure, VerifyRequest};
use signet_types::{Method, UserMessage};

use crate::{
    Malformed,
    record::{Known, Record},
    signet_pin,
};

/// Whether the credential has a Signet PIN. The card's own PIN cannot be changed by Signet (MET-10).
pub(crate) fn has_signet_pin(request: &VerifyRequest) -> bool {
    matches!(request.credentials.as_slice(), [only] if Known::read(only).is_ok_and(|known| {
        match known.record {
            Record::Piv(record) => record.verifier.is_some(),
            Record::Identifier(_) => true,
        }
    }))
}

/// Changes the Signet PIN of the one credential in the request: the present one, then the new one
/// twice (CRD-03). The card need not be there: the session has authenticated the person already.
pub(crate) async fn change(mut dialog: Dialog, request: VerifyRequest) -> Result<Enrolled, Failure> {
    let not_enrolled = Failure::Refused(UserMessage::MethodNotEnrolled(Method::Smartcard));
    let [credential] = request.credentials.as_slice() else { return Err(not_enrolled) };
    let mut record = Known::read(credential)?.record;
    let verifier = match &mut record {
        Record::Piv(record) => record.verifier.as_mut().ok_or(not_enrolled)?,
        Record::Identifier(record) => &mut record.verifier,
    };
    signet_pin::check(&mut dialog, verifier).await?;
    *verifier = signet_pin::choose(&mut dialog, request.settings.pin_rule).await?;
    let identifier = record.identifier().map_err(|_| Malformed("identifier"))?;
    Ok(Enrolled { kind: record.kind(), identifier: Some(identifier), data: record.encode()? })
}
