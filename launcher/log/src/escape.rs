//! Which letters of a value can't be shown as they are.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Whether a letter would end the line, speak to the terminal, or make the line look like another
/// one: control characters, line separators, and what turns the direction of the text around
/// (Unicode Standard Annex 9, section 2).
pub(crate) fn is_active(letter: char) -> bool {
    let is_separator = matches!(letter, '\u{2028}' | '\u{2029}');
    let is_direction = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || is_separator || is_direction
}

/// Appends a value as JSON in which no letter acts on a terminal: JSON on its own would show
/// U+009B as it is, with which many terminals begin a command.
///
/// ```
/// let mut line = Vec::new();
/// holdall_log::write_json("a\u{9b}\n", &mut line);
/// assert_eq!(line, br#""a\u009b\n""#);
/// ```
///
/// A value that refuses to be serialised, or has keys that are no strings, is cut short.
pub fn write_json<T: Serialize + ?Sized>(value: &T, line: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = value.serialize(&mut Serializer::with_formatter(line, Inactive));
}

struct Inactive;

impl Formatter for Inactive {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // The rest of ASCII's control characters are escaped before.
        if fragment.is_ascii() && !fragment.as_bytes().contains(&b'\x7f') {
            return writer.write_all(fragment.as_bytes());
        }
        for letter in fragment.chars() {
            match is_active(letter) {
                true => write!(writer, "\\u{:04x}", u32::from(letter))?,
                false => writer.write_all(letter.encode_utf8(&mut [0; 4]).as_bytes())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_survives_and_none_acts() {
        let text: String = ('\0'..=char::MAX).collect();
        let mut line = Vec::new();
        write_json(&text, &mut line);
        assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
        assert!(!String::from_utf8(line).unwrap().contains(is_active));
    }
}
