use std::fmt;

use crate::{Method, PinType, PinViolation, Timestamp};

/// What a person is told. What has no message here stays opaque to the person and goes to the
/// log only. `code()` is stable for programs; the `Display` text is English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserMessage {
    /// Shown where nothing more can be said without giving something away.
    NotAuthenticated,
    /// The name typed is no valid user name.
    BadUserName,
    /// Nobody has enrolled this token.
    UnknownToken,
    /// The token is enrolled, by somebody else (ENR-08: never whose).
    TokenOfAnotherUser,
    /// The token that is present is not the one that was asked for.
    WrongToken,
    /// Asks for the token.
    PresentToken(Method),
    /// The token went away in the middle.
    TokenRemoved,
    /// A PIN was wrong; `left` tries remain where the device tells.
    WrongPin {
        /// Tries left on the device.
        left: Option<u8>,
    },
    /// A password was wrong.
    WrongPassword,
    /// The device refuses more tries so that its owner keeps the last ones.
    TriesReserved {
        /// Tries left on the device.
        left: u8,
    },
    /// The device has blocked its PIN.
    PinBlocked,
    /// A new PIN breaks a rule.
    PinRefused(PinViolation),
    /// Two entries of a new PIN or password differ.
    ConfirmationDiffers,
    /// The card's certificate has expired.
    CertificateExpired(Timestamp),
    /// The card's certificate is not valid yet.
    CertificateNotYetValid(Timestamp),
    /// The card's certificate does not lead to a certificate authority that policy names.
    CertificateUntrusted,
    /// The token has no key and no usable identifier.
    TokenUnusable,
    /// The token shows a new random identifier each time (MET-04).
    IdentifierRandom,
    /// The card has no key that works with the PIN that policy asks for (POL-05).
    PinTypeUnsupported(PinType),
    /// The method is disabled by policy (ENA-06).
    MethodDisabled(Method),
    /// The method is not enrolled.
    MethodNotEnrolled(Method),
    /// The method's driver, middleware or reader is missing.
    MethodUnavailable(Method),
    /// No method is left to try.
    NoMethodLeft,
    /// The device host, pcscd or the reader failed.
    DeviceFault,
    /// The try took too long.
    TimedOut,
    /// The person or the program cancelled.
    Cancelled,
    /// Too many failures; try again later.
    TryLater {
        /// Seconds until the next try is taken.
        seconds: u64,
    },
    /// The password has expired and must be changed first (MET-09).
    PasswordExpired,
    /// A new password is too short or too long; lengths in characters.
    PasswordLength {
        /// The least length.
        min: u8,
        /// The greatest length.
        max: u8,
    },
    /// The caller may not do this (CRD-06).
    NotPermitted,
    /// The last credential of a required method stays (CRD-04).
    LastOfRequiredMethod(Method),
    /// This method has its one enrolment already, or a second one needs a confirmation (ENR-09).
    AlreadyEnrolled(Method),
    /// Enrolment is complete.
    Enrolled(Method),
    /// A PIN or password was changed.
    SecretChanged,
    /// A credential was deleted.
    Deleted,
    /// Authentication succeeded.
    Welcome,
}

impl UserMessage {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "not-authenticated",
            Self::BadUserName => "bad-user-name",
            Self::UnknownToken => "unknown-token",
            Self::TokenOfAnotherUser => "token-of-another-user",
            Self::WrongToken => "wrong-token",
            Self::PresentToken(_) => "present-token",
            Self::TokenRemoved => "token-removed",
            Self::WrongPin { .. } => "wrong-pin",
            Self::WrongPassword => "wrong-password",
            Self::TriesReserved { .. } => "tries-reserved",
            Self::PinBlocked => "pin-blocked",
            Self::PinRefused(_) => "pin-refused",
            Self::ConfirmationDiffers => "confirmation-differs",
            Self::CertificateExpired(_) => "certificate-expired",
            Self::CertificateNotYetValid(_) => "certificate-not-yet-valid",
            Self::CertificateUntrusted => "certificate-untrusted",
            Self::TokenUnusable => "token-unusable",
            Self::IdentifierRandom => "identifier-random",
            Self::PinTypeUnsupported(_) => "pin-type-unsupported",
            Self::MethodDisabled(_) => "method-disabled",
            Self::MethodNotEnrolled(_) => "method-not-enrolled",
            Self::MethodUnavailable(_) => "method-unavailable",
            Self::NoMethodLeft => "no-method-left",
            Self::DeviceFault => "device-fault",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::TryLater { .. } => "try-later",
            Self::PasswordExpired => "password-expired",
            Self::PasswordLength { .. } => "password-length",
            Self::NotPermitted => "not-permitted",
            Self::LastOfRequiredMethod(_) => "last-of-required-method",
            Self::AlreadyEnrolled(_) => "already-enrolled",
            Self::Enrolled(_) => "enrolled",
            Self::SecretChanged => "secret-changed",
            Self::Deleted => "deleted",
            Self::Welcome => "welcome",
        }
    }
}

/// The thing a person holds for a method, in words.
fn token(method: Method) -> &'static str {
    match method {
        Method::Smartcard => "smart card",
        Method::Proximity => "proximity card",
        Method::Fido2 => "security key",
        Method::Fingerprint => "finger",
        _ => "credential",
    }
}

impl fmt::Display for UserMessage {
    #[expect(clippy::too_many_lines, reason = "a table: one row for each message")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthenticated => write!(f, "Authentication failed."),
            Self::BadUserName => write!(f, "This is not a valid user name."),
            Self::UnknownToken => {
                write!(
                    f,
                    "This card is not enrolled. Log on another way and enrol it with 'signetctl enroll'."
                )
            }
            Self::TokenOfAnotherUser => {
                write!(f, "This card cannot be used here: it belongs to another user.")
            }
            Self::WrongToken => {
                write!(f, "This is not your enrolled card. Present the one that you enrolled.")
            }
            Self::PresentToken(method) => write!(f, "Present your {}.", token(*method)),
            Self::TokenRemoved => {
                write!(f, "The card was removed too early. Present it again and leave it in place.")
            }
            Self::WrongPin { left: None } => write!(f, "Wrong PIN."),
            Self::WrongPin { left: Some(left) } => write!(f, "Wrong PIN. The card allows {left} more tries."),
            Self::WrongPassword => write!(f, "Wrong password."),
            Self::TriesReserved { left } => write!(
                f,
                "The card has only {left} tries left, and they were not spent. Check the PIN and say yes when you \
                 are asked whether to spend one, or use another method."
            ),
            Self::PinBlocked => {
                write!(
                    f,
                    "The card's PIN is blocked. Your card's issuer can unblock it; use another method meanwhile."
                )
            }
            Self::PinRefused(violation) => write!(f, "This PIN is not allowed: {violation}."),
            Self::ConfirmationDiffers => write!(f, "The two entries differ. Try again."),
            Self::CertificateExpired(at) => {
                write!(f, "The card's certificate expired on {at}. Ask for a new card.")
            }
            Self::CertificateNotYetValid(at) => {
                write!(f, "The card's certificate is valid only from {at}. Check this computer's clock.")
            }
            Self::CertificateUntrusted => {
                write!(
                    f,
                    "The card's certificate was not issued by an authority that this workstation trusts."
                )
            }
            Self::TokenUnusable => {
                write!(f, "This card has neither a key nor a stable identifier that Signet can use.")
            }
            Self::IdentifierRandom => write!(
                f,
                "This card shows a new random identifier each time, so it cannot be recognised. Use another card."
            ),
            Self::PinTypeUnsupported(PinType::Card) => write!(
                f,
                "This card has no key that its own PIN opens, and policy asks for the card's PIN (pin_type = card). \
                 Use another card or ask your administrator."
            ),
            Self::PinTypeUnsupported(PinType::Signet) => write!(
                f,
                "This card's key works with the card's own PIN only, and policy asks for a Signet PIN \
                 (pin_type = signet). Use another card or ask your administrator."
            ),
            Self::MethodDisabled(method) => {
                write!(
                    f,
                    "The method '{method}' is disabled by policy. Use another method or ask your administrator."
                )
            }
            Self::MethodNotEnrolled(method) => {
                write!(f, "The method '{method}' is not enrolled for this user.")
            }
            Self::MethodUnavailable(method) => {
                write!(
                    f,
                    "The method '{method}' is not available now. 'signetctl doctor' tells what is missing."
                )
            }
            Self::NoMethodLeft => {
                write!(
                    f,
                    "No method is available for this logon. Ask your administrator, or use the console's rescue account."
                )
            }
            Self::DeviceFault => {
                write!(f, "The reader failed. Try again; 'signetctl doctor' tells what is wrong.")
            }
            Self::TimedOut => write!(f, "This took too long. Try again."),
            Self::Cancelled => write!(f, "Cancelled."),
            Self::TryLater { seconds } => write!(f, "Too many failures. Try again in {seconds} s."),
            Self::PasswordExpired => write!(f, "Your password has expired and must be changed now."),
            Self::PasswordLength { min, max } => {
                write!(f, "This password is not allowed: it must have {min} to {max} characters.")
            }
            Self::NotPermitted => write!(f, "You are not allowed to do this. Ask your administrator."),
            Self::LastOfRequiredMethod(method) => {
                write!(
                    f,
                    "This is the last credential of '{method}', which policy requires. Enrol another one first."
                )
            }
            Self::AlreadyEnrolled(method) => write!(f, "'{method}' is enrolled already."),
            Self::Enrolled(method) => write!(f, "Enrolled: {method}."),
            Self::SecretChanged => write!(f, "Changed."),
            Self::Deleted => write!(f, "Deleted."),
            Self::Welcome => write!(f, "Authenticated."),
        }
    }
}
