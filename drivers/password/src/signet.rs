use signet_authn::{
    Dialog, Enrolled, EnrolledCredential, Failure, Matched, Question, Settings, Verifier, VerifyRequest,
};
use signet_types::{CredentialId, Method, UserMessage};

use crate::{
    entry::new_password,
    record::{Record, decoy},
};

/// Asks for the password and compares it. Without a credential it is compared with the decoy, and
/// whatever comes of that is wrong.
pub(crate) async fn verify(
    mut dialog: Dialog,
    credentials: &[EnrolledCredential],
) -> Result<CredentialId, Failure> {
    let Some(credential) = credentials.first() else {
        check(&mut dialog, decoy()).await?;
        return Err(Failure::Mismatch(UserMessage::WrongPassword));
    };
    check(&mut dialog, Record::decode(&credential.data)?.verifier).await?;
    Ok(credential.id)
}

async fn check(dialog: &mut Dialog, verifier: Verifier) -> Result<(), Failure> {
    let password = dialog.secret(Question::Password).await?;
    match dialog.compare(password, verifier).await? {
        Matched::Yes => Ok(()),
        Matched::No => Err(Failure::Mismatch(UserMessage::WrongPassword)),
    }
}

pub(crate) async fn enroll(mut dialog: Dialog, settings: &Settings) -> Result<Enrolled, Failure> {
    let password = new_password(&mut dialog, settings.password_min_length).await?;
    let verifier = dialog.hash(password).await?;
    Ok(Enrolled { kind: "password".to_owned(), identifier: None, data: Record { verifier }.encode()? })
}

/// Asks for the present password, then for the new one (CRD-03).
pub(crate) async fn change(mut dialog: Dialog, request: VerifyRequest) -> Result<Enrolled, Failure> {
    let [credential] = request.credentials.as_slice() else {
        return Err(Failure::Refused(UserMessage::MethodNotEnrolled(Method::Password)));
    };
    check(&mut dialog, Record::decode(&credential.data)?.verifier).await?;
    enroll(dialog, &request.settings).await
}
