//! The central directory, read strictly: the fallback where there is no index, and the first half of
//! the verification where there is one.
//!
//! Everything that readers of zip disagree about is refused: see the invariants of the layout.

use crate::{
    Error, Flaw, Method, Name,
    error::Field,
    layout::{
        BOMB_FROM, CENTRAL_LEN, CENTRAL_SIGNATURE, DEFLATE_RATIO_MAX, DosTime, EXTRA_UNICODE_PATH,
        EXTRA_ZIP64, End, FLAG_UTF8, FLAGS_EFFORT, LIMIT48, LOCAL_LEN, LOCAL_SIGNATURE,
        MODE_DIRECTORY, MODE_FILE, MODE_TYPE, RATIO_MAX, get16, get32, widen,
    },
    note::Executable,
    source::Source,
};

/// An entry, as both of its headers describe it.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    /// The full name; a directory's ends in `/`.
    pub name: Box<str>,
    pub header_offset: u64,
    pub data_offset: u64,
    pub compressed_size: u64,
    pub size: u64,
    pub crc32: u32,
    pub method: Method,
    pub time: DosTime,
    pub mode: u16,
}

impl Scanned {
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }

    fn data_end(&self) -> u64 {
        self.data_offset + self.compressed_size
    }
}

/// All entries of an archive.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Sorted by full name.
    pub entries: Vec<Scanned>,
    /// Where the first local header is.
    pub archive_offset: u64,
}

impl Scan {
    /// Reads and checks every header; the content of the entries is not looked at.
    pub fn read(source: &Source, end: &End) -> Result<Scan, Error> {
        let directory = source.bytes(end.directory_offset, end.directory_size)?;
        let mut entries = Vec::new();
        let mut parser =
            Parser { source, directory: &directory, at: 0, base: end.directory_offset };
        while let Some(central) = parser.next()? {
            entries.push(check_local(source, central, end.directory_offset)?);
        }
        if entries.len() as u64 != end.entries {
            let flaw = Flaw::Mismatch {
                field: Field::EntryCount,
                expected: end.entries,
                found: entries.len() as u64,
            };
            return Err(source.malformed(end.directory_offset, flaw));
        }
        let archive_offset = check_tiling(source, &mut entries, end.directory_offset)?;
        check_prefix(source, archive_offset)?;
        // By place, too, so that of two with one name the latter is named.
        entries.sort_unstable_by(|a, b| {
            a.name.cmp(&b.name).then(a.header_offset.cmp(&b.header_offset))
        });
        check_names(source, &entries)?;
        Ok(Scan { entries, archive_offset })
    }
}

/// What a central header says, and where it stands.
struct Central<'a> {
    file_offset: u64,
    fixed: &'a [u8],
    name: &'a str,
    flags: u16,
    method: Method,
    compressed_size: u64,
    size: u64,
    header_offset: u64,
    mode: u16,
}

struct Parser<'a> {
    source: &'a Source,
    directory: &'a [u8],
    at: usize,
    base: u64,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<Option<Central<'a>>, Error> {
        let rest = &self.directory[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let offset = self.base + self.at as u64;
        let (fixed, variable) = self.split(rest, CENTRAL_LEN, "a central header", offset)?;
        if get32(fixed, 0) != CENTRAL_SIGNATURE {
            return Err(self.flaw(
                offset,
                Flaw::Signature { structure: "a central header", found: get32(fixed, 0) },
            ));
        }
        let comment = get16(fixed, 32);
        if comment != 0 {
            return Err(self.flaw(
                offset + 32,
                Flaw::Value { field: Field::CommentLength, found: comment.into() },
            ));
        }
        let (name, variable) = self.split(variable, get16(fixed, 28).into(), "a name", offset)?;
        let (extra, _) = self.split(variable, get16(fixed, 30).into(), "an extra field", offset)?;
        self.at += CENTRAL_LEN + name.len() + extra.len();
        self.interpret(offset, fixed, name, extra).map(Some)
    }

    fn interpret(
        &self,
        offset: u64,
        fixed: &'a [u8],
        name: &'a [u8],
        extra: &[u8],
    ) -> Result<Central<'a>, Error> {
        let flaw = |at: u64, flaw: Flaw| Err(self.flaw(offset + at, flaw));
        let flags = get16(fixed, 8);
        if flags & !(FLAG_UTF8 | FLAGS_EFFORT) != 0 {
            return flaw(8, Flaw::Value { field: Field::Flags, found: flags.into() });
        }
        let number = get16(fixed, 10);
        let Some(method) = Method::from_number(number) else {
            return flaw(10, Flaw::Value { field: Field::Method, found: number.into() });
        };
        if get16(fixed, 34) != 0 {
            return flaw(34, Flaw::Value { field: Field::Disk, found: get16(fixed, 34).into() });
        }
        let fields = parse_extra(extra).map_err(|f| self.flaw(offset + CENTRAL_LEN as u64, f))?;
        let name = check_name(name, flags, &fields)
            .map_err(|f| self.flaw(offset + CENTRAL_LEN as u64, f))?;
        let mut wide = [get32(fixed, 24).into(), get32(fixed, 20).into(), get32(fixed, 42).into()];
        if widen(fields.zip64, &mut wide).is_err() {
            return flaw(CENTRAL_LEN as u64, Flaw::Zip64);
        }
        let [size, compressed_size, header_offset] = wide;
        if let Err(found) = check_sizes(name, method, compressed_size, size) {
            return flaw(20, found);
        }
        let mode = match check_mode(name, fixed) {
            Ok(mode) => mode,
            Err(found) => return flaw(38, found),
        };
        Ok(Central {
            file_offset: offset,
            fixed,
            name,
            flags,
            method,
            compressed_size,
            size,
            header_offset,
            mode,
        })
    }

    fn split<'b>(
        &self,
        bytes: &'b [u8],
        length: usize,
        structure: &'static str,
        offset: u64,
    ) -> Result<(&'b [u8], &'b [u8]), Error> {
        bytes.split_at_checked(length).ok_or_else(|| {
            let (length, available) = (length as u64, bytes.len() as u64);
            self.flaw(offset, Flaw::OutOfBounds { structure, length, available })
        })
    }

    fn flaw(&self, offset: u64, flaw: Flaw) -> Error {
        self.source.malformed(offset, flaw)
    }
}

/// The extra fields that have a meaning to us.
#[derive(Default)]
struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
}

/// Splits an extra field into its parts (APPNOTE 4.5.1); each of ours at most once.
fn parse_extra(mut bytes: &[u8]) -> Result<Extra<'_>, Flaw> {
    let mut fields = Extra::default();
    while !bytes.is_empty() {
        // Older zipalign pads with plain zero bytes, fewer than a field's head.
        if bytes.len() < 4 && bytes.iter().all(|byte| *byte == 0) {
            break;
        }
        let invalid = Flaw::Value { field: Field::ExtraField, found: bytes.len() as u64 };
        let (head, rest) = bytes.split_at_checked(4).ok_or(invalid.clone())?;
        let (data, rest) = rest.split_at_checked(get16(head, 2).into()).ok_or(invalid)?;
        bytes = rest;
        let slot = match get16(head, 0) {
            EXTRA_ZIP64 => &mut fields.zip64,
            EXTRA_UNICODE_PATH => &mut fields.unicode_path,
            _ => continue,
        };
        if slot.replace(data).is_some() {
            return Err(Flaw::Value { field: Field::ExtraField, found: get16(head, 0).into() });
        }
    }
    Ok(fields)
}

/// The name as UTF-8, if it is allowed and means one thing to every reader.
fn check_name<'a>(bytes: &'a [u8], flags: u16, fields: &Extra<'_>) -> Result<&'a str, Flaw> {
    let name =
        std::str::from_utf8(bytes).map_err(|_| Flaw::NameEncoding { name: bytes.to_vec() })?;
    if let Some(unicode) = fields.unicode_path {
        // Version 1, CRC-32 of the header's name, the name in UTF-8 (APPNOTE 4.6.9).
        let same = unicode.len() >= 5 && unicode[0] == 1 && unicode[5..] == *bytes;
        if !same || get32(unicode, 1) != crc32fast::hash(bytes) {
            return Err(Flaw::UnicodePath { name: name.to_owned() });
        }
    } else if !name.is_ascii() && flags & FLAG_UTF8 == 0 {
        return Err(Flaw::NameEncoding { name: bytes.to_vec() });
    }
    match Name::new(name.strip_suffix('/').unwrap_or(name)) {
        Ok(_) => Ok(name),
        Err(source) => Err(Flaw::Name { name: name.to_owned(), source }),
    }
}

fn check_sizes(name: &str, method: Method, compressed_size: u64, size: u64) -> Result<(), Flaw> {
    if size >= LIMIT48 || compressed_size >= LIMIT48 {
        return Err(Flaw::Limit { field: Field::Size, found: size.max(compressed_size) });
    }
    // Deflated data of a directory would be read by nobody, so it could be anything.
    if name.ends_with('/') && (size > 0 || compressed_size > 0) {
        return Err(Flaw::DirectoryData { name: name.to_owned() });
    }
    if method == Method::Stored && compressed_size != size {
        return Err(Flaw::Mismatch { field: Field::Size, expected: size, found: compressed_size });
    }
    let factor = if size > BOMB_FROM { RATIO_MAX } else { DEFLATE_RATIO_MAX };
    if size > compressed_size.saturating_mul(factor) {
        return Err(Flaw::Bomb { size, compressed_size });
    }
    Ok(())
}

/// The Unix mode of an entry; of one that was not made on Unix, the usual one.
fn check_mode(name: &str, fixed: &[u8]) -> Result<u16, Flaw> {
    const UNIX: u16 = 3;
    let is_directory = name.ends_with('/');
    let kind = if is_directory { MODE_DIRECTORY } else { MODE_FILE };
    let mode = (get32(fixed, 38) >> 16) as u16;
    if get16(fixed, 4) >> 8 != UNIX || mode == 0 {
        return Ok(kind | if is_directory { 0o755 } else { 0o644 });
    }
    if mode & MODE_TYPE != 0 && mode & MODE_TYPE != kind {
        return Err(Flaw::Mode { name: name.to_owned(), mode: mode.into() });
    }
    Ok(mode | kind)
}

/// Compares the local header with the central one (invariant 4).
fn check_local(
    source: &Source,
    central: Central<'_>,
    directory_offset: u64,
) -> Result<Scanned, Error> {
    let offset = central.header_offset;
    if offset.saturating_add(LOCAL_LEN as u64) > directory_offset {
        let flaw = Flaw::Value { field: Field::LocalHeaderOffset, found: offset };
        return Err(source.malformed(central.file_offset + 42, flaw));
    }
    let local = source.array::<LOCAL_LEN>(offset)?;
    if get32(&local, 0) != LOCAL_SIGNATURE {
        let flaw = Flaw::Signature { structure: "a local header", found: get32(&local, 0) };
        return Err(source.malformed(offset, flaw));
    }
    compare_fixed(source, &central, &local)?;
    let (name_len, extra_len) = (get16(&local, 26), get16(&local, 28));
    let name = source.bytes(offset + LOCAL_LEN as u64, name_len.into())?;
    if *name != *central.name.as_bytes() {
        let local = String::from_utf8_lossy(&name).into_owned();
        let flaw = Flaw::NameMismatch { local, central: central.name.to_owned() };
        return Err(source.malformed(offset + LOCAL_LEN as u64, flaw));
    }
    let extra_offset = offset + LOCAL_LEN as u64 + u64::from(name_len);
    let extra = source.bytes(extra_offset, extra_len.into())?;
    compare_extra(&central, &local, &extra).map_err(|flaw| source.malformed(extra_offset, flaw))?;
    let data_offset = extra_offset + u64::from(extra_len);
    let available = directory_offset.saturating_sub(data_offset);
    if central.compressed_size > available {
        let flaw =
            Flaw::OutOfBounds { structure: "an entry", length: central.compressed_size, available };
        return Err(source.malformed(offset, flaw));
    }
    Ok(Scanned {
        name: central.name.into(),
        header_offset: offset,
        data_offset,
        compressed_size: central.compressed_size,
        size: central.size,
        crc32: get32(central.fixed, 16),
        method: central.method,
        time: DosTime { time: get16(central.fixed, 12), date: get16(central.fixed, 14) },
        mode: central.mode,
    })
}

/// The fields of the same width in both headers; sizes are compared after zip64.
fn compare_fixed(source: &Source, central: &Central<'_>, local: &[u8]) -> Result<(), Error> {
    let pairs = [
        (Field::Flags, u64::from(central.flags), u64::from(get16(local, 6)), 6),
        (Field::Method, get16(central.fixed, 10).into(), get16(local, 8).into(), 8),
        (Field::Time, get16(central.fixed, 12).into(), get16(local, 10).into(), 10),
        (Field::Date, get16(central.fixed, 14).into(), get16(local, 12).into(), 12),
        (Field::Crc32, get32(central.fixed, 16).into(), get32(local, 14).into(), 14),
        (Field::NameLength, central.name.len() as u64, get16(local, 26).into(), 26),
    ];
    match pairs.into_iter().find(|(_, expected, found, _)| expected != found) {
        None => Ok(()),
        Some((field, expected, found, at)) => {
            Err(source
                .malformed(central.header_offset + at, Flaw::Mismatch { field, expected, found }))
        }
    }
}

fn compare_extra(central: &Central<'_>, local: &[u8], extra: &[u8]) -> Result<(), Flaw> {
    let fields = parse_extra(extra)?;
    check_name(central.name.as_bytes(), central.flags, &Extra { zip64: None, ..fields })?;
    // A local zip64 field always holds both sizes (APPNOTE 4.5.3).
    let mut sizes = [get32(local, 22).into(), get32(local, 18).into()];
    widen(fields.zip64, &mut sizes).map_err(|_| Flaw::Zip64)?;
    let expected = [central.size, central.compressed_size];
    for ((field, expected), found) in
        [Field::Size, Field::CompressedSize].into_iter().zip(expected).zip(sizes)
    {
        if expected != found {
            return Err(Flaw::Mismatch { field, expected, found });
        }
    }
    Ok(())
}

/// Entries follow each other without gap or overlap (invariant 3); returns where the first begins.
fn check_tiling(
    source: &Source,
    entries: &mut [Scanned],
    directory_offset: u64,
) -> Result<u64, Error> {
    entries.sort_unstable_by_key(|entry| entry.header_offset);
    let archive_offset = entries.first().map_or(directory_offset, |entry| entry.header_offset);
    let mut at = archive_offset;
    for entry in entries.iter() {
        check_joint(source, at, entry.header_offset, &entry.name)?;
        at = entry.data_end();
    }
    check_joint(source, at, directory_offset, "the central directory")?;
    Ok(archive_offset)
}

fn check_joint(source: &Source, end: u64, start: u64, name: &str) -> Result<(), Error> {
    let name = || name.to_owned();
    match start.cmp(&end) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => {
            Err(source.malformed(start, Flaw::Overlap { name: name(), bytes: end - start }))
        }
        std::cmp::Ordering::Greater => {
            Err(source.malformed(end, Flaw::Gap { name: name(), bytes: start - end }))
        }
    }
}

/// Before the archive stands nothing, or an executable that ends there; a few zero bytes pad it.
fn check_prefix(source: &Source, archive_offset: u64) -> Result<(), Error> {
    const PADDING_MAX: u64 = 8;
    if archive_offset == 0 {
        return Ok(());
    }
    let wrong = || source.malformed(archive_offset, Flaw::Prefix);
    let executable = Executable::examine_source(source).ok_or_else(wrong)?;
    let end = executable.end;
    let padding = archive_offset
        .checked_sub(end)
        .filter(|padding| *padding < PADDING_MAX)
        .ok_or_else(wrong)?;
    if source.bytes(end, padding)?.iter().any(|byte| *byte != 0) {
        return Err(wrong());
    }
    Ok(())
}

/// No name twice, no name both file and directory, not even as the parent of another.
fn check_names(source: &Source, entries: &[Scanned]) -> Result<(), Error> {
    let flaw = |entry: &Scanned, flaw: Flaw| Err(source.malformed(entry.header_offset, flaw));
    for pair in entries.windows(2) {
        if pair[0].name == pair[1].name {
            return flaw(&pair[1], Flaw::Duplicate { name: pair[1].name.to_string() });
        }
    }
    let is_file = |name: &str| entries.binary_search_by(|entry| (*entry.name).cmp(name)).is_ok();
    for entry in entries {
        let key = entry.name.strip_suffix('/').unwrap_or(&entry.name);
        let parents = key.match_indices('/').map(|(at, _)| &key[..at]);
        let as_itself = entry.is_directory().then_some(key);
        if let Some(name) = parents.chain(as_itself).find(|name| is_file(name)) {
            return flaw(entry, Flaw::FileAndDirectory { name: name.to_owned() });
        }
    }
    Ok(())
}

/// The position of the first entry whose full name is not before `name`.
pub(crate) fn lower_bound(entries: &[Scanned], name: &str) -> usize {
    entries.partition_point(|entry| (*entry.name).cmp(name).is_lt())
}
