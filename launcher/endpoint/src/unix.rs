//! `unix:PATH[:mode=660][:backlog=N][:lockfile=0]` and `unix:@NAME`.

use std::fmt;
use std::num::NonZeroU16;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::net;

use crate::arguments::{Arguments, PATH, Switch};
use crate::descriptor::Family;
use crate::endpoint::{Endpoint, Socket};
use crate::error::Problem;
use crate::inherited::Inherited;
use crate::kind::Form;
use crate::listener::{OpenSocket, Opened};
use crate::open_error::OpenError;
use crate::syntax::{Located, Segment, quote};
use crate::tcp::{BACKLOG, DEFAULT_BACKLOG};
use crate::unix_socket::{self, SocketPath};

/// The longest path or abstract name, in bytes: `sun_path` of unix(7), less a NUL.
const LONGEST: usize = 107;

/// Who may connect where the string does not say: the user and the group.
const DEFAULT_MODE: u32 = 0o660;

/// A Unix socket with a path, or with an abstract name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unix {
    /// The path; one that begins with `@` is an abstract name (unix(7)), which no file has.
    pub path: PathBuf,
    /// The permissions of the path, of which those to write are the right to connect.
    pub mode: u32,
    /// How many connections may wait to be accepted.
    pub backlog: NonZeroU16,
    /// Is the directory locked while the socket is made, against two programs that clear away the
    /// same stale socket at once?
    pub lock: bool,
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    Form::socket(segments, &["address", "mode", "backlog", "lockfile"], parse)
}

fn parse(arguments: &Arguments) -> Located<Endpoint> {
    let path = arguments.path("address")?.filter(|path| path.as_os_str() != "@");
    let path = path.ok_or_else(|| arguments.missing("address", PATH))?;
    let mode = arguments.optional("mode", "three octal digits, such as 660")?;
    let length = path.as_os_str().len();
    if length > LONGEST {
        let problem = Problem::PathTooLong { length, most: LONGEST };
        return Err((arguments.column_of("address"), problem));
    }
    let unix = Unix {
        path,
        mode: mode.map_or(DEFAULT_MODE, |Mode(mode)| mode),
        backlog: arguments.optional("backlog", BACKLOG)?.unwrap_or(DEFAULT_BACKLOG),
        lock: arguments.switch("lockfile", Switch(true))?,
    };
    Ok(Socket::Unix(unix).into())
}

impl Unix {
    pub(crate) fn open(&self, inherited: &mut Inherited) -> Result<Opened, OpenError> {
        let name = name(&self.path);
        let Some(passed) = inherited.take_named(&name) else {
            let (socket, path) = unix_socket::make(self)?;
            return Ok(Opened { name, socket: OpenSocket::Unix(socket.into(), path) });
        };
        let (socket, _) = passed.listening(Family::Unix.alone())?;
        net::listen(&socket, self.backlog.get().into())
            .map_err(|error| OpenError::Unix { path: self.path.clone(), source: error.into() })?;
        // It was left to this process, to remove it at the end.
        let path = self.abstract_name().is_none().then(|| SocketPath::of(&self.path)).flatten();
        Ok(Opened { name, socket: OpenSocket::Unix(socket.into(), path) })
    }

    pub(crate) fn abstract_name(&self) -> Option<&[u8]> {
        self.path.as_os_str().as_bytes().strip_prefix(b"@")
    }
}

/// The name that the socket is passed under: its path, in hexadecimal digits where it has
/// characters that no name has.
fn name(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    match path.to_str() {
        Some(text) if bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b':') => {
            format!("unix.{text}")
        }
        _ => bytes.iter().fold("unix-hex.".to_owned(), |name, byte| format!("{name}{byte:02x}")),
    }
}

impl fmt::Display for Unix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unix:{}", quote(&self.path.to_string_lossy()))?;
        if self.mode != DEFAULT_MODE {
            write!(formatter, ":mode={:03o}", self.mode)?;
        }
        if self.backlog != DEFAULT_BACKLOG {
            write!(formatter, ":backlog={}", self.backlog)?;
        }
        if !self.lock {
            formatter.write_str(":lockfile=0")?;
        }
        Ok(())
    }
}

/// Permissions in octal digits.
struct Mode(u32);

impl FromStr for Mode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = u32::from_str_radix(text, 8).map_err(|_| ())?;
        if is_octal && mode <= 0o777 { Ok(Self(mode)) } else { Err(()) }
    }
}
