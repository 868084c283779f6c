//! The file in parts: each byte belongs to one of them, so their lengths add up to the file's.

use holdall_archive::{Archive, Entry, Error, INDEX, MANIFEST, Method, Name, RESERVED};
use holdall_bundle::{BundleError, Digest, LIBRARY_PREFIX, PROGRAM_PREFIX, VARIANTS_PREFIX};
use std::ops::Range;

/// What stands before the data of an entry beside its name: the fixed part of the local header, the
/// zip64 field, and the padding of what begins on a page (`layout.rs` of the archive).
const HEADER_MAX: u64 = 30 + 20 + 6 + 4096;

/// A file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anatomy {
    /// The length of the file in bytes.
    pub file_len: u64,
    /// In the order of the file, without gap or overlap.
    pub parts: Vec<Part>,
}

/// What a part is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// What the file begins with: the launcher, or a program that contains it.
    Executable,
    /// What the bundle says of itself.
    Manifest,
    /// The code that the launcher runs.
    Payload,
    /// A resource.
    Resource,
    /// A resource in another coding, for HTTP.
    Variant,
    /// The entry of a directory, which has a header and no data.
    Folder,
    /// The table by which names are found.
    Index,
    /// The central directory and the end record, for zip tools.
    Directory,
    /// Bytes that no entry accounts for: the file is damaged.
    Unknown,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is for.
    pub role: Role,
    /// The name of the entry; empty where it is none.
    pub name: String,
    /// What stands before its data, in bytes: its local header, with padding.
    pub header_len: u64,
    /// Its data as it is in the file, in bytes.
    pub packed_size: u64,
    /// Its data as it comes out, in bytes.
    pub size: u64,
    /// How its data is kept.
    pub method: Method,
    /// Its Unix permissions.
    pub mode: u32,
    /// Its media type; empty where it has none.
    pub media_type: String,
    /// The digest that the bundler recorded of its data.
    pub digest: Option<Digest>,
}

impl Part {
    /// What it takes in the file, in bytes.
    pub fn len(&self) -> u64 {
        self.header_len + self.packed_size
    }

    /// Whether it takes nothing: no part of an [`Anatomy`] does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn plain(role: Role, len: u64) -> Self {
        Self {
            role,
            name: String::new(),
            header_len: 0,
            packed_size: len,
            size: len,
            method: Method::Stored,
            mode: 0,
            media_type: String::new(),
            digest: None,
        }
    }
}

impl Role {
    /// All of them, in the order of their numbers in the data of the page.
    pub const ALL: [Self; 9] = [
        Self::Executable,
        Self::Manifest,
        Self::Payload,
        Self::Resource,
        Self::Variant,
        Self::Folder,
        Self::Index,
        Self::Directory,
        Self::Unknown,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::Manifest => "manifest",
            Self::Payload => "payload",
            Self::Resource => "resource",
            Self::Variant => "variant",
            Self::Folder => "folder",
            Self::Index => "index",
            Self::Directory => "central directory",
            Self::Unknown => "unknown",
        }
    }

    /// The role of the entry `name`.
    fn of(name: &str) -> Self {
        match name {
            MANIFEST => Self::Manifest,
            INDEX => Self::Index,
            _ if name.ends_with('/') => Self::Folder,
            _ if name.starts_with(VARIANTS_PREFIX) => Self::Variant,
            _ if [LIBRARY_PREFIX, PROGRAM_PREFIX].iter().any(|dir| name.starts_with(dir)) => {
                Self::Payload
            }
            _ if name.starts_with(RESERVED) => Self::Unknown,
            _ => Self::Resource,
        }
    }
}

impl Anatomy {
    /// Takes an archive apart.
    ///
    /// The bytes of an entry that can't be read become a part that is [`Unknown`](Role::Unknown): what is
    /// wrong with it, a verification tells.
    ///
    /// # Errors
    /// If the entries can't be listed.
    pub fn of(archive: &Archive) -> Result<Self, BundleError> {
        let readable = |entry: Result<Entry, Error>| describe(&entry.ok()?);
        let mut entries: Vec<_> = archive.entries_under("")?.filter_map(readable).collect();
        if let Some(Range { start, end }) = archive.index_range() {
            let len = end.saturating_sub(start);
            let index = Part { mode: 0o644, ..Part::plain(Role::Index, len) };
            entries.push((start, Part { name: INDEX.to_owned(), ..index }));
        }
        let parts = tile(archive.archive_offset()?, archive.file_len(), entries);
        Ok(Self { file_len: archive.file_len(), parts })
    }

    /// The part that the byte at `offset` belongs to, by its place in the list.
    pub fn part_at(&self, offset: u64) -> Option<usize> {
        let mut end = 0;
        self.parts.iter().position(|part| {
            end += part.len();
            offset < end
        })
    }
}

/// A part that is an entry, and where its data begins.
type Placed = (u64, Part);

/// What an entry is; `None` if it can't be read, or has a name that no entry may have.
fn describe(entry: &Entry) -> Option<Placed> {
    Name::new(entry.name().trim_end_matches('/')).ok()?;
    let role = Role::of(entry.name());
    let part = Part {
        role,
        name: entry.name().to_owned(),
        header_len: 0,
        packed_size: entry.compressed_size(),
        size: entry.size(),
        method: entry.method(),
        mode: entry.mode() & 0o7777,
        media_type: entry.media_type().ok()?.into_owned(),
        digest: entry.digest().ok()?.filter(|_| role != Role::Folder).map(Digest),
    };
    Some((entry.data_offset(), part))
}

/// Puts the parts in order, and gives each byte of the file to one of them, whatever the entries say.
fn tile(archive_offset: u64, file_len: u64, mut entries: Vec<Placed>) -> Vec<Part> {
    // A directory's data is empty and begins where the next header does: the order of ends decides.
    entries.sort_by(|(a_offset, a), (b_offset, b)| {
        (a_offset, a.packed_size, &a.name).cmp(&(b_offset, b.packed_size, &b.name))
    });
    let archive_offset = archive_offset.min(file_len);
    let mut parts = vec![Part::plain(Role::Executable, archive_offset)];
    let mut end = archive_offset;
    for (data_offset, mut part) in entries {
        let data_end = data_offset.saturating_add(part.packed_size).clamp(end, file_len);
        let data_offset = data_offset.clamp(end, data_end);
        part.header_len = (data_offset - end).min(HEADER_MAX + part.name.len() as u64);
        part.packed_size = data_end - data_offset;
        let gap = data_offset - end - part.header_len;
        parts.push(Part::plain(Role::Unknown, gap));
        parts.push(part);
        end = data_end;
    }
    parts.push(Part::plain(Role::Directory, file_len - end));
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(data_offset: u64, name: &str, packed_size: u64) -> Placed {
        let role = Role::of(name);
        (data_offset, Part { role, name: name.to_owned(), ..Part::plain(role, packed_size) })
    }

    fn lens(parts: &[Part]) -> Vec<(Role, &str, u64, u64)> {
        let row = |part: &Part| (part.role, part.header_len, part.packed_size);
        let name = |part| {
            let (role, header_len, packed_size) = row(part);
            (role, part.name.as_str(), header_len, packed_size)
        };
        parts.iter().map(name).collect()
    }

    #[test]
    fn the_parts_are_the_whole_file_in_its_order() {
        let entries = vec![entry(1240, "b", 60), entry(1200, "a/", 0), entry(1150, MANIFEST, 20)];
        let parts = tile(1100, 2000, entries);
        assert_eq!(
            lens(&parts),
            [
                (Role::Executable, "", 0, 1100),
                (Role::Manifest, MANIFEST, 50, 20),
                (Role::Folder, "a/", 30, 0),
                (Role::Resource, "b", 40, 60),
                (Role::Directory, "", 0, 700),
            ]
        );
        assert_eq!(parts.iter().map(Part::len).sum::<u64>(), 2000);
    }

    #[test]
    fn what_no_entry_accounts_for_is_a_part_as_well() {
        let parts = tile(0, 20_000, vec![entry(10_000, "b", 60)]);
        let unknown = 10_000 - HEADER_MAX - 1;
        assert_eq!(lens(&parts)[0], (Role::Unknown, "", 0, unknown));
        assert_eq!(parts.iter().map(Part::len).sum::<u64>(), 20_000);
    }

    #[test]
    fn entries_that_overlap_or_lead_outside_are_counted_once() {
        let entries = vec![
            entry(40, "a", 100),
            entry(60, "b", 100),
            entry(70, "c", 10),
            entry(5, "d", 1),
            entry(u64::MAX, "e", u64::MAX),
        ];
        for file_len in [0, 50, 150, 1000] {
            let parts = tile(20, file_len, entries.clone());
            assert_eq!(parts.iter().map(Part::len).sum::<u64>(), file_len, "{:?}", lens(&parts));
        }
    }

    #[test]
    fn a_byte_is_found_in_its_part() {
        let parts = tile(100, 300, vec![entry(150, "a", 50)]);
        let anatomy = Anatomy { file_len: 300, parts };
        let found = [0, 99, 100, 199, 200, 299, 300].map(|offset| anatomy.part_at(offset));
        assert_eq!(found, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), None]);
    }

    #[test]
    fn every_entry_has_a_role() {
        let roles = [
            (".holdall/manifest.json", Role::Manifest),
            (".holdall/lib/lib.so", Role::Payload),
            (".holdall/bin/server", Role::Payload),
            (".holdall/variants/a.br", Role::Variant),
            (".holdall/variants/", Role::Folder),
            (".holdall/index", Role::Index),
            (".holdall/other", Role::Unknown),
            ("bin/server", Role::Resource),
        ];
        for (name, role) in roles {
            assert_eq!(Role::of(name), role, "{name}");
        }
        assert_eq!(Role::ALL.map(|role| role as usize), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
