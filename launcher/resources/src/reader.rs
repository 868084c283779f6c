//! The content of a resource as a stream.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::Arc,
};

use holdall_archive::EntryReader;

use crate::{Error, directory::OpenFile};

/// A stream over the content of one resource: [`Read`] and [`Seek`] in every mode.
///
/// Memory is bounded, whatever the size. Damaged content is an error at its last piece at the
/// latest, so it never arrives in full.
///
/// Seeking behaves as in an [`io::Cursor`]: past the end is allowed and reads nothing, before the start
/// is [`io::ErrorKind::InvalidInput`]. It costs nothing by itself; the next read then checks the
/// whole content of a bundle once, and inflates compressed content up to the position.
///
/// An error holds an [`Error`], which [`io::Error::downcast`] gives back.
pub struct Reader<'a> {
    source: Source<'a>,
    size: u64,
    position: u64,
}

enum Source<'a> {
    Entry {
        reader: Box<EntryReader<'a>>,
        /// Whether seeking left it behind.
        is_elsewhere: bool,
    },
    File(Arc<OpenFile>),
    #[cfg_attr(not(feature = "include_dir"), expect(dead_code))]
    Memory(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(crate) fn of_entry(reader: EntryReader<'a>, size: u64) -> Self {
        let source = Source::Entry { reader: Box::new(reader), is_elsewhere: false };
        Reader { source, size, position: 0 }
    }

    pub(crate) fn of_file(file: Arc<OpenFile>) -> Self {
        let size = file.size;
        Reader { source: Source::File(file), size, position: 0 }
    }

    #[cfg(feature = "include_dir")]
    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        Reader { source: Source::Memory(bytes), size: bytes.len() as u64, position: 0 }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position > self.size {
            return Ok(0);
        }
        let length = match &mut self.source {
            Source::Entry { reader, is_elsewhere } => {
                if std::mem::take(is_elsewhere) {
                    reader.seek(SeekFrom::Start(self.position)).map_err(from_entry)?;
                }
                reader.read(buffer).map_err(from_entry)?
            }
            Source::File(file) => file.read_at(buffer, self.position)?,
            Source::Memory(bytes) => (&bytes[self.position as usize..]).read(buffer)?,
        };
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
        };
        let out_of_range = || {
            let message = "invalid seek to a negative or overflowing position";
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let target = target.ok_or_else(out_of_range)?;
        if let Source::Entry { is_elsewhere, .. } = &mut self.source {
            *is_elsewhere |= target != self.position;
        }
        self.position = target;
        Ok(target)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Turns what the archive's reader says into what every reader says.
fn from_entry(error: io::Error) -> io::Error {
    match error.downcast::<holdall_archive::Error>() {
        Ok(error) => Error::from(error).into(),
        Err(error) => error,
    }
}

impl OpenFile {
    /// Reads at a position within the file or at its end.
    ///
    /// The size is the one at opening: a file that has another one by now was being written, and
    /// half of the old content with half of the new is no content.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let left = self.size - position;
        if left == 0 {
            return self.check_end();
        }
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self.pread(&mut buffer[..wanted], position)? {
            0 => Err(self.wrong_size(position).into()),
            length => Ok(length),
        }
    }

    fn check_end(&self) -> io::Result<usize> {
        match self.pread(&mut [0], self.size)? {
            0 => Ok(0),
            _ => Err(self.wrong_size(self.size + 1).into()),
        }
    }

    fn pread(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file
            .read_at(buffer, position)
            .map_err(|source| Error::Io { action: "read", path: self.path.clone(), source }.into())
    }

    fn wrong_size(&self, found_bytes: u64) -> Error {
        Error::WrongSize { name: self.name.clone(), expected_bytes: self.size, found_bytes }
    }
}
