//! The kinds of endpoints: a table, and how a string is cut into the kinds that it nests.
//!
//! A new kind is one file that says how it is parsed (see [`Form`]), and one line in [`KINDS`].

use std::vec::IntoIter;

use crate::arguments::Arguments;
use crate::endpoint::Endpoint;
use crate::error::{Problem, nearest};
use crate::syntax::{Located, Segment};
use crate::{acme, fd, haproxy, redirect, stdio, systemd, tcp, tls, unix};

/// Every kind of endpoint, by the name it has in a string, whatever its case.
const KINDS: &[Kind] = &[
    Kind { name: "tcp", form: tcp::form },
    Kind { name: "tcp6", form: tcp::form6 },
    Kind { name: "unix", form: unix::form },
    Kind { name: "tls", form: tls::form },
    Kind { name: "ssl", form: tls::form },
    Kind { name: "le", form: acme::le },
    Kind { name: "lets", form: acme::lets },
    Kind { name: "acme", form: acme::any },
    Kind { name: "systemd", form: systemd::form },
    Kind { name: "fd", form: fd::form },
    Kind { name: "stdio", form: stdio::form },
    Kind { name: "haproxy", form: haproxy::form },
    Kind { name: "redirect", form: redirect::form },
];

struct Kind {
    name: &'static str,
    /// Chooses a form by the segments that follow the name.
    form: fn(&[Segment]) -> Form,
}

/// How one kind understands the segments after its name.
pub(crate) struct Form {
    /// How many of the segments are its own; the rest is an endpoint that it wraps.
    own: usize,
    /// The arguments it has, in the order in which positional ones are taken.
    names: &'static [&'static str],
    /// What must follow them, for errors; a socket needs nothing.
    wraps: &'static str,
    build: Build,
}

enum Build {
    Socket(fn(&Arguments) -> Located<Endpoint>),
    Wrapper(fn(&Arguments, Endpoint) -> Located<Endpoint>),
}

impl Form {
    /// A kind that opens a socket: all that follows are its arguments.
    pub(crate) fn socket(
        segments: &[Segment],
        names: &'static [&'static str],
        build: fn(&Arguments) -> Located<Endpoint>,
    ) -> Self {
        Self { own: segments.len(), names, wraps: "", build: Build::Socket(build) }
    }

    /// A kind that wraps an endpoint, which begins at the first segment without a name.
    pub(crate) fn wrapper(
        segments: &[Segment],
        names: &'static [&'static str],
        build: fn(&Arguments, Endpoint) -> Located<Endpoint>,
    ) -> Self {
        let own = segments.iter().take_while(|segment| segment.name.is_some()).count();
        Self { own, names, wraps: "what it wraps, such as tcp:8080", build: Build::Wrapper(build) }
    }

    /// A kind that takes the first segment for itself, and wraps what begins at the next one
    /// without a name.
    pub(crate) fn wrapper_of(
        segments: &[Segment],
        names: &'static [&'static str],
        build: fn(&Arguments, Endpoint) -> Located<Endpoint>,
    ) -> Self {
        let first = segments.first().is_some_and(|segment| segment.name.is_none());
        let rest = segments.get(usize::from(first)..).unwrap_or_default();
        let wrapper = Self::wrapper(rest, names, build);
        let wraps = "what comes after the directory, such as le:DIR:tcp:443";
        Self { own: wrapper.own + usize::from(first), wraps, ..wrapper }
    }
}

/// Parses the segments of an endpoint; `end_column` is where the string ends.
///
/// From the outside in, and then put together from the inside out: without recursion, as how deep
/// a string nests is up to who wrote it.
pub(crate) fn parse(segments: Vec<Segment>, end_column: usize) -> Located<Endpoint> {
    let mut segments = segments.into_iter();
    let mut wrappers = Vec::new();
    let mut wanted = "an endpoint, such as tcp:8080";
    let socket = loop {
        let missing = (end_column, Problem::Missing { name: "endpoint", wanted });
        let (name, column) = kind_name(&mut segments).ok_or(missing)?;
        let kind = KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(&name));
        let kind = kind.ok_or_else(|| (column, unknown_kind(name)))?;
        let form = (kind.form)(segments.as_slice());
        let own = segments.by_ref().take(form.own);
        let arguments = Arguments::bind(kind.name, column, form.names, own, end_column)?;
        match form.build {
            Build::Socket(build) => break build(&arguments)?,
            Build::Wrapper(wrap) => wrappers.push((wrap, arguments)),
        }
        wanted = form.wraps;
    };
    wrappers.into_iter().rev().try_fold(socket, |inner, (wrap, arguments)| wrap(&arguments, inner))
}

/// Takes the kind off the segments. A bare number has none: it is a TCP port.
fn kind_name(segments: &mut IntoIter<Segment>) -> Option<(String, usize)> {
    if let Some(number) = segments.as_slice().first().filter(|first| first.is_number()) {
        return Some(("tcp".to_owned(), number.column));
    }
    let first = segments.next()?;
    let name = match first.name {
        Some(name) => format!("{name}={}", first.value),
        None => first.value,
    };
    Some((name, first.column))
}

fn unknown_kind(found: String) -> Problem {
    if found.starts_with("//") {
        return Problem::CutUrl { found };
    }
    let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let suggestion = if found.starts_with(['/', '.', '@']) {
        Some(format!("unix:{found}"))
    } else if found.parse::<std::net::IpAddr>().is_ok() {
        Some(format!("tcp:PORT:interface={found}"))
    } else {
        nearest(&found, &known).map(str::to_owned)
    };
    Problem::UnknownKind { found, suggestion, known }
}
