//! `fd:NUMBER`, a listening socket that the parent process left open.

use std::fmt;
use std::os::fd::RawFd;

use crate::arguments::Arguments;
use crate::descriptor::{self, Family};
use crate::endpoint::{Endpoint, Socket};
use crate::error::Problem;
use crate::inherited::Inherited;
use crate::kind::Form;
use crate::listener::{OpenSocket, Opened};
use crate::open_error::OpenError;
use crate::syntax::{Located, Segment};

/// A descriptor by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fd {
    /// The number; never negative.
    pub number: RawFd,
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    Form::socket(segments, &["number"], parse)
}

fn parse(arguments: &Arguments) -> Located<Endpoint> {
    let (name, wanted) = ("number", "a descriptor number from 0");
    let number: RawFd = arguments.required(name, wanted)?;
    if number < 0 {
        let problem = Problem::BadValue { name, found: number.to_string(), wanted };
        return Err((arguments.column_of(name), problem));
    }
    Ok(Socket::Fd(Fd { number }).into())
}

impl Fd {
    pub(crate) fn open(&self, inherited: &mut Inherited) -> Result<Opened, OpenError> {
        let number = self.number;
        let name = format!("fd.{number}");
        // It has another number where it was passed on, and may be counted by LISTEN_FDS, too.
        let passed = inherited.take_named(&name).or_else(|| inherited.take_numbered(number));
        let (socket, family) = match passed {
            Some(passed) => passed.listening(Family::ALL)?,
            None => descriptor::take(number, |socket| descriptor::listening(socket, Family::ALL))
                .map_err(|source| OpenError::Unsuitable { number, name: None, source })?,
        };
        Ok(Opened { name, socket: OpenSocket::adopted(socket, family) })
    }
}

impl fmt::Display for Fd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "fd:{}", self.number)
    }
}
