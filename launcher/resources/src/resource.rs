//! One resource: what is known of it, and its content.

use std::{
    borrow::Cow,
    fmt,
    io::{self, BufReader, Read},
    sync::Arc,
};

use holdall_archive::{Entry, Method};
use sha2::{Digest, Sha256};

use crate::{
    Coding, Encoded, Error, Reader, ResourcePath,
    directory::OpenFile,
    encoded, media_type,
    memfd::{self, Executable, SealedFile},
};

/// A named file, found and ready to be read.
///
/// `'a` is the life of the [`Resources`](crate::Resources) it comes from. From a directory it is
/// an open file: it stays readable when the name is deleted or replaced.
#[derive(Clone)]
pub struct Resource<'a> {
    content: Content<'a>,
}

#[derive(Clone)]
pub(crate) enum Content<'a> {
    Bundled(Entry<'a>),
    File(Arc<OpenFile>),
    #[cfg(feature = "include_dir")]
    Embedded {
        name: &'a str,
        bytes: &'a [u8],
    },
}

impl<'a> Resource<'a> {
    pub(crate) fn new(content: Content<'a>) -> Self {
        Resource { content }
    }

    /// Its full name, such as `data/index.html`.
    pub fn name(&self) -> &str {
        match &self.content {
            Content::Bundled(entry) => entry.name(),
            Content::File(file) => &file.name,
            #[cfg(feature = "include_dir")]
            Content::Embedded { name, .. } => name,
        }
    }

    /// Its size in bytes, as read.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bundled(entry) => entry.size(),
            Content::File(file) => file.size,
            #[cfg(feature = "include_dir")]
            Content::Embedded { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Its media type, such as `text/html; charset=utf-8`.
    ///
    /// A bundle has it recorded, and the bundler may have been told another one; elsewhere it is
    /// [`media_type`]'s.
    pub fn media_type(&self) -> Cow<'a, str> {
        if let Content::Bundled(entry) = &self.content
            && let Ok(recorded) = entry.media_type()
            && !recorded.is_empty()
        {
            return recorded;
        }
        Cow::Borrowed(media_type(self.name()))
    }

    /// The SHA-256 of its content.
    ///
    /// A bundle has it recorded. Elsewhere each call reads the whole content, in bounded memory.
    ///
    /// # Errors
    /// As reading.
    pub fn digest(&self) -> Result<[u8; 32], Error> {
        match self.recorded_digest()? {
            Some(digest) => Ok(digest),
            None => self.compute_digest(),
        }
    }

    /// Its whole content: borrowed where it lies in memory as it is (stored in a mapped bundle, or
    /// compiled in), else read.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::WrongSize`] if it is not what was packed,
    /// [`Error::TooLarge`] if there is no memory for it, and what the system refuses.
    pub fn bytes(&self) -> Result<Cow<'a, [u8]>, Error> {
        match &self.content {
            Content::Bundled(entry) => Ok(entry.bytes()?),
            Content::File(_) => self.read_all().map(Cow::Owned),
            #[cfg(feature = "include_dir")]
            Content::Embedded { bytes, .. } => Ok(Cow::Borrowed(bytes)),
        }
    }

    /// Whether it is in a bundle that is mapped, so that what the bundle holds can be lent.
    pub fn is_mapped(&self) -> bool {
        matches!(&self.content, Content::Bundled(entry) if entry.archive().is_mapped())
    }

    /// Whether [`bytes`](Self::bytes) costs neither reading nor memory, once the content was
    /// [checked](Self::is_checked).
    pub fn is_in_memory(&self) -> bool {
        match &self.content {
            Content::Bundled(entry) => {
                entry.method() == Method::Stored && entry.archive().is_mapped()
            }
            Content::File(_) => false,
            #[cfg(feature = "include_dir")]
            Content::Embedded { .. } => true,
        }
    }

    /// Whether the content was found right before, so that reading it checks nothing any more.
    pub fn is_checked(&self) -> bool {
        match &self.content {
            Content::Bundled(entry) => entry.is_known_intact(),
            // There is nothing that it could be checked against.
            _ => true,
        }
    }

    /// Reads the content in bounded memory to see whether it is what was packed.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn check(&self) -> Result<(), Error> {
        match &self.content {
            Content::Bundled(entry) => Ok(entry.check()?),
            _ => Ok(()),
        }
    }

    /// Its content as the bundle keeps it in a coding; `None` where it doesn't, or where an edit of
    /// the bundle may have left it behind.
    ///
    /// For [`Coding::Gzip`] this is the compressed data of the archive: it is right if the resource
    /// was [checked](Self::check).
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn encoded(&self, coding: Coding) -> Result<Option<Encoded<'a>>, Error> {
        match &self.content {
            Content::Bundled(entry) => encoded::of_entry(entry, coding),
            _ => Ok(None),
        }
    }

    /// Its content as a stream from the start, in bounded memory however large it is.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), except that damage is found while reading.
    pub fn reader(&self) -> Result<Reader<'a>, Error> {
        match &self.content {
            Content::Bundled(entry) => Ok(Reader::of_entry(entry.reader()?, self.size())),
            Content::File(file) => Ok(Reader::of_file(Arc::clone(file))),
            #[cfg(feature = "include_dir")]
            Content::Embedded { bytes, .. } => Ok(Reader::of_bytes(bytes)),
        }
    }

    /// Its content as text.
    ///
    /// # Errors
    /// [`Error::NotUtf8`], and as [`bytes`](Self::bytes).
    pub fn read_to_string(&self) -> Result<String, Error> {
        String::from_utf8(self.bytes()?.into_owned()).map_err(|error| Error::NotUtf8 {
            name: self.name().to_owned(),
            offset_bytes: error.utf8_error().valid_up_to(),
        })
    }

    /// A path to its content, for code that insists on one.
    ///
    /// The path is `/proc/self/fd/N`, of a sealed copy in memory, in every mode: nothing is on
    /// disk, nothing is left behind, nobody can change it. It lives as long as the value, has no
    /// extension, and costs as much memory as the content has bytes.
    ///
    /// # Errors
    /// [`Error::NoPath`] if the kernel refuses, and as [`bytes`](Self::bytes).
    pub fn as_path(&self) -> Result<ResourcePath, Error> {
        let mut reader = self.reader_for_copies()?;
        SealedFile::create(self.name(), Executable::No, |file| {
            io::copy(&mut reader, file).map(drop)
        })
        .map(ResourcePath::new)
        .map_err(|error| self.no_path(error))
    }

    /// A reader for [`io::copy`], which takes its buffer for its own: pieces of 64 KiB, not of 8.
    pub(crate) fn reader_for_copies(&self) -> Result<BufReader<Reader<'a>>, Error> {
        Ok(BufReader::with_capacity(64 * 1024, self.reader()?))
    }

    fn no_path(&self, error: memfd::Error) -> Error {
        let name = self.name().to_owned();
        match error {
            memfd::Error::Fill { name: copy, source } => match source.downcast::<Error>() {
                Ok(error) => error,
                Err(source) => {
                    Error::NoPath { name, source: memfd::Error::Fill { name: copy, source } }
                }
            },
            source => Error::NoPath { name, source },
        }
    }

    fn read_all(&self) -> Result<Vec<u8>, Error> {
        let size_bytes = self.size();
        let too_large = || Error::TooLarge { name: self.name().to_owned(), size_bytes };
        let size = usize::try_from(size_bytes).map_err(|_| too_large())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| too_large())?;
        let read = self.reader()?.read_to_end(&mut bytes);
        read.map_err(|error| Error::from_read(error, self.name()))?;
        Ok(bytes)
    }

    fn recorded_digest(&self) -> Result<Option<[u8; 32]>, Error> {
        match &self.content {
            Content::Bundled(entry) => Ok(entry.digest()?),
            _ => Ok(None),
        }
    }

    fn compute_digest(&self) -> Result<[u8; 32], Error> {
        let mut reader = self.reader()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(length) => hash.update(&buffer[..length]),
                Err(error) => return Err(Error::from_read(error, self.name())),
            }
        }
    }
}

impl fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("name", &self.name())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
