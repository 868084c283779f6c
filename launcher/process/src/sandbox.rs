//! The sandbox: which files can be opened from now on, and that no file can be executed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, Errno, LandlockStatus, PathBeneath, RestrictSelf, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, make_bitflags,
};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::threads::{self, ThreadsError};

/// The files that a process still needs when it has opened all that it serves with.
///
/// What is open stays open, and works as before. The network is not restricted, nor is what needs
/// no open file, such as stat(2), readlink(2) or inotify(7). Only the rules of the kernel's
/// Landlock (landlock(7)) are added; those of users and modes go on to hold.
///
/// These can always be opened: the running executable for reading, which is where resources are,
/// `/dev/null`, and the sources of random numbers `/dev/urandom` and `/dev/sysgenid`. So can files
/// without a name, such as those of memfd_create(2), through `/proc/self/fd`.
///
/// ```no_run
/// use holdall_process::sandbox::Sandbox;
///
/// let sandbox = Sandbox { read: vec!["/etc/ssl/private".into()], write: vec![] };
/// println!("sandbox: {}", sandbox.close()?); // sandbox: Landlock ABI 7
/// # Ok::<(), holdall_process::sandbox::SandboxError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Files that can be read, and directories with all below them.
    ///
    /// A symbolic link that leads out of a directory needs a path of its own to where it leads.
    pub read: Vec<PathBuf>,
    /// Files that can be read and written, and directories where that and all else short of
    /// devices holds for what is below: creating, renaming, removing, binding Unix sockets.
    pub write: Vec<PathBuf>,
}

/// How far a [`Sandbox`] is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// All that this kernel's Landlock can confine is confined.
    Landlock {
        /// The version of its interface, from 1.
        abi: u32,
    },
    /// The kernel can't confine; only new privileges are out of reach (`no_new_privs`).
    Unavailable,
}

/// The sandbox could not be closed; the process must not go on as if it were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A path can't be allowed, because it does not exist for example.
    #[error("{} can't be allowed in the sandbox", path.display())]
    Path {
        /// What was to be allowed.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Landlock is there but refuses.
    #[error("the kernel refuses the Landlock sandbox")]
    Refused {
        /// What the kernel said.
        source: io::Error,
    },
    /// The attribute `no_new_privs` could not be set (prctl(2)).
    #[error("new privileges can't be ruled out: no_new_privs is not set")]
    NewPrivileges,
    /// Other threads would stay outside.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

impl Sandbox {
    /// Closes the sandbox around this process and all it will start, for good.
    ///
    /// No file can be executed any more, whatever is allowed, and no privileges can be gained. A
    /// program without a name (memfd_create(2)) is beyond Landlock: one that is linked statically
    /// runs, as confined as this process. A kernel without Landlock is no error, as the
    /// [`Confinement`] says.
    ///
    /// What std and tokio read later falls back: [`std::thread::available_parallelism`] knows the
    /// processors from now on, but no quota of a control group. Ask before.
    ///
    /// # Errors
    /// A path that does not exist, more than one thread, or what the kernel says. On an error
    /// nothing, or only `no_new_privs`, is in force.
    pub fn close(&self) -> Result<Confinement, SandboxError> {
        threads::require_one()?;
        let mut rules = new_rules().map_err(refused)?;
        self.allow_all(&mut rules)?;
        let status = rules.restrict_self().map_err(refused)?;
        if !status.no_new_privs {
            return Err(SandboxError::NewPrivileges);
        }
        Ok(match abi_of(status.landlock) {
            Some(abi) => Confinement::Landlock { abi },
            None => Confinement::Unavailable,
        })
    }

    /// The version of the kernel's Landlock interface; `None` if it has none or it is switched off.
    pub fn available() -> Option<u32> {
        // With no flag set this restricts nothing: it is the one way the crate tells the version.
        abi_of(RestrictSelf::default().no_new_privs(false).apply().ok()?.landlock)
    }

    fn allow_all(&self, rules: &mut RulesetCreated) -> Result<(), SandboxError> {
        let failed = |path: &Path, source| SandboxError::Path { path: path.to_owned(), source };
        for (paths, access) in [(&self.read, READ), (&self.write, READ | WRITE)] {
            for path in paths {
                allow(rules, path, access).map_err(|source| failed(path, source))?;
            }
        }
        for (path, access) in ALWAYS {
            let path = Path::new(path);
            match allow(rules, path, access) {
                // A small container may lack it, and then nothing can need it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(|source| failed(path, source))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landlock { abi } => write!(f, "Landlock ABI {abi}"),
            Self::Unavailable => f.write_str("none (the kernel has no Landlock, or it is off)"),
        }
    }
}

/// Which rights are given by rule only: all those over files up to this version.
///
/// Version 9 adds connecting to Unix sockets. That is network to us, and `NOTIFY_SOCKET` needs it.
const HANDLED: ABI = ABI::V8;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    WriteFile | Truncate | MakeReg | MakeDir | MakeSym | MakeSock | MakeFifo
        | RemoveFile | RemoveDir | Refer
});

/// What is allowed to every process, where it exists.
const ALWAYS: [(&str, BitFlags<AccessFs>); 4] = [
    // The rule is on the file itself: an upgrade that takes its name changes nothing.
    ("/proc/self/exe", READ),
    ("/dev/null", make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate})),
    // For kernels where getrandom(2) is not allowed.
    ("/dev/urandom", READ),
    // Tells a copy of a virtual machine that its random numbers must not be those of the original.
    ("/dev/sysgenid", READ),
];

/// Rules that forbid all; as much of it as the kernel knows.
fn new_rules() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default().handle_access(AccessFs::from_all(HANDLED))?.create()
}

fn allow(
    rules: &mut RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<(), io::Error> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let is_directory = FileType::from_raw_mode(fstat(&file)?.st_mode).is_dir();
    let possible = if is_directory { access } else { access & AccessFs::from_file(HANDLED) };
    match rules.add_rule(PathBeneath::new(file, possible)).map_err(cause) {
        // A file without a name, such as a memfd. It can have no rule and needs none.
        Err(error) if error.raw_os_error() == Some(libc::EBADFD) => Ok(()),
        result => result.map(drop),
    }
}

fn refused(error: RulesetError) -> SandboxError {
    SandboxError::Refused { source: cause(error) }
}

/// What the kernel said.
fn cause(error: RulesetError) -> io::Error {
    io::Error::from_raw_os_error(*Errno::from(error))
}

fn abi_of(status: LandlockStatus) -> Option<u32> {
    match status {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let abi = kernel_abi.unwrap_or(effective_abi as i32);
            u32::try_from(abi).ok()
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    }
}
