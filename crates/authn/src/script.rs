use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use signet_types::{DeviceId, Secret, UserMessage, UserName};

use crate::{
    Answer, Ceremony, Choice, DeviceError, DeviceEvent, DeviceKind, DriverError, Event, Failure, Frame,
    Matched, PasswordOutcome, Prompt, PromptKind, Question, Step, StopReason, Turn, Verifier, Work,
    WorkResult,
};

/// Turns an async function into a [`Ceremony`]: each `await` on the [`Dialog`] is one [`Step`].
///
/// The future is polled inside [`Ceremony::step`] with a waker that does nothing, so it may await
/// the dialog only; awaiting anything else ends it with [`DriverError::Stalled`].
///
/// ```
/// use signet_authn::{script, Ceremony, Event, Prompt, PromptKind, Question, Step};
///
/// let mut ceremony = script(|mut dialog| async move {
///     let pin = dialog.secret(Question::SignetPin).await?;
///     Ok(pin.len())
/// });
/// assert!(matches!(ceremony.step(Event::Begin).step, Step::Ask(_)));
/// ```
pub fn script<T, F, Fut>(write: F) -> Box<dyn Ceremony<Output = T>>
where
    T: Send + 'static,
    F: FnOnce(Dialog) -> Fut,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let desk = Arc::new(Mutex::new(Desk::default()));
    let future = write(Dialog { desk: Arc::clone(&desk) });
    Box::new(Script { future: Some(Box::pin(future)), desk, begun: false })
}

/// Where the script and its host lay things down for each other.
#[derive(Default)]
struct Desk {
    notices: Vec<UserMessage>,
    wanted: Option<Wanted>,
    event: Option<Event>,
}

/// A step that is not the last one; it has no output type.
enum Wanted {
    Ask(Prompt),
    Open(DeviceId),
    Exchange(DeviceId, Frame),
    Close(DeviceId),
    Await(DeviceKind),
    Work(Work),
}

impl Wanted {
    fn into_step<T>(self) -> Step<T> {
        match self {
            Self::Ask(prompt) => Step::Ask(prompt),
            Self::Open(device) => Step::Open(device),
            Self::Exchange(device, frame) => Step::Exchange(device, frame),
            Self::Close(device) => Step::Close(device),
            Self::Await(kind) => Step::Await(kind),
            Self::Work(work) => Step::Work(work),
        }
    }
}

/// A poisoned lock means that a script panicked: its future is dropped with it, the data is sound.
fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

type Writing<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

struct Script<T> {
    future: Option<Writing<T>>,
    desk: Arc<Mutex<Desk>>,
    begun: bool,
}

impl<T> Script<T> {
    /// Drops the future, which wipes the secrets that it holds.
    fn end(&mut self, result: Result<T, Failure>) -> Turn<T> {
        self.future = None;
        Turn { notices: std::mem::take(&mut lock(&self.desk).notices), step: Step::Done(result) }
    }
}

impl<T: Send> Ceremony for Script<T> {
    type Output = T;

    fn step(&mut self, event: Event) -> Turn<T> {
        let Some(future) = self.future.as_mut() else {
            return self.end(Err(Failure::Fault(DriverError::Over)));
        };
        match event {
            Event::Stop(reason) => return self.end(Err(Failure::Interrupted(reason))),
            Event::Begin if !self.begun => self.begun = true,
            Event::Begin => return self.end(Err(Failure::Fault(DriverError::OutOfTurn("begin")))),
            _ if !self.begun => return self.end(Err(Failure::Fault(DriverError::OutOfTurn("begin")))),
            event => lock(&self.desk).event = Some(event),
        }
        let poll = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match poll {
            Poll::Ready(result) => self.end(result),
            Poll::Pending => {
                let mut desk = lock(&self.desk);
                let Some(wanted) = desk.wanted.take() else {
                    drop(desk);
                    return self.end(Err(Failure::Fault(DriverError::Stalled)));
                };
                Turn { notices: std::mem::take(&mut desk.notices), step: wanted.into_step() }
            }
        }
    }
}

/// What a script talks through: the person, the devices, the host's slow work.
pub struct Dialog {
    desk: Arc<Mutex<Desk>>,
}

impl Dialog {
    /// Tells the person something with the next step.
    pub fn tell(&mut self, notice: UserMessage) {
        lock(&self.desk).notices.push(notice);
    }

    /// Asks for a secret that is checked; each answer is a try.
    pub async fn secret(&mut self, question: Question) -> Result<Secret, Failure> {
        self.ask_secret(question, PromptKind::Guess).await
    }

    /// Asks for a secret that is being chosen.
    pub async fn new_secret(&mut self, question: Question) -> Result<Secret, Failure> {
        self.ask_secret(question, PromptKind::NewSecret).await
    }

    async fn ask_secret(&mut self, question: Question, kind: PromptKind) -> Result<Secret, Failure> {
        match self.ask(Prompt { question, kind }).await? {
            Answer::Secret(secret) => Ok(secret),
            _ => Err(out_of_turn("ask")),
        }
    }

    /// Asks yes or no.
    pub async fn confirm(&mut self, question: Question) -> Result<bool, Failure> {
        match self.ask(Prompt { question, kind: PromptKind::Confirm }).await? {
            Answer::Confirm(yes) => Ok(yes),
            _ => Err(out_of_turn("ask")),
        }
    }

    /// Asks for one of `choices`; gives the chosen id.
    pub async fn choose(&mut self, question: Question, choices: Vec<Choice>) -> Result<String, Failure> {
        match self.ask(Prompt { question, kind: PromptKind::Choice(choices) }).await? {
            Answer::Choice(id) => Ok(id),
            _ => Err(out_of_turn("ask")),
        }
    }

    async fn ask(&mut self, prompt: Prompt) -> Result<Answer, Failure> {
        let kind = prompt.kind.clone();
        match self.turn(Wanted::Ask(prompt)).await {
            Event::Answer(answer) if kind.takes(&answer) => Ok(answer),
            _ => Err(out_of_turn("ask")),
        }
    }

    /// Takes the device for this ceremony alone; see [`Step::Open`].
    pub async fn open(&mut self, device: &DeviceId) -> Result<(), Failure> {
        match self.turn(Wanted::Open(device.clone())).await {
            Event::Opened(result) => result.map_err(device_failure),
            _ => Err(out_of_turn("open")),
        }
    }

    /// Sends a frame to an opened device and gives its answer. A token that is pulled ends the
    /// ceremony as [`Failure::Interrupted`], anything else that goes wrong as a fault.
    pub async fn exchange(&mut self, device: &DeviceId, frame: Frame) -> Result<Frame, Failure> {
        match self.turn(Wanted::Exchange(device.clone(), frame)).await {
            Event::Reply(result) => result.map_err(device_failure),
            _ => Err(out_of_turn("exchange")),
        }
    }

    /// Gives the device back; see [`Step::Close`].
    pub async fn close(&mut self, device: &DeviceId) -> Result<(), Failure> {
        match self.turn(Wanted::Close(device.clone())).await {
            Event::Closed => Ok(()),
            _ => Err(out_of_turn("close")),
        }
    }

    /// Waits until a token is presented at a device of this kind.
    pub async fn presented(&mut self, kind: DeviceKind) -> Result<DeviceEvent, Failure> {
        match self.turn(Wanted::Await(kind)).await {
            Event::Device(event) if event.kind == kind => Ok(event),
            _ => Err(out_of_turn("await")),
        }
    }

    /// Has an Argon2id verifier made for a new secret.
    pub async fn hash(&mut self, secret: Secret) -> Result<Verifier, Failure> {
        match self.work(Work::Hash(secret)).await? {
            WorkResult::Hashed(verifier) => Ok(verifier),
            _ => Err(out_of_turn("work")),
        }
    }

    /// Has a secret compared with a verifier.
    pub async fn compare(&mut self, secret: Secret, verifier: Verifier) -> Result<Matched, Failure> {
        match self.work(Work::Compare(secret, verifier)).await? {
            WorkResult::Compared(matched) => Ok(matched),
            _ => Err(out_of_turn("work")),
        }
    }

    /// Has the system check a user's password.
    pub async fn system_password(
        &mut self,
        user: UserName,
        secret: Secret,
    ) -> Result<PasswordOutcome, Failure> {
        self.password_work(Work::SystemPassword(user, secret)).await
    }

    /// Has the system change a user's password.
    pub async fn change_system_password(
        &mut self,
        user: UserName,
        old: Secret,
        new: Secret,
    ) -> Result<PasswordOutcome, Failure> {
        self.password_work(Work::ChangeSystemPassword(user, old, new)).await
    }

    async fn password_work(&mut self, work: Work) -> Result<PasswordOutcome, Failure> {
        match self.work(work).await? {
            WorkResult::Password(outcome) => Ok(outcome),
            _ => Err(out_of_turn("work")),
        }
    }

    async fn work(&mut self, work: Work) -> Result<WorkResult, Failure> {
        match self.turn(Wanted::Work(work)).await {
            Event::Worked(WorkResult::Failed) => Err(Failure::Fault(DriverError::Work)),
            Event::Worked(result) => Ok(result),
            _ => Err(out_of_turn("work")),
        }
    }

    /// Lays a step on the desk and waits for the event that answers it.
    async fn turn(&mut self, wanted: Wanted) -> Event {
        let mut wanted = Some(wanted);
        poll_fn(|_| {
            let mut desk = lock(&self.desk);
            if let Some(wanted) = wanted.take() {
                desk.event = None;
                desk.wanted = Some(wanted);
                return Poll::Pending;
            }
            desk.event.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

const fn out_of_turn(step: &'static str) -> Failure {
    Failure::Fault(DriverError::OutOfTurn(step))
}

const fn device_failure(error: DeviceError) -> Failure {
    match error {
        DeviceError::TokenGone => Failure::Interrupted(StopReason::TokenRemoved),
        error => Failure::Fault(DriverError::Device(error)),
    }
}
