//! An event as a line for people: `NAME: error: message key=value`.

use std::fmt::Write;

use serde_json::Value;

use crate::Level;
use crate::escape::is_active;
use crate::event::Told;

/// What is around the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Each line begins with the time.
    pub(crate) has_time: bool,
    /// The level is coloured.
    pub(crate) has_colour: bool,
}

/// Appends the line to the buffer.
pub(crate) fn write(told: &Told<'_>, style: Style, line: &mut String) {
    if style.has_time {
        let _ = write!(line, "{:.3} ", told.time);
    }
    escape(told.name, line);
    line.push_str(": ");
    level(told.level, style, line);
    escape(&told.said.message, line);
    for (name, value) in &told.said.fields {
        let _ = write!(line, " {name}=");
        match value {
            Value::String(text) => field(text, line),
            other => drop(write!(line, "{other}")),
        }
    }
    line.push('\n');
}

/// The level, unless it is the usual one.
fn level(level: Level, style: Style, line: &mut String) {
    let (word, colour) = match level {
        Level::Info => return,
        Level::Debug => ("debug", "2"),
        Level::Warn => ("warning", "1;33"),
        Level::Error => ("error", "1;31"),
        Level::Critical => ("critical", "1;31"),
    };
    let _ = match style.has_colour {
        true => write!(line, "\x1b[{colour}m{word}:\x1b[0m "),
        false => write!(line, "{word}: "),
    };
}

/// A value, in quotes where its end would not be seen otherwise.
fn field(text: &str, line: &mut String) {
    let is_plain = |letter: char| !letter.is_whitespace() && !"\"=\\".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return escape(text, line);
    }
    line.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => line.extend(['\\', letter]),
            letter => escape_letter(letter, line),
        }
    }
    line.push('"');
}

fn escape(text: &str, line: &mut String) {
    text.chars().for_each(|letter| escape_letter(letter, line));
}

fn escape_letter(letter: char, line: &mut String) {
    match is_active(letter) {
        true => line.extend(letter.escape_default()),
        false => line.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::event::Said;

    const PLAIN: Style = Style { has_time: false, has_colour: false };

    fn line(level: Level, style: Style, message: &str, fields: &[(&'static str, Value)]) -> String {
        let said = Said { message: message.into(), is_critical: false, fields: fields.to_vec() };
        let time = Timestamp::from_microsecond(1_795_387_800_123_456).unwrap();
        let mut line = String::new();
        write(&Told { time, level, name: "sayhello", target: None, said }, style, &mut line);
        line
    }

    #[test]
    fn information_is_told_as_it_is() {
        let told = line(Level::Info, PLAIN, "serving on http://127.0.0.1:8080", &[]);
        assert_eq!(told, "sayhello: serving on http://127.0.0.1:8080\n");
    }

    #[test]
    fn the_level_stands_before_the_message() {
        assert_eq!(line(Level::Warn, PLAIN, "old", &[]), "sayhello: warning: old\n");
        assert_eq!(line(Level::Error, PLAIN, "bad", &[]), "sayhello: error: bad\n");
        let style = Style { has_time: true, has_colour: true };
        assert_eq!(
            line(Level::Critical, style, "end", &[]),
            "2026-11-22T22:50:00.123Z sayhello: \x1b[1;31mcritical:\x1b[0m end\n"
        );
    }

    #[test]
    fn values_are_quoted_where_needed() {
        let fields = [
            ("port", json!(8080)),
            ("path", json!("/a/b.pem")),
            ("error", json!("not \"found\"")),
            ("empty", json!("")),
            ("forged", json!("x\nsayhello: error: \x1b[31m\u{202e}")),
        ];
        assert_eq!(
            line(Level::Info, PLAIN, "a", &fields),
            "sayhello: a port=8080 path=/a/b.pem error=\"not \\\"found\\\"\" empty=\"\" \
             forged=\"x\\nsayhello: error: \\u{1b}[31m\\u{202e}\"\n"
        );
    }

    #[test]
    fn a_message_stays_one_line() {
        let told = line(Level::Info, PLAIN, "a\r\nb\u{85}c\u{2028}d", &[]);
        assert_eq!(told, "sayhello: a\\r\\nb\\u{85}c\\u{2028}d\n");
    }
}
