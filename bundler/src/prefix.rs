//! The executable that a bundle begins with, and the payload behind it.
//!
//! Two launchers are compiled in: a dynamic one that can load plug-ins, and a static one that
//! starts faster and needs nothing of the system, for everything else. A linked program is its own
//! launcher.

use crate::binary::{self, Binary, BinaryError, PLUGIN_SYMBOL};
use holdall_bundle::{EntryPointKind, ExitCode, Needs};
use object::Architecture;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Made by the build script; empty where the launcher could not be built.
static DYNAMIC_LAUNCHER: &[u8] = include_bytes!(env!("HOLDALL_DYNAMIC_LAUNCHER"));
static STATIC_LAUNCHER: &[u8] = include_bytes!(env!("HOLDALL_STATIC_LAUNCHER"));

/// What runs, with everything that was found out about it.
#[derive(Debug)]
pub struct EntryPoint {
    /// How it runs.
    pub kind: EntryPointKind,
    /// The executable that the file begins with.
    pub prefix: Cow<'static, [u8]>,
    /// The machine it is for.
    pub architecture: Architecture,
    /// The file to put into the archive, and its name there.
    pub payload: Option<Payload>,
}

/// The code of a `plugin` or `exec` entry point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the archive.
    pub name: String,
}

/// Why something can't run.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    /// It can't be read.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// It is nothing that can run.
    #[error("{} is neither an ELF executable, nor a shared object, nor a script that begins with #!", path.display())]
    NotCode {
        /// The file.
        path: PathBuf,
    },
    /// It is not what the kind of entry point asks for.
    #[error("{} is {found}: that can't be a {kind} entry point", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it should be.
        kind: EntryPointKind,
    },
    /// A program that does not contain the launcher.
    #[error("{} does not contain the holdall launcher, so it can't be linked: use --entry-point exec", path.display())]
    NoNote {
        /// The program.
        path: PathBuf,
    },
    /// A program that is a bundle already.
    #[error("{} is a bundle already: take the program as it was before", path.display())]
    IsBundle {
        /// The file.
        path: PathBuf,
    },
    /// A shared object without the plug-in symbol.
    #[error("{} does not export {PLUGIN_SYMBOL}{}", path.display(), versions(.found))]
    NoPlugin {
        /// The shared object.
        path: PathBuf,
        /// The plug-in symbols of other versions that it has.
        found: Vec<String>,
    },
    /// Code and launcher are for different machines.
    #[error(
        "{} is for {found:?}, the launcher for {expected:?}: \
         use --launcher FILE with one for {found:?}",
        path.display()
    )]
    Architecture {
        /// The file.
        path: PathBuf,
        /// The machine of the launcher.
        expected: Architecture,
        /// The machine of the file.
        found: Architecture,
    },
    /// A launcher for a linked program, which has its own.
    #[error("a linked program is its own launcher: leave --launcher out")]
    LauncherUnused,
    /// A static launcher for a plug-in.
    #[error("{} is static, and a static launcher can't load plug-ins", path.display())]
    StaticLauncher {
        /// The launcher.
        path: PathBuf,
    },
    /// There is no launcher in this bundler.
    #[error("this holdall was built without a launcher: name one with --launcher FILE")]
    NoLauncher,
    /// The payload has a name that no entry can have.
    #[error("the name of {path:?} can't be the name of an entry")]
    Name {
        /// The file.
        path: PathBuf,
    },
}

impl PrefixError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Binary(error) => error.exit_code(),
            Self::LauncherUnused => ExitCode::Usage,
            Self::NoLauncher => ExitCode::Unavailable,
            _ => ExitCode::Damaged,
        }
    }
}

impl EntryPoint {
    /// Looks into `code` and decides how it runs; `kind` and `launcher` are the user's choices.
    ///
    /// # Errors
    /// [`PrefixError`].
    pub fn new(
        code: Option<&Path>,
        kind: Option<EntryPointKind>,
        launcher: Option<&Path>,
    ) -> Result<Self, PrefixError> {
        let Some(path) = code else {
            return Self::with_launcher(EntryPointKind::Site, None, launcher);
        };
        let binary = binary::examine(path)?;
        let kind = kind.map_or_else(|| infer(&binary, path), Ok)?;
        check(&binary, kind, path)?;
        let entry_point = match kind {
            EntryPointKind::Linked if launcher.is_some() => Err(PrefixError::LauncherUnused),
            EntryPointKind::Linked => Self::linked(path, &binary),
            EntryPointKind::Site => Self::with_launcher(kind, None, launcher),
            _ => Self::with_launcher(kind, Some(payload(path, kind)?), launcher),
        }?;
        entry_point.check_architecture(&binary, path)?;
        Ok(entry_point)
    }

    fn linked(path: &Path, binary: &Binary) -> Result<Self, PrefixError> {
        Ok(Self {
            kind: EntryPointKind::Linked,
            prefix: read(path)?.into(),
            architecture: binary.architecture().unwrap_or(Architecture::Unknown),
            payload: None,
        })
    }

    fn with_launcher(
        kind: EntryPointKind,
        payload: Option<Payload>,
        launcher: Option<&Path>,
    ) -> Result<Self, PrefixError> {
        let (prefix, architecture) = match launcher {
            Some(path) => {
                let binary = binary::examine(path)?;
                check(&binary, EntryPointKind::Linked, path)?;
                let architecture = binary.architecture().unwrap_or(Architecture::Unknown);
                let launcher = read(path)?;
                let is_static = Needs::of(&launcher).is_ok_and(|needs| needs.is_nothing());
                if is_static && kind == EntryPointKind::Plugin {
                    return Err(PrefixError::StaticLauncher { path: path.to_owned() });
                }
                (Cow::Owned(launcher), architecture)
            }
            None => (Cow::Borrowed(compiled_in(kind)?), binary::host_architecture()),
        };
        Ok(Self { kind, prefix, architecture, payload })
    }

    fn check_architecture(&self, binary: &Binary, path: &Path) -> Result<(), PrefixError> {
        match binary.architecture() {
            Some(found) if found != self.architecture => Err(PrefixError::Architecture {
                path: path.to_owned(),
                expected: self.architecture,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the file can be run on this machine.
    pub fn runs_here(&self) -> bool {
        self.architecture == binary::host_architecture()
    }
}

/// The launcher for `kind`: only plug-ins need the dynamic loader.
fn compiled_in(kind: EntryPointKind) -> Result<&'static [u8], PrefixError> {
    let launcher = match kind {
        EntryPointKind::Plugin => DYNAMIC_LAUNCHER,
        _ => STATIC_LAUNCHER,
    };
    if launcher.is_empty() { Err(PrefixError::NoLauncher) } else { Ok(launcher) }
}

/// How a file runs if the user does not say so.
fn infer(binary: &Binary, path: &Path) -> Result<EntryPointKind, PrefixError> {
    match binary {
        Binary::Program { has_note: true, .. } => Ok(EntryPointKind::Linked),
        Binary::Program { .. } | Binary::Script => Ok(EntryPointKind::Exec),
        Binary::Library { .. } => Ok(EntryPointKind::Plugin),
        Binary::Other => Err(PrefixError::NotCode { path: path.to_owned() }),
    }
}

/// Says whether a file can run in this way.
fn check(binary: &Binary, kind: EntryPointKind, path: &Path) -> Result<(), PrefixError> {
    let path = || path.to_owned();
    match (kind, binary) {
        (EntryPointKind::Linked, Binary::Program { is_bundle: true, .. }) => {
            Err(PrefixError::IsBundle { path: path() })
        }
        (EntryPointKind::Linked, Binary::Program { has_note: false, .. }) => {
            Err(PrefixError::NoNote { path: path() })
        }
        (EntryPointKind::Linked, Binary::Program { .. })
        | (EntryPointKind::Exec, Binary::Program { .. } | Binary::Script)
        | (EntryPointKind::Site, _) => Ok(()),
        (EntryPointKind::Plugin, Binary::Library { plugin_symbols, .. }) => {
            match plugin_symbols.iter().any(|symbol| symbol == PLUGIN_SYMBOL) {
                true => Ok(()),
                false => Err(PrefixError::NoPlugin { path: path(), found: plugin_symbols.clone() }),
            }
        }
        (_, Binary::Other) => Err(PrefixError::NotCode { path: path() }),
        (kind, binary) => {
            Err(PrefixError::WrongKind { path: path(), found: binary.description(), kind })
        }
    }
}

fn payload(path: &Path, kind: EntryPointKind) -> Result<Payload, PrefixError> {
    let wrong = || PrefixError::Name { path: path.to_owned() };
    let directory = kind.payload_prefix().unwrap_or_default();
    let file_name = path.file_name().and_then(|name| name.to_str()).ok_or_else(wrong)?;
    let name = format!("{directory}{file_name}");
    holdall_archive::Name::new(&name).map_err(|_| wrong())?;
    Ok(Payload { path: path.to_owned(), name })
}

fn read(path: &Path) -> Result<Vec<u8>, BinaryError> {
    std::fs::read(path).map_err(|source| BinaryError::Read { path: path.to_owned(), source })
}

fn versions(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(", but {}", found.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        path
    }

    #[test]
    fn kinds_are_inferred_from_what_a_file_is() {
        let program = |has_note| Binary::Program {
            architecture: Architecture::X86_64,
            has_note,
            is_bundle: false,
        };
        let path = Path::new("x");
        assert_eq!(infer(&program(true), path).unwrap(), EntryPointKind::Linked);
        assert_eq!(infer(&program(false), path).unwrap(), EntryPointKind::Exec);
        assert_eq!(infer(&Binary::Script, path).unwrap(), EntryPointKind::Exec);
        assert!(matches!(infer(&Binary::Other, path), Err(PrefixError::NotCode { .. })));
    }

    #[test]
    fn a_library_needs_the_symbol_of_this_version() {
        let library = |symbols: &[&str]| Binary::Library {
            architecture: Architecture::X86_64,
            plugin_symbols: symbols.iter().map(|s| (*s).to_owned()).collect(),
        };
        let check = |binary| check(&binary, EntryPointKind::Plugin, Path::new("x.so"));
        assert!(check(library(&["holdall_plugin_v1", "holdall_plugin_v2"])).is_ok());
        let error = check(library(&["holdall_plugin_v2"])).unwrap_err().to_string();
        assert_eq!(error, "x.so does not export holdall_plugin_v1, but holdall_plugin_v2");
    }

    #[test]
    fn a_script_is_no_plugin() {
        let dir = tempfile::tempdir().unwrap();
        let path = script(dir.path(), "run.sh");
        let error = EntryPoint::new(Some(&path), Some(EntryPointKind::Plugin), None).unwrap_err();
        assert!(matches!(error, PrefixError::WrongKind { found: "a script", .. }), "{error}");
    }

    #[test]
    fn payloads_lie_where_their_kind_says() {
        let payload = payload(Path::new("a/b/run.sh"), EntryPointKind::Exec).unwrap();
        assert_eq!(payload.name, ".holdall/bin/run.sh");
        assert!(super::payload(Path::new("a/b\\c"), EntryPointKind::Exec).is_err());
    }

    #[test]
    fn a_static_launcher_loads_no_plugin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("launcher");
        let with = |kind| EntryPoint::with_launcher(kind, None, Some(&path));
        std::fs::write(&path, STATIC_LAUNCHER).unwrap();
        assert!(with(EntryPointKind::Site).is_ok());
        let error = with(EntryPointKind::Plugin).unwrap_err();
        assert!(matches!(error, PrefixError::StaticLauncher { .. }), "{error}");
        std::fs::write(&path, DYNAMIC_LAUNCHER).unwrap();
        assert!(with(EntryPointKind::Plugin).is_ok());
    }

    #[test]
    fn this_program_can_be_linked_but_has_its_own_launcher() {
        let this = Path::new("/proc/self/exe");
        let entry_point = EntryPoint::new(Some(this), None, None).unwrap();
        assert_eq!(entry_point.kind, EntryPointKind::Linked);
        assert!(entry_point.runs_here());
        let error = EntryPoint::new(Some(this), None, Some(this)).unwrap_err();
        assert!(matches!(error, PrefixError::LauncherUnused));
    }
}
