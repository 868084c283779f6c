//! What machine an image is for: `linux/amd64`.

use object::elf::{EM_AARCH64, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, elf};
use std::fmt;
use std::str::FromStr;

/// An operating system, which is always Linux, and a machine, by the names of Go, which are those of
/// the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// `amd64`, `arm64` …
    pub architecture: &'static str,
    /// `v8`, where there is more than one.
    pub variant: Option<&'static str>,
}

/// Not the name of a platform that a bundle can be for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown platform {given:?}: bundles run on {}", known())]
pub struct UnknownPlatform {
    /// What was given.
    given: String,
}

/// A platform, and what the header of its executables says.
struct Known {
    platform: Platform,
    /// What people call it as well.
    alias: &'static str,
    machine: u16,
    endian: Endianness,
}

const KNOWN: [Known; 5] = [
    known_as("amd64", None, "x86_64", EM_X86_64, Endianness::Little),
    known_as("arm64", Some("v8"), "aarch64", EM_AARCH64, Endianness::Little),
    known_as("riscv64", None, "riscv64gc", EM_RISCV, Endianness::Little),
    known_as("ppc64le", None, "powerpc64le", EM_PPC64, Endianness::Little),
    known_as("s390x", None, "s390x", EM_S390, Endianness::Big),
];

const fn known_as(
    architecture: &'static str,
    variant: Option<&'static str>,
    alias: &'static str,
    machine: u16,
    endian: Endianness,
) -> Known {
    Known { platform: Platform { architecture, variant }, alias, machine, endian }
}

impl Platform {
    /// What a 64-bit executable is for; `None` if it is none, or for a machine that has no name here.
    pub fn of(executable: &[u8]) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(executable).ok()?;
        let endian = header.endian().ok()?;
        debug_assert_eq!(header.e_ident().class, elf::ELFCLASS64);
        let machine = header.e_machine(endian);
        let known =
            KNOWN.iter().find(|known| known.machine == machine && known.endian == endian)?;
        Some(known.platform)
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    /// The variant may be left out.
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        let unknown = || UnknownPlatform { given: text.to_owned() };
        let mut parts = text.split('/');
        let (Some("linux"), Some(machine), variant, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let is_it =
            |known: &&Known| known.platform.architecture == machine || known.alias == machine;
        let platform = KNOWN.iter().find(is_it).ok_or_else(unknown)?.platform;
        if variant.is_some() && variant != platform.variant {
            return Err(unknown());
        }
        Ok(platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture)
    }
}

fn known() -> String {
    KNOWN.map(|known| known.platform.to_string()).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_for_this_machine() {
        let this = std::fs::read("/proc/self/exe").unwrap();
        let here = format!("linux/{}", std::env::consts::ARCH).parse().unwrap();
        assert_eq!(Platform::of(&this), Some(here));
        assert_eq!(Platform::of(&this[..10]), None);
        assert_eq!(Platform::of(b"#!/bin/sh"), None);
    }

    #[test]
    fn platforms_are_known_by_their_names() {
        for (given, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/x86_64", "linux/amd64"),
        ] {
            assert_eq!(given.parse::<Platform>().unwrap().to_string(), shown);
        }
        for given in [
            "",
            "linux",
            "amd64",
            "windows/amd64",
            "linux/vax",
            "linux/arm64/v7",
            "linux/amd64/v8/x",
        ] {
            assert!(given.parse::<Platform>().is_err(), "{given}");
        }
    }
}
