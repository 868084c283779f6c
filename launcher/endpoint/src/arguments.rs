//! The arguments of one endpoint, by name.

use std::str::FromStr;

use crate::error::Problem;
use crate::syntax::{Located, Segment};

/// Arguments that were given, each under its name; a kind takes what it knows.
pub(crate) struct Arguments {
    given: Vec<Argument>,
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
        Ok(Self { given, end_column })
    }

    /// Parses an argument that must be there.
    pub(crate) fn required<T: FromStr>(
        &self,
        name: &'static str,
        wanted: &'static str,
    ) -> Located<T> {
        self.optional(name, wanted)?.ok_or((self.end_column, Problem::Missing { name, wanted }))
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
}

fn known(
    kind: &'static str,
    names: &'static [&'static str],
    found: String,
) -> Result<&'static str, Problem> {
    let name = names.iter().find(|name| **name == found);
    name.copied().ok_or(Problem::UnknownName { kind, found, known: names })
}
