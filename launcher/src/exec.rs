//! `exec` entry points: any executable, in a sealed memory file, replaces this process.

use std::{
    convert::Infallible,
    ffi::{CStr, CString, OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use holdall_bundle::{Bundle, BundleError};
use holdall_resources::memfd::{self, Executable, SealedFile};
use rustix::io::FdFlags;

use crate::{capabilities, environment, failure::Failure};

/// Replaces this process by the program in the bundle, with the user's arguments untouched.
pub(crate) fn replace(bundle: &Bundle, arguments: &[OsString]) -> Result<Infallible, Failure> {
    let program = program(bundle)?;
    let name = bundle.manifest().name.clone();
    let failed = |source| Failure::Exec { name: name.clone(), source };
    // The program and its children read resources through this descriptor: it stays open.
    let opened = File::open("/proc/self/exe").map_err(failed)?;
    keep_open(&opened).map_err(failed)?;
    // The interpreter of a script opens the script again by its descriptor.
    if is_script(bundle)? {
        keep_open(&program).map_err(failed)?;
    }
    let argv = arguments_of(bundle, arguments).map_err(failed)?;
    let envp = environment::for_program(bundle.archive().path(), opened.as_raw_fd());
    capabilities::keep_for_program();
    Err(failed(execute(program.as_raw_fd(), &argv, &envp)))
}

/// The payload in a sealed file in memory.
pub(crate) fn payload(bundle: &Bundle, executable: Executable) -> Result<SealedFile, Failure> {
    let name = &bundle.manifest().name;
    Ok(SealedFile::create(name, executable, |file| copy_payload(bundle, file))?)
}

/// The program, in memory; where policy forbids to execute memory, in a file without a name.
fn program(bundle: &Bundle) -> Result<OwnedFd, Failure> {
    match payload(bundle, Executable::Yes) {
        Ok(sealed) => Ok(sealed.into_file().into()),
        Err(Failure::Memory(refused @ memfd::Error::Refused { .. })) => {
            unnamed_file(bundle).map_err(|_| Failure::Memory(refused))
        }
        Err(other) => Err(other),
    }
}

/// The program in an unnamed file of a directory that allows to execute it.
fn unnamed_file(bundle: &Bundle) -> io::Result<OwnedFd> {
    let directories = [std::env::temp_dir(), "/dev/shm".into(), "/var/tmp".into()];
    let mut last = io::ErrorKind::NotFound.into();
    for directory in &directories {
        match write_unnamed(bundle, directory) {
            Ok(program) => return Ok(program),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn write_unnamed(bundle: &Bundle, directory: &Path) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
    if rustix::fs::statvfs(directory)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(directory, flags, Mode::RWXU)?);
    copy_payload(bundle, &mut file)?;
    // A file that is open for writing can't be executed.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let read_only = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(read_only)
}

fn copy_payload(bundle: &Bundle, file: &mut File) -> io::Result<()> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let entry = bundle.payload().map_err(io::Error::other)?.ok_or_else(missing)?;
    let mut reader = entry.reader().map_err(io::Error::other)?;
    let mut written = Ok(());
    let read = reader.read_to_end_with(&mut |piece| {
        if written.is_ok() {
            written = file.write_all(piece);
        }
    });
    read.map_err(io::Error::other).and(written)
}

fn is_script(bundle: &Bundle) -> Result<bool, Failure> {
    let Some(entry) = bundle.payload()? else { return Ok(false) };
    let raw = |error| Failure::Bundle(BundleError::Archive(error));
    let mut reader = entry.reader().map_err(raw)?;
    let mut magic = [0; 2];
    Ok(io::Read::read_exact(&mut reader, &mut magic).is_ok() && magic == *b"#!")
}

fn keep_open(descriptor: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?)
}

/// The name by which the user called the bundle, the manifest's defaults, the user's arguments.
fn arguments_of(bundle: &Bundle, arguments: &[OsString]) -> io::Result<Vec<CString>> {
    let program =
        std::env::args_os().next().unwrap_or_else(|| bundle.manifest().name.clone().into());
    let defaults = bundle.manifest().arguments.iter().map(OsStr::new);
    let all = std::iter::once(program.as_os_str()).chain(defaults);
    let all = all.chain(arguments.iter().map(OsString::as_os_str));
    Ok(all.map(|argument| CString::new(argument.as_bytes())).collect::<Result<_, _>>()?)
}

/// Executes the open file `program`; returns only if that fails.
fn execute(program: RawFd, argv: &[CString], envp: &[CString]) -> io::Error {
    let argv = pointers(argv);
    let envp = pointers(envp);
    let empty: &CStr = c"";
    // Rust's runtime ignores SIGPIPE; a program expects the default, as from a shell.
    // SAFETY: resetting a signal to its default has no handler that could be called.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: both arrays end with a null pointer, and their strings live to the end of this
    // function; the system call by number needs no wrapper, which glibc has from 2.34 on only.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program,
            empty.as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::ENOSYS) {
        return error;
    }
    // Emulators and old kernels lack the call; they have /proc.
    let Ok(path) = CString::new(format!("/proc/self/fd/{program}")) else { return error };
    // SAFETY: as above.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
}
