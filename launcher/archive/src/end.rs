//! The end of an archive: the end record, and its zip64 form.

use crate::{
    Error, Flaw,
    error::Field,
    layout::{
        END_LEN, END_SIGNATURE, END64_LEN, END64_SIGNATURE, End, LOCATOR64_LEN,
        LOCATOR64_SIGNATURE, SENTINEL16, SENTINEL32, get16, get32, get64,
    },
    note::Executable,
    source::Source,
};

/// Reads where the central directory is; strict (invariants 1, 2 and 8 of the layout).
pub(crate) fn read(source: &Source) -> Result<End, Error> {
    let Some(offset) = source.len().checked_sub(END_LEN as u64) else {
        return Err(missing(source));
    };
    let record = source.array::<END_LEN>(offset)?;
    if get32(&record, 0) != END_SIGNATURE {
        return Err(missing(source));
    }
    if get16(&record, 20) != 0 {
        return Err(source.malformed(offset, Flaw::Comment { length: get16(&record, 20) }));
    }
    if get32(&record, 4) != 0 {
        return Err(source.malformed(offset + 4, value(Field::Disk, get32(&record, 4).into())));
    }
    let (here, all) = (get16(&record, 8), get16(&record, 10));
    if here != all {
        return Err(
            source.malformed(offset + 8, mismatch(Field::EntryCount, all.into(), here.into()))
        );
    }
    let narrow = [u64::from(all), get32(&record, 12).into(), get32(&record, 16).into()];
    let (end, ends_at) = widen(source, offset, narrow)?;
    match end.directory_offset.checked_add(end.directory_size) {
        Some(found) if found == ends_at => Ok(end),
        found => {
            let found = found.unwrap_or(u64::MAX);
            Err(source.malformed(offset + 16, mismatch(Field::DirectoryOffset, ends_at, found)))
        }
    }
}

/// Replaces the sentinels by the values of the zip64 end record, and tells where the directory ends.
fn widen(source: &Source, end_offset: u64, narrow: [u64; 3]) -> Result<(End, u64), Error> {
    const SENTINELS: [u64; 3] = [SENTINEL16 as u64, SENTINEL32 as u64, SENTINEL32 as u64];
    let needed = narrow.iter().zip(SENTINELS).any(|(value, sentinel)| *value == sentinel);
    let locator_offset = end_offset.checked_sub(LOCATOR64_LEN as u64);
    let locator = locator_offset.map(|offset| source.array::<LOCATOR64_LEN>(offset)).transpose()?;
    let locator = locator.filter(|locator| get32(locator, 0) == LOCATOR64_SIGNATURE);
    let (Some(locator_offset), Some(locator)) = (locator_offset, locator) else {
        let [entries, directory_size, directory_offset] = narrow;
        return Ok((End { entries, directory_offset, directory_size }, end_offset));
    };
    if !needed {
        return Err(source.malformed(locator_offset, Flaw::Zip64));
    }
    let (wide, record_offset) = read_zip64(source, locator_offset, &locator)?;
    let fields = [Field::EntryCount, Field::DirectorySize, Field::DirectoryOffset];
    for (((value, sentinel), wide), field) in narrow.iter().zip(SENTINELS).zip(wide).zip(fields) {
        if *value != sentinel && *value != wide {
            return Err(source.malformed(end_offset, mismatch(field, wide, *value)));
        }
    }
    let [entries, directory_size, directory_offset] = wide;
    Ok((End { entries, directory_offset, directory_size }, record_offset))
}

/// The zip64 end record: entries, directory size, directory offset; and where it stands.
fn read_zip64(
    source: &Source,
    locator_offset: u64,
    locator: &[u8; LOCATOR64_LEN],
) -> Result<([u64; 3], u64), Error> {
    let offset = get64(locator, 8);
    if get32(locator, 4) != 0 || get32(locator, 16) != 1 {
        return Err(source.malformed(locator_offset, value(Field::Disk, get32(locator, 16).into())));
    }
    if offset.checked_add(END64_LEN as u64) != Some(locator_offset) {
        return Err(source.malformed(locator_offset + 8, Flaw::Zip64));
    }
    let record = source.array::<END64_LEN>(offset)?;
    if get32(&record, 0) != END64_SIGNATURE {
        let flaw = Flaw::Signature { structure: "a zip64 end record", found: get32(&record, 0) };
        return Err(source.malformed(offset, flaw));
    }
    if get64(&record, 4) != (END64_LEN - 12) as u64 {
        return Err(source.malformed(offset + 4, Flaw::Zip64));
    }
    if get64(&record, 16) != 0 {
        return Err(source.malformed(offset + 16, value(Field::Disk, get64(&record, 16))));
    }
    if get64(&record, 24) != get64(&record, 32) {
        let flaw = mismatch(Field::EntryCount, get64(&record, 32), get64(&record, 24));
        return Err(source.malformed(offset + 24, flaw));
    }
    Ok(([get64(&record, 32), get64(&record, 40), get64(&record, 48)], offset))
}

fn value(field: Field, found: u64) -> Flaw {
    Flaw::Value { field, found }
}

fn mismatch(field: Field, expected: u64, found: u64) -> Flaw {
    Flaw::Mismatch { field, expected, found }
}

/// Why there is no end record at the end: the note and the search for one tell more.
#[cold]
fn missing(source: &Source) -> Error {
    let path = || source.path().to_owned();
    let executable = Executable::examine_source(source);
    if let Some(lengths) =
        executable.map(|executable| executable.lengths).filter(|lengths| lengths.file > 0)
    {
        // A file that ends exactly where its own sections end was rewritten, not cut.
        if source.len() <= lengths.prefix
            && executable.is_some_and(|executable| executable.end == source.len())
        {
            return Error::Stripped {
                path: path(),
                lost: lengths.file.saturating_sub(lengths.prefix),
            };
        }
        if source.len() < lengths.file {
            return Error::Truncated { path: path(), expected: lengths.file, found: source.len() };
        }
    }
    match last_end_record(source) {
        Ok(Some((offset, comment)))
            if offset + (END_LEN as u64) + u64::from(comment) == source.len() =>
        {
            source.malformed(offset, Flaw::Comment { length: comment })
        }
        Ok(Some((offset, _))) => {
            let bytes = source.len() - offset - END_LEN as u64;
            source.malformed(offset + END_LEN as u64, Flaw::Trailing { bytes })
        }
        Ok(None) => Error::NoArchive { path: path() },
        Err(error) => error,
    }
}

/// The last end record of the file and the length of its comment, if one is within reach of it.
fn last_end_record(source: &Source) -> Result<Option<(u64, u16)>, Error> {
    let reach = (END_LEN as u64 + u64::from(u16::MAX)).min(source.len());
    let start = source.len() - reach;
    let tail = source.bytes(start, reach)?;
    let found = tail.windows(END_LEN).rposition(|window| get32(window, 0) == END_SIGNATURE);
    Ok(found.map(|at| (start + at as u64, get16(&tail, at + 20))))
}
