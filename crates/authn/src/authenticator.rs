use std::fmt;

use signet_types::{
    Assurance, ConversationId, CredentialId, DeviceId, Factors, Method, PinRule, PinType, ServiceName,
    Timestamp, UserName,
};

use crate::{Ceremony, DeviceKind};

/// A method's driver (MET-01). Adding one means writing this trait and naming it where the daemon
/// lists its drivers; nothing else knows drivers by name.
pub trait Authenticator: Send + Sync {
    /// What the method is.
    fn about(&self) -> &About;

    /// Enrols a new credential. Nothing is stored before the ceremony is complete (ENR-10).
    fn enroll(&self, request: EnrollRequest) -> Box<dyn Ceremony<Output = Enrolled>>;

    /// Verifies one of the user's enrolled credentials.
    fn verify(&self, request: VerifyRequest) -> Box<dyn Ceremony<Output = Proof>>;

    /// Reads who a presented token says that it is, where the device can; never a proof.
    fn identify(&self, _request: IdentifyRequest) -> Option<Box<dyn Ceremony<Output = TokenIdentifier>>> {
        None
    }

    /// Changes the credential's secret that Signet keeps, where it has one (CRD-03, MET-10): asks for the
    /// current one, the new one and its confirmation. Gives the record that replaces the old one.
    fn change_secret(&self, _request: VerifyRequest) -> Option<Box<dyn Ceremony<Output = Enrolled>>> {
        None
    }
}

/// What a method is.
#[derive(Clone, Debug)]
pub struct About {
    /// The method.
    pub method: Method,
    /// The device it needs, if any.
    pub device: Option<DeviceKind>,
    /// Whether [`Authenticator::identify`] gives a ceremony.
    pub identifies: bool,
    /// Whether a user may have several credentials of it (ENR-09).
    pub several: bool,
    /// Whether the method works without an enrolment of its own (the system password).
    pub implicit: bool,
}

/// What a proof is bound to: a signature made for one conversation proves nothing in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The user who is to be authenticated.
    pub user: UserName,
    /// For which service.
    pub service: ServiceName,
    /// On which machine: the 16 bytes of machine-id(5).
    pub machine: [u8; 16],
    /// In which conversation.
    pub conversation: ConversationId,
}

impl Binding {
    /// The bytes that a device signs for this binding and `nonce`. Fields are length-prefixed, so
    /// no two bindings have the same bytes.
    #[must_use]
    pub fn message(&self, nonce: &[u8; 32]) -> Vec<u8> {
        let fields: [&[u8]; 6] = [
            b"signet-possession-1",
            self.user.as_str().as_bytes(),
            self.service.as_str().as_bytes(),
            &self.machine,
            self.conversation.as_bytes(),
            nonce,
        ];
        let mut message = Vec::with_capacity(128);
        for field in fields {
            // Every field is at most 256 bytes: names are bounded by their types.
            message.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
            message.extend_from_slice(field);
        }
        message
    }
}

/// The values of policy that drivers need.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether a Signet PIN is asked for.
    pub pin_required: bool,
    /// The rule for new Signet PINs.
    pub pin_rule: PinRule,
    /// Whose PIN a smart card asks for.
    pub pin_type: PinType,
    /// Policy names the risk of tokens that can be copied.
    pub allow_identifier_only: bool,
    /// DER certificates of the authorities that a card's certificate must lead to; empty: no check.
    pub trust_anchors: Vec<Vec<u8>>,
    /// Where passwords are checked.
    pub password_source: PasswordSource,
    /// The least length of a password that Signet keeps, in characters.
    pub password_min_length: u8,
}

/// Where passwords are checked (MET-09).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordSource {
    /// By the system, through the PAM service `signet-password`.
    #[default]
    System,
    /// By Signet, with an Argon2id verifier.
    Signet,
}

/// Asks a driver to enrol.
#[derive(Debug)]
pub struct EnrollRequest {
    /// Who, where, in which conversation.
    pub binding: Binding,
    /// Fresh random bytes; a key in the token signs over them.
    pub nonce: [u8; 32],
    /// The user's credentials of this method.
    pub existing: Vec<EnrolledCredential>,
    /// Policy's values.
    pub settings: Settings,
    /// The time of the request.
    pub now: Timestamp,
    /// Devices of the driver's kind that hold a token now.
    pub present: Vec<DeviceId>,
}

/// Asks a driver to verify.
#[derive(Debug)]
pub struct VerifyRequest {
    /// Who, where, in which conversation.
    pub binding: Binding,
    /// Fresh random bytes; a key in the token signs over them.
    pub nonce: [u8; 32],
    /// The user's credentials of this method; empty only for implicit methods.
    pub credentials: Vec<EnrolledCredential>,
    /// Policy's values.
    pub settings: Settings,
    /// The time of the request.
    pub now: Timestamp,
    /// Devices of the driver's kind that hold a token now. Where the session knows which one the
    /// person presented, it is the only one.
    pub present: Vec<DeviceId>,
}

/// Asks a driver who a presented token says that it is.
#[derive(Debug)]
pub struct IdentifyRequest {
    /// Where the token is.
    pub device: DeviceId,
}

/// A credential as the driver left it in the store.
#[derive(Clone, Debug)]
pub struct EnrolledCredential {
    /// The credential.
    pub id: CredentialId,
    /// The driver's record, versioned by the driver.
    pub data: Vec<u8>,
}

/// What an enrolment gives to the store.
#[derive(Debug)]
pub struct Enrolled {
    /// What the token is, for people: `PIV card (RSA-2048)`.
    pub kind: String,
    /// What [`Authenticator::identify`] will read from the same token.
    pub identifier: Option<TokenIdentifier>,
    /// The driver's record.
    pub data: Vec<u8>,
}

/// What a verification proved. Only the session turns a proof into a grant.
#[must_use]
#[derive(Debug)]
pub struct Proof {
    /// Which credential; `None` for an implicit method.
    pub credential: Option<CredentialId>,
    /// Which factors were proven.
    pub factors: Factors,
    /// How much it is worth.
    pub assurance: Assurance,
    /// Where the token is, for the removal action.
    pub device: Option<DeviceId>,
    /// A changed record, stored together with the grant (a signature counter).
    pub data: Option<Vec<u8>>,
}

/// What a token says that it is: a public key's hash, a UID. Stored as a keyed hash only and never
/// printed, for a UID can be enough to copy a card (AUD-02).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenIdentifier(Vec<u8>);

/// An identifier that is empty or longer than [`TokenIdentifier::MAX_LEN`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's identifier has 1 to {} bytes", TokenIdentifier::MAX_LEN)]
pub struct IdentifierError;

impl TokenIdentifier {
    /// The longest identifier in bytes.
    pub const MAX_LEN: usize = 96;

    /// Takes 1 to 96 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, IdentifierError> {
        if bytes.is_empty() || bytes.len() > Self::MAX_LEN { Err(IdentifierError) } else { Ok(Self(bytes)) }
    }

    /// The bytes, for the keyed hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TokenIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenIdentifier(..)")
    }
}
