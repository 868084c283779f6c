//! An entry: what it is, and its content, checked.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::{
    Archive, Digest, EntryReader, Error, Flaw, Method,
    index::Record,
    inflate,
    layout::{BOMB_FROM, DEFLATE_RATIO_MAX, RATIO_MAX},
    scan::Scanned,
};

/// A file or directory of an [`Archive`].
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    archive: &'a Archive,
    name: EntryName<'a>,
    located: Located,
}

/// The name of an entry: looked at only when it is asked for.
#[derive(Debug, Clone)]
pub(crate) enum EntryName<'a> {
    Known(Cow<'a, str>),
    /// In the local header of a mapped file, and equal to the name that was looked up.
    Mapped(&'a [u8]),
}

impl EntryName<'_> {
    fn as_str(&self) -> &str {
        match self {
            EntryName::Known(name) => name,
            EntryName::Mapped(name) => std::str::from_utf8(name).unwrap_or_default(),
        }
    }
}

/// Where an entry's data is and what it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    pub data_offset: u64,
    pub compressed_size: u64,
    pub size: u64,
    pub crc32: u32,
    pub method: Method,
    pub mode: u16,
    pub place: Place,
}

/// Which table an entry was found in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Indexed { slot: u64, media_type: u8 },
    Scanned { position: usize },
    Unknown,
}

impl Located {
    pub fn indexed(slot: u64, record: &Record) -> Self {
        Located {
            data_offset: record.data_offset(),
            compressed_size: record.compressed_size,
            size: record.size,
            crc32: record.crc32,
            method: record.method,
            mode: record.mode,
            place: Place::Indexed { slot, media_type: record.media_type },
        }
    }

    pub fn scanned(position: usize, entry: &Scanned) -> Self {
        Located {
            data_offset: entry.data_offset,
            compressed_size: entry.compressed_size,
            size: entry.size,
            crc32: entry.crc32,
            method: entry.method,
            mode: entry.mode,
            place: Place::Scanned { position },
        }
    }

    /// As scanned, but never taken for intact because of an earlier reading.
    pub fn unchecked(entry: &Scanned) -> Self {
        Located { place: Place::Unknown, ..Located::scanned(0, entry) }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn new(archive: &'a Archive, name: EntryName<'a>, located: Located) -> Self {
        Entry { archive, name, located }
    }

    /// The full name; a directory's ends in `/`.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.name().ends_with('/')
    }

    /// The length of the content in bytes.
    pub fn size(&self) -> u64 {
        self.located.size
    }

    /// The length of the content as it is kept, in bytes.
    pub fn compressed_size(&self) -> u64 {
        self.located.compressed_size
    }

    /// How the content is kept.
    pub fn method(&self) -> Method {
        self.located.method
    }

    /// The CRC-32 of the content.
    pub fn crc32(&self) -> u32 {
        self.located.crc32
    }

    /// The Unix mode, with the bits of the file type.
    pub fn mode(&self) -> u32 {
        self.located.mode.into()
    }

    /// Where the content begins, in bytes from the start of the file.
    pub fn data_offset(&self) -> u64 {
        self.located.data_offset
    }

    /// The media type that the bundler gave it; empty where an edit lost it.
    ///
    /// # Errors
    /// If the index is damaged or the file can't be read.
    pub fn media_type(&self) -> Result<Cow<'a, str>, Error> {
        match (self.located.place, self.archive.index()) {
            (Place::Indexed { media_type, .. }, Some(index)) => {
                index.media_type(self.archive.source(), media_type)
            }
            _ => Ok("".into()),
        }
    }

    /// The SHA-256 of the content as the bundler recorded it; `None` where an edit lost it.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn digest(&self) -> Result<Option<Digest>, Error> {
        match (self.located.place, self.archive.index()) {
            (Place::Indexed { slot, .. }, Some(index)) => {
                index.digest(self.archive.source(), slot).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The content, checked against its CRC-32: borrowed where it is stored in a mapped file.
    ///
    /// # Errors
    /// If the content is damaged, or not as long as declared. Memory is bounded by what the data
    /// inflates to, never by what a header declares.
    pub fn bytes(&self) -> Result<Cow<'a, [u8]>, Error> {
        let is_known_intact = self.is_known_intact();
        if !is_known_intact {
            let (offset, length) = (self.located.data_offset, self.located.compressed_size);
            self.archive.source().will_need(offset, length);
        }
        let data = self.raw()?;
        if self.located.method == Method::Stored {
            if !is_known_intact {
                self.check_crc32(crc32fast::hash(&data))?;
                self.mark_intact();
            }
            return Ok(data);
        }
        self.check_ratio()?;
        let content = inflate::all(&data, self.located.size).map_err(|flaw| self.bad_data(flaw))?;
        self.check_crc32(crc32fast::hash(&content))?;
        Ok(Cow::Owned(content))
    }

    /// The content as it is kept: a raw deflate stream (RFC 1951) if it is deflated. Not checked.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn raw(&self) -> Result<Cow<'a, [u8]>, Error> {
        self.archive.source().bytes(self.located.data_offset, self.located.compressed_size)
    }

    /// Hands the content as it is kept to `each`, in pieces of bounded size. Not checked.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(crate) fn for_each_raw(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let (offset, length) = (self.located.data_offset, self.located.compressed_size);
        self.archive.source().for_each_chunk(offset, length, each)
    }

    /// The SHA-256 of the content as it is, which is read for it in bounded memory and checked.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn content_digest(&self) -> Result<Digest, Error> {
        let mut sha256 = Sha256::new();
        self.reader()?.read_to_end_with(&mut |piece| sha256.update(piece))?;
        Ok(sha256.finalize().into())
    }

    /// A reader of the content in bounded memory. Its last bytes come only after the whole was
    /// found intact, so damaged content is never handed out in full.
    ///
    /// # Errors
    /// If the declared sizes can't be true.
    pub fn reader(&self) -> Result<EntryReader<'a>, Error> {
        self.check_ratio()?;
        Ok(EntryReader::new(self.clone()))
    }

    /// Reads the content in bounded memory and checks it.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_known_intact() {
            return Ok(());
        }
        self.reader()?.read_to_end_with(&mut |_| ())
    }

    /// The archive that it is in.
    pub fn archive(&self) -> &'a Archive {
        self.archive
    }

    /// Whether the content was found intact before and can't have changed since.
    pub fn is_known_intact(&self) -> bool {
        let checked = self.archive.checked(self.located.place);
        checked.is_some_and(|(checked, entry)| checked.contains(entry))
    }

    pub(crate) fn mark_intact(&self) {
        // What is not mapped may change at any time.
        if self.archive.is_mapped()
            && let Some((checked, entry)) = self.archive.checked(self.located.place)
        {
            checked.insert(entry);
        }
    }

    pub(crate) fn check_crc32(&self, found: u32) -> Result<(), Error> {
        if found == self.located.crc32 {
            return Ok(());
        }
        Err(Error::Damaged {
            path: self.archive.path().to_owned(),
            name: self.name().to_owned(),
            expected: self.located.crc32,
            found,
        })
    }

    pub(crate) fn bad_data(&self, flaw: Flaw) -> Error {
        Error::BadData { path: self.archive.path().to_owned(), name: self.name().to_owned(), flaw }
    }

    /// Refuses sizes that deflate can't reach, before anything is allocated.
    fn check_ratio(&self) -> Result<(), Error> {
        let (size, compressed_size) = (self.located.size, self.located.compressed_size);
        let factor = match self.located.method {
            Method::Stored => 1,
            Method::Deflated if size > BOMB_FROM => RATIO_MAX,
            Method::Deflated => DEFLATE_RATIO_MAX,
        };
        if size > compressed_size.saturating_mul(factor) {
            return Err(self.bad_data(Flaw::Bomb { size, compressed_size }));
        }
        Ok(())
    }
}
