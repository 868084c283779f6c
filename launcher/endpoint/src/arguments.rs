//! The arguments of one endpoint, by name.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Problem, nearest};
use crate::syntax::{Located, Segment};

/// Arguments that were given, each under its name; a kind takes what it knows.
pub(crate) struct Arguments {
    given: Vec<Argument>,
    /// Where the name of the kind stands.
    column: usize,
    /// Where the string ends: the column of what is missing.
    end_column: usize,
}

struct Argument {
    name: &'static str,
    value: String,
    column: usize,
}

impl Arguments {
    /// Binds segments to the names a kind knows: positional ones in the order of `names`.
    pub(crate) fn bind(
        kind: &'static str,
        column: usize,
        names: &'static [&'static str],
        segments: impl IntoIterator<Item = Segment>,
        end_column: usize,
    ) -> Located<Self> {
        let mut given: Vec<Argument> = Vec::new();
        let mut position = 0;
        for Segment { name, value, column } in segments {
            let name = match name {
                Some(name) => known(kind, names, name).map_err(|problem| (column, problem))?,
                None => {
                    position += 1;
                    let surplus = Problem::TooMany { kind, most: names.len() };
                    *names.get(position - 1).ok_or((column, surplus))?
                }
            };
            if given.iter().any(|argument| argument.name == name) {
                return Err((column, Problem::Duplicate { name }));
            }
            given.push(Argument { name, value, column });
        }
        Ok(Self { given, column, end_column })
    }

    /// A problem of the kind as a whole, where its name stands.
    pub(crate) fn misplaced(&self, problem: Problem) -> (usize, Problem) {
        (self.column, problem)
    }

    /// Parses an argument that must be there.
    pub(crate) fn required<T: FromStr>(
        &self,
        name: &'static str,
        wanted: &'static str,
    ) -> Located<T> {
        self.optional(name, wanted)?.ok_or_else(|| self.missing(name, wanted))
    }

    /// Parses an argument that may be left out; an empty one counts as left out.
    pub(crate) fn optional<T: FromStr>(
        &self,
        name: &'static str,
        wanted: &'static str,
    ) -> Located<Option<T>> {
        let Some(argument) = self.given.iter().find(|argument| argument.name == name) else {
            return Ok(None);
        };
        if argument.value.is_empty() {
            return Ok(None);
        }
        let bad = |_| {
            let found = argument.value.clone();
            (argument.column, Problem::BadValue { name, found, wanted })
        };
        argument.value.parse().map(Some).map_err(bad)
    }

    /// Parses an argument that is `0` or `1`.
    pub(crate) fn switch(&self, name: &'static str, default: Switch) -> Located<bool> {
        let Switch(given) = self.optional(name, "0 or 1")?.unwrap_or(default);
        Ok(given)
    }

    /// Parses an argument that is a path.
    pub(crate) fn path(&self, name: &'static str) -> Located<Option<PathBuf>> {
        let path = self.optional(name, PATH)?;
        Ok(path.map(|PathText(path)| path))
    }

    /// Where an argument stands, for what is found wrong with it later.
    pub(crate) fn column_of(&self, name: &str) -> usize {
        let argument = self.given.iter().find(|argument| argument.name == name);
        argument.map_or(self.end_column, |argument| argument.column)
    }

    /// An argument that must be there and is not.
    pub(crate) fn missing(&self, name: &'static str, wanted: &'static str) -> (usize, Problem) {
        (self.end_column, Problem::Missing { name, wanted })
    }
}

/// What a path may be, for errors.
pub(crate) const PATH: &str = "a path (no path has a NUL in it)";

struct PathText(PathBuf);

impl FromStr for PathText {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.contains('\0') { Err(()) } else { Ok(Self(text.into())) }
    }
}

/// `0` or `1`.
pub(crate) struct Switch(pub(crate) bool);

impl FromStr for Switch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "0" => Ok(Self(false)),
            "1" => Ok(Self(true)),
            _ => Err(()),
        }
    }
}

fn known(
    kind: &'static str,
    names: &'static [&'static str],
    found: String,
) -> Result<&'static str, Problem> {
    let name = names.iter().copied().find(|name| *name == found);
    name.ok_or_else(|| {
        let suggestion = nearest(&found, names);
        Problem::UnknownName { kind, found, suggestion, known: names }
    })
}
