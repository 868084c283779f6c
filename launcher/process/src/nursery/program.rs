//! The program that a successor is: the file at our path, started as we were.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::Pid;

use super::keeper::Role;
use super::launch::{self, NotStarted};
use crate::environment;
use crate::handed;
use crate::system::{self, FIRST_PASSED};

/// How this process was started. The directory it was started in is that of the process still.
#[derive(Debug)]
pub(super) struct Program {
    /// Absolute, and not what the kernel calls the file after another took its name.
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

/// A process that executes the program, and the ends of what connects it to others.
#[derive(Debug)]
pub(super) struct Offspring {
    pub(super) pid: Pid,
    /// Where it will say that it is ready.
    pub(super) ready: OwnedFd,
    /// Where it will ask for a successor of its own, if the same nursery serves it.
    pub(super) socket: Option<OwnedFd>,
}

/// What a new process gets under numbers from [`FIRST_PASSED`] on, in this order.
struct Inheritance<'a> {
    listeners: &'a [(String, OwnedFd)],
    ready: OwnedFd,
    nursery: Option<OwnedFd>,
}

impl Program {
    /// The program that runs, by the path at which it was started.
    pub(super) fn of_process() -> io::Result<Self> {
        let is_own = |name: &OsStr| {
            handed::OWN.iter().any(|own| name == *own) || environment::is_default(name)
        };
        Ok(Self {
            path: path_of_process()?,
            arguments: env::args_os().collect(),
            environment: env::vars_os().filter(|(name, _)| !is_own(name)).collect(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All variables but those that meant this process only.
    pub(super) fn environment(&self) -> io::Result<Vec<CString>> {
        self.environment.iter().map(|(name, value)| pair(name, value)).collect()
    }

    /// Starts the file that is at the path now.
    pub(super) fn spawn(
        &self,
        listeners: &[(String, OwnedFd)],
        role: Role,
    ) -> Result<Offspring, NotStarted> {
        let (ready, ready_end) = launch::pipe().map_err(NotStarted::Prepare)?;
        let (socket, nursery) = match role {
            Role::Init => socket_pair().map(|(ours, theirs)| (Some(ours), Some(theirs))),
            Role::Beside => Ok((None, None)),
        }
        .map_err(NotStarted::Prepare)?;
        let inheritance = Inheritance { listeners, ready: ready_end, nursery };
        let first_free = inheritance.first_free().map_err(NotStarted::Prepare)?;
        let pid = launch::start(first_free, || self.execute(&inheritance))?;
        Ok(Offspring { pid, ready, socket })
    }

    fn execute(&self, inheritance: &Inheritance<'_>) -> io::Result<Infallible> {
        let variables = inheritance.place()?;
        let arguments = self.arguments.iter().map(|argument| CString::new(argument.as_bytes()));
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        let own = OsString::from(std::process::id().to_string());
        let kept = self.environment.iter().map(|(name, value)| match name.as_bytes() {
            // The watchdog of systemd goes with the main process, which this will be.
            b"WATCHDOG_PID" => pair(name, &own),
            _ => pair(name, value),
        });
        let variables = variables.iter().map(|(name, value)| pair(name.as_ref(), value.as_ref()));
        let environment = kept.chain(variables).collect::<io::Result<Vec<_>>>()?;
        system::reset_signals();
        Err(system::execute(&self.path, &arguments, &environment))
    }
}

impl Inheritance<'_> {
    /// Puts all descriptors where the program finds them, and returns the variables that say so.
    fn place(&self) -> io::Result<Vec<(&'static str, String)>> {
        // First out of the way of each other: one that is to be 3 may be where 4 has to be.
        let moved = self.all().map(|file| self.out_of_the_way(file));
        let moved = moved.collect::<io::Result<Vec<_>>>()?;
        for (number, file) in (FIRST_PASSED..).zip(&moved) {
            system::place(file, number)?;
        }
        // They are closed by execve(2).
        mem::forget(moved);
        let names: Vec<_> = self.listeners.iter().map(|(name, _)| name.as_str()).collect();
        let ready = FIRST_PASSED as usize + names.len();
        let mut variables = vec![
            ("LISTEN_PID", std::process::id().to_string()),
            ("LISTEN_FDS", names.len().to_string()),
            ("LISTEN_FDNAMES", names.join(":")),
            (handed::READY, ready.to_string()),
        ];
        if self.nursery.is_some() {
            variables.push((handed::NURSERY, (ready + 1).to_string()));
        }
        Ok(variables)
    }

    fn all(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listeners = self.listeners.iter().map(|(_, listener)| listener.as_fd());
        let nursery = self.nursery.as_ref().map(AsFd::as_fd);
        listeners.chain([self.ready.as_fd()]).chain(nursery)
    }

    /// The same file under a number that is not to be anything else.
    fn out_of_the_way(&self, file: impl AsFd) -> io::Result<OwnedFd> {
        Ok(fcntl_dupfd_cloexec(file, self.first_free()?)?)
    }

    fn first_free(&self) -> io::Result<RawFd> {
        let count = i32::try_from(self.all().count()).map_err(io::Error::other)?;
        Ok(FIRST_PASSED + count)
    }
}

/// Two ends for packets, closed to programs.
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// The path by which this process was executed, where it leads to the executable; that keeps a
/// symbolic link which the next version may be put behind. Else what the kernel knows it by.
fn path_of_process() -> io::Result<PathBuf> {
    const EXECUTABLE: &str = "/proc/self/exe";
    let running = fs::metadata(EXECUTABLE)?;
    let started = Path::new(OsStr::from_bytes(rustix::param::linux_execfn().to_bytes()));
    let started = std::path::absolute(started)?;
    match fs::metadata(&started) {
        Ok(found) if (found.dev(), found.ino()) == (running.dev(), running.ino()) => Ok(started),
        _ => Ok(without_deleted(fs::read_link(EXECUTABLE)?)),
    }
}

/// The kernel marks a path whose file was replaced; proc_pid_exe(5).
fn without_deleted(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(before) if !path.exists() => OsString::from_vec(before.to_vec()).into(),
        _ => path,
    }
}

/// `NAME=value`, as execve(2) wants it.
fn pair(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    Ok(CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())?)
}
