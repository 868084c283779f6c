//! Descriptors that the process was started with: `LISTEN_FDS` of sd_listen_fds(3).
//!
//! The service manager passes sockets this way, and so does a process that hands over to its
//! successor.

use std::env;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use crate::descriptor::{self, Family, Unsuitable};
use crate::open_error::OpenError;

/// The first descriptor that is passed (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// What a descriptor is called that was passed without a name.
const UNNAMED: &str = "unknown";

/// The descriptors that were passed to this process, each until an endpoint takes it.
///
/// Those that no endpoint takes are closed when this is dropped.
#[derive(Debug)]
pub struct Inherited {
    passing: Passing,
    /// In the order in which they were passed; `None` where one was taken.
    descriptors: Vec<Option<Passed>>,
}

/// What was passed, for errors about what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passing {
    /// There is no `LISTEN_FDS` or no `LISTEN_PID`.
    Nothing,
    /// `LISTEN_PID` is not this process.
    OtherProcess {
        /// The process that it names.
        process: u32,
        /// This process.
        own: u32,
    },
    /// Descriptors of these names, taken or not.
    Names(Vec<String>),
}

/// One descriptor, and what it was passed as.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) name: String,
    number: RawFd,
    socket: OwnedFd,
}

/// Variables that do not describe the descriptors that there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InheritError {
    /// A variable that is not a number.
    #[error("{variable} is {value:?}, wanted a number")]
    BadNumber {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// `LISTEN_FDNAMES` has more or fewer names than `LISTEN_FDS` says there are descriptors.
    #[error("LISTEN_FDNAMES has {names} names for the {descriptors} descriptors of LISTEN_FDS")]
    NameCount {
        /// How many names.
        names: usize,
        /// How many descriptors.
        descriptors: usize,
    },
    /// A descriptor that `LISTEN_FDS` counts can't be had.
    #[error("descriptor {number}, of the {descriptors} of LISTEN_FDS, can't be taken")]
    Descriptor {
        /// The number of the descriptor.
        number: RawFd,
        /// How many there should be.
        descriptors: usize,
        /// What is wrong with it.
        source: Unsuitable,
    },
}

impl Inherited {
    /// Takes the descriptors that the environment names for this process.
    ///
    /// They are closed to programs that this one starts. The environment stays as it is:
    /// `LISTEN_PID` tells a child process that they are not meant for it. To be called once,
    /// early: a second call finds the descriptors taken.
    ///
    /// # Errors
    /// [`InheritError`] where `LISTEN_FDS`, `LISTEN_PID` or `LISTEN_FDNAMES` make no sense, or a
    /// descriptor is not there.
    pub fn from_environment() -> Result<Self, InheritError> {
        let own = std::process::id();
        let process =
            variable("LISTEN_PID").map(|value| number("LISTEN_PID", value)).transpose()?;
        let count = variable("LISTEN_FDS").map(|value| number("LISTEN_FDS", value)).transpose()?;
        let (Some(process), Some(count)) = (process, count) else {
            return Ok(Self::none());
        };
        if process != own {
            let passing = Passing::OtherProcess { process, own };
            return Ok(Self { passing, descriptors: Vec::new() });
        }
        Self::take_all(count as usize, variable("LISTEN_FDNAMES"))
    }

    /// Nothing: what a process has that was started by hand.
    pub fn none() -> Self {
        Self { passing: Passing::Nothing, descriptors: Vec::new() }
    }

    /// The names of those that no endpoint has taken, in the order in which they were passed.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        self.descriptors.iter().flatten().map(|passed| passed.name.as_str())
    }

    fn take_all(count: usize, names: Option<String>) -> Result<Self, InheritError> {
        let names = names.as_deref().filter(|names| !names.is_empty());
        let names = names.map(|names| names.split(':').collect::<Vec<_>>());
        if let Some(names) = &names
            && names.len() != count
        {
            return Err(InheritError::NameCount { names: names.len(), descriptors: count });
        }
        let mut inherited = Self::none();
        for (index, number) in (FIRST..).take(count).enumerate() {
            let name = names.as_ref().map_or(UNNAMED, |names| names[index]).to_owned();
            let (socket, ()) = descriptor::take(number, |_| Ok(())).map_err(|source| {
                InheritError::Descriptor { number, descriptors: count, source }
            })?;
            inherited.descriptors.push(Some(Passed { name, number, socket }));
        }
        inherited.passing = Passing::Names(inherited.unused().map(str::to_owned).collect());
        Ok(inherited)
    }

    /// Takes the first of that name that is still there.
    pub(crate) fn take_named(&mut self, name: &str) -> Option<Passed> {
        self.take_first(|passed| passed.name == name)
    }

    /// Takes the one with that descriptor number, if it is still there.
    pub(crate) fn take_numbered(&mut self, number: RawFd) -> Option<Passed> {
        self.take_first(|passed| passed.number == number)
    }

    /// Takes one by its place in the order in which they were passed, from 0.
    pub(crate) fn take_indexed(&mut self, index: usize) -> Option<Passed> {
        self.descriptors.get_mut(index)?.take()
    }

    /// The error for a descriptor that was asked for and was not passed, or was taken before.
    pub(crate) fn missing(&self, wanted: String) -> OpenError {
        OpenError::Missing { wanted, passing: self.passing.clone() }
    }

    fn take_first(&mut self, wanted: impl Fn(&Passed) -> bool) -> Option<Passed> {
        let is_wanted = |slot: &&mut Option<Passed>| slot.as_ref().is_some_and(&wanted);
        self.descriptors.iter_mut().find(is_wanted)?.take()
    }
}

impl Passed {
    /// The socket, checked to be one of a wanted family that connections are accepted on.
    pub(crate) fn listening(
        self,
        wanted: &'static [Family],
    ) -> Result<(OwnedFd, Family), OpenError> {
        match descriptor::listening(self.socket.as_fd(), wanted) {
            Ok(family) => Ok((self.socket, family)),
            Err(source) => {
                Err(OpenError::Unsuitable { number: self.number, name: Some(self.name), source })
            }
        }
    }
}

impl fmt::Display for Passing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Passing::Nothing => formatter.write_str(
                "no descriptors were passed (LISTEN_FDS is not set); \
                 a .socket unit or systemd-socket-activate passes them",
            ),
            Passing::OtherProcess { process, own } => write!(
                formatter,
                "the descriptors of LISTEN_FDS are for process {process} (LISTEN_PID), \
                 and this is {own}",
            ),
            Passing::Names(names) if names.is_empty() => {
                formatter.write_str("no descriptors were passed (LISTEN_FDS is 0)")
            }
            Passing::Names(names) if names.len() == 1 => {
                write!(formatter, "1 descriptor was passed: {}", names[0])
            }
            Passing::Names(names) => {
                write!(formatter, "{} descriptors were passed: {}", names.len(), names.join(", "))
            }
        }
    }
}

/// A variable, if it is set; one that is not UTF-8 is shown as well as it can be.
fn variable(name: &'static str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn number(variable: &'static str, value: String) -> Result<u32, InheritError> {
    value.parse().map_err(|_| InheritError::BadNumber { variable, value })
}
