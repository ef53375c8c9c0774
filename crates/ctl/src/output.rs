use std::io::{self, Write};

use serde::Serialize;

use crate::fault::Fault;

/// For whom the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines with hints.
    Human,
    /// JSON.
    Json,
}

/// Standard output in one of the two forms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) form: Form,
}

impl Output {
    /// Prints `document` as JSON, or the lines that `human` makes.
    pub(crate) fn give<T: Serialize>(
        self,
        document: &T,
        human: impl FnOnce() -> String,
    ) -> Result<(), Fault> {
        match self.form {
            Form::Human => print(&human()),
            Form::Json => Self::json(document),
        }
    }

    /// Prints lines for a person; nothing with `--json`.
    pub(crate) fn human(self, lines: &str) -> Result<(), Fault> {
        match self.form {
            Form::Human => print(lines),
            Form::Json => Ok(()),
        }
    }

    /// Prints one JSON document on a line of its own.
    pub(crate) fn json<T: Serialize>(document: &T) -> Result<(), Fault> {
        print(&serde_json::to_string(document).map_err(io::Error::from)?)
    }
}

/// Prints a text with a line feed at its end; nothing for an empty text.
pub(crate) fn print(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    // Prompts and events must be seen before the next answer is waited for.
    out.flush()?;
    Ok(())
}
