//! Files in memory that nobody can change: a path without a file system.
//!
//! A [`SealedFile`] is a Linux memfd, filled once and then sealed: neither its owner nor anybody
//! who gets the descriptor can write to it, shrink it or grow it. It has a path,
//! `/proc/self/fd/N`, for code that insists on one; nothing is on disk and nothing is left behind.
//!
//! ```
//! use std::io::Write;
//! use holdall_resources::memfd::{Executable, SealedFile};
//!
//! let file = SealedFile::create("greeting", Executable::No, |file| file.write_all(b"hello"))?;
//! assert_eq!(std::fs::read(file.path())?, b"hello");
//! assert!(std::fs::write(file.path(), b"bye").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    fs::File,
    io::{self, Seek},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::PathBuf,
};

use rustix::{
    fs::{MemfdFlags, SealFlags},
    io::Errno,
};
use thiserror::Error;

/// A file in memory whose content is final.
///
/// The descriptor is closed on `exec`. It is open for reading and writing, though the seals let
/// nothing be written; its offset is at the start.
#[derive(Debug)]
pub struct SealedFile {
    file: File,
    size: u64,
}

/// Whether the file is to be run by `exec`.
///
/// This is about the mode bits, which `dlopen` does not ask for: a shared object is
/// [`Executable::No`], and loads even under `vm.memfd_noexec=2`, which forbids the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {
    /// With execute permission.
    Yes,
    /// Without, and sealed against getting it (Linux 6.3 and later).
    No,
}

impl SealedFile {
    /// Makes a file, lets `fill` write it, and seals it.
    ///
    /// `name` is for people: `ls -l /proc/PID/fd` shows it. What is longer than the 249 bytes
    /// that the kernel takes is cut, a NUL becomes `_`.
    ///
    /// # Errors
    /// An [`Error`](enum@Error) that says which step failed. An error of `fill` comes back as it is, in
    /// [`Error::Fill`].
    pub fn create(
        name: &str,
        executable: Executable,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<Self, Error> {
        let mut file = create_memfd(name, executable).map_err(|errno| refusal(name, errno))?;
        let size = fill(&mut file)
            .and_then(|()| file.rewind())
            .and_then(|()| Ok(file.metadata()?.len()))
            .map_err(|source| Error::Fill { name: name.to_owned(), source })?;
        rustix::fs::fcntl_add_seals(&file, FINAL)
            .map_err(|errno| Error::Seal { name: name.to_owned(), source: errno.into() })?;
        Ok(SealedFile { file, size })
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `/proc/self/fd/N`: its path in this process, as long as this value lives.
    ///
    /// Each opening starts at offset 0.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// `/proc/PID/fd/N`: its path for other processes of the same user, such as a child.
    pub fn path_for_others(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The open file, to keep.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl AsFd for SealedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Why there is no sealed file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A policy of the system forbids it: `vm.memfd_noexec=2` for executables, or a seccomp filter.
    #[error("a file in memory for {name:?} is not permitted here (see sysctl vm.memfd_noexec)")]
    Refused {
        /// The name that was given.
        name: String,
        /// EACCES or EPERM.
        source: io::Error,
    },
    /// The kernel has no `memfd_create` (Linux before 3.17, some emulators).
    #[error("this kernel has no files in memory (memfd_create), which {name:?} needs")]
    Unsupported {
        /// The name that was given.
        name: String,
        /// ENOSYS.
        source: io::Error,
    },
    /// Another reason not to make it, such as too many open files.
    #[error("can't make a file in memory for {name:?}")]
    Create {
        /// The name that was given.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It could not be filled.
    #[error("can't fill the file in memory for {name:?}")]
    Fill {
        /// The name that was given.
        name: String,
        /// What the filling function returned.
        source: io::Error,
    },
    /// It could not be sealed.
    #[error("can't seal the file in memory for {name:?}")]
    Seal {
        /// The name that was given.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Nothing written, shortened or grown, and no seal taken off again.
const FINAL: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// `memfd_create(2)`: a name of more bytes is EINVAL.
const NAME_MAX_BYTES: usize = 249;

fn create_memfd(name: &str, executable: Executable) -> rustix::io::Result<File> {
    let name = kernel_name(name);
    let always = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let explicit = match executable {
        Executable::Yes => MemfdFlags::EXEC,
        Executable::No => MemfdFlags::NOEXEC_SEAL,
    };
    match rustix::fs::memfd_create(name.as_str(), always | explicit) {
        // Linux before 6.3 does not know the two flags; there, every memfd is executable.
        Err(Errno::INVAL) => rustix::fs::memfd_create(name.as_str(), always),
        result => result,
    }
    .map(File::from)
}

fn kernel_name(name: &str) -> String {
    let mut end = name.len().min(NAME_MAX_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].replace('\0', "_")
}

fn refusal(name: &str, errno: Errno) -> Error {
    let name = name.to_owned();
    let source = io::Error::from(errno);
    match errno {
        Errno::ACCESS | Errno::PERM => Error::Refused { name, source },
        Errno::NOSYS => Error::Unsupported { name, source },
        _ => Error::Create { name, source },
    }
}
