//! What an input file is: an executable, a shared object, a script, and for which machine.

use holdall_archive::Executable;
use object::read::Object;
use object::{Architecture, FileKind, ObjectKind};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The symbol by which a plug-in of the current service ABI is known.
pub const PLUGIN_SYMBOL: &str = "holdall_plugin_v1";

/// What all versions of that symbol begin with.
const PLUGIN_SYMBOL_STEM: &str = "holdall_plugin_v";

/// What a file is, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binary {
    /// A file that begins with `#!`.
    Script,
    /// A 64-bit ELF file that can be started.
    Program {
        /// The machine it is for.
        architecture: Architecture,
        /// Whether it has the note of a program that finds its own resources.
        has_note: bool,
        /// Whether an archive is appended already.
        is_bundle: bool,
    },
    /// A 64-bit ELF shared object.
    Library {
        /// The machine it is for.
        architecture: Architecture,
        /// The plug-in symbols it exports, of any version.
        plugin_symbols: Vec<String>,
    },
    /// Anything else.
    Other,
}

/// Why a file can't be what it is wanted for.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is a directory, a socket or another thing that is no file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What it is not.
        path: PathBuf,
    },
    /// It begins like an ELF file, but is damaged.
    #[error("{} is a damaged ELF file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: object::Error,
    },
}

impl Binary {
    /// The machine it is for; `None` for what runs everywhere or nowhere.
    pub fn architecture(&self) -> Option<Architecture> {
        match self {
            Self::Program { architecture, .. } | Self::Library { architecture, .. } => {
                Some(*architecture)
            }
            Self::Script | Self::Other => None,
        }
    }

    /// What it is, for messages.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Script => "a script",
            Self::Program { .. } => "a program",
            Self::Library { .. } => "a shared object",
            Self::Other => "no code",
        }
    }
}

/// Looks into `path`.
///
/// # Errors
/// [`BinaryError`].
pub fn examine(path: &Path) -> Result<Binary, BinaryError> {
    let unreadable = |source| BinaryError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(BinaryError::NotAFile { path: path.to_owned() });
    }
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start).map_err(unreadable)?;
    match start.as_slice() {
        [b'#', b'!', ..] => Ok(Binary::Script),
        b"\x7fELF" => {
            let damaged = |source| BinaryError::Damaged { path: path.to_owned(), source };
            file.read_to_end(&mut start).map_err(unreadable)?;
            examine_elf(start.as_slice(), path).map_err(damaged)
        }
        _ => Ok(Binary::Other),
    }
}

fn examine_elf(data: &[u8], path: &Path) -> Result<Binary, object::Error> {
    if FileKind::parse(data)? != FileKind::Elf64 {
        return Ok(Binary::Other);
    }
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(data)?;
    let architecture = elf.architecture();
    // A position-independent program is a shared object to the format: it has an interpreter, or
    // at least an entry address, and its name does not end like a library's.
    let starts = elf.entry() != 0 && !is_library_name(path);
    Ok(match elf.kind() {
        ObjectKind::Executable => program(data, architecture),
        ObjectKind::Dynamic if starts => program(data, architecture),
        ObjectKind::Dynamic => {
            Binary::Library { architecture, plugin_symbols: plugin_symbols(&elf)? }
        }
        _ => Binary::Other,
    })
}

fn program(data: &[u8], architecture: Architecture) -> Binary {
    let note = Executable::examine(data);
    Binary::Program {
        architecture,
        has_note: note.is_some_and(|executable| executable.has_note),
        is_bundle: note.is_some_and(|executable| executable.is_bundle),
    }
}

/// The exported symbols of the service ABI.
fn plugin_symbols<'data>(elf: &impl Object<'data>) -> Result<Vec<String>, object::Error> {
    let exports = elf.exports()?;
    let mut symbols: Vec<String> = exports
        .iter()
        .filter(|export| export.name().starts_with(PLUGIN_SYMBOL_STEM.as_bytes()))
        .map(|export| String::from_utf8_lossy(export.name()).into_owned())
        .collect();
    symbols.sort();
    Ok(symbols)
}

/// `libx.so` and `libx.so.1`, as the linker names them.
fn is_library_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}

/// The architecture that this program was built for, and so the compiled-in launchers.
pub fn host_architecture() -> Architecture {
    match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        "riscv64" => Architecture::Riscv64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        _ => Architecture::Unknown,
    }
}

/// The target triple of a Linux program for `architecture`.
pub fn triple(architecture: Architecture) -> String {
    let name = match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
        Architecture::Riscv64 => "riscv64gc",
        Architecture::PowerPc64 => "powerpc64le",
        Architecture::S390x => "s390x",
        _ => "unknown",
    };
    format!("{name}-unknown-linux-gnu")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn this_program_is_one_for_this_machine() {
        let binary = examine(Path::new("/proc/self/exe")).unwrap();
        let Binary::Program { architecture, is_bundle, .. } = binary else { panic!("{binary:?}") };
        assert_eq!(architecture, host_architecture());
        assert!(!is_bundle);
    }

    #[test]
    fn scripts_and_other_files_are_told_apart() {
        let (_dir, script) = written("run", b"#!/bin/sh\n");
        assert_eq!(examine(&script).unwrap(), Binary::Script);
        let (_dir, text) = written("text", b"");
        assert_eq!(examine(&text).unwrap(), Binary::Other);
    }

    #[test]
    fn a_cut_off_program_is_damaged() {
        let (_dir, path) = written("cut", &std::fs::read("/proc/self/exe").unwrap()[..100]);
        assert!(matches!(examine(&path), Err(BinaryError::Damaged { .. })));
    }

    #[test]
    fn directories_and_missing_files_are_errors() {
        assert!(matches!(examine(Path::new("/")), Err(BinaryError::NotAFile { .. })));
        assert!(matches!(examine(Path::new("/nowhere")), Err(BinaryError::Read { .. })));
    }

    #[test]
    fn library_names_end_in_so() {
        assert!(is_library_name(Path::new("libx.so")) && is_library_name(Path::new("libx.so.1")));
        assert!(!is_library_name(Path::new("lib/song")));
    }
}
