//! Running one ceremony: its steps become outputs, inputs become its events.

use signet_authn::{
    Answer, Ceremony, DeviceChange, DeviceEvent, DeviceKind, Event, Failure, PromptKind, Step, StopReason,
};
use signet_types::{DeviceId, Method, UserMessage};

use super::{CeremonyId, Charge, Conversation, Input, Output, PromptId, Timer};
use crate::Charged;

/// A ceremony in progress.
pub(super) struct Run<T> {
    id: CeremonyId,
    pub(super) method: Method,
    ceremony: Box<dyn Ceremony<Output = T>>,
    wait: Wait,
    /// Whether a try was counted: a secret was given to it.
    charged: bool,
    /// The device that it opened last.
    device: Option<DeviceId>,
    /// Whether it waited for its token.
    awaited: bool,
}

/// What the ceremony's last step waits for.
enum Wait {
    Prompt(PromptId, PromptKind),
    /// The answer is held back until the try is counted.
    Charge(Answer),
    Open,
    Reply,
    Close,
    Device(DeviceKind, u32),
    Work,
}

/// Where a ceremony stands after an input.
pub(super) enum Course<T> {
    Running(Run<T>),
    Ended(End<T>),
}

/// How a ceremony ended.
pub(super) struct End<T> {
    pub(super) method: Method,
    pub(super) device: Option<DeviceId>,
    pub(super) charged: bool,
    pub(super) awaited: bool,
    pub(super) result: Result<T, Fall>,
}

/// Why a ceremony gave nothing.
pub(super) enum Fall {
    /// Its own reason.
    Failure(Failure),
    /// The next try comes too early.
    Throttled(u64),
    /// The try could not be counted, so it was not made.
    NotCounted,
}

impl<T> Run<T> {
    /// Whether it waits for a token at such a device.
    pub(super) fn awaits(&self, kind: DeviceKind) -> bool {
        matches!(self.wait, Wait::Device(wanted, _) if wanted == kind)
    }

    fn end(self, result: Result<T, Fall>) -> End<T> {
        End { method: self.method, device: self.device, charged: self.charged, awaited: self.awaited, result }
    }

    /// Whether the event takes away the token that it works with. One that is inserted where it lay has
    /// taken its place (security.md, R25).
    fn loses(&self, event: &DeviceEvent) -> bool {
        self.device.as_ref() == Some(&event.device)
    }
}

impl Conversation {
    /// Begins a ceremony of `method`, with `device` where the person has chosen one.
    pub(super) fn start<T>(
        &mut self,
        method: Method,
        device: Option<DeviceId>,
        ceremony: Box<dyn Ceremony<Output = T>>,
    ) -> Course<T> {
        let id = CeremonyId(self.number());
        self.facts.method = Some(method);
        let run = Run { id, method, ceremony, wait: Wait::Work, charged: false, device, awaited: false };
        self.feed(run, Event::Begin)
    }

    /// Gives the ceremony the event that this input is for it; an input that is not for it changes nothing.
    pub(super) fn route<T>(&mut self, mut run: Run<T>, input: Input) -> Course<T> {
        match input {
            Input::Device(event) | Input::Noticed(event) if run.loses(&event) => {
                Course::Ended(self.stop(run, StopReason::TokenRemoved))
            }
            Input::Device(event) if event.change == DeviceChange::Inserted && run.awaits(event.kind) => {
                self.feed(run, Event::Device(event))
            }
            Input::Timer(Timer::Presence(number)) if matches!(run.wait, Wait::Device(_, n) if n == number) => {
                Course::Ended(self.stop(run, StopReason::TimedOut))
            }
            Input::Answer(_, answer) => self.answered(run, answer),
            Input::Charged(charged) => match std::mem::replace(&mut run.wait, Wait::Work) {
                Wait::Charge(answer) => self.charged(run, answer, charged),
                wait => Course::Running(Run { wait, ..run }),
            },
            Input::Opened(id, result) if id == run.id && matches!(run.wait, Wait::Open) => {
                self.feed(run, Event::Opened(result))
            }
            Input::Reply(id, result) if id == run.id && matches!(run.wait, Wait::Reply) => {
                self.feed(run, Event::Reply(result))
            }
            Input::Closed(id) if id == run.id && matches!(run.wait, Wait::Close) => {
                self.feed(run, Event::Closed)
            }
            Input::Worked(id, result) if id == run.id && matches!(run.wait, Wait::Work) => {
                self.feed(run, Event::Worked(result))
            }
            _ => Course::Running(run),
        }
    }

    fn answered<T>(&mut self, mut run: Run<T>, answer: Option<Answer>) -> Course<T> {
        let Wait::Prompt(_, kind) = &run.wait else { return Course::Running(run) };
        let Some(answer) = answer else {
            // The prompt was answered, with a refusal: there is nothing to withdraw.
            run.wait = Wait::Work;
            return Course::Ended(self.stop(run, StopReason::Cancelled));
        };
        if *kind != PromptKind::Guess {
            return self.feed(run, Event::Answer(answer));
        }
        let Some(user) = self.user().cloned() else {
            // Nobody's secret can be asked for while nobody is known.
            return Course::Ended(self.end_run(run, Err(Fall::NotCounted)));
        };
        self.out.push(Output::Charge(Charge { user, method: run.method, origin: self.request.origin }));
        run.wait = Wait::Charge(answer);
        Course::Running(run)
    }

    fn charged<T>(&mut self, mut run: Run<T>, answer: Answer, charged: Charged) -> Course<T> {
        match charged {
            Charged::Taken(failures) => {
                run.charged = true;
                self.facts.charged += 1;
                if let Some(profile) = &mut self.profile {
                    profile.failures.insert(run.method, failures);
                }
                self.feed(run, Event::Answer(answer))
            }
            Charged::Wait { seconds } => Course::Ended(self.end_run(run, Err(Fall::Throttled(seconds)))),
            Charged::Failed => Course::Ended(self.end_run(run, Err(Fall::NotCounted))),
        }
    }

    /// One step of the ceremony.
    fn feed<T>(&mut self, mut run: Run<T>, event: Event) -> Course<T> {
        let turn = run.ceremony.step(event);
        let presents = |n: &UserMessage| matches!(n, UserMessage::PresentToken(_) | UserMessage::WrongToken);
        let told = turn.notices.iter().any(presents);
        self.out.extend(turn.notices.into_iter().map(Output::Tell));
        run.wait = match turn.step {
            Step::Ask(prompt) => {
                let kind = prompt.kind.clone();
                Wait::Prompt(self.ask(prompt), kind)
            }
            Step::Open(device) => {
                run.device = Some(device.clone());
                self.out.push(Output::Open(run.id, device));
                Wait::Open
            }
            Step::Exchange(device, frame) => {
                self.out.push(Output::Exchange(run.id, device, frame));
                Wait::Reply
            }
            Step::Close(device) => {
                self.out.push(Output::Close(run.id, device));
                Wait::Close
            }
            Step::Await(kind) => {
                if !told {
                    self.tell(UserMessage::PresentToken(run.method));
                }
                run.device = None;
                run.awaited = true;
                Wait::Device(kind, self.await_presence())
            }
            Step::Work(work) => {
                self.out.push(Output::Work(run.id, work));
                Wait::Work
            }
            Step::Done(result) => {
                if let Err(Failure::Interrupted(StopReason::TokenRemoved)) = result {
                    // The exchange may tell it before the event does.
                    self.request.present.retain(|(_, device)| Some(device) != run.device.as_ref());
                }
                return Course::Ended(self.end_run(run, result.map_err(Fall::Failure)));
            }
        };
        Course::Running(run)
    }

    /// Stops the ceremony. Whatever it answers, it proved nothing.
    pub(super) fn stop<T>(&mut self, mut run: Run<T>, reason: StopReason) -> End<T> {
        if let Wait::Prompt(prompt, _) = run.wait {
            self.withdraw(prompt);
        }
        let _ = run.ceremony.step(Event::Stop(reason));
        self.end_run(run, Err(Fall::Failure(Failure::Interrupted(reason))))
    }

    fn end_run<T>(&mut self, run: Run<T>, result: Result<T, Fall>) -> End<T> {
        self.out.push(Output::End(run.id));
        run.end(result)
    }
}
