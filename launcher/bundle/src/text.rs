//! How names and numbers are shown to people.

use std::borrow::Cow;
use std::io;

/// A number with its thousands grouped, as `1,204,224`.
///
/// ```
/// assert_eq!(holdall_bundle::grouped(1_204_224), "1,204,224");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
