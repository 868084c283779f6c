//! Descriptors by number: where those that this process was started with become owned.

use std::fmt;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::str::FromStr;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// The domain of a socket, as in socket(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `INET`: IPv4.
    Inet,
    /// `INET6`: IPv6, and IPv4 where the socket takes both.
    Inet6,
    /// `UNIX`: of this machine.
    Unix,
}

/// Why a descriptor is not one that connections can be accepted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsuitable {
    /// No descriptor has that number.
    #[error("it is not open; the program that starts this one must leave it open")]
    NotOpen,
    /// This process opened it, or took it already.
    #[error("this process has it for something else; each descriptor can be taken once")]
    Taken,
    /// It is a file, a pipe, a terminal.
    #[error("it is not a socket")]
    NotASocket,
    /// It is a datagram socket, for example.
    #[error("it is not a stream socket; ListenStream= makes one, ListenDatagram= does not")]
    NotAStream,
    /// It is a connection, or a socket before listen(2).
    #[error("it does not listen; a service manager must pass the socket itself (Accept=no)")]
    NotListening,
    /// It is of a family that was not asked for.
    #[error("it is of the family {found}, wanted {}", words(wanted))]
    Family {
        /// What it is.
        found: Family,
        /// What was asked for.
        wanted: &'static [Family],
    },
    /// It is of a family that nothing here can serve, such as vsock(7).
    #[error("it is neither a TCP nor a Unix socket")]
    UnknownFamily,
}

impl Family {
    pub(crate) const ALL: &[Family] = &[Family::Inet, Family::Inet6, Family::Unix];
    pub(crate) const IP: &[Family] = &[Family::Inet, Family::Inet6];

    /// The set of this family alone.
    pub(crate) fn alone(self) -> &'static [Family] {
        match self {
            Family::Inet => &[Family::Inet],
            Family::Inet6 => &[Family::Inet6],
            Family::Unix => &[Family::Unix],
        }
    }
}

impl FromStr for Family {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Family::ALL.iter().copied().find(|family| family.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Family::Inet => "INET",
            Family::Inet6 => "INET6",
            Family::Unix => "UNIX",
        })
    }
}

fn words(families: &[Family]) -> String {
    families.iter().map(Family::to_string).collect::<Vec<_>>().join(" or ")
}

/// Checks that connections of a family can be accepted on a socket, and says which it is.
pub(crate) fn listening(
    socket: BorrowedFd<'_>,
    wanted: &'static [Family],
) -> Result<Family, Unsuitable> {
    let socket_type = sockopt::socket_type(socket).map_err(|_| Unsuitable::NotASocket)?;
    if socket_type != SocketType::STREAM {
        return Err(Unsuitable::NotAStream);
    }
    if !sockopt::socket_acceptconn(socket).unwrap_or(false) {
        return Err(Unsuitable::NotListening);
    }
    let found = match sockopt::socket_domain(socket) {
        Ok(AddressFamily::INET) => Family::Inet,
        Ok(AddressFamily::INET6) => Family::Inet6,
        Ok(AddressFamily::UNIX) => Family::Unix,
        _ => return Err(Unsuitable::UnknownFamily),
    };
    if wanted.contains(&found) { Ok(found) } else { Err(Unsuitable::Family { found, wanted }) }
}

/// Takes a descriptor that this process was started with, if `check` accepts it.
///
/// From here on it is not passed to programs that this process starts.
#[allow(unsafe_code)]
pub(crate) fn take<T>(
    number: RawFd,
    check: impl FnOnce(BorrowedFd<'_>) -> Result<T, Unsuitable>,
) -> Result<(OwnedFd, T), Unsuitable> {
    if number < 0 {
        return Err(Unsuitable::NotOpen);
    }
    // SAFETY: the number is not -1. Where nothing has it, the kernel says EBADF to the one call
    // that is made before that is known; nothing is read, written or closed through it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed).map_err(|_| Unsuitable::NotOpen)?;
    // What came through execve(2) can't have this flag, and the standard library and rustix set
    // it on all that they open: it tells what is somebody's from what is nobody's yet.
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(Unsuitable::Taken);
    }
    let checked = check(borrowed)?;
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC).map_err(|_| Unsuitable::NotOpen)?;
    // SAFETY: the descriptor is open, and nobody in this process owns it: it had no CLOEXEC flag
    // (see above), and has it now, so that this line is reached once for each descriptor.
    Ok((unsafe { OwnedFd::from_raw_fd(number) }, checked))
}
