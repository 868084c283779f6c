//! The content of a resource as a stream.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::Arc,
};

use crate::{Error, directory::OpenFile};

/// A stream over the content of one resource: [`Read`] and [`Seek`] in every mode.
///
/// Seeking behaves as in a [`Cursor`]: past the end is allowed and reads nothing, before the start
/// is [`io::ErrorKind::InvalidInput`]. An error holds an [`Error`], which
/// [`io::Error::downcast`] gives back.
pub struct Reader<'a>(Inner<'a>);

enum Inner<'a> {
    File(FileReader),
    Memory(Cursor<&'a [u8]>),
}

/// Reads a shared open file at a position of its own.
struct FileReader {
    file: Arc<OpenFile>,
    position: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn of_file(file: Arc<OpenFile>) -> Self {
        Reader(Inner::File(FileReader { file, position: 0 }))
    }

    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        Reader(Inner::Memory(Cursor::new(bytes)))
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::File(reader) => reader.read(buffer),
            Inner::Memory(reader) => reader.read(buffer),
        }
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Inner::File(reader) => reader.seek(to),
            Inner::Memory(reader) => reader.seek(to),
        }
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Read for FileReader {
    /// The size is the one at opening: a file that has another one by now was being written, and
    /// half of the old content with half of the new is no content.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.size.saturating_sub(self.position);
        if buffer.is_empty() {
            return Ok(0);
        }
        if left == 0 {
            return self.check_end();
        }
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let length = self.file.read_at(&mut buffer[..wanted], self.position)?;
        if length == 0 {
            return Err(self.file.wrong_size(self.position).into());
        }
        self.position += length as u64;
        Ok(length)
    }
}

impl FileReader {
    fn check_end(&self) -> io::Result<usize> {
        let at_end = self.position == self.file.size;
        if at_end && self.file.read_at(&mut [0], self.position)? > 0 {
            return Err(self.file.wrong_size(self.position + 1).into());
        }
        Ok(0)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek_target(to, self.position, self.file.size)?;
        Ok(self.position)
    }
}

/// Where `to` leads, by the rules of [`Cursor`].
fn seek_target(to: SeekFrom, position: u64, size: u64) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
    };
    target.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "seek to before the start or beyond 2^64")
    })
}

impl OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file
            .read_at(buffer, offset)
            .map_err(|source| Error::Io { action: "read", path: self.path.clone(), source }.into())
    }

    fn wrong_size(&self, found_bytes: u64) -> Error {
        Error::WrongSize { name: self.name.clone(), expected_bytes: self.size, found_bytes }
    }
}
