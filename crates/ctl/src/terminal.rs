use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};
use signet_types::Secret;
use unicode_width::UnicodeWidthChar;
use zeroize::Zeroizing;

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    On,
    Off,
}

/// What was typed.
pub(crate) enum Typed {
    /// A line, without its end.
    Line(Zeroizing<String>),
    /// Escape, or Ctrl-D on an empty line.
    Back,
    /// Ctrl-C, or the terminal is gone.
    Stop,
}

/// The controlling terminal, whatever standard input and output are.
pub(crate) struct Terminal {
    file: File,
}

impl Terminal {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().read(true).write(true).open("/dev/tty")? })
    }

    /// Shows the question and reads a line. Keys that were pressed before the question are thrown
    /// away: they were meant for something else.
    pub(crate) fn ask(&self, question: &str, echo: Echo) -> io::Result<Typed> {
        let keys = Keys::new(&self.file)?;
        keys.show(question.as_bytes())?;
        let typed = keys.line(echo);
        keys.show(b"\n")?;
        typed
    }
}

/// The terminal while a line is typed: each key comes as it is pressed, Ctrl-C included, so that no
/// signal can end the program while the echo is off. Dropping it gives the terminal its old modes back.
struct Keys<'t> {
    file: &'t File,
    before: Termios,
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const ESCAPE: u8 = 27;
const DELETE: u8 = 127;

impl<'t> Keys<'t> {
    fn new(file: &'t File) -> io::Result<Self> {
        let before = tcgetattr(file)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(file, OptionalActions::Flush, &modes)?;
        Ok(Self { file, before })
    }

    fn show(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file;
        file.write_all(bytes)
    }

    /// The next key's byte; none where the terminal is gone.
    fn key(&self) -> io::Result<Option<u8>> {
        let mut byte = Zeroizing::new([0_u8; 1]);
        let mut file = self.file;
        loop {
            match file.read(&mut byte[..]) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(byte.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // EIO: the other end was closed.
                Err(_) => return Ok(None),
            }
        }
    }

    /// Whether another byte comes at once: then an Escape was the start of an arrow key or the like.
    fn more_comes(&self) -> bool {
        let wait = Timespec::try_from(Duration::from_millis(30)).ok();
        let mut polled = [PollFd::new(self.file, PollFlags::IN)];
        poll(&mut polled, wait.as_ref()).is_ok_and(|ready| ready > 0)
    }

    fn line(&self, echo: Echo) -> io::Result<Typed> {
        // Of full length at once: a buffer that grows leaves copies behind.
        let mut line = Zeroizing::new(String::with_capacity(Secret::MAX_LEN + 4));
        let mut pending = Zeroizing::new(Vec::with_capacity(4));
        loop {
            let Some(key) = self.key()? else { return Ok(Typed::Stop) };
            match key {
                b'\r' | b'\n' => return Ok(Typed::Line(line)),
                CTRL_C => return Ok(Typed::Stop),
                CTRL_D if line.is_empty() => return Ok(Typed::Back),
                ESCAPE if !self.more_comes() => return Ok(Typed::Back),
                ESCAPE => self.skip_sequence()?,
                BACKSPACE | DELETE => self.take_back(&mut line, echo)?,
                CTRL_U => {
                    while !line.is_empty() {
                        self.take_back(&mut line, echo)?;
                    }
                }
                0..b' ' => {}
                _ => {
                    pending.push(key);
                    self.add(&mut line, &mut pending, echo)?;
                }
            }
        }
    }

    /// Adds the character that `pending` holds, once it is complete; what is no UTF-8 or too long is
    /// answered with a bell.
    fn add(&self, line: &mut String, pending: &mut Vec<u8>, echo: Echo) -> io::Result<()> {
        match std::str::from_utf8(pending) {
            Ok(text) if line.len() + text.len() <= Secret::MAX_LEN && !text.chars().any(char::is_control) => {
                line.push_str(text);
                if echo == Echo::On {
                    self.show(text.as_bytes())?;
                }
            }
            Err(error) if error.error_len().is_none() => return Ok(()),
            _ => self.show(b"\x07")?,
        }
        pending.clear();
        Ok(())
    }

    fn take_back(&self, line: &mut String, echo: Echo) -> io::Result<()> {
        match line.pop() {
            Some(c) if echo == Echo::On => self.show("\u{8} \u{8}".repeat(c.width().unwrap_or(0)).as_bytes()),
            _ => Ok(()),
        }
    }

    /// Skips the rest of a control sequence (ECMA-48, 5.4): it ends with a byte from `@` to `~`.
    fn skip_sequence(&self) -> io::Result<()> {
        let mut first = true;
        while let Some(key) = self.key()? {
            let introducer = first && matches!(key, b'[' | b'O');
            if !introducer && matches!(key, b'@'..=b'~') {
                break;
            }
            first = false;
        }
        Ok(())
    }
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        // A terminal that is gone has no modes to restore.
        let _ = tcsetattr(self.file, OptionalActions::Drain, &self.before);
    }
}
