use signet_authn::{
    Authenticator, DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame, PasswordOutcome, Question,
    Settings,
};
use signet_types::{DeviceId, Secret, Timestamp, UserName};

/// What stands around a driver: a person, a token, a password service. By itself it does all right.
pub trait World {
    /// The driver under test.
    fn driver(&self) -> Box<dyn Authenticator>;

    /// Back to the start: the token is in place, with all its tries; its keys stay.
    fn reset(&mut self);

    /// Policy's values.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// Now.
    fn now(&self) -> Timestamp;

    /// Whether a credential is enrolled before verifying (not so for the system password).
    fn enrols(&self) -> bool {
        true
    }

    /// The reader that holds the token.
    fn reader(&self) -> Option<DeviceId> {
        None
    }

    /// The right answer to a question for a secret.
    fn secret(&self, question: &Question) -> Secret;

    /// A wrong one of the right form.
    fn wrong_secret(&self, question: &Question) -> Secret;

    /// Tries left on the token, where it counts them.
    fn tries_left(&self) -> Option<u8> {
        None
    }

    /// Carries out [`signet_authn::Step::Open`].
    fn open(&mut self, _device: &DeviceId) -> Result<(), DeviceError> {
        Err(DeviceError::ReaderGone)
    }

    /// Carries out [`signet_authn::Step::Exchange`].
    fn exchange(&mut self, _device: &DeviceId, _frame: &Frame) -> Result<Frame, DeviceError> {
        Err(DeviceError::ReaderGone)
    }

    /// Carries out [`signet_authn::Step::Close`].
    fn close(&mut self, _device: &DeviceId) {}

    /// Whether the answer to this frame is no evidence, so that a changed one may still be followed by
    /// a proof (a question for the try counter).
    fn is_no_evidence(&self, _frame: &Frame) -> bool {
        false
    }

    /// Carries out [`signet_authn::Work::SystemPassword`].
    fn system_password(&mut self, _user: &UserName, _password: &Secret) -> PasswordOutcome {
        PasswordOutcome::Wrong
    }

    /// Carries out [`signet_authn::Work::ChangeSystemPassword`].
    fn change_system_password(&mut self, _user: &UserName, _old: &Secret, _new: &Secret) -> PasswordOutcome {
        PasswordOutcome::Wrong
    }

    /// Carries out [`signet_authn::Step::Await`]: the token is presented.
    fn presented(&mut self, kind: DeviceKind) -> Option<DeviceEvent> {
        Some(DeviceEvent { device: self.reader()?, kind, change: DeviceChange::Inserted })
    }
}
