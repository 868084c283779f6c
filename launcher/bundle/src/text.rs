//! How names and numbers are shown to people.

use std::borrow::Cow;
use std::error::Error;
use std::io;

/// An error and its causes in one line: `can't read x: bad disk`.
///
/// Some libraries repeat their cause in their own text: that is said once.
///
/// ```
/// let error = std::io::Error::other("bad disk");
/// assert_eq!(holdall_bundle::chain(&error), "bad disk");
/// ```
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !line.ends_with(&words) {
            line.push_str(": ");
            line.push_str(&words);
        }
        next = cause.source();
    }
    escaped(&line.trim_end().replace('\n', " ")).into_owned()
}

/// A name with its control characters escaped, so that it can't drive a terminal or forge a line.
///
/// ```
/// assert_eq!(holdall_bundle::escaped("a\nb\u{1b}[2J"), r"a\nb\u{1b}[2J");
/// ```
pub fn escaped(name: &str) -> Cow<'_, str> {
    // Beside the control characters: marks that turn the direction of text, and line separators.
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !name.contains(harmful) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match harmful(c) {
            true => text.extend(c.escape_default()),
            false => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// Takes a closed pipe for a success: the reader has what it wanted (`holdall list … | head`).
///
/// # Errors
/// Every other error of `result`.
pub fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("can't read {name}")]
    struct Outer {
        name: &'static str,
        source: io::Error,
    }

    #[test]
    fn causes_follow_in_one_line() {
        let source = io::Error::other("bad\ndisk");
        assert_eq!(chain(&Outer { name: "x", source }), "can't read x: bad disk");
    }
}
