//! Names of resources: a type that proves a name is harmless and has one spelling.

use thiserror::Error;

/// The longest name, in bytes (Linux `PATH_MAX`).
pub const NAME_MAX: usize = 4096;

/// A valid name: relative, `/`-separated, UTF-8, in its only spelling.
///
/// Parsing is the only way to make one, so whoever holds a `Name` need not check again: joined to
/// a directory it stays below it, and two equal files have equal names.
///
/// ```
/// # use holdall_archive::{Name, NameError};
/// assert_eq!(Name::new("data/index.html").unwrap().as_str(), "data/index.html");
/// assert_eq!(Name::new("data/../index.html"), Err(NameError::DotSegment));
/// assert_eq!(Name::new("/etc/passwd"), Err(NameError::Absolute));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Takes `name` if it is valid.
    ///
    /// # Errors
    /// A [`NameError`] that says which rule it breaks.
    pub fn new(name: &'a str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_MAX {
            return Err(NameError::TooLong { length: name.len() });
        }
        if name.starts_with('/') {
            return Err(NameError::Absolute);
        }
        if let Some(found) = name.chars().find(|c| c.is_control()) {
            return Err(NameError::Control { found });
        }
        if name.contains('\\') {
            return Err(NameError::Backslash);
        }
        if let [drive, b':', ..] = name.as_bytes()
            && drive.is_ascii_alphabetic()
        {
            return Err(NameError::Drive);
        }
        for segment in name.split('/') {
            match segment {
                "" => return Err(NameError::EmptySegment),
                "." | ".." => return Err(NameError::DotSegment),
                _ => {}
            }
        }
        Ok(Name(name))
    }

    /// The name as a string.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Which rule a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing in it.
    #[error("a name can't be empty")]
    Empty,
    /// It is longer than [`NAME_MAX`].
    #[error("a name of {length} bytes is too long (at most {NAME_MAX})")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It begins with `/`.
    #[error("a name is relative: it can't begin with '/'")]
    Absolute,
    /// It begins with a drive letter, as `C:`.
    #[error("a name can't begin with a drive letter")]
    Drive,
    /// It holds a backslash, which other systems take for a separator.
    #[error("a name can't hold a backslash")]
    Backslash,
    /// It holds a control character, as NUL or a line feed.
    #[error("a name can't hold the control character {found:?}")]
    Control {
        /// The first one.
        found: char,
    },
    /// It holds `//`, or ends in `/`.
    #[error("a name can't hold an empty segment ('//', or '/' at the end)")]
    EmptySegment,
    /// One of its segments is `.` or `..`.
    #[error("a name can't hold '.' or '..' as a segment")]
    DotSegment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_that_breaks_it() {
        let long = "x".repeat(5000);
        let cases = [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong { length: 5000 }),
            ("/abs", NameError::Absolute),
            ("C:\\x", NameError::Backslash),
            ("c:x", NameError::Drive),
            ("a\\b", NameError::Backslash),
            ("a\0b", NameError::Control { found: '\0' }),
            ("a\nb", NameError::Control { found: '\n' }),
            ("a//b", NameError::EmptySegment),
            ("a/", NameError::EmptySegment),
            ("./a", NameError::DotSegment),
            ("a/..", NameError::DotSegment),
            ("..", NameError::DotSegment),
        ];
        for (name, expected) in cases {
            assert_eq!(Name::new(name), Err(expected), "{name:?}");
        }
    }

    #[test]
    fn ordinary_and_odd_names_pass() {
        for name in
            ["a", "a/b", "größe.txt", "日本/語", "a b", "...", "..a", "aa:b", ".hidden", "a.", "-x"]
        {
            assert_eq!(Name::new(name).map(Name::as_str), Ok(name));
        }
    }
}
