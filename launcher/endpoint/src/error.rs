//! What can be wrong in an endpoint string.

/// An endpoint string that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad endpoint {input:?}, column {column}: {problem}")]
pub struct ParseError {
    /// The whole string, as it was given.
    pub input: String,
    /// Where the problem is, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong in an endpoint string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The string is empty.
    #[error("it is empty; try tcp:8080")]
    Empty,
    /// The first segment names no kind of endpoint.
    #[error("unknown kind {found:?}{}; known: {}", hint(suggestion.as_deref()), known.join(", "))]
    UnknownKind {
        /// What stands in the place of the kind.
        found: String,
        /// What may have been meant.
        suggestion: Option<String>,
        /// The kinds there are.
        known: Vec<&'static str>,
    },
    /// What stands in the place of the kind was cut off a URL.
    #[error("the colon before {found:?} ends an argument; in a URL it is written as \\:")]
    CutUrl {
        /// What stands in the place of the kind.
        found: String,
    },
    /// A named argument that the kind does not have.
    #[error(
        "{kind} has no argument {found:?}{}; known: {}", hint(*suggestion), known.join(", ")
    )]
    UnknownName {
        /// The kind of endpoint.
        kind: &'static str,
        /// The name that was given.
        found: String,
        /// What may have been meant.
        suggestion: Option<&'static str>,
        /// The names the kind has.
        known: &'static [&'static str],
    },
    /// An argument that was given twice, by name or by position.
    #[error("{name} is given twice")]
    Duplicate {
        /// The argument.
        name: &'static str,
    },
    /// More positional arguments than the kind has arguments.
    #[error("{kind} takes {}; escape a literal colon as \\:", at_most(*most))]
    TooMany {
        /// The kind of endpoint.
        kind: &'static str,
        /// How many it takes.
        most: usize,
    },
    /// An argument that must be there is not.
    #[error("{name} is missing, wanted {wanted}")]
    Missing {
        /// The argument.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// Two arguments of which only one can be.
    #[error("{first} and {second} can't both be given")]
    Conflict {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A path that no Unix socket can have.
    #[error("the path has {length} bytes, a Unix socket's at most {most}; take a shorter one")]
    PathTooLong {
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be, in bytes.
        most: usize,
    },
    /// A layer that is there already.
    #[error("{kind} is given twice, one inside the other")]
    Twice {
        /// The kind of endpoint.
        kind: &'static str,
    },
    /// A redirect to https where there is https.
    #[error(
        "redirect sends clients to the https port and so belongs on one without tls; \
         give the tls endpoint as a second one"
    )]
    RedirectOverTls,
    /// A value that is not what the argument needs.
    #[error("{name} is {found:?}, wanted {wanted}")]
    BadValue {
        /// The argument.
        name: &'static str,
        /// The value that was given.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A `=` with no name before it.
    #[error("no name before \"=\"")]
    EmptyName,
    /// A backslash at the end, with nothing to escape.
    #[error("backslash with nothing after it")]
    TrailingBackslash,
    /// A `[` without its `]`.
    #[error("\"[\" without \"]\"")]
    UnclosedBracket,
}

/// The known word that a misspelt one is nearest to, if it is near enough to be meant.
pub(crate) fn nearest(found: &str, known: &[&'static str]) -> Option<&'static str> {
    let found = found.to_ascii_lowercase();
    let likeness =
        |word: &str| strsim::normalized_damerau_levenshtein(&found, &word.to_ascii_lowercase());
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    // Half of the characters are right.
    (likeness(nearest) > 0.5).then_some(*nearest)
}

fn at_most(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        more => format!("at most {more} arguments"),
    }
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or(String::new(), |word| format!(", did you mean {word:?}?"))
}
