//! Text from elsewhere, made harmless for a terminal.

use std::fmt::Write as _;

/// The text with everything escaped that could steer a terminal or turn the direction of writing:
/// control characters as `\u{1b}`, bidirectional controls likewise. Device names, descriptions and
/// messages come from other people's hardware and from other users (security.md, R10).
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    escaped(text, |_| false)
}

/// The same for text of several lines: line feeds and tabs stay.
#[must_use]
pub(crate) fn plain_lines(text: &str) -> String {
    escaped(text, |c| c == '\n' || c == '\t')
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() || steers(c)) && !kept(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Marks that change the direction of text, and separators that some terminals take for a new line
/// (Unicode 16, `Bidi_Control`, and the line and paragraph separators).
const fn steers(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}
