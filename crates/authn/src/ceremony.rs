use signet_types::{DeviceId, UserMessage};

use crate::{Answer, DeviceError, DeviceEvent, DeviceKind, Frame, Prompt, Work, WorkResult};

/// A sans-IO state machine: events in, steps out.
///
/// The host feeds [`Event::Begin`] once, then for each [`Step`] the one event that answers it, or
/// [`Event::Stop`] at any moment. After [`Step::Done`] the ceremony is over.
/// Dropping a ceremony cancels no hardware: the host aborts what it had started for it.
pub trait Ceremony: Send {
    /// What a completed ceremony gives.
    type Output;

    /// Takes one event and tells what to do next.
    fn step(&mut self, event: Event) -> Turn<Self::Output>;
}

/// What a ceremony is told.
#[derive(Debug)]
pub enum Event {
    /// Start.
    Begin,
    /// The answer to [`Step::Ask`]; the host has checked that it fits the prompt.
    Answer(Answer),
    /// The answer to [`Step::Open`].
    Opened(Result<(), DeviceError>),
    /// The answer to [`Step::Exchange`].
    Reply(Result<Frame, DeviceError>),
    /// The answer to [`Step::Close`].
    Closed,
    /// The answer to [`Step::Await`].
    Device(DeviceEvent),
    /// The answer to [`Step::Work`].
    Worked(WorkResult),
    /// Give up now, whatever was asked.
    Stop(StopReason),
}

/// Why a ceremony was stopped from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The person cancelled (AUT-06: not a failed try unless a secret had been sent).
    Cancelled,
    /// The client went away.
    ClientGone,
    /// The token in use was removed.
    TokenRemoved,
    /// The conversation's time was over.
    TimedOut,
    /// Another method completed the conversation first.
    Outrun,
}

/// What a ceremony answers to an event.
#[must_use]
#[derive(Debug)]
pub struct Turn<T> {
    /// Told to the person before the step is carried out.
    pub notices: Vec<UserMessage>,
    /// What to do next.
    pub step: Step<T>,
}

/// What the host does next for a ceremony.
#[derive(Debug)]
pub enum Step<T> {
    /// Ask the person.
    Ask(Prompt),
    /// Take the device for this ceremony alone, with the token in a fresh state (for PC/SC: an
    /// exclusive transaction after a reset). Held until [`Step::Close`] or the ceremony's end.
    Open(DeviceId),
    /// Send a frame to the opened device and wait for the answer.
    Exchange(DeviceId, Frame),
    /// Give the device back, with the token reset so that no verified PIN is left behind.
    Close(DeviceId),
    /// Wait until a token is presented at a device of this kind.
    Await(DeviceKind),
    /// Do slow or privileged work.
    Work(Work),
    /// Over.
    Done(Result<T, Failure>),
}

/// Why a ceremony gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What was presented is wrong. This is a failed try.
    Mismatch(UserMessage),
    /// What was presented cannot be used, whoever presents it: expired, not enrolled, too weak.
    Refused(UserMessage),
    /// Stopped from outside, or the token was pulled.
    Interrupted(StopReason),
    /// The device or the credential takes no more tries.
    Locked(UserMessage),
    /// Something broke; the log says what, the person is told that something broke.
    Fault(DriverError),
}

/// What broke in a ceremony.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The device did not answer.
    #[error("device: {0}")]
    Device(DeviceError),
    /// The device answered something that its protocol does not allow.
    #[error("the device answered outside of its protocol: {0}")]
    Protocol(&'static str),
    /// The stored record of the credential cannot be read.
    #[error("the enrolled record cannot be read: {0}")]
    Record(&'static str),
    /// Work that the host was to do failed.
    #[error("hashing or the password service failed")]
    Work,
    /// The host fed an event that does not answer the step.
    #[error("an event that does not answer the step '{0}'")]
    OutOfTurn(&'static str),
    /// The host went on after the end.
    #[error("the ceremony was over")]
    Over,
    /// A script waited for something that is no step: a fault in the driver.
    #[error("the script waits for nothing that its host could do")]
    Stalled,
}
