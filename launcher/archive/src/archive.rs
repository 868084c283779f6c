//! An open archive: find an entry by name, list a directory, walk.

use std::{
    borrow::Cow,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Entry, Error, Flaw,
    checked::Checked,
    end,
    entry::{EntryName, Located, Place},
    error::Field,
    index::{Index, Record, Slot},
    layout::{End, LOCAL_LEN, Local},
    note::{DESCRIPTION_LEN, Executable, Lengths},
    quick,
    scan::{Scan, Scanned, lower_bound},
    source::{Source, io_error},
};

/// The archive of a bundle, open for reading; safe to share between threads.
///
/// ```no_run
/// # use holdall_archive::{Archive, Lookup};
/// let archive = Archive::open("sayhello".as_ref())?;
/// if let Lookup::File(entry) = archive.lookup("data/index.html")? {
///     println!("{} bytes of {}", entry.size(), entry.media_type()?);
/// }
/// # Ok::<(), holdall_archive::Error>(())
/// ```
#[derive(Debug)]
pub struct Archive {
    source: Source,
    end: End,
    index: Option<Index>,
    /// Set once the index was seen not to describe the archive.
    stale: AtomicBool,
    fresh: OnceLock<bool>,
    scan: OnceLock<(Scan, Checked)>,
    checked: Checked,
}

/// What a name stands for.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// A file.
    File(Entry<'a>),
    /// A directory.
    Directory,
    /// Nothing.
    Absent,
}

/// Where the names of an archive are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexState {
    /// In the index, in place.
    Used,
    /// In the central directory, as the archive has no index.
    Absent,
    /// In the central directory, as the archive was edited after it was bundled.
    Stale,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Child {
    /// Its last segment.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
}

impl Archive {
    /// Opens the bundle at `path`; it is read with `pread(2)`, so nothing that is done to the file
    /// meanwhile can end this process.
    ///
    /// # Errors
    /// If the file can't be read, has no archive, is truncated, or its directory is damaged.
    pub fn open(path: &Path) -> Result<Archive, Error> {
        let file = File::open(path).map_err(|e| io_error(path, "open", e))?;
        Archive::from_file(file, path.to_owned())
    }

    /// Opens a bundle from a descriptor; `path` is for messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_file(file: File, path: PathBuf) -> Result<Archive, Error> {
        Archive::new(Source::unprotected(file, path)?)
    }

    /// Opens the archive of the running executable, mapped where the kernel protects it.
    ///
    /// # Errors
    /// As [`open`](Self::open); in particular [`Error::NoArchive`] for a program that heads no
    /// bundle, and [`Error::Truncated`] for an incomplete copy.
    pub fn open_running() -> Result<Archive, Error> {
        const EXECUTABLE: &str = "/proc/self/exe";
        let path = std::fs::read_link(EXECUTABLE).unwrap_or_else(|_| EXECUTABLE.into());
        let file = File::open(EXECUTABLE).map_err(|e| io_error(&path, "open", e))?;
        Archive::new(Source::running(file, path)?)
    }

    /// Whether the running program was the head of a bundle when that was made: then a missing
    /// archive is damage, else it is merely a program on its own.
    pub fn is_expected() -> bool {
        Lengths::of_this_program().file != 0
    }

    pub(crate) fn new(source: Source) -> Result<Archive, Error> {
        source.expect_scattered_reads();
        let end = end::read(&source)?;
        let index = Index::open(&source, &end)?;
        if !index.as_ref().is_some_and(Index::is_large) {
            source.expect_usual_reads();
        }
        let archive = Archive {
            checked: Checked::new(index.map_or(0, |index| index.slots())),
            source,
            end,
            index,
            stale: AtomicBool::new(false),
            fresh: OnceLock::new(),
            scan: OnceLock::new(),
        };
        if archive.index.is_none() {
            archive.scan()?;
        }
        Ok(archive)
    }

    /// The file, as it was named when it was opened.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.source.len()
    }

    /// The number of entries, with directories and the bundle's own.
    pub fn entries_len(&self) -> u64 {
        self.end.entries
    }

    /// Where the archive begins: the length of what stands before it, in bytes.
    ///
    /// # Errors
    /// If the central directory must be read for it and is damaged.
    pub fn archive_offset(&self) -> Result<u64, Error> {
        match self.usable_index() {
            Some(index) => Ok(index.archive_offset),
            None => Ok(self.scan()?.0.archive_offset),
        }
    }

    /// The executable that the file begins with, as it was before it headed a bundle: with nothing
    /// in its note. Empty for a plain archive.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn executable(&self) -> Result<Vec<u8>, Error> {
        let mut executable = self.source.bytes(0, self.archive_offset()?)?.into_owned();
        if let Some(found) = Executable::examine(executable.as_slice()).filter(|it| it.has_note) {
            let at = found.description_offset as usize;
            executable[at..at + DESCRIPTION_LEN].fill(0);
        }
        Ok(executable)
    }

    /// What stands before the archive: an executable.
    ///
    /// # Errors
    /// As [`archive_offset`](Self::archive_offset), or if the file can't be read.
    pub fn prefix(&self) -> Result<Cow<'_, [u8]>, Error> {
        self.source.bytes(0, self.archive_offset()?)
    }

    /// Whether content is borrowed from a mapping of the file.
    pub fn is_mapped(&self) -> bool {
        self.source.is_mapped()
    }

    /// Where names are looked up; looks at the whole central directory the first time.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn index_state(&self) -> Result<IndexState, Error> {
        Ok(match (&self.index, self.fresh_index()?) {
            (None, _) => IndexState::Absent,
            (_, Some(_)) => IndexState::Used,
            (_, None) => IndexState::Stale,
        })
    }

    /// What `name` stands for; the empty name is the root directory. Allocates nothing where the
    /// index is used in a mapped file.
    ///
    /// # Errors
    /// If the entry's header is damaged or the file can't be read.
    pub fn lookup(&self, name: &str) -> Result<Lookup<'_>, Error> {
        if name.is_empty() {
            return Ok(Lookup::Directory);
        }
        let Some(index) = self.usable_index() else { return self.lookup_scanned(name) };
        if let Some(entry) = quick::find(self, index, name) {
            return Ok(Lookup::File(entry));
        }
        match index.find(&self.source, name.as_bytes())? {
            Some((number, slot)) => self.check_found(index, name, number, &slot),
            // What the index does not know may have been added since.
            None if self.fresh_index()?.is_some() => Ok(Lookup::Absent),
            None => self.lookup_scanned(name),
        }
    }

    /// The file `name`, or `None` if there is no such file.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    pub fn find(&self, name: &str) -> Result<Option<Entry<'_>>, Error> {
        Ok(match self.lookup(name)? {
            Lookup::File(entry) => Some(entry),
            Lookup::Directory | Lookup::Absent => None,
        })
    }

    /// The names in `directory`, sorted; none if it is no directory. The empty name is the root.
    ///
    /// # Errors
    /// If the central directory is damaged or the file can't be read.
    pub fn children(&self, directory: &str) -> Result<Vec<Child>, Error> {
        let ordered = self.ordered()?;
        let prefix = prefix_of(directory);
        let mut children = Vec::new();
        let mut position = ordered.lower_bound(&prefix)?;
        while position < ordered.len() {
            let name = ordered.name(position)?;
            let Some(rest) = name.strip_prefix(&*prefix) else { break };
            position = match rest.split_once('/') {
                Some((child, _)) => {
                    children.push(Child { name: child.to_owned(), is_directory: true });
                    // '0' follows '/': the first name behind the whole directory. Always onwards,
                    // even where a hostile index is not in order.
                    ordered.lower_bound(&format!("{prefix}{child}0"))?.max(position + 1)
                }
                None => {
                    if !rest.is_empty() {
                        children.push(Child { name: rest.to_owned(), is_directory: false });
                    }
                    position + 1
                }
            };
        }
        children.sort_unstable();
        Ok(children)
    }

    /// All entries below `directory` in the order of their full names, directories among them.
    /// The empty name is the root.
    ///
    /// # Errors
    /// If the central directory is damaged or the file can't be read.
    pub fn entries_under(&self, directory: &str) -> Result<Entries<'_>, Error> {
        let ordered = self.ordered()?;
        let prefix = prefix_of(directory).into_owned();
        let position = ordered.lower_bound(&prefix)?;
        Ok(Entries { ordered, prefix, position })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn end(&self) -> &End {
        &self.end
    }

    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Which entries were seen to be intact.
    pub(crate) fn checked(&self, place: Place) -> Option<(&Checked, u64)> {
        match place {
            Place::Indexed { slot, .. } => Some((&self.checked, slot)),
            Place::Scanned { position } => {
                self.scan.get().map(|(_, checked)| (checked, position as u64))
            }
            Place::Unknown => None,
        }
    }

    fn usable_index(&self) -> Option<&Index> {
        if self.stale.load(Ordering::Relaxed) { None } else { self.index.as_ref() }
    }

    /// The index, if it was made from the central directory as it is now.
    fn fresh_index(&self) -> Result<Option<&Index>, Error> {
        let Some(index) = self.usable_index() else { return Ok(None) };
        let fresh = match self.fresh.get() {
            Some(fresh) => *fresh,
            None => *self.fresh.get_or_init({
                let fresh = index.is_fresh(&self.source)?;
                move || fresh
            }),
        };
        if !fresh {
            self.stale.store(true, Ordering::Relaxed);
        }
        Ok(fresh.then_some(index))
    }

    /// The strict reading of the central directory, done once and only where it is needed.
    fn scan(&self) -> Result<&(Scan, Checked), Error> {
        if let Some(scan) = self.scan.get() {
            return Ok(scan);
        }
        let scan = Scan::read(&self.source, &self.end)?;
        let checked = Checked::new(scan.entries.len() as u64);
        Ok(self.scan.get_or_init(|| (scan, checked)))
    }

    fn ordered(&self) -> Result<Ordered<'_>, Error> {
        Ok(match self.fresh_index()? {
            Some(index) => Ordered::Index(self, index),
            None => Ordered::Scan(self, &self.scan()?.0),
        })
    }

    /// Compares what the index found with the local header that stands before the data.
    fn check_found(
        &self,
        index: &Index,
        name: &str,
        number: u64,
        slot: &Slot,
    ) -> Result<Lookup<'_>, Error> {
        let record = slot.read(&self.source)?.filter(|record| record.key_len() == name.len());
        let name_offset = slot.header_offset + LOCAL_LEN as u64;
        let Some(record) = record else { return self.lookup_disputed(index, name, number, slot) };
        if !self.source.equals(name_offset, name.as_bytes())? {
            return self.lookup_disputed(index, name, number, slot);
        }
        if record.is_directory {
            return Ok(Lookup::Directory);
        }
        let name = EntryName::Known(full_name(&self.source, &record)?);
        Ok(Lookup::File(Entry::new(self, name, Located::indexed(number, &record))))
    }

    /// Index and local header differ: another name, an edited archive, or damage.
    #[cold]
    fn lookup_disputed(
        &self,
        index: &Index,
        name: &str,
        number: u64,
        slot: &Slot,
    ) -> Result<Lookup<'_>, Error> {
        if self.fresh_index()?.is_none() {
            return self.lookup_scanned(name);
        }
        let local = Local::read(&self.source, slot.header_offset)?;
        // A name that is absent may share its hash's end with the one in its slot.
        if let Some(record) = local.and_then(|local| slot.describe(&local)) {
            let name_offset = slot.header_offset + LOCAL_LEN as u64;
            let key = self.source.bytes(name_offset, record.key_len() as u64)?;
            if *key != *name.as_bytes() && index.place(&self.source, &key)? == (number, slot.tag) {
                return Ok(Lookup::Absent);
            }
        }
        let flaw = Flaw::Mismatch {
            field: Field::Crc32,
            expected: slot.crc32.into(),
            found: local.map_or(0, |local| local.crc32.into()),
        };
        Err(self.source.malformed(slot.header_offset, flaw))
    }

    fn lookup_scanned(&self, name: &str) -> Result<Lookup<'_>, Error> {
        let (scan, _) = self.scan()?;
        let entries = &scan.entries;
        let position = entries.binary_search_by(|entry| (*entry.name).cmp(name));
        // A directory's own entry ends in '/', which no name does.
        if let (Ok(position), false) = (position, name.ends_with('/')) {
            let located = Located::scanned(position, &entries[position]);
            let name = Cow::Borrowed(&*entries[position].name);
            return Ok(Lookup::File(Entry::new(self, EntryName::Known(name), located)));
        }
        // A zip tool may leave a directory without an entry of its own.
        let prefix = if name.ends_with('/') { return Ok(Lookup::Absent) } else { prefix_of(name) };
        let next = entries.get(lower_bound(entries, &prefix));
        Ok(match next.is_some_and(|entry| entry.name.starts_with(&*prefix)) {
            true => Lookup::Directory,
            false => Lookup::Absent,
        })
    }
}

/// The prefix that all names below `directory` have.
fn prefix_of(directory: &str) -> Cow<'_, str> {
    if directory.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("{directory}/")) }
}

/// The entries in the order of their full names.
#[derive(Debug, Clone, Copy)]
enum Ordered<'a> {
    Index(&'a Archive, &'a Index),
    Scan(&'a Archive, &'a Scan),
}

impl<'a> Ordered<'a> {
    fn len(self) -> u64 {
        match self {
            Ordered::Index(_, index) => index.entries,
            Ordered::Scan(_, scan) => scan.entries.len() as u64,
        }
    }

    fn name(self, position: u64) -> Result<Cow<'a, str>, Error> {
        match self {
            Ordered::Index(archive, index) => {
                let (_, record) = indexed(archive, index, position)?;
                full_name(&archive.source, &record)
            }
            Ordered::Scan(_, scan) => Ok(Cow::Borrowed(&scan.entries[position as usize].name)),
        }
    }

    fn entry(self, position: u64) -> Result<Entry<'a>, Error> {
        match self {
            Ordered::Index(archive, index) => {
                let (slot, record) = indexed(archive, index, position)?;
                let name = full_name(&archive.source, &record)?;
                Ok(Entry::new(archive, EntryName::Known(name), Located::indexed(slot, &record)))
            }
            Ordered::Scan(archive, scan) => {
                let entry: &Scanned = &scan.entries[position as usize];
                let located = Located::scanned(position as usize, entry);
                Ok(Entry::new(archive, EntryName::Known(Cow::Borrowed(&entry.name)), located))
            }
        }
    }

    /// The position of the first entry whose full name is not before `name`.
    fn lower_bound(self, name: &str) -> Result<u64, Error> {
        if let Ordered::Scan(_, scan) = self {
            return Ok(lower_bound(&scan.entries, name) as u64);
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if *self.name(middle)? < *name {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn indexed(archive: &Archive, index: &Index, position: u64) -> Result<(u64, Record), Error> {
    let number = index.slot_at(&archive.source, position)?;
    let slot = index.slot(&archive.source, number)?;
    let record = slot.map(|slot| slot.read(&archive.source)).transpose()?.flatten();
    let damaged = || archive.source.malformed(index.index_offset, Flaw::Index);
    record.map(|record| (number, record)).ok_or_else(damaged)
}

fn full_name<'a>(source: &'a Source, record: &Record) -> Result<Cow<'a, str>, Error> {
    let offset = record.header_offset.saturating_add(LOCAL_LEN as u64);
    let damaged =
        |bytes: &[u8]| source.malformed(offset, Flaw::NameEncoding { name: bytes.to_owned() });
    match source.bytes(offset, record.name_len.into())? {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| damaged(bytes))
        }
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|e| damaged(e.as_bytes()))
        }
    }
}

/// Entries in the order of their full names; see [`Archive::entries_under`].
#[derive(Debug)]
pub struct Entries<'a> {
    ordered: Ordered<'a>,
    prefix: String,
    position: u64,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.position < self.ordered.len() {
            let entry = self.ordered.entry(self.position);
            self.position += 1;
            match entry {
                Ok(entry) if *entry.name() == *self.prefix => {}
                Ok(entry) if !entry.name().starts_with(&self.prefix) => break,
                other => return Some(other),
            }
        }
        self.position = u64::MAX;
        None
    }
}
