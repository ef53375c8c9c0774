use std::io::{self, BufRead, Read, StdinLock};

use signet_protocol::{
    SecretText,
    wire::{Kind, Prompt},
};
use signet_types::Secret;
use zeroize::Zeroizing;

use crate::{
    fault::Fault,
    output::{Form, Output},
    plain::plain,
    terminal::{Echo, Terminal, Typed},
};

/// What a prompt is answered with.
pub(crate) enum Reply {
    /// This.
    Given(SecretText),
    /// Nothing: back to the choice of methods.
    Back,
    /// Nothing: the conversation ends.
    Stop,
}

/// Where answers come from.
pub(crate) enum Answers {
    /// The person at the terminal; opened at the first prompt.
    Terminal(Option<Terminal>),
    /// Standard input, one a line.
    Lines(StdinLock<'static>),
}

impl Answers {
    /// From standard input where `lines`, else from the terminal.
    pub(crate) fn new(lines: bool) -> Self {
        if lines { Self::Lines(io::stdin().lock()) } else { Self::Terminal(None) }
    }

    /// Gets the answer to a prompt.
    pub(crate) fn answer(&mut self, prompt: &Prompt, output: Output) -> Result<Reply, Fault> {
        match self {
            Self::Lines(input) => {
                if output.form == Form::Human {
                    crate::output::print(&question(prompt))?;
                }
                from_line(input, prompt)
            }
            Self::Terminal(opened) => {
                let terminal = match opened {
                    Some(terminal) => terminal,
                    None => opened.insert(Terminal::open().map_err(|_| Fault::NoTerminal)?),
                };
                from_person(terminal, prompt)
            }
        }
    }

    /// Asks for a secret outside of a conversation.
    pub(crate) fn secret(&mut self, text: &str, output: Output) -> Result<Option<SecretText>, Fault> {
        let prompt =
            Prompt { kind: Kind::Secret, code: String::new(), text: text.to_owned(), choices: Vec::new() };
        match self.answer(&prompt, output)? {
            Reply::Given(secret) => Ok(Some(secret)),
            Reply::Back | Reply::Stop => Ok(None),
        }
    }

    /// Whether a person types, who can be asked to type a new secret twice.
    pub(crate) const fn are_typed(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }
}

/// The prompt in words: its text, and for a choice the numbered lines.
fn question(prompt: &Prompt) -> String {
    let mut text = plain(&prompt.text);
    for (number, choice) in prompt.choices.iter().enumerate() {
        text = format!("{text}\n  {}  {}", number + 1, plain(&choice.label));
    }
    text
}

/// What follows the question on the line where the answer is typed.
const fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret | Kind::Text => "",
        Kind::Confirm => "[yes/no] ",
        Kind::Choice => "\nNumber: ",
    }
}

/// What answers fit, in words.
fn allowed(prompt: &Prompt) -> String {
    match prompt.kind {
        Kind::Secret | Kind::Text => format!("at most {} bytes of UTF-8 text", Secret::MAX_LEN),
        Kind::Confirm => "yes, no".to_owned(),
        Kind::Choice => {
            let ids: Vec<_> = prompt.choices.iter().map(|c| plain(&c.id)).collect();
            format!("1 to {}, or {}", prompt.choices.len(), ids.join(", "))
        }
    }
}

/// The answer as the daemon wants it; none where it does not fit.
fn fitting(prompt: &Prompt, typed: &str) -> Option<SecretText> {
    let answer = match prompt.kind {
        Kind::Secret | Kind::Text => typed,
        Kind::Confirm => match typed.trim().to_lowercase().as_str() {
            "y" | "yes" => "yes",
            "n" | "no" => "no",
            _ => return None,
        },
        Kind::Choice => {
            let typed = typed.trim();
            let by_id = prompt.choices.iter().find(|c| c.id == typed);
            let number = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            &by_id.or_else(|| prompt.choices.get(number?))?.id
        }
    };
    SecretText::new(answer.to_owned()).ok()
}

fn from_person(terminal: &mut Terminal, prompt: &Prompt) -> Result<Reply, Fault> {
    let echo = if prompt.kind == Kind::Secret { Echo::Off } else { Echo::On };
    let question = question(prompt);
    let gap = if question.ends_with(' ') || prompt.kind == Kind::Choice { "" } else { " " };
    let mut shown = format!("{question}{gap}{}", hint(prompt.kind));
    loop {
        match terminal.ask(&shown, echo)? {
            Typed::Stop => return Ok(Reply::Stop),
            Typed::Back => return Ok(Reply::Back),
            Typed::Line(line) => match fitting(prompt, &line) {
                Some(answer) => return Ok(Reply::Given(answer)),
                None => shown = format!("Allowed are {}: ", allowed(prompt)),
            },
        }
    }
}

fn from_line(input: &mut StdinLock<'static>, prompt: &Prompt) -> Result<Reply, Fault> {
    // Room for the longest secret and its line feed at once: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(Secret::MAX_LEN + 2));
    let longest = u64::try_from(Secret::MAX_LEN).unwrap_or(u64::MAX) + 1;
    input.by_ref().take(longest).read_until(b'\n', &mut line).map_err(Fault::file("standard input"))?;
    if line.is_empty() {
        return Err(Fault::NoMoreAnswers { prompt: plain(&prompt.text) });
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let answer = std::str::from_utf8(line).ok().and_then(|line| fitting(prompt, line));
    answer
        .map(Reply::Given)
        .ok_or_else(|| Fault::BadAnswer { prompt: plain(&prompt.text), allowed: allowed(prompt) })
}
