//! The ELF note by which an executable says that it can head a bundle, and how long the bundle is.
//!
//! Layout (elf(5), Notes): name length 8, description length 24, type 1, `holdall\0`, then the
//! description: u64 length of the file, u64 length of what stands before the archive, u64 zero.
//! An executable that heads no bundle yet has zeros there; the writer fills them in.

use std::io::{self, Read, Seek, SeekFrom};

use object::{
    Endianness, ReadCache, ReadRef,
    elf::{FileHeader64, PT_LOAD, SHT_NOBITS},
    read::elf::{FileHeader, ProgramHeader, SectionHeader},
};

use crate::source::Source;

const NAME: [u8; 8] = *b"holdall\0";
const HEADER_LEN: u64 = 12;
/// The bytes of the note that differ between an executable and its bundles.
pub(crate) const DESCRIPTION_LEN: usize = 24;

#[repr(C, align(4))]
struct ElfNote {
    name_len: u32,
    description_len: u32,
    kind: u32,
    name: [u8; 8],
    description: [u8; DESCRIPTION_LEN],
}

#[used]
#[unsafe(link_section = ".note.holdall")]
static NOTE: ElfNote = ElfNote {
    name_len: NAME.len() as u32,
    description_len: DESCRIPTION_LEN as u32,
    kind: 1,
    name: NAME,
    description: [0; DESCRIPTION_LEN],
};

/// What the note of a bundle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// The length of the whole file in bytes, 0 if it heads no bundle.
    pub file: u64,
    /// Where the archive begins, in bytes.
    pub prefix: u64,
}

impl Lengths {
    /// The lengths in the note of the running program; zeros in a program that heads no bundle.
    pub fn of_this_program() -> Lengths {
        // SAFETY: NOTE is a static, valid and never written while the program runs. The read is
        // volatile as the bytes in the file are not the ones the compiler put there.
        let description = unsafe { std::ptr::read_volatile(&raw const NOTE.description) };
        Lengths::decode(&description)
    }

    pub fn encode(self) -> [u8; DESCRIPTION_LEN] {
        let mut description = [0; DESCRIPTION_LEN];
        description[..8].copy_from_slice(&self.file.to_le_bytes());
        description[8..16].copy_from_slice(&self.prefix.to_le_bytes());
        description
    }

    fn decode(description: &[u8; DESCRIPTION_LEN]) -> Lengths {
        Lengths {
            file: crate::layout::get64(description, 0),
            prefix: crate::layout::get64(description, 8),
        }
    }
}

/// What an executable says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executable {
    /// Where its last header, segment or section ends, in bytes.
    pub end: u64,
    /// Whether it has the note: it can head a bundle and finds its own resources.
    pub has_note: bool,
    /// Whether its note says that it already heads a bundle.
    pub is_bundle: bool,
    pub(crate) lengths: Lengths,
    /// Where the description of its note is; 0 without one.
    pub(crate) description_offset: u64,
}

impl Executable {
    /// Reads the headers and the note of a 64-bit ELF file; `None` if it is none.
    ///
    /// ```
    /// let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    /// assert!(holdall_archive::Executable::examine(this.as_slice()).is_some());
    /// assert!(holdall_archive::Executable::examine(&b"#!/bin/sh\n"[..]).is_none());
    /// ```
    pub fn examine(bytes: &[u8]) -> Option<Executable> {
        examine(bytes)
    }

    pub(crate) fn examine_source(source: &Source) -> Option<Executable> {
        examine(&ReadCache::new(Cursor { source, position: 0 }))
    }
}

fn examine<'d, R: ReadRef<'d>>(data: R) -> Option<Executable> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    // The section headers stand at the end: a truncated file lacks them, and is still to be known.
    let sections = header.section_headers(endian, data).unwrap_or_default();
    let table =
        |offset: u64, count: u16, size: u16| offset.checked_add(u64::from(count) * u64::from(size));
    let mut end =
        table(header.e_phoff(endian), header.e_phnum(endian), header.e_phentsize(endian))?.max(
            table(header.e_shoff(endian), header.e_shnum(endian), header.e_shentsize(endian))?,
        );
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD) {
        end = end.max(segment.p_offset(endian).checked_add(segment.p_filesz(endian))?);
    }
    for section in sections.iter().filter(|section| section.sh_type(endian) != SHT_NOBITS) {
        end = end.max(section.sh_offset(endian).checked_add(section.sh_size(endian))?);
    }
    let note = segments.iter().find_map(|segment| {
        let mut notes = segment.notes(endian, data).ok()??;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == &NAME[..7] && note.desc().len() == DESCRIPTION_LEN {
                return description_offset(
                    data,
                    segment.p_offset(endian),
                    segment.p_filesz(endian),
                    note.desc(),
                );
            }
        }
        None
    });
    let lengths = note.map_or(Lengths { file: 0, prefix: 0 }, |(_, lengths)| lengths);
    Some(Executable {
        end,
        has_note: note.is_some(),
        is_bundle: lengths.file != 0,
        lengths,
        description_offset: note.map_or(0, |(offset, _)| offset),
    })
}

/// Where in the segment the note with `description` stands, and what it says.
fn description_offset<'d, R: ReadRef<'d>>(
    data: R,
    segment_offset: u64,
    segment_len: u64,
    description: &[u8],
) -> Option<(u64, Lengths)> {
    let segment = data.read_bytes_at(segment_offset, segment_len).ok()?;
    let mut head = Vec::new();
    for word in [NAME.len() as u32, DESCRIPTION_LEN as u32, 1] {
        head.extend_from_slice(&word.to_le_bytes());
    }
    head.extend_from_slice(&NAME);
    debug_assert_eq!(head.len() as u64, HEADER_LEN + 8);
    let at = segment.windows(head.len()).position(|window| window == head)?;
    let lengths = Lengths::decode(description.try_into().ok()?);
    Some((segment_offset + (at + head.len()) as u64, lengths))
}

/// A [`Source`] as the reader that `object` asks for.
struct Cursor<'a> {
    source: &'a Source,
    position: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.len().saturating_sub(self.position);
        let count = left.min(buffer.len() as u64) as usize;
        self.source.read(self.position, &mut buffer[..count]).map_err(io::Error::other)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.source.len().checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_has_the_note_and_heads_no_bundle() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let executable = Executable::examine(&bytes).unwrap();
        assert!(executable.has_note && !executable.is_bundle);
        assert!(executable.end <= bytes.len() as u64);
        assert_eq!(Lengths::of_this_program(), Lengths { file: 0, prefix: 0 });
        let at = executable.description_offset as usize;
        assert_eq!(bytes[at - 8..at], NAME);
    }
}
