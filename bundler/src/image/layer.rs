//! The only layer of an image: the bundle, and the directories that have to be there.
//!
//! A tar archive as the image specification wants it (OCI image-spec 1.1, `layer.md`): relative names,
//! directories before what is in them. Owners, modes and times are fixed, so the same bundle always
//! makes the same bytes. It is not compressed: what can be made smaller in a bundle was, and a layer
//! that is as it is has one digest instead of two. Registries get it compressed where those who push it do so.
//!
//! The layer is as large as the bundle, so it is never held in memory: it is written twice, first
//! to learn its digest, then for good.

use crate::image::digest::{Blob, Digesting};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use tar::{Builder, EntryType, Header};

/// How much is read and written at once.
const BUFFER_LEN: usize = 1 << 20;

/// Who runs the bundle in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
}

/// What is in the layer.
#[derive(Debug)]
pub struct Layer {
    /// The bundle, open; its name in the root directory.
    pub file: File,
    /// Its length in bytes.
    pub file_len: u64,
    /// Its name in the root directory.
    pub name: String,
    /// Directories by their names, without `/` at either end, and whom those belong to that are
    /// written to; the others are root's.
    pub directories: BTreeMap<String, Option<User>>,
    /// The time stamp of all of it, in seconds since 1970.
    pub time: u64,
}

impl Layer {
    /// What the layer will be.
    ///
    /// # Errors
    /// If the bundle can't be read.
    pub fn blob(&self) -> io::Result<Blob> {
        let mut out = Digesting::new(io::sink());
        self.write(&mut out)?;
        Ok(out.finish())
    }

    /// Writes the layer.
    ///
    /// # Errors
    /// If the bundle can't be read or `out` can't be written.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut builder = Builder::new(BufWriter::with_capacity(BUFFER_LEN, out));
        for (name, owner) in &self.directories {
            let mode = if owner.is_some() { 0o700 } else { 0o755 };
            let mut header = self.header(EntryType::Directory, mode, 0);
            let User { uid, gid } = owner.unwrap_or(User { uid: 0, gid: 0 });
            header.set_uid(uid.into());
            header.set_gid(gid.into());
            builder.append_data(&mut header, format!("{name}/"), io::empty())?;
        }
        let mut header = self.header(EntryType::Regular, 0o755, self.file_len);
        let bundle = FromStart { file: &self.file, offset: 0 }.take(self.file_len);
        builder.append_data(&mut header, &self.name, bundle)?;
        builder.into_inner()?.flush()
    }

    fn header(&self, entry_type: EntryType, mode: u32, size: u64) -> Header {
        header(entry_type, mode, size, self.time)
    }
}

/// The header of an entry that is root's.
pub fn header(entry_type: EntryType, mode: u32, size: u64, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(entry_type);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Reads a file from its start, wherever others have left it.
struct FromStart<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
