//! Copying content whose size was announced, and summing it up on the way.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::{Digest, Error, source::io_error};

/// Why copying stopped.
pub(crate) enum Copy {
    Input(io::Error),
    Output(Error),
}

/// Copies content to `out`, which is at `path`.
pub(crate) fn pump(content: &mut Tally<'_>, out: &mut dyn Write, path: &Path) -> Result<(), Copy> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = content.read(&mut buffer).map_err(Copy::Input)?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..count]).map_err(|e| Copy::Output(io_error(path, "write", e)))?;
    }
}

/// Writes to `out`, and sums up what passes.
pub(crate) struct Summed<'a> {
    pub out: &'a mut dyn Write,
    pub crc32: crc32fast::Hasher,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.crc32.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads content, and sums and digests it on the way; stops one byte after the announced size.
pub(crate) struct Tally<'a> {
    content: &'a mut dyn Read,
    limit: u64,
    read: u64,
    crc32: crc32fast::Hasher,
    sha256: Sha256,
}

impl<'a> Tally<'a> {
    pub fn new(content: &'a mut dyn Read, size: u64) -> Self {
        Tally {
            content,
            limit: size + 1,
            read: 0,
            crc32: crc32fast::Hasher::new(),
            sha256: Sha256::new(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.limit - self.read).min(buffer.len() as u64) as usize;
        let count = loop {
            match self.content.read(&mut buffer[..length]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.read += count as u64;
        self.crc32.update(&buffer[..count]);
        self.sha256.update(&buffer[..count]);
        Ok(count)
    }

    pub fn finish(self) -> (u32, Digest, u64) {
        (self.crc32.finalize(), self.sha256.finalize().into(), self.read)
    }
}
