//! What an executable needs of the host that it is to run on, read from the file itself.
//!
//! As the kernel and the dynamic loader do it: from the segments, as sections may be stripped. ELF:
//! `PT_INTERP`, and in `PT_DYNAMIC` `DT_NEEDED`, `DT_VERNEED` (elf(5); Linux Standard Base 5.0,
//! "Symbol Versioning"). Scripts: the first line (execve(2), Interpreter scripts).

use crate::bundle::Bundle;
use crate::error::BundleError;
use object::elf::{
    DT_NEEDED, DT_STRSZ, DT_STRTAB, DT_VERNEED, DT_VERNEEDNUM, FileHeader64, ProgramHeader64,
    Vernaux, Verneed,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadRef, StringTable};
use serde::{Serialize, Serializer};
use std::fmt;

/// More libraries or versions than this, or a longer name, has no real executable: `PATH_MAX`, and ten
/// times what large desktop programs have.
const MAX_NAME_BYTES: usize = 4096;
const MAX_RECORDS: usize = 4096;

/// What must be there for an executable to start, apart from the kernel.
///
/// ```
/// let this = std::fs::read("/proc/self/exe").unwrap();
/// println!("needs {}", holdall_bundle::Needs::of(&this)?);    // needs glibc 2.34, libgcc_s.so.1
/// assert!(holdall_bundle::Needs::default().is_nothing());
/// # Ok::<(), holdall_bundle::NeedsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Absolute paths of what the kernel starts it with: the dynamic loader of a program, the
    /// interpreter of a script.
    pub interpreters: Vec<String>,
    /// Names of shared objects, as the loader looks for them: `libc.so.6`.
    pub libraries: Vec<String>,
    /// The newest version of the GNU C library that a symbol asks for.
    pub glibc: Option<Glibc>,
}

/// A version of the GNU C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    /// 2, for ever.
    pub major: u16,
    /// The release.
    pub minor: u16,
}

/// Why an executable does not tell what it needs.
#[derive(Debug, thiserror::Error)]
pub enum NeedsError {
    /// Its headers or tables are wrong.
    #[error("the ELF file is damaged")]
    Damaged(#[from] object::Error),
    /// A table lies outside of what is loaded.
    #[error("its dynamic segment points to {address:#x}, where nothing is loaded")]
    NotLoaded {
        /// The address.
        address: u64,
    },
    /// A name is longer than a path can be, or does not end.
    #[error(
        "the name at {offset:#x} in its strings has no end, or has it after {MAX_NAME_BYTES} bytes"
    )]
    LongName {
        /// Where it is in the table of strings.
        offset: u64,
    },
    /// It asks for more than anything does.
    #[error("it asks for more than {MAX_RECORDS} libraries and versions")]
    TooMany,
}

impl Needs {
    /// Reads what a 64-bit ELF file or a script needs. Other data needs nothing: it can't run.
    ///
    /// # Errors
    /// [`NeedsError`].
    pub fn of(data: &[u8]) -> Result<Self, NeedsError> {
        match data {
            [b'#', b'!', line @ ..] => Ok(Self::of_script(line)),
            // EI_CLASS: the others are no programs to us.
            [0x7f, b'E', b'L', b'F', object::elf::ELFCLASS64, ..] => Elf::parse(data)?.needs(),
            _ => Ok(Self::default()),
        }
    }

    /// Whether it runs with an empty file system.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what something needs that runs in the same place.
    pub fn add(&mut self, other: Self) {
        for (to, from) in
            [(&mut self.interpreters, other.interpreters), (&mut self.libraries, other.libraries)]
        {
            for name in from {
                if !to.contains(&name) {
                    to.push(name);
                }
            }
        }
        self.glibc = self.glibc.max(other.glibc);
    }

    fn of_script(line: &[u8]) -> Self {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.get(..MAX_NAME_BYTES).unwrap_or(line).trim_ascii();
        let path = line.split(|byte| matches!(byte, b' ' | b'\t' | 0)).next().unwrap_or_default();
        let interpreters = match path {
            [] => Vec::new(),
            _ => vec![String::from_utf8_lossy(path).into_owned()],
        };
        Self { interpreters, ..Self::default() }
    }
}

impl Bundle {
    /// What the whole bundle needs: the executable that it begins with, and the code in it.
    ///
    /// # Errors
    /// [`BundleError::Needs`], and those of the archive.
    pub fn needs(&self) -> Result<Needs, BundleError> {
        let archive = self.archive();
        let error = |what: &str, source| BundleError::Needs {
            path: archive.path().to_owned(),
            what: what.to_owned(),
            source,
        };
        let mut needs = Needs::of(&archive.prefix()?).map_err(|e| error("the executable", e))?;
        if let Some(payload) = self.payload()? {
            needs.add(Needs::of(&payload.bytes()?).map_err(|e| error(payload.name(), e))?);
        }
        Ok(needs)
    }
}

/// The parts of an ELF file that say what it needs.
struct Elf<'a> {
    data: &'a [u8],
    endian: Endianness,
    segments: &'a [ProgramHeader64<Endianness>],
}

/// What the dynamic segment says.
#[derive(Default)]
struct Dynamic {
    needed: Vec<u64>,
    strings: Option<u64>,
    strings_len: u64,
    versions: Option<u64>,
    versions_count: u64,
}

impl<'a> Elf<'a> {
    fn parse(data: &'a [u8]) -> Result<Self, NeedsError> {
        let header = FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        Ok(Self { data, endian, segments: header.program_headers(endian, data)? })
    }

    fn needs(&self) -> Result<Needs, NeedsError> {
        let mut needs = Needs::default();
        for segment in self.segments {
            if let Some(path) = segment.interpreter(self.endian, self.data)? {
                needs.interpreters.push(name(path, 0)?);
            }
        }
        let dynamic = self.dynamic()?;
        let Some(strings) = dynamic.strings else { return Ok(needs) };
        let strings = self.strings(strings, dynamic.strings_len)?;
        for offset in &dynamic.needed {
            let library = string(&strings, *offset)?;
            if !needs.libraries.contains(&library) {
                needs.libraries.push(library);
            }
        }
        if let Some(versions) = dynamic.versions {
            needs.glibc = self.glibc(versions, dynamic.versions_count, &strings)?;
        }
        Ok(needs)
    }

    fn dynamic(&self) -> Result<Dynamic, NeedsError> {
        let mut found = Dynamic::default();
        for segment in self.segments {
            let entries = segment.dynamic(self.endian, self.data)?.unwrap_or_default();
            for entry in entries.iter().take_while(|entry| entry.d_tag(self.endian) != 0) {
                let value = entry.d_val(self.endian);
                match entry.d_tag(self.endian) {
                    DT_NEEDED => found.needed.push(value),
                    DT_STRTAB => found.strings = Some(value),
                    DT_STRSZ => found.strings_len = value,
                    DT_VERNEED => found.versions = Some(value),
                    DT_VERNEEDNUM => found.versions_count = value,
                    _ => {}
                }
            }
            if found.needed.len() > MAX_RECORDS {
                return Err(NeedsError::TooMany);
            }
        }
        Ok(found)
    }

    fn strings(&self, address: u64, length: u64) -> Result<StringTable<'a>, NeedsError> {
        let start = self.offset_of(address)?;
        Ok(StringTable::new(self.data, start, start.saturating_add(length)))
    }

    /// Where in the file lies what is loaded to `address`.
    fn offset_of(&self, address: u64) -> Result<u64, NeedsError> {
        self.segments
            .iter()
            .filter(|segment| segment.p_type(self.endian) == object::elf::PT_LOAD)
            .find_map(|segment| {
                let within = address.checked_sub(segment.p_vaddr(self.endian))?;
                let is_there = within < segment.p_filesz(self.endian);
                is_there.then(|| segment.p_offset(self.endian).checked_add(within))?
            })
            .ok_or(NeedsError::NotLoaded { address })
    }

    /// The newest `GLIBC_x.y` of all libraries' versions that are asked for.
    fn glibc(
        &self,
        address: u64,
        count: u64,
        strings: &StringTable<'a>,
    ) -> Result<Option<Glibc>, NeedsError> {
        let (mut newest, mut records) = (None, 0);
        let mut library = self.offset_of(address)?;
        for _ in 0..count {
            let need: &Verneed<Endianness> = self.record(library)?;
            let mut version = library.saturating_add(need.vn_aux.get(self.endian).into());
            for _ in 0..need.vn_cnt.get(self.endian) {
                records += 1;
                if records > MAX_RECORDS {
                    return Err(NeedsError::TooMany);
                }
                let record: &Vernaux<Endianness> = self.record(version)?;
                let text = string(strings, record.vna_name.get(self.endian).into())?;
                newest = newest.max(Glibc::of_symbol_version(&text));
                version = version.saturating_add(record.vna_next.get(self.endian).into());
            }
            match need.vn_next.get(self.endian) {
                0 => break,
                next => library = library.saturating_add(next.into()),
            }
        }
        Ok(newest)
    }

    fn record<T: object::Pod>(&self, offset: u64) -> Result<&'a T, NeedsError> {
        self.data.read_at(offset).map_err(|()| NeedsError::NotLoaded { address: offset })
    }
}

fn string(strings: &StringTable, offset: u64) -> Result<String, NeedsError> {
    let at = u32::try_from(offset).map_err(|_| NeedsError::LongName { offset })?;
    let bytes = strings.get(at).map_err(|()| NeedsError::LongName { offset })?;
    name(bytes, offset)
}

fn name(bytes: &[u8], offset: u64) -> Result<String, NeedsError> {
    match bytes.len() {
        0..MAX_NAME_BYTES => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => Err(NeedsError::LongName { offset }),
    }
}

impl Glibc {
    /// `GLIBC_2.2.5` and the like; `None` for the versions of other libraries.
    fn of_symbol_version(text: &str) -> Option<Self> {
        let version = text.strip_prefix("GLIBC_")?;
        if version == "ABI_DT_RELR" {
            // The mark that relative relocations are packed: glibc 2.36 and later read them.
            return Some(Self { major: 2, minor: 36 });
        }
        let mut numbers = version.split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            return None;
        };
        Some(Self { major, minor })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for Glibc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Needs {
    /// In one line; the parts of the GNU C library are told by its version alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("nothing of the host");
        }
        let glibc = self.glibc.map(|version| format!("glibc {version}"));
        let others = self.interpreters.iter().chain(&self.libraries);
        let others = others.filter(|name| self.glibc.is_none() || !is_of_glibc(name));
        let parts: Vec<String> = glibc.into_iter().chain(others.cloned()).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Whether a library or loader belongs to the GNU C library.
fn is_of_glibc(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "libc.so.6",
        "libm.so.6",
        "libmvec.so.1",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "libresolv.so.2",
        "ld64.so.1",
        "ld64.so.2",
    ];
    let file_name = name.rsplit('/').next().unwrap_or(name);
    file_name.starts_with("ld-linux") || NAMES.contains(&file_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of one loaded segment: these strings, the libraries at these places in them, and
    /// these versions of the first.
    fn elf(strings: &[u8], needed: &[u64], versions: &[u32]) -> Vec<u8> {
        let dynamic_len = (needed.len() + 5) * 16;
        let (dynamic, verneed) = (64 + 2 * 56, 64 + 2 * 56 + dynamic_len);
        let text = verneed + 16 * (1 + versions.len());
        let mut data = b"\x7fELF\x02\x01\x01".to_vec();
        data.resize(16, 0);
        let halves = |data: &mut Vec<u8>, values: &[u16]| {
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        let longs = |data: &mut Vec<u8>, values: &[u64]| {
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        let words = |data: &mut Vec<u8>, values: &[u32]| {
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        halves(&mut data, &[3, 62, 1, 0]);
        longs(&mut data, &[0, 64, 0]);
        halves(&mut data, &[0, 0, 64, 56, 2, 64, 0, 0]);
        let len = (text + strings.len()) as u64;
        words(&mut data, &[object::elf::PT_LOAD, 4]);
        longs(&mut data, &[0, 0x1000, 0, len, len, 0x1000]);
        words(&mut data, &[object::elf::PT_DYNAMIC, 4]);
        let at = dynamic as u64;
        longs(&mut data, &[at, 0x1000 + at, 0, dynamic_len as u64, dynamic_len as u64, 8]);
        for offset in needed {
            longs(&mut data, &[1, *offset]);
        }
        let versions_at = 0x1000 + verneed as u64;
        longs(&mut data, &[5, 0x1000 + text as u64, 10, strings.len() as u64]);
        longs(&mut data, &[0x6fff_fffe, versions_at, 0x6fff_ffff, 1, 0, 0]);
        halves(&mut data, &[1, versions.len() as u16]);
        words(&mut data, &[0, 16, 0]);
        for name in versions {
            words(&mut data, &[0, 0, *name, 16]);
        }
        data.extend(strings);
        data
    }

    #[test]
    fn the_newest_version_counts_and_numbers_are_compared_as_numbers() {
        let strings = b"\0libc.so.6\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_PRIVATE\0GLIBC_2.9\0";
        let needs = Needs::of(&elf(strings, &[1], &[11, 23, 34, 48])).unwrap();
        assert_eq!(needs.libraries, ["libc.so.6"]);
        assert_eq!(needs.glibc, Some(Glibc { major: 2, minor: 17 }));
        assert_eq!(needs.to_string(), "glibc 2.17");
        assert_eq!(serde_json::to_value(&needs).unwrap()["glibc"], "2.17");
    }

    #[test]
    fn packed_relocations_need_a_loader_that_reads_them() {
        let strings = b"\0GLIBC_ABI_DT_RELR\0";
        let needs = Needs::of(&elf(strings, &[], &[1])).unwrap();
        assert_eq!(needs.glibc, Some(Glibc { major: 2, minor: 36 }));
    }

    #[test]
    fn libraries_of_others_are_named() {
        let strings = b"\0libc.so.6\0libgcc_s.so.1\0GCC_3.0\0GLIBC_2.34\0";
        let needs = Needs::of(&elf(strings, &[11, 1, 11], &[25, 33])).unwrap();
        assert_eq!(needs.libraries, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(needs.to_string(), "glibc 2.34, libgcc_s.so.1");
    }

    #[test]
    fn nothing_is_needed_by_what_has_no_tables() {
        assert!(Needs::of(&elf(b"\0", &[], &[])).unwrap().is_nothing());
        assert!(Needs::of(b"text").unwrap().is_nothing());
        assert_eq!(Needs::default().to_string(), "nothing of the host");
    }

    #[test]
    fn a_script_needs_its_interpreter() {
        let needs = |text: &str| Needs::of(text.as_bytes()).unwrap().to_string();
        assert_eq!(needs("#!/bin/sh\necho\n"), "/bin/sh");
        assert_eq!(needs("#! /usr/bin/env -S python3 -I\n"), "/usr/bin/env");
        assert_eq!(needs("#!\n"), "nothing of the host");
    }

    #[test]
    fn this_program_needs_what_it_runs_with() {
        let needs = Needs::of(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
        assert_eq!(needs.interpreters.len(), 1, "{needs:?}");
        assert!(needs.libraries.iter().any(|name| name == "libc.so.6"), "{needs:?}");
        assert!(needs.glibc >= Some(Glibc { major: 2, minor: 17 }), "{needs:?}");
    }

    #[test]
    fn what_runs_together_is_added() {
        let mut sum = Needs::of(b"#!/bin/sh\n").unwrap();
        let strings = b"\0libc.so.6\0GLIBC_2.9\0";
        sum.add(Needs::of(&elf(strings, &[1], &[11])).unwrap());
        sum.add(Needs::of(&elf(strings, &[1], &[])).unwrap());
        assert_eq!(sum.to_string(), "glibc 2.9, /bin/sh");
        assert_eq!(sum.libraries.len(), 1);
    }

    #[test]
    fn where_the_file_lies_in_memory_does_not_matter() {
        let file = elf(b"\0libc.so.6\0GLIBC_2.17\0", &[1], &[11]);
        let shifted = [&[0], file.as_slice()].concat();
        assert_eq!(Needs::of(&shifted[1..]).unwrap(), Needs::of(&file).unwrap());
    }

    #[test]
    fn damage_is_an_error() {
        let good = elf(b"\0libc.so.6\0GLIBC_2.17\0", &[1], &[11]);
        assert!(Needs::of(&good).is_ok());
        for length in 5..good.len() {
            assert!(Needs::of(&good[..length]).is_err(), "{length} bytes");
        }
        let mut bad = good.clone();
        let strings_at = 64 + 2 * 56 + 16 + 8;
        bad[strings_at + 3] = 0xff;
        assert!(matches!(Needs::of(&bad), Err(NeedsError::NotLoaded { .. })));
    }

    #[test]
    fn memory_is_bounded() {
        let long = [vec![b'a'; 5000], vec![0]].concat();
        let error = Needs::of(&elf(&long, &[0], &[])).unwrap_err();
        assert!(matches!(error, NeedsError::LongName { offset: 0 }), "{error}");
        let error = Needs::of(&elf(b"\0a\0", &[1; 5000], &[])).unwrap_err();
        assert!(matches!(error, NeedsError::TooMany), "{error}");
        let error = Needs::of(&elf(b"\0a\0", &[], &[1; 5000])).unwrap_err();
        assert!(matches!(error, NeedsError::TooMany), "{error}");
    }
}
