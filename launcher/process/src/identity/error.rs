//! Why a user or a group can't be found or assumed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Identity;
use crate::threads::ThreadsError;

/// A user or group that can't be found, or can't be assumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A name that no account has.
    #[error("no {kind} {name:?} in {}; a number needs no entry there", kind.file())]
    Unknown {
        /// What was looked for.
        kind: AccountKind,
        /// Its name, as it was given.
        name: String,
    },
    /// A number that no user or group can have.
    #[error("{kind} {number} is out of range; the highest is {}", u32::MAX - 1)]
    OutOfRange {
        /// What was looked for.
        kind: AccountKind,
        /// Its number, as it was given.
        number: String,
    },
    /// A file of accounts exists but can't be read.
    #[error("{} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process has not the right to become somebody else.
    #[error("only root can become {identity}; start it as root, or as that user")]
    NotPermitted {
        /// Who it was to become.
        identity: Identity,
        /// The system call that was refused.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refuses for another reason, as where a container does not map the number.
    #[error("{call} to {identity} failed")]
    System {
        /// Who it was to become.
        identity: Identity,
        /// The system call that failed.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The calls succeeded, but the process is still somebody else.
    #[error("the process did not become {identity}")]
    NotInForce {
        /// Who it was to become.
        identity: Identity,
    },
    /// The process could become root again, and now is.
    #[error("as {identity} the process can become root again; start it without CAP_SETUID")]
    RootAgain {
        /// Who it had become.
        identity: Identity,
    },
    /// Other threads would stay what they are.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// What an entry of a file of accounts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A user, of `/etc/passwd`.
    User,
    /// A group, of `/etc/group`.
    Group,
}

impl IdentityError {
    /// Whether the permission is missing; otherwise what was asked for is wrong.
    pub fn is_not_permitted(&self) -> bool {
        matches!(self, Self::NotPermitted { .. })
    }
}

impl AccountKind {
    /// The file where such accounts are.
    pub fn file(self) -> &'static str {
        match self {
            Self::User => "/etc/passwd",
            Self::Group => "/etc/group",
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}
