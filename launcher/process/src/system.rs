//! The system calls that need `unsafe`: fork, signals, execve, and descriptors by number.
//!
//! All of it is for a process with a single thread, which the callers make sure of.

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::ptr;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::Pid;

use crate::threads::{self, ThreadsError};

/// The first descriptor after the standard streams, and the first that is passed
/// (`SD_LISTEN_FDS_START`).
pub(crate) const FIRST_PASSED: RawFd = 3;

/// Signals that are blocked, and can be read instead: signalfd(2).
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: OwnedFd,
    /// The mask before, for [`Signals::unblock`].
    before: libc::sigset_t,
}

/// A signal that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) number: i32,
    /// It was typed at the terminal, and so went to each process of the group.
    pub(crate) from_terminal: bool,
}

/// In which of the two processes fork(2) returned.
#[derive(Debug)]
pub(crate) enum Side {
    Parent { child: Pid },
    Child,
}

/// Sets a variable of this process's environment.
pub(crate) fn set_variable(name: &str, value: &str) {
    // SAFETY: no other thread can read the environment meanwhile: the caller counted one thread.
    unsafe { std::env::set_var(name, value) };
}

impl Signals {
    /// Blocks these signals from now on.
    pub(crate) fn block(numbers: &[i32]) -> io::Result<Self> {
        let set = set_of(numbers);
        // SAFETY: the set is initialised; -1 asks for a new descriptor.
        let number = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        check(number)?;
        // SAFETY: the kernel just made this descriptor, so nobody else owns it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        let mut before = MaybeUninit::uninit();
        // SAFETY: the set is initialised, and the old mask goes into memory of its type.
        check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, before.as_mut_ptr()) })?;
        // SAFETY: sigprocmask succeeded, so it has written the old mask.
        Ok(Self { descriptor, before: unsafe { before.assume_init() } })
    }

    /// Goes back to the mask before; signals that came in between are delivered now.
    pub(crate) fn unblock(self) {
        // SAFETY: the mask is the one that sigprocmask wrote; the old one is not asked for.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }

    /// The next signal that has come, if there is one.
    pub(crate) fn next(&self) -> Option<Received> {
        let mut bytes = [0; mem::size_of::<libc::signalfd_siginfo>()];
        let length = rustix::io::read(&self.descriptor, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        // SAFETY: the structure is made of integers only, for which all bytes are valid, and the
        // kernel has filled all of it; the read does not ask for alignment.
        let info = unsafe { ptr::read_unaligned(bytes.as_ptr().cast::<libc::signalfd_siginfo>()) };
        let from_terminal = info.ssi_code == libc::SI_KERNEL;
        Some(Received { number: info.ssi_signo as i32, from_terminal })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// fork(2).
pub(crate) fn fork() -> Result<io::Result<Side>, ThreadsError> {
    threads::require_one()?;
    // SAFETY: this is the only thread, so that the child is a whole copy: no lock is held by a
    // thread that it lacks, and it may do all that its parent may.
    let pid = unsafe { libc::fork() };
    Ok(check(pid).map(|pid| Pid::from_raw(pid).map_or(Side::Child, |child| Side::Parent { child })))
}

/// All signals as a program expects them that starts: none blocked, none ignored or handled.
pub(crate) fn reset_signals() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action has no handler that could be called; numbers that can't be
        // set are refused, which is right.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    let none = set_of(&[]);
    // SAFETY: the set is initialised; the old mask is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut()) };
}

/// Executes the file at `path`; returns only if that fails.
pub(crate) fn execute(path: &Path, argv: &[CString], envp: &[CString]) -> io::Error {
    use std::os::unix::ffi::OsStrExt;
    let path = match CString::new(path.as_os_str().as_bytes()) {
        Ok(path) => path,
        Err(error) => return error.into(),
    };
    let (argv, envp) = (pointers(argv), pointers(envp));
    // SAFETY: path ends with a NUL and both arrays with a null pointer, and all that they point to
    // lives to the end of this function.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process at once: no handlers of exit(3), which are the other process's.
pub(crate) fn leave(code: u8) -> ! {
    // SAFETY: the call does not return, so nothing can be seen in a wrong state.
    unsafe { libc::_exit(code.into()) }
}

/// Makes `number` another descriptor of the same file, open across execve(2).
///
/// For a process that is about to execute a program, and drops nothing any more: what was open
/// under the number is closed, whoever owned it.
pub(crate) fn place(file: impl AsFd, number: RawFd) -> io::Result<()> {
    // SAFETY: both are plain numbers to the kernel; the owner of what is replaced never drops it.
    check(unsafe { libc::dup2(file.as_fd().as_raw_fd(), number) })?;
    Ok(())
}

/// Closes all descriptors but the standard streams and those of `kept`.
///
/// For a process that never returns to the code that owns them.
pub(crate) fn close_all_but(kept: &[RawFd]) -> io::Result<()> {
    let listed = fs::read_dir("/proc/self/fd")?;
    let numbers = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // Collected first: the directory is a descriptor itself, and closed after this line.
    let numbers: Vec<RawFd> = numbers.collect();
    for number in numbers {
        if number >= FIRST_PASSED && !kept.contains(&number) {
            // SAFETY: the owner of this descriptor is code that never runs again.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}

/// Takes a descriptor that this process was started with, and closes it to programs it starts.
///
/// `None` if nothing has the number, or this process opened it itself.
pub(crate) fn take_inherited(number: RawFd) -> Option<OwnedFd> {
    if number < FIRST_PASSED {
        return None;
    }
    // SAFETY: the number is not -1. Where nothing has it, the kernel says EBADF to the one call
    // that is made before that is known.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed).ok()?;
    // What came through execve(2) can't have this flag, and all that Rust opens has it.
    if flags.contains(FdFlags::CLOEXEC) {
        return None;
    }
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC).ok()?;
    // SAFETY: the descriptor is open, and nobody owns it: it had no CLOEXEC flag, and has it now,
    // so that this line is reached once for each descriptor.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn set_of(numbers: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the whole set; sigaddset then gets an initialised one, and
    // refuses numbers that are no signals.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in numbers {
            libc::sigaddset(set.as_mut_ptr(), *number);
        }
        set.assume_init()
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain(std::iter::once(ptr::null())).collect()
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
