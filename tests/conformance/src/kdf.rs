use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};
use signet_authn::{Matched, Verifier, WorkResult};
use signet_types::Secret;

/// Argon2id as small as it gets (RFC 9106, 3.1): the real function at a cost for tests.
fn argon2() -> Argon2<'static> {
    let params = Params::new(8, 1, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(crate) fn hash(secret: &Secret) -> WorkResult {
    argon2()
        .hash_password_with_salt(secret.expose(), b"a salt for tests")
        .map_or(WorkResult::Failed, |phc| WorkResult::Hashed(Verifier::new(phc.to_string())))
}

pub(crate) fn compare(secret: &Secret, verifier: &Verifier) -> WorkResult {
    let Ok(parsed) = PasswordHash::new(verifier.as_str()) else { return WorkResult::Failed };
    let matched = argon2().verify_password(secret.expose(), &parsed).is_ok();
    WorkResult::Compared(if matched { Matched::Yes } else { Matched::No })
}
