//! Writing a bundle: the executable, the entries, the index, the central directory.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::DeflateEncoder};

use crate::{
    Content, Digest, DosTime, Entry, Error, Executable, Flaw, Method, Name, Packed, Reserved,
    Streamed, Summary,
    content::ContentDigest,
    copy::{Copy, Summed, Tally, pump},
    error::Field,
    index::{Builder, Frame, Item, Record},
    layout::{
        BOMB_FROM, End, Header, INDEX, INDEX_MODE, LIMIT48, LOCAL_LEN, MODE_DIRECTORY, MODE_FILE,
        RATIO_MAX, WORD,
    },
    note::{DESCRIPTION_LEN, Lengths},
    source::io_error,
};

/// Writes a bundle into a new file.
///
/// ```
/// use holdall_archive::{Archive, DosTime, Name, Packed, Writer};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("example.zip");
/// let file = std::fs::File::create_new(&path)?;
/// let mut writer = Writer::new(file, &path, &[], DosTime::EARLIEST)?;
/// let packed = Packed::stored(b"hello".to_vec());
/// writer.add(Name::new("data/hello.txt")?, 0o644, "text/plain", &packed)?;
/// writer.finish()?;
///
/// let archive = Archive::open(&path)?;
/// assert_eq!(*archive.find("data/hello.txt")?.unwrap().bytes()?, *b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    out: BufWriter<File>,
    path: PathBuf,
    /// Where the next entry begins.
    at: u64,
    archive_offset: u64,
    time: DosTime,
    items: Vec<Item>,
    names: HashMap<Box<str>, bool>,
    types: Vec<Box<str>>,
    prefix_digest: Digest,
    /// Where the note's description is, if the prefix has a note.
    description_offset: Option<u64>,
    /// Of the packed data of all deflated entries so far.
    packed_crc32: crc32fast::Hasher,
}

impl Writer {
    /// Begins a bundle in the empty `file` with the executable `prefix`, or a plain archive without.
    ///
    /// # Errors
    /// If the prefix is no executable or heads a bundle already, or the file can't be written.
    pub fn new(file: File, path: &Path, prefix: &[u8], time: DosTime) -> Result<Writer, Error> {
        let mut prefix = prefix.to_vec();
        let description_offset = prepare_prefix(path, &mut prefix)?;
        let mut writer = Writer {
            out: BufWriter::with_capacity(1 << 20, file),
            path: path.to_owned(),
            at: 0,
            archive_offset: prefix.len() as u64,
            time,
            items: Vec::new(),
            // Nobody but `finish` writes the index.
            names: HashMap::from([(INDEX.into(), false)]),
            types: vec!["".into()],
            prefix_digest: crate::digest(&prefix),
            description_offset,
            packed_crc32: crc32fast::Hasher::new(),
        };
        writer.put(&prefix)?;
        Ok(writer)
    }

    /// The SHA-256 of what stands before the archive, the note's description read as zeros.
    pub fn prefix_digest(&self) -> Digest {
        self.prefix_digest
    }

    /// Where the archive begins: the length of what stands before it, in bytes.
    pub fn archive_offset(&self) -> u64 {
        self.archive_offset
    }

    /// What was added so far, reserved entries aside.
    pub fn content(&self) -> Content {
        let mut items: Vec<&Item> = self.items.iter().collect();
        items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut content = ContentDigest::new();
        for item in items {
            let media_type = &self.types[usize::from(item.record.media_type)];
            content.add(&item.name, item.record.mode, media_type, item.record.size, &item.digest);
        }
        content.finish()
    }

    /// Adds a directory; missing parents are added as well. Adding it again changes nothing.
    ///
    /// # Errors
    /// If a file has that name, or the file can't be written.
    pub fn add_directory(&mut self, name: Name<'_>, mode: u32) -> Result<(), Error> {
        match self.names.get(name.as_str()) {
            Some(true) => return Ok(()),
            Some(false) => {
                return Err(refused(
                    name.as_str(),
                    Flaw::FileAndDirectory { name: name.to_string() },
                ));
            }
            None => {}
        }
        self.add_parents(name)?;
        self.names.insert(name.as_str().into(), true);
        let full = format!("{name}/");
        let packed =
            Packed { method: Method::Stored, crc32: 0, size: 0, digest: [0; 32], data: Vec::new() };
        self.write_entry(&full, mode as u16 & 0o7777 | MODE_DIRECTORY, 0, &packed)
    }

    /// Adds a file with the permission bits of `mode`; missing parents are added as well.
    ///
    /// # Errors
    /// If the name is taken, or the file can't be written.
    pub fn add(
        &mut self,
        name: Name<'_>,
        mode: u32,
        media_type: &str,
        packed: &Packed,
    ) -> Result<(), Error> {
        self.claim(name)?;
        let media_type = self.media_type_id(name, media_type)?;
        self.write_entry(name.as_str(), mode as u16 & 0o7777 | MODE_FILE, media_type, packed)
    }

    /// Adds a file of `size` bytes in bounded memory, packed by `method` on the way.
    ///
    /// # Errors
    /// If the name is taken, or the file can't be written.
    pub fn add_stream(
        &mut self,
        name: Name<'_>,
        mode: u32,
        media_type: &str,
        method: Method,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<Streamed, Error> {
        self.claim(name)?;
        let media_type = self.media_type_id(name, media_type)?;
        let mut header = self.header(name.as_str(), mode as u16 & 0o7777 | MODE_FILE, method, size);
        let start = self.at;
        self.put_header(&header)?;
        let data_offset = self.at;
        let mut source = Tally::new(content, size);
        let copied = self.copy(method, &mut source);
        let compressed_size = self.at_of_out()? - data_offset;
        let (crc32, digest, found) = source.finish();
        let outcome = match copied {
            Err(Copy::Input(error)) => Streamed::Unreadable(error),
            Err(Copy::Output(error)) => return Err(error),
            Ok(_) if found != size => Streamed::OtherSize { found },
            Ok(_) if method == Method::Deflated && !is_worth(size, compressed_size) => {
                Streamed::NotDeflatable
            }
            Ok(packed) => {
                self.packed_crc32.combine(&packed);
                Streamed::Added
            }
        };
        if !matches!(outcome, Streamed::Added) {
            self.names.remove(name.as_str());
            self.rewind(start)?;
            return Ok(outcome);
        }
        header.crc32 = crc32;
        header.compressed_size = compressed_size;
        self.at = data_offset + compressed_size;
        let record = record_of(&header, media_type);
        self.patch_header(&header)?;
        self.items.push(Item { name: name.as_str().into(), record, digest });
        Ok(outcome)
    }

    /// Adds an entry of another archive as it is kept there, with its media type, after its content
    /// was found intact. Directories are added as such; memory is bounded.
    ///
    /// # Errors
    /// If the entry is damaged, the name is taken, or the file can't be written.
    pub fn add_entry(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let full = entry.name().to_owned();
        let name = Name::new(full.trim_end_matches('/'))
            .map_err(|source| refused(&full, Flaw::Name { name: full.clone(), source }))?;
        if entry.is_directory() {
            return self.add_directory(name, entry.mode());
        }
        let digest = entry.content_digest()?;
        self.claim(name)?;
        let media_type = self.media_type_id(name, &entry.media_type()?)?;
        let mode = entry.mode() as u16 & 0o7777 | MODE_FILE;
        let mut header = self.header(&full, mode, entry.method(), entry.size());
        header.crc32 = entry.crc32();
        header.compressed_size = entry.compressed_size();
        let record = record_of(&header, media_type);
        self.put_header(&header)?;
        let mut packed_crc32 = self.packed_crc32.clone();
        let mut written = Ok(());
        entry.for_each_raw(&mut |chunk| {
            if written.is_ok() {
                packed_crc32.update(chunk);
                written = self.put(chunk);
            }
        })?;
        written?;
        if entry.method() == Method::Deflated {
            self.packed_crc32 = packed_crc32;
        }
        self.items.push(Item { name: full.as_str().into(), record, digest });
        Ok(())
    }

    /// Adds a file of `length` bytes whose content comes last, with [`fill`](Self::fill): the
    /// manifest stands first but speaks of what follows.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn reserve(
        &mut self,
        name: Name<'_>,
        mode: u32,
        media_type: &str,
        length: u64,
    ) -> Result<Reserved, Error> {
        let packed = Packed::stored(vec![0; length as usize]);
        self.add(name, mode, media_type, &packed)?;
        Ok(Reserved { position: self.items.len() - 1, length })
    }

    /// Writes the content of a reserved entry.
    ///
    /// # Errors
    /// If it has another length than was reserved, or the file can't be written.
    pub fn fill(&mut self, reserved: Reserved, content: &[u8]) -> Result<(), Error> {
        let item = &mut self.items[reserved.position];
        if content.len() as u64 != reserved.length {
            let flaw = Flaw::Size { declared: reserved.length, found: content.len() as u64 };
            return Err(refused(&item.name, flaw));
        }
        item.record.crc32 = crc32fast::hash(content);
        item.digest = crate::digest(content);
        let item = item.clone();
        self.patch_header(&header_of(&item, self.time))?;
        self.patch(item.record.data_offset(), content)
    }

    /// Writes the index, the central directory and the end record, and the lengths into the note.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let builder = Builder::new(&self.items, &self.types)
            .ok_or_else(|| refused(INDEX, Flaw::Collision))?;
        let mut header = self.header(INDEX, INDEX_MODE, Method::Stored, builder.len());
        header.compressed_size = header.size;
        let mut directory = Vec::new();
        for item in &self.items {
            header_of(item, self.time).write_central(&mut directory);
        }
        let covered = directory.len();
        header.write_central(&mut directory);
        let index = builder.encode(
            &self.items,
            Frame {
                index_offset: self.at
                    + (LOCAL_LEN + INDEX.len()) as u64
                    + u64::from(header.local_extra_len()),
                archive_offset: self.archive_offset,
                directory_size: directory.len() as u64,
                directory_crc32: crc32fast::hash(&directory[..covered]),
                directory_covered: covered as u64,
                packed_crc32: self.packed_crc32.clone().finalize(),
            },
        );
        header.crc32 = crc32fast::hash(&index);
        directory.truncate(covered);
        header.write_central(&mut directory);
        self.put_header(&header)?;
        self.put(&index)?;
        let end = End {
            entries: self.items.len() as u64 + 1,
            directory_offset: self.at,
            directory_size: directory.len() as u64,
        };
        end.write(&mut directory);
        self.put(&directory)?;
        self.seal(end.entries, index.len() as u64)
    }

    fn seal(mut self, entries: u64, index_len: u64) -> Result<Summary, Error> {
        self.out.flush().map_err(|e| io_error(&self.path, "write", e))?;
        if let Some(offset) = self.description_offset {
            let lengths = Lengths { file: self.at, prefix: self.archive_offset };
            self.patch(offset, &lengths.encode())?;
        }
        // A rewound entry may have left bytes behind the end.
        self.out.get_ref().set_len(self.at).map_err(|e| io_error(&self.path, "write", e))?;
        Ok(Summary { file_len: self.at, archive_offset: self.archive_offset, entries, index_len })
    }

    fn write_entry(
        &mut self,
        full_name: &str,
        mode: u16,
        media_type: u8,
        packed: &Packed,
    ) -> Result<(), Error> {
        let mut header = self.header(full_name, mode, packed.method, packed.size);
        header.crc32 = packed.crc32;
        header.compressed_size = packed.compressed_size();
        let record = record_of(&header, media_type);
        self.put_header(&header)?;
        self.put(&packed.data)?;
        if packed.method == Method::Deflated {
            self.packed_crc32.update(&packed.data);
        }
        self.items.push(Item { name: full_name.into(), record, digest: packed.digest });
        Ok(())
    }

    fn header<'n>(&self, full_name: &'n str, mode: u16, method: Method, size: u64) -> Header<'n> {
        let name = full_name.as_bytes();
        // The packed size of a stored entry is known; of a deflated one it does not move the data.
        let compressed_size = if method == Method::Stored { size } else { 0 };
        Header {
            name,
            method,
            time: self.time,
            crc32: 0,
            compressed_size,
            size,
            mode,
            file_offset: self.at,
        }
    }

    /// Takes the name, and adds the directories that it is in.
    fn claim(&mut self, name: Name<'_>) -> Result<(), Error> {
        match self.names.get(name.as_str()) {
            Some(true) => {
                return Err(refused(
                    name.as_str(),
                    Flaw::FileAndDirectory { name: name.to_string() },
                ));
            }
            Some(false) => {
                return Err(refused(name.as_str(), Flaw::Duplicate { name: name.to_string() }));
            }
            None => {}
        }
        self.add_parents(name)?;
        if self.at >= LIMIT48 || self.items.len() as u64 >= u32::MAX.into() {
            return Err(refused(
                name.as_str(),
                Flaw::Limit { field: Field::FileLength, found: self.at },
            ));
        }
        self.names.insert(name.as_str().into(), false);
        Ok(())
    }

    fn add_parents(&mut self, name: Name<'_>) -> Result<(), Error> {
        match name.as_str().rsplit_once('/').map(|(parent, _)| Name::new(parent)) {
            Some(Ok(parent)) => self.add_directory(parent, 0o755),
            _ => Ok(()),
        }
    }

    fn media_type_id(&mut self, name: Name<'_>, media_type: &str) -> Result<u8, Error> {
        let position =
            self.types.iter().position(|known| **known == *media_type).unwrap_or_else(|| {
                self.types.push(media_type.into());
                self.types.len() - 1
            });
        match u8::try_from(position) {
            Ok(id) if media_type.len() <= 255 => Ok(id),
            _ => Err(refused(
                name.as_str(),
                Flaw::Limit { field: Field::MediaType, found: position as u64 },
            )),
        }
    }

    /// Writes content; returns the sum of the packed data, where it is deflated.
    fn copy(&mut self, method: Method, content: &mut Tally<'_>) -> Result<crc32fast::Hasher, Copy> {
        let crc32 = crc32fast::Hasher::new();
        if method == Method::Stored {
            pump(content, &mut self.out, &self.path)?;
            return Ok(crc32);
        }
        let summed = Summed { out: &mut self.out, crc32 };
        let mut encoder = DeflateEncoder::new(summed, Compression::new(6));
        pump(content, &mut encoder, &self.path)?;
        let summed =
            encoder.finish().map_err(|e| Copy::Output(io_error(&self.path, "write", e)))?;
        Ok(summed.crc32)
    }

    fn put_header(&mut self, header: &Header<'_>) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(128);
        header.write_local(&mut bytes);
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(|e| io_error(&self.path, "write", e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn patch_header(&mut self, header: &Header<'_>) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(128);
        header.write_local(&mut bytes);
        self.patch(header.file_offset, &bytes)
    }

    /// Overwrites what was written at `offset`.
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let flushed = self.out.flush();
        flushed
            .and_then(|()| self.out.get_ref().write_all_at(bytes, offset))
            .map_err(|e| io_error(&self.path, "write", e))
    }

    fn rewind(&mut self, start: u64) -> Result<(), Error> {
        self.at = start;
        self.out
            .seek(SeekFrom::Start(start))
            .map(drop)
            .map_err(|e| io_error(&self.path, "write", e))
    }

    fn at_of_out(&mut self) -> Result<u64, Error> {
        self.out.stream_position().map_err(|e| io_error(&self.path, "write", e))
    }
}

/// Checks the executable, pads it to the alignment of the first entry, clears its note.
fn prepare_prefix(path: &Path, prefix: &mut Vec<u8>) -> Result<Option<u64>, Error> {
    if prefix.is_empty() {
        return Ok(None);
    }
    let wrong = |offset, flaw| Error::Malformed { path: path.to_owned(), offset, flaw };
    let Some(executable) = Executable::examine(prefix) else { return Err(wrong(0, Flaw::Prefix)) };
    if executable.is_bundle || executable.end > prefix.len() as u64 {
        return Err(wrong(executable.end, Flaw::Prefix));
    }
    // What trails the last section would be in nobody's charge.
    prefix.truncate(executable.end as usize);
    prefix.resize(prefix.len().next_multiple_of(WORD as usize), 0);
    if !executable.has_note {
        return Ok(None);
    }
    let at = executable.description_offset as usize;
    prefix[at..at + DESCRIPTION_LEN].fill(0);
    Ok(Some(executable.description_offset))
}

fn record_of(header: &Header<'_>, media_type: u8) -> Record {
    Record {
        header_offset: header.file_offset,
        mode: header.mode,
        compressed_size: header.compressed_size,
        name_len: header.name.len() as u16,
        size: header.size,
        media_type,
        method: header.method,
        is_directory: header.name.ends_with(b"/"),
        crc32: header.crc32,
        extra_len: header.local_extra_len(),
    }
}

fn header_of(item: &Item, time: DosTime) -> Header<'_> {
    Header {
        name: item.name.as_bytes(),
        method: item.record.method,
        time,
        crc32: item.record.crc32,
        compressed_size: item.record.compressed_size,
        size: item.record.size,
        mode: item.record.mode,
        file_offset: item.record.header_offset,
    }
}

fn is_worth(size: u64, compressed_size: u64) -> bool {
    let shrinks = compressed_size < size;
    shrinks && (size <= BOMB_FROM || size <= compressed_size.saturating_mul(RATIO_MAX))
}

fn refused(name: &str, flaw: Flaw) -> Error {
    Error::Refused { name: name.to_owned(), flaw }
}
