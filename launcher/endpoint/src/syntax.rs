//! The grammar of endpoint strings: where a segment ends, and which characters are literal.
//!
//! The grammar is that of Twisted's `serverFromString`: segments parted by `:`, the first `=` of a
//! segment parts name and value, `\` takes the next character literally. One addition: `[` at the
//! beginning of a value, or after a comma, runs to its `]`, so that IPv6 addresses need no escapes.

use crate::error::Problem;

/// One segment of an endpoint string, with its escapes resolved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The name before the first bare `=`, if there is one.
    pub(crate) name: Option<String>,
    pub(crate) value: String,
    /// Where the segment begins in the input: the number of characters before it, plus one.
    pub(crate) column: usize,
}

impl Segment {
    /// Is it a number and nothing else?
    pub(crate) fn is_number(&self) -> bool {
        let digits = self.value.bytes().all(|byte| byte.is_ascii_digit());
        self.name.is_none() && !self.value.is_empty() && digits
    }

    /// Is there nothing between its colons?
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.value.is_empty()
    }
}

/// A problem and the column (from 1, in characters) where it is.
pub(crate) type Located<T> = Result<T, (usize, Problem)>;

/// Splits an endpoint string; the result has at least one segment.
pub(crate) fn split(input: &str) -> Located<Vec<Segment>> {
    let mut scanner = Scanner::new(input);
    let mut segments = vec![scanner.segment()?];
    while scanner.take(':') {
        segments.push(scanner.segment()?);
    }
    Ok(segments)
}

/// Quotes text so that it is one literal value inside an endpoint string.
///
/// ```
/// assert_eq!(holdall_endpoint::quote("/srv/a:b"), r"/srv/a\:b");
/// ```
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | ':' | '=' | '[') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    column: usize,
}

impl<'a> Scanner<'a> {
    fn new(input: &'a str) -> Self {
        Self { rest: input.chars().peekable(), column: 1 }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        self.column += 1;
        Some(character)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn segment(&mut self) -> Located<Segment> {
        let column = self.column;
        let first = self.word(|character| matches!(character, ':' | '='))?;
        if !self.take('=') {
            return Ok(Segment { name: None, value: first, column });
        }
        if first.is_empty() {
            return Err((column, Problem::EmptyName));
        }
        Ok(Segment { name: Some(first), value: self.word(|character| character == ':')?, column })
    }

    /// Reads up to a bare character for which `ends` holds, and leaves that character.
    fn word(&mut self, ends: fn(char) -> bool) -> Located<String> {
        let mut word = String::new();
        let mut bracket_opens = true;
        while let Some(&character) = self.rest.peek() {
            if ends(character) {
                break;
            }
            let column = self.column;
            self.next();
            match character {
                '\\' => word.push(self.next().ok_or((column, Problem::TrailingBackslash))?),
                '[' if bracket_opens => self.bracketed(&mut word, column)?,
                other => word.push(other),
            }
            bracket_opens = character == ',';
        }
        Ok(word)
    }

    /// Reads the rest of `[...]`, with its brackets.
    fn bracketed(&mut self, word: &mut String, column: usize) -> Located<()> {
        word.push('[');
        while let Some(character) = self.next() {
            word.push(character);
            if character == ']' {
                return Ok(());
            }
        }
        Err((column, Problem::UnclosedBracket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(input: &str) -> Vec<(Option<String>, String)> {
        let segments = split(input).expect("well formed");
        segments.into_iter().map(|s| (s.name, s.value)).collect()
    }

    fn named(name: &str, value: &str) -> (Option<String>, String) {
        (Some(name.into()), value.into())
    }

    fn bare(value: &str) -> (Option<String>, String) {
        (None, value.into())
    }

    #[test]
    fn first_equals_sign_parts_name_and_value() {
        assert_eq!(pairs("k:a=b=c"), [bare("k"), named("a", "b=c")]);
        assert_eq!(pairs(r"k:a\=b=c"), [bare("k"), named("a=b", "c")]);
    }

    #[test]
    fn positional_after_keyword_and_empty_segments_are_kept() {
        assert_eq!(pairs("k:a=1::x"), [bare("k"), named("a", "1"), bare(""), bare("x")]);
    }

    #[test]
    fn escapes_and_brackets_are_literal() {
        assert_eq!(pairs(r"t:i=\:\:1"), [bare("t"), named("i", "::1")]);
        assert_eq!(pairs("t:i=[::1]:x"), [bare("t"), named("i", "[::1]"), bare("x")]);
        assert_eq!(pairs(r"u:C\:\\x"), [bare("u"), bare(r"C:\x")]);
    }

    #[test]
    fn a_bracket_opens_after_a_comma_too() {
        assert_eq!(
            pairs("k:t=[::1],[::2]/64:x"),
            [bare("k"), named("t", "[::1],[::2]/64"), bare("x")]
        );
        assert_eq!(pairs("k:a[b:c"), [bare("k"), bare("a[b"), bare("c")]);
        assert_eq!(pairs(r"k:\[b:c"), [bare("k"), bare("[b"), bare("c")]);
    }

    #[test]
    fn columns_count_characters() {
        let columns: Vec<_> =
            split("é:ü=1:z").expect("well formed").iter().map(|s| s.column).collect();
        assert_eq!(columns, [1, 3, 7]);
    }

    #[test]
    fn damage_is_located() {
        assert_eq!(split(r"tcp:80\"), Err((7, Problem::TrailingBackslash)));
        assert_eq!(split("tcp:=1"), Err((5, Problem::EmptyName)));
        assert_eq!(split("tcp:i=[::1"), Err((7, Problem::UnclosedBracket)));
    }
}
