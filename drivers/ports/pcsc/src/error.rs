use pcsc::Error;
use signet_authn::DeviceError;

/// What an error of pcscd means for an exchange with a card.
///
/// Anything unforeseen counts as a lost reader: the ceremony ends, and the person tries again.
pub(crate) fn device_error(error: Error) -> DeviceError {
    match error {
        Error::RemovedCard
        | Error::ResetCard
        | Error::NoSmartcard
        | Error::NotTransacted
        | Error::UnpoweredCard
        | Error::UnresponsiveCard
        | Error::UnsupportedCard
        | Error::ProtoMismatch => DeviceError::TokenGone,
        Error::SharingViolation | Error::ServerTooBusy => DeviceError::Busy,
        Error::Timeout => DeviceError::TimedOut,
        // An answer that is longer than any APDU.
        Error::InsufficientBuffer => DeviceError::Truncated,
        _ => DeviceError::ReaderGone,
    }
}
