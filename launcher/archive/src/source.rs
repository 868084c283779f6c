//! The bytes of a bundle: mapped where nothing can change them, else read at a position.
//!
//! A mapping of a file that somebody truncates raises SIGBUS. The kernel refuses to write to a
//! running executable (`ETXTBSY`), so the running bundle may be mapped; every other file is read
//! with `pread(2)`, where a truncation is a short read and so an error.

use std::{
    borrow::Cow,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use memmap2::{Advice, Mmap};

use crate::{Error, Flaw, layout::PAGE};

/// Files of this size in bytes and more may hold so many entries that reading ahead does not pay.
const SCATTERED_FROM: u64 = 4 * 1024 * 1024;

/// A file of known length that is read at positions.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    len: u64,
    backing: Backing,
    /// Where a part begins that is kept in memory, and the part; of files that are not mapped.
    kept: OnceLock<(u64, Vec<u8>)>,
}

#[derive(Debug)]
enum Backing {
    Map(Mmap),
    File(File),
}

impl Source {
    /// Reads `file` with `pread`; `path` is for messages.
    pub fn unprotected(file: File, path: PathBuf) -> Result<Self, Error> {
        let len = file.metadata().map_err(|e| io_error(&path, "read the length of", e))?.len();
        Ok(Source { path, len, backing: Backing::File(file), kept: OnceLock::new() })
    }

    /// Maps `file`, which must be the running executable, if the kernel and file system keep
    /// others from changing it; else reads it with `pread`.
    pub fn running(file: File, path: PathBuf) -> Result<Self, Error> {
        if !is_protected(&file) {
            return Source::unprotected(file, path);
        }
        // SAFETY: the file is the running executable on a file system and kernel that refuse to
        // write to or truncate it (`is_protected`), so the mapped bytes never change.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| io_error(&path, "map", e))?;
        Ok(Source {
            len: map.len() as u64,
            path,
            backing: Backing::Map(map),
            kept: OnceLock::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file in bytes, as it was when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the bytes can't change under us.
    pub fn is_mapped(&self) -> bool {
        matches!(self.backing, Backing::Map(_))
    }

    /// The whole file, if it is mapped.
    pub fn map(&self) -> Option<&[u8]> {
        match &self.backing {
            Backing::Map(map) => Some(map),
            Backing::File(_) => None,
        }
    }

    /// Says that this file, if it is large, is read here and there: a kernel that reads ahead would
    /// fetch megabytes from the disk for each of the few bytes that opening looks at.
    pub fn expect_scattered_reads(&self) {
        if self.len >= SCATTERED_FROM {
            self.advise(Advice::Random, 0, self.len);
        }
    }

    /// Takes [`expect_scattered_reads`](Self::expect_scattered_reads) back.
    pub fn expect_usual_reads(&self) {
        if self.len >= SCATTERED_FROM {
            self.advise(Advice::Normal, 0, self.len);
        }
    }

    /// Has a range fetched at once that is about to be read as a whole, if it is worth the call.
    pub fn will_need(&self, offset: u64, length: u64) {
        const WORTH_IT: u64 = 16 * 1024;
        if length >= WORTH_IT && length <= self.len.saturating_sub(offset) {
            let start = offset - offset % PAGE;
            self.advise(Advice::WillNeed, start, offset + length - start);
        }
    }

    /// Reads a range at once, if it is not too long, that is about to be read in a thousand places:
    /// from then on it is in memory. What is mapped is there already; only one range is kept.
    pub fn keep(&self, offset: u64, length: u64) -> Result<(), Error> {
        const KEPT_MAX: u64 = 64 << 20;
        if !self.is_mapped() && length <= KEPT_MAX && self.kept.get().is_none() {
            let bytes = self.bytes(offset, length)?.into_owned();
            // Another thread may have been faster.
            let _ = self.kept.set((offset, bytes));
        }
        Ok(())
    }

    fn kept(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let (start, bytes) = self.kept.get()?;
        let at = usize::try_from(offset.checked_sub(*start)?).ok()?;
        bytes.get(at..at.checked_add(length)?)
    }

    fn advise(&self, advice: Advice, offset: u64, length: u64) {
        if let Backing::Map(map) = &self.backing {
            // Only a hint: nothing is lost if the kernel does not take it.
            let _ = map.advise_range(advice, offset as usize, length as usize);
        }
    }

    /// `N` bytes at `offset`.
    pub fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], Error> {
        match &self.backing {
            Backing::Map(map) => match self.mapped(map, offset, N as u64)?.first_chunk() {
                Some(array) => Ok(*array),
                None => Err(self.out_of_bounds(offset, N as u64)),
            },
            Backing::File(_) => {
                let mut array = [0; N];
                self.read(offset, &mut array)?;
                Ok(array)
            }
        }
    }

    /// `length` bytes at `offset`: borrowed from the map, or read into memory.
    pub fn bytes(&self, offset: u64, length: u64) -> Result<Cow<'_, [u8]>, Error> {
        match &self.backing {
            Backing::Map(map) => Ok(Cow::Borrowed(self.mapped(map, offset, length)?)),
            Backing::File(_) => {
                // Never more than the file holds, whatever a header says.
                if self.len.checked_sub(offset).is_none_or(|left| length > left) {
                    return Err(self.out_of_bounds(offset, length));
                }
                let mut bytes = vec![0; length as usize];
                self.read(offset, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Fills `buffer` from `offset`.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        match &self.backing {
            Backing::Map(map) => {
                buffer.copy_from_slice(self.mapped(map, offset, buffer.len() as u64)?);
                Ok(())
            }
            Backing::File(file) => match self.kept(offset, buffer.len()) {
                Some(kept) => {
                    buffer.copy_from_slice(kept);
                    Ok(())
                }
                None => file
                    .read_exact_at(buffer, offset)
                    .map_err(|e| self.short_read(file, offset, buffer.len(), e)),
            },
        }
    }

    /// Whether the bytes at `offset` are `expected`.
    pub fn equals(&self, offset: u64, expected: &[u8]) -> Result<bool, Error> {
        match &self.backing {
            Backing::Map(map) => Ok(self.mapped(map, offset, expected.len() as u64)? == expected),
            Backing::File(_) => {
                let mut chunk = [0; 256];
                for (at, part) in (offset..).step_by(chunk.len()).zip(expected.chunks(chunk.len()))
                {
                    self.read(at, &mut chunk[..part.len()])?;
                    if chunk[..part.len()] != *part {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Hands a range to `each` in pieces of bounded size.
    pub fn for_each_chunk(
        &self,
        offset: u64,
        length: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Error> {
        const CHUNK: u64 = 256 * 1024;
        let mut at = offset;
        let end = offset.checked_add(length).ok_or_else(|| self.out_of_bounds(offset, length))?;
        while at < end {
            let size = CHUNK.min(end - at);
            self.will_need(at, size);
            each(&self.bytes(at, size)?);
            at += size;
        }
        Ok(())
    }

    /// An error at `offset` of this file.
    pub fn malformed(&self, offset: u64, flaw: Flaw) -> Error {
        Error::Malformed { path: self.path.clone(), offset, flaw }
    }

    fn mapped<'a>(&self, map: &'a Mmap, offset: u64, length: u64) -> Result<&'a [u8], Error> {
        let start = offset as usize;
        match start.checked_add(length as usize) {
            Some(end) if end <= map.len() => Ok(&map[start..end]),
            _ => Err(self.out_of_bounds(offset, length)),
        }
    }

    #[cold]
    fn out_of_bounds(&self, offset: u64, length: u64) -> Error {
        let available = self.len.saturating_sub(offset);
        self.malformed(offset, Flaw::OutOfBounds { structure: "a structure", length, available })
    }

    #[cold]
    fn short_read(&self, file: &File, offset: u64, length: usize, error: io::Error) -> Error {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return io_error(&self.path, "read", error);
        }
        // The file was cut while it was open, or a header points past its end.
        match file.metadata() {
            Ok(now) if now.len() < self.len => {
                Error::Truncated { path: self.path.clone(), expected: self.len, found: now.len() }
            }
            _ => self.out_of_bounds(offset, length as u64),
        }
    }
}

pub(crate) fn io_error(path: &Path, action: &'static str, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), action, source }
}

/// Whether the kernel keeps everybody from writing to this running executable.
///
/// Not on network and user-space file systems, where another host or the server may write; not on
/// Linux 6.11 and 6.12, which had dropped the protection (commits 2a010c412853 and 3b832035387f).
fn is_protected(executable: &File) -> bool {
    const UNPROTECTED: [i64; 7] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x6573_5546, // FUSE
        0x0102_1997, // 9p
        0x00c3_6400, // Ceph
    ];
    let Ok(file_system) = rustix::fs::fstatfs(executable) else { return false };
    #[allow(clippy::unnecessary_cast)] // the type of f_type differs between architectures
    let kind = file_system.f_type as i64;
    !UNPROTECTED.contains(&kind) && !kernel_dropped_protection(rustix::system::uname().release())
}

fn kernel_dropped_protection(release: &std::ffi::CStr) -> bool {
    let release = release.to_bytes();
    [&b"6.11"[..], b"6.12"].iter().any(|version| {
        release
            .strip_prefix(*version)
            .is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_without_the_protection_are_known() {
        for (release, dropped) in [
            (c"6.11.0-arch1", true),
            (c"6.12", true),
            (c"6.13.1", false),
            (c"6.1.2", false),
            (c"6.110", false),
        ] {
            assert_eq!(kernel_dropped_protection(release), dropped, "{release:?}");
        }
    }

    #[test]
    fn a_file_that_is_cut_while_open_is_an_error_not_a_signal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, vec![7; 8192]).unwrap();
        let source = Source::unprotected(File::open(&path).unwrap(), path.clone()).unwrap();
        assert_eq!(source.array::<4>(8000).unwrap(), [7; 4]);
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        assert!(matches!(
            source.bytes(4000, 50),
            Err(Error::Truncated { expected: 8192, found: 100, .. })
        ));
        assert!(matches!(source.bytes(0, u64::MAX), Err(Error::Malformed { .. })));
    }

    #[test]
    fn what_is_kept_is_read_from_memory_and_the_rest_from_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let content: Vec<u8> = (0..=255).collect();
        std::fs::write(&path, &content).unwrap();
        let source = Source::unprotected(File::open(&path).unwrap(), path.clone()).unwrap();
        assert!(source.keep(100, 200).is_err());
        source.keep(100, 50).unwrap();
        for (offset, length) in [(100, 50), (99, 2), (149, 2), (0, 256), (100, 0), (250, 6)] {
            let expected = &content[offset..offset + length];
            assert_eq!(*source.bytes(offset as u64, length as u64).unwrap(), *expected);
        }
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        assert_eq!(source.array::<4>(146).unwrap(), [146, 147, 148, 149]);
        assert!(source.array::<4>(147).is_err());
    }
}
