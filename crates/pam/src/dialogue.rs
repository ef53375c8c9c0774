//! Events of a conversation to prompts of the program, and its answers back.

use std::fmt::Write as _;

use signet_protocol::{
    Conversation, SecretText,
    wire::{Choice, Event, Kind, Outcome, Prompt, Verdict},
};

use crate::{
    arguments::{Arguments, FirstPassword},
    host::{Host, Level, NoAnswer, Style, Told},
    table::Ending,
};

/// More prompts than any ceremony has: a program that answers everything with nothing is stopped.
const MAX_PROMPTS: usize = 24;
/// How often a choice or a confirmation is asked again.
const MAX_REPEATS: usize = 3;
/// The code of the question for a password (`signet_authn::Question::Password`). It alone takes
/// from and gives to `PAM_AUTHTOK`; a card's PIN never does.
const PASSWORD: &str = "password";

/// Whether the program wants to be told things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    Full,
    /// `PAM_SILENT`, `quiet`: prompts only.
    PromptsOnly,
}

/// Leads a conversation to its end.
pub(crate) struct Dialogue<'a, H: Host> {
    host: &'a mut H,
    talk: Talk,
    first_password: FirstPassword,
    earlier_password: Option<SecretText>,
}

/// What goes to the daemon for a prompt.
enum Reply {
    Answer(SecretText),
    /// Back to the choice of methods.
    Back,
}

impl<'a, H: Host> Dialogue<'a, H> {
    pub(crate) fn new(host: &'a mut H, arguments: &Arguments, silent: bool) -> Self {
        let talk = if silent || arguments.quiet { Talk::PromptsOnly } else { Talk::Full };
        let earlier_password = match arguments.first_password {
            FirstPassword::Ignore => None,
            FirstPassword::Try | FirstPassword::Only => host.earlier_password(),
        };
        Self { host, talk, first_password: arguments.first_password, earlier_password }
    }

    /// Runs the conversation until its outcome, or until the program gives no answer.
    pub(crate) fn run(&mut self, mut conversation: Conversation<'_>) -> Ending {
        let mut prompts = 0;
        loop {
            let event = match conversation.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ending::NoAnswer,
                Err(error) => return error.into(),
            };
            let prompt = match event {
                Event::Notice(notice) => {
                    self.tell(Told::Info, &notice.text);
                    continue;
                }
                Event::Outcome(outcome) => {
                    self.tell_outcome(&outcome);
                    return Ending::Outcome(outcome);
                }
                Event::Prompt(prompt) => prompt,
            };
            prompts += 1;
            let reply = if prompts > MAX_PROMPTS { Err(NoAnswer) } else { self.answer(&prompt) };
            let answer = match reply {
                Ok(Reply::Answer(answer)) => Some(answer),
                Ok(Reply::Back) => None,
                Err(NoAnswer) => {
                    if let Err(error) = conversation.cancel() {
                        self.host
                            .log(Level::Warning, &format!("the conversation was not cancelled: {error}"));
                    }
                    return Ending::NoAnswer;
                }
            };
            match conversation.respond(answer) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ending::NoAnswer,
                Err(error) => return error.into(),
            }
        }
    }

    fn answer(&mut self, prompt: &Prompt) -> Result<Reply, NoAnswer> {
        match prompt.kind {
            Kind::Secret if prompt.code == PASSWORD => self.password(&prompt.text),
            Kind::Secret => self.secret(&prompt.text),
            Kind::Text => {
                let text = self.host.ask(Style::Shown, &prompt.text)?;
                to_answer(&text)
            }
            Kind::Confirm => self.confirm(&prompt.text),
            Kind::Choice => self.choose(&prompt.text, &prompt.choices),
        }
    }

    fn secret(&mut self, text: &str) -> Result<Reply, NoAnswer> {
        let typed = self.host.ask(Style::Hidden, text)?;
        // Nothing typed is no try: the person goes back to the choice of methods (AUT-06).
        if typed.is_empty() { Ok(Reply::Back) } else { to_answer(&typed) }
    }

    fn password(&mut self, text: &str) -> Result<Reply, NoAnswer> {
        if let Some(password) = self.earlier_password.take() {
            return Ok(Reply::Answer(password));
        }
        if self.first_password == FirstPassword::Only {
            return Err(NoAnswer);
        }
        let reply = self.secret(text)?;
        if let Reply::Answer(password) = &reply
            && self.host.keep_password(password).is_err()
        {
            self.host.log(Level::Warning, "the password could not be handed to later modules");
        }
        Ok(reply)
    }

    fn confirm(&mut self, text: &str) -> Result<Reply, NoAnswer> {
        let question = format!("{text}[yes/no] ");
        for _ in 0..MAX_REPEATS {
            let typed = self.host.ask(Style::Shown, &question)?;
            let word = match typed.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => "yes",
                // Nothing typed must never agree to anything.
                "" | "n" | "no" => "no",
                _ => continue,
            };
            return to_answer(word);
        }
        Err(NoAnswer)
    }

    fn choose(&mut self, text: &str, choices: &[Choice]) -> Result<Reply, NoAnswer> {
        let question = list(text, choices);
        for _ in 0..MAX_REPEATS {
            let typed = self.host.ask(Style::Shown, &question)?;
            if let Some(choice) = chosen(typed.trim(), choices) {
                return to_answer(&choice.id);
            }
        }
        Err(NoAnswer)
    }

    /// A success is told by the program itself; a plain denial too.
    fn tell_outcome(&mut self, outcome: &Outcome) {
        match outcome.result {
            Verdict::Granted => {}
            Verdict::Done => self.tell(Told::Info, &outcome.text),
            Verdict::Denied | Verdict::Cancelled | Verdict::Unavailable => {
                if outcome.code != "not-authenticated" {
                    self.tell(Told::Error, &outcome.text);
                }
            }
        }
    }

    fn tell(&mut self, style: Told, text: &str) {
        if self.talk == Talk::Full && !text.is_empty() {
            self.host.tell(style, text);
        }
    }
}

/// An answer that no message can carry counts as none.
fn to_answer(text: &str) -> Result<Reply, NoAnswer> {
    SecretText::new(text.to_owned()).map(Reply::Answer).map_err(|_| NoAnswer)
}

/// One prompt with the whole list, since a program may show nothing but prompts.
fn list(text: &str, choices: &[Choice]) -> String {
    let mut question = format!("{}\n", text.trim_end());
    for (number, choice) in (1..).zip(choices) {
        // Writing to a string cannot fail.
        let _ = writeln!(question, "  {number}) {}", choice.label);
    }
    question.push_str("Choice [1]: ");
    question
}

/// The line that was chosen by its number or its id; the first one where nothing was typed.
fn chosen<'c>(typed: &str, choices: &'c [Choice]) -> Option<&'c Choice> {
    if typed.is_empty() {
        return choices.first();
    }
    let by_number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    by_number.map_or_else(|| choices.iter().find(|choice| choice.id == typed), |index| choices.get(index))
}
