//! What is told, in which form and where, by the names of Twisted's `twist`.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// How to tell what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Text or JSON.
    pub format: Format,
    /// The least important events that are told.
    pub level: Level,
    /// Where the lines go.
    pub target: Target,
}

/// Everything from [`Level::Info`] on stderr, in the form that suits it.
impl Default for Settings {
    fn default() -> Self {
        let target = Target::Stderr;
        Self { format: Format::suiting(&target), level: Level::Info, target }
    }
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lines for people.
    Text,
    /// Lines for programs.
    Json,
}

impl Format {
    /// Each format, by its name.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Text, "text"), (Self::Json, "json")];

    /// Text on a terminal, JSON anywhere else.
    pub fn suiting(target: &Target) -> Self {
        if target.is_terminal() { Self::Text } else { Self::Json }
    }
}

/// How much an event matters to an operator, from the least.
///
/// An event is critical where it is an error with the field `critical = true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Of use to those who look for a mistake.
    Debug,
    /// What a server does when all is well.
    Info,
    /// Something an operator should look at some day.
    Warn,
    /// Something did not work.
    Error,
    /// The server can't go on.
    Critical,
}

impl Level {
    /// Each level, by its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Warn, "warn"),
        (Self::Error, "error"),
        (Self::Critical, "critical"),
    ];
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output, written `-`.
    Stdout,
    /// Standard error, written `+`.
    Stderr,
    /// The end of this file, which is made (mode 0640) where there is none.
    File(PathBuf),
}

impl Target {
    /// Whether somebody sees the lines as they come.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
            Self::File(_) => false,
        }
    }
}

/// `-`, `+` or a path, as an option has it.
///
/// ```
/// use holdall_log::Target;
///
/// assert_eq!("+".parse(), Ok(Target::Stderr));
/// assert_eq!("/var/log/hello".parse(), Ok(Target::File("/var/log/hello".into())));
/// ```
impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" => Self::Stdout,
            "+" => Self::Stderr,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("-"),
            Self::Stderr => formatter.write_str("+"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// A name that no level or format has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} is not a log {kind}: use {}", .known.join(", "))]
pub struct UnknownValue {
    /// `level` or `format`.
    pub kind: &'static str,
    /// What was given.
    pub given: String,
    /// The names that there are.
    pub known: Vec<&'static str>,
}

fn named<T: Copy>(
    kind: &'static str,
    all: &[(T, &'static str)],
    given: &str,
) -> Result<T, UnknownValue> {
    let found = all.iter().find(|(_, name)| *name == given);
    found.map(|(value, _)| *value).ok_or_else(|| UnknownValue {
        kind,
        given: given.to_owned(),
        known: all.iter().map(|(_, name)| *name).collect(),
    })
}

impl FromStr for Level {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        named("level", &Self::ALL, text)
    }
}

impl FromStr for Format {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        named("format", &Self::ALL, text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Self::ALL[*self as usize].1)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Self::ALL[*self as usize].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (level, name) in Level::ALL {
            assert_eq!(name.parse(), Ok(level));
            assert_eq!(level.to_string(), name);
        }
        for (format, name) in Format::ALL {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.to_string(), name);
        }
        for name in ["-", "+", "./-", "a b"] {
            assert_eq!(name.parse::<Target>().map(|target| target.to_string()), Ok(name.into()));
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = "loud".parse::<Level>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"loud\" is not a log level: use debug, info, warn, error, critical"
        );
    }
}
