use std::fmt;

/// What a kind of device needs before it works (MET-02), told in words for the person who can mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ready,
    /// A part is not there.
    Missing {
        /// The part: `pcscd`, `a smart card reader`.
        part: Line,
        /// What to do.
        advice: Line,
    },
    /// A part is there and does not do its work.
    Failing {
        /// The part.
        part: Line,
        /// What to do.
        advice: Line,
    },
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Missing { part, advice } => write!(f, "{part} is missing: {advice}"),
            Self::Failing { part, advice } => write!(f, "{part} does not work: {advice}"),
        }
    }
}

/// One line of printable ASCII, at most [`Line::MAX_LEN`] bytes, whatever it is made from: device
/// strings are hostile, and this one reaches terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// The longest line in bytes.
    pub const MAX_LEN: usize = 200;

    /// Makes a line of `text`: what is not printable ASCII becomes `?`, what is too long is cut.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let printable = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        Self(text.chars().take(Self::MAX_LEN).map(printable).collect())
    }

    /// The line as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
