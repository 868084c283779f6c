//! Exit codes: those of `sysexits.h`, the same for the bundler and for every bundle.

use std::io::ErrorKind;

/// How a program of this house ends, as its parent process sees it.
///
/// A program that runs through an `exec` entry point ends with codes of its own.
///
/// ```
/// use holdall_bundle::ExitCode;
///
/// assert_eq!(ExitCode::Damaged.code(), 65);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// It did what it was asked to do.
    Success = 0,
    /// It failed, and no other code says why.
    Other = 1,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// The input is damaged or is no bundle (`EX_DATAERR`).
    Damaged = 65,
    /// An input does not exist or is not what it has to be (`EX_NOINPUT`).
    NoInput = 66,
    /// A program or service it needs is missing or refuses (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// A mistake of ours (`EX_SOFTWARE`).
    Internal = 70,
    /// An output can't be created (`EX_CANTCREAT`).
    CannotCreate = 73,
    /// Reading or writing failed midway (`EX_IOERR`).
    Io = 74,
    /// The permission is missing (`EX_NOPERM`).
    NoPermission = 77,
    /// A manifest or another piece of configuration is wrong (`EX_CONFIG`).
    Configuration = 78,
}

impl ExitCode {
    /// Every code there is, in ascending order, with the words that `--help` explains it by.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Success, "success"),
        (Self::Other, "any other failure"),
        (Self::Usage, "wrong usage"),
        (Self::Damaged, "damaged input"),
        (Self::NoInput, "no such input"),
        (Self::Unavailable, "something needed is unavailable"),
        (Self::Internal, "internal error"),
        (Self::CannotCreate, "cannot create the output"),
        (Self::Io, "input/output error"),
        (Self::NoPermission, "no permission"),
        (Self::Configuration, "wrong configuration"),
    ];

    /// The number that the parent process gets.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The code for an input that could not be opened or read.
    pub fn for_input(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                Self::NoInput
            }
            ErrorKind::PermissionDenied => Self::NoPermission,
            _ => Self::Io,
        }
    }

    /// The code for an output that could not be created or written.
    pub fn for_output(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::PermissionDenied => Self::NoPermission,
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::ReadOnlyFilesystem => Self::CannotCreate,
            _ => Self::Io,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_complete_and_ascending() {
        let codes: Vec<u8> = ExitCode::ALL.iter().map(|(code, _)| code.code()).collect();
        assert_eq!(codes, [0, 1, 64, 65, 66, 69, 70, 73, 74, 77, 78]);
    }

    #[test]
    fn io_errors_say_which_side_failed() {
        assert_eq!(ExitCode::for_input(ErrorKind::NotFound).code(), 66);
        assert_eq!(ExitCode::for_output(ErrorKind::NotFound).code(), 73);
        assert_eq!(ExitCode::for_output(ErrorKind::StorageFull).code(), 74);
        assert_eq!(ExitCode::for_output(ErrorKind::PermissionDenied).code(), 77);
    }
}
