use std::fmt::{Debug, Write as _};

use signet_authn::{
    Answer, Binding, Ceremony, EnrollRequest, Enrolled, EnrolledCredential, Event, Failure, PromptKind,
    Proof, Step, VerifyRequest, Work, WorkResult,
};
use signet_types::{ConversationId, CredentialId};

use crate::{World, kdf};

/// More steps than any ceremony has.
const ENDLESS: usize = 2_000;

/// How a ceremony ended.
pub type Ending<T> = Result<T, Failure>;

/// A ceremony that ended, and what was seen on the way.
pub struct Run<T> {
    /// How it ended.
    pub ending: Ending<T>,
    /// How many events it took, the first one included.
    pub events: usize,
    /// Which of the events answered a device step, from 1.
    pub device_events: Vec<usize>,
    /// Which of the events answered an exchange, from 1.
    pub exchanges: Vec<usize>,
    /// Which of the events answered a question, from 1.
    pub questions: Vec<usize>,
    /// Which of the events answered work, from 1.
    pub works: Vec<usize>,
    /// All that was printable, printed.
    pub printed: String,
}

/// Carries out the steps of ceremonies in a [`World`].
pub struct Host<'w> {
    /// The world.
    pub world: &'w mut dyn World,
}

impl Host<'_> {
    /// A request to enrol with nothing enrolled yet.
    #[must_use]
    pub fn enroll_request(&self, nonce: u8) -> EnrollRequest {
        EnrollRequest {
            binding: binding(nonce),
            nonce: [nonce; 32],
            existing: Vec::new(),
            settings: self.world.settings(),
            now: self.world.now(),
            present: self.world.reader().into_iter().collect(),
        }
    }

    /// A request to verify.
    #[must_use]
    pub fn verify_request(&self, credentials: &[EnrolledCredential], nonce: u8) -> VerifyRequest {
        VerifyRequest {
            binding: binding(nonce),
            nonce: [nonce; 32],
            credentials: credentials.to_vec(),
            settings: self.world.settings(),
            now: self.world.now(),
            present: self.world.reader().into_iter().collect(),
        }
    }

    /// Enrols rightly, where the world enrols at all, and leaves the world as at the start.
    #[must_use]
    pub fn enrolled(&mut self) -> Vec<EnrolledCredential> {
        self.world.reset();
        if !self.world.enrols() {
            return Vec::new();
        }
        let enrolled = self.enroll(&mut |_, _| None).ending;
        self.world.reset();
        match enrolled {
            Ok(enrolled) => {
                vec![EnrolledCredential { id: CredentialId::from_bytes([1; 16]), data: enrolled.data }]
            }
            Err(failure) => panic!("the right world could not enrol: {failure:?}"),
        }
    }

    /// Enrols; see [`Host::run`].
    pub fn enroll(&mut self, bend: &mut Bend<'_>) -> Run<Enrolled> {
        let mut ceremony = self.world.driver().enroll(self.enroll_request(1));
        self.run(&mut *ceremony, bend)
    }

    /// Verifies; see [`Host::run`].
    pub fn verify(
        &mut self,
        credentials: &[EnrolledCredential],
        nonce: u8,
        bend: &mut Bend<'_>,
    ) -> Run<Proof> {
        let mut ceremony = self.world.driver().verify(self.verify_request(credentials, nonce));
        self.run(&mut *ceremony, bend)
    }

    /// Runs a ceremony to its end. Before each event but the first, `bend` sees which one it is, from 1,
    /// and the right event; it may give another one instead.
    pub fn run<T: Debug>(&mut self, ceremony: &mut dyn Ceremony<Output = T>, bend: &mut Bend<'_>) -> Run<T> {
        let mut run = Run {
            ending: Err(Failure::Interrupted(signet_authn::StopReason::Cancelled)),
            events: 1,
            device_events: Vec::new(),
            exchanges: Vec::new(),
            questions: Vec::new(),
            works: Vec::new(),
            printed: String::new(),
        };
        let mut event = Event::Begin;
        loop {
            let _ = write!(run.printed, "{event:?}");
            let turn = ceremony.step(event);
            let _ = write!(run.printed, "{turn:?}");
            for notice in &turn.notices {
                let _ = write!(run.printed, "{notice}");
            }
            match &turn.step {
                Step::Open(_) | Step::Close(_) => run.device_events.push(run.events),
                Step::Exchange(..) => {
                    run.device_events.push(run.events);
                    run.exchanges.push(run.events);
                }
                Step::Ask(_) => run.questions.push(run.events),
                Step::Work(_) => run.works.push(run.events),
                Step::Await(_) | Step::Done(_) => {}
            }
            let step = match turn.step {
                Step::Done(ending) => {
                    run.ending = ending;
                    return run;
                }
                step => step,
            };
            let no_evidence = matches!(&step, Step::Exchange(_, frame) if self.world.is_no_evidence(frame));
            let right = self.respond(step);
            let moment = Moment { index: run.events, no_evidence };
            event = bend(moment, &right).unwrap_or(right);
            run.events += 1;
            assert!(run.events < ENDLESS, "the ceremony does not end");
        }
    }

    pub(crate) fn respond<T>(&mut self, step: Step<T>) -> Event {
        match step {
            Step::Ask(prompt) => Event::Answer(match &prompt.kind {
                PromptKind::Guess | PromptKind::NewSecret => {
                    Answer::Secret(self.world.secret(&prompt.question))
                }
                PromptKind::Text => Answer::Text("alice".to_owned()),
                PromptKind::Confirm => Answer::Confirm(true),
                PromptKind::Choice(choices) => {
                    Answer::Choice(choices.first().map(|choice| choice.id.clone()).unwrap_or_default())
                }
            }),
            Step::Open(device) => Event::Opened(self.world.open(&device)),
            Step::Exchange(device, frame) => Event::Reply(self.world.exchange(&device, &frame)),
            Step::Close(device) => {
                self.world.close(&device);
                Event::Closed
            }
            Step::Await(kind) => match self.world.presented(kind) {
                Some(event) => Event::Device(event),
                None => Event::Stop(signet_authn::StopReason::TimedOut),
            },
            Step::Work(work) => Event::Worked(match work {
                Work::Hash(secret) => kdf::hash(&secret),
                Work::Compare(secret, verifier) => kdf::compare(&secret, &verifier),
                Work::SystemPassword(user, secret) => {
                    WorkResult::Password(self.world.system_password(&user, &secret))
                }
                Work::ChangeSystemPassword(user, old, new) => {
                    WorkResult::Password(self.world.change_system_password(&user, &old, &new))
                }
            }),
            Step::Done(_) => Event::Begin,
        }
    }
}

/// Where a run is.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Which event it is, from 1.
    pub index: usize,
    /// Whether it is the answer to a frame that is no evidence.
    pub no_evidence: bool,
}

/// Sees each event before the ceremony does, and may replace it.
pub type Bend<'b> = dyn FnMut(Moment, &Event) -> Option<Event> + 'b;

fn binding(nonce: u8) -> Binding {
    let name = |result: Result<_, signet_types::NameError>| match result {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    };
    Binding {
        user: name("alice".parse()),
        service: match "login".parse() {
            Ok(service) => service,
            Err(error) => panic!("{error}"),
        },
        machine: [7; 16],
        conversation: ConversationId::from_bytes([nonce; 16]),
    }
}
