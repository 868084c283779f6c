//! The section `.dep-v0` of an ELF file: added at the end, where it moves nothing.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use object::elf::{FileHeader64, SHN_LORESERVE, SHT_PROGBITS, SectionHeader64};
use object::pod::{bytes_of, bytes_of_slice};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, U16, U32, U64};
use std::io::{self, Write};

/// Its name.
pub const NAME: &str = ".dep-v0";

type Header = FileHeader64<Endianness>;

/// Compresses a list as the section holds it.
///
/// # Errors
/// Never, in truth: there is memory behind it.
pub fn compress(list: &str) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(list.as_bytes())?;
    encoder.finish()
}

/// Whether an ELF file has the section.
pub fn is_in(elf: &[u8]) -> bool {
    let find = || {
        let header = Header::parse(elf).ok()?;
        let endian = header.endian().ok()?;
        header.sections(endian, elf).ok()?.section_by_name(endian, NAME.as_bytes())
    };
    find().is_some()
}

/// A copy of a 64-bit ELF file with `data` in the section; `None` if the file is no such file or has
/// no table of sections.
///
/// Data, the names of the sections and their table are appended, and the header points to them; what
/// was there stays where it was. The section is not loaded into memory (gABI, Sections).
pub fn append(elf: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(elf).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.section_headers(endian, elf).ok()?;
    let names_at = usize::from(header.e_shstrndx(endian));
    let mut names = sections.get(names_at)?.data(endian, elf).ok()?.to_vec();
    let name = u32::try_from(names.len()).ok()?;
    names.extend_from_slice(NAME.as_bytes());
    names.push(0);

    let mut out = elf.to_vec();
    let data_offset = put(&mut out, data);
    let names_offset = put(&mut out, &names);
    let mut table = sections.to_vec();
    table[names_at].sh_offset = U64::new(endian, names_offset);
    table[names_at].sh_size = U64::new(endian, names.len() as u64);
    table.push(SectionHeader64 {
        sh_name: U32::new(endian, name),
        sh_type: U32::new(endian, SHT_PROGBITS),
        sh_flags: U64::new(endian, 0),
        sh_addr: U64::new(endian, 0),
        sh_offset: U64::new(endian, data_offset),
        sh_size: U64::new(endian, data.len() as u64),
        sh_link: U32::new(endian, 0),
        sh_info: U32::new(endian, 0),
        sh_addralign: U64::new(endian, 1),
        sh_entsize: U64::new(endian, 0),
    });
    let count = u16::try_from(table.len()).ok().filter(|count| *count < SHN_LORESERVE)?;
    let mut header = *header;
    header.e_shoff = U64::new(endian, put(&mut out, bytes_of_slice(&table)));
    header.e_shnum = U16::new(endian, count);
    let start = bytes_of(&header);
    out[..start.len()].copy_from_slice(start);
    Some(out)
}

/// Appends `bytes` on a multiple of 8 and says where.
fn put(out: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    out.resize(out.len().next_multiple_of(8), 0);
    let offset = out.len() as u64;
    out.extend_from_slice(bytes);
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::read::{Object, ObjectSection};

    #[test]
    fn the_section_is_found_and_nothing_else_has_changed() {
        let elf = std::fs::read("/proc/self/exe").unwrap();
        let with = append(&elf, b"the list").unwrap();
        assert!(!is_in(&elf) && is_in(&with));
        let sections = |elf: &[u8]| {
            let elf = object::File::parse(elf).unwrap();
            let section = |section: object::Section| {
                (section.name().unwrap().to_owned(), section.data().unwrap().to_vec())
            };
            elf.sections().map(section).collect::<Vec<_>>()
        };
        let (before, mut after) = (sections(&elf), sections(&with));
        assert_eq!(after.pop(), Some((NAME.to_owned(), b"the list".to_vec())));
        let names = after.iter_mut().find(|(name, _)| name == ".shstrtab").unwrap();
        assert!(names.1.ends_with(b"\0.dep-v0\0"));
        names.1.truncate(names.1.len() - NAME.len() - 1);
        assert!(before == after);
    }

    #[test]
    fn what_can_t_take_a_section_is_told() {
        assert_eq!(append(b"#!/bin/sh\n", b""), None);
        let elf = std::fs::read("/proc/self/exe").unwrap();
        assert_eq!(append(&elf[..100], b""), None);
    }
}
