//! What holds for any names and contents, and for any damage.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Cursor, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

use holdall_archive::{
    Archive, Child, DosTime, IndexState, Lookup, Name, Packed, Verified, Writer,
};
use proptest::prelude::*;

type Files = BTreeMap<String, Vec<u8>>;

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Writes the files, every other one deflated, and returns the bundle.
fn write(prefix: &[u8], files: &Files) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    let file = File::create_new(&path).unwrap();
    let mut writer = Writer::new(file, &path, prefix, DosTime::EARLIEST).unwrap();
    for (position, (name, content)) in files.iter().enumerate() {
        let packed = match position % 2 {
            0 => Packed::deflated(content, deflate(content)).unwrap(),
            _ => Packed::stored(content.clone()),
        };
        let media_type = if position % 3 == 0 { "text/plain" } else { "" };
        writer.add(Name::new(name).unwrap(), 0o644, media_type, &packed).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// An archive over bytes, in a file that is gone with it.
fn open(bytes: &[u8]) -> Result<Archive, holdall_archive::Error> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Archive::from_file(file, "bundle".into())
}

fn directory_offset(bundle: &[u8]) -> usize {
    let field = bundle.len() - 6;
    u32::from_le_bytes(bundle[field..field + 4].try_into().unwrap()) as usize
}

/// The same archive with an index that is none, so that the central directory is used.
fn without_index(bundle: &[u8]) -> Vec<u8> {
    let mut bundle = bundle.to_vec();
    let footer = directory_offset(&bundle) - 128;
    bundle[footer] = b'H';
    bundle
}

/// Drops names that are a directory of another one: a name is a file or a directory.
fn without_conflicts(files: Files) -> Files {
    let directories = directories(&files);
    files.into_iter().filter(|(name, _)| !directories.contains(name)).collect()
}

fn directories(files: &Files) -> BTreeSet<String> {
    let parents = |name: &str| {
        name.match_indices('/').map(|(at, _)| name[..at].to_owned()).collect::<Vec<_>>()
    };
    files.keys().flat_map(|name| parents(name)).collect()
}

/// Few letters, so that names share segments, prefixes and parents.
fn names() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab.é0-]{1,3}", 1..5)
        .prop_map(|segments| segments.join("/"))
        .prop_filter("a valid name", |name| Name::new(name).is_ok())
}

fn file_sets() -> impl Strategy<Value = Files> {
    let content = proptest::collection::vec(0u8..4, 0..300);
    proptest::collection::btree_map(names(), content, 0..40).prop_map(without_conflicts)
}

fn model_children(files: &Files, directory: &str) -> Vec<Child> {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let child = |name: &String| {
        let rest = name.strip_prefix(&prefix)?;
        let (name, is_directory) = match rest.split_once('/') {
            Some((name, _)) => (name, true),
            None => (rest, false),
        };
        Some(Child { name: name.to_owned(), is_directory })
    };
    files.keys().filter_map(child).collect::<BTreeSet<_>>().into_iter().collect()
}

fn kind(archive: &Archive, name: &str) -> &'static str {
    match archive.lookup(name).unwrap() {
        Lookup::File(_) => "file",
        Lookup::Directory => "directory",
        Lookup::Absent => "absent",
    }
}

fn check(archive: &Archive, files: &Files, absent: &[String]) {
    let directories = directories(files);
    for (name, content) in files {
        let entry = archive.find(name).unwrap().unwrap();
        assert_eq!(*entry.bytes().unwrap(), **content, "{name}");
        let mut read = Vec::new();
        entry.reader().unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, *content, "{name}");
    }
    for name in absent.iter().chain(&directories) {
        let expected = match (files.contains_key(name), directories.contains(name)) {
            (true, _) => "file",
            (_, true) => "directory",
            _ => "absent",
        };
        assert_eq!(kind(archive, name), expected, "{name}");
    }
    // The index itself is an entry, but no resource.
    let is_own = |name: &str| name.starts_with(".holdall");
    for directory in directories.iter().map(String::as_str).chain(["", "no such directory"]) {
        let mut children = archive.children(directory).unwrap();
        children.retain(|child| !is_own(&child.name));
        assert_eq!(children, model_children(files, directory), "{directory:?}");
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let below = archive.entries_under(directory).unwrap().map(|entry| entry.unwrap());
        let below: Vec<String> = below
            .filter(|entry| !entry.is_directory() && !is_own(entry.name()))
            .map(|entry| entry.name().to_owned())
            .collect();
        let model: Vec<_> = files.keys().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(below.iter().collect::<Vec<_>>(), model, "{directory:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_files_come_back_by_index_and_by_directory(
        files in file_sets(),
        absent in proptest::collection::vec(names(), 0..40),
    ) {
        let bundle = write(&[], &files);
        let indexed = open(&bundle).unwrap();
        prop_assert_eq!(indexed.index_state().unwrap(), IndexState::Used);
        check(&indexed, &files, &absent);
        indexed.verify(&mut |problem| panic!("{problem}")).unwrap();
        let scanned = open(&without_index(&bundle)).unwrap();
        prop_assert_eq!(scanned.index_state().unwrap(), IndexState::Absent);
        check(&scanned, &files, &absent);
    }

    #[test]
    fn another_zip_reader_sees_the_same(files in file_sets()) {
        let bundle = write(&[], &files);
        let mut archive = zip::ZipArchive::new(Cursor::new(&bundle)).unwrap();
        for (name, content) in &files {
            let mut found = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut found).unwrap();
            prop_assert_eq!(&found, content);
        }
    }
}

/// The least executable that has the note.
fn small_executable() -> Vec<u8> {
    const SOURCE: &str = r#"
        __attribute__((section(".note.holdall"), used, aligned(4)))
        static const struct { unsigned name, description, kind; char text[8]; char zero[24]; }
            note = { 8, 24, 1, "holdall", { 0 } };
        void _start(void) { for (;;) ; }
    "#;
    let directory = tempfile::tempdir().unwrap();
    let (source, program) = (directory.path().join("p.c"), directory.path().join("p"));
    std::fs::write(&source, SOURCE).unwrap();
    let output = Command::new("cc")
        .args(["-nostdlib", "-static", "-s", "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-o"])
        .args([&program, &source])
        .output()
        .expect("cc, the C compiler");
    assert!(output.status.success(), "{output:?}");
    std::fs::read(program).unwrap()
}

fn small_files() -> Files {
    [
        ("data/a.txt", b"alpha, alpha, alpha, alpha".to_vec()),
        ("data/b.bin", (0..100).collect()),
        ("data/größe", Vec::new()),
        ("top", b"a stored or deflated file at the top".to_vec()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into()
}

/// What a verification finds: `None` if nothing.
fn problem(archive: &Archive) -> (Option<String>, Option<Verified>) {
    let mut first = None;
    match archive.verify(&mut |problem| first = first.take().or(Some(problem.to_string()))) {
        Ok(verified) => (first, Some(verified)),
        Err(error) => (Some(error.to_string()), None),
    }
}

/// Reads every file; never panics, and what is read is right.
fn never_wrong(archive: &Archive, files: &Files) {
    for (name, content) in files {
        let Ok(Some(entry)) = archive.find(name) else { continue };
        if let Ok(found) = entry.bytes() {
            assert_eq!(*found, **content, "{name}");
        }
        let mut found = Vec::new();
        if let Ok(mut reader) = entry.reader()
            && reader.read_to_end(&mut found).is_ok()
        {
            assert_eq!(found, *content, "{name}");
        }
        let _ = (entry.media_type(), entry.digest());
    }
    let _ = archive.children("").and_then(|_| archive.children("data"));
    for entry in archive.entries_under("").into_iter().flatten().flatten() {
        let _ = entry.check();
    }
}

/// A bundle in a file, to be damaged in place.
struct Victim {
    bundle: Vec<u8>,
    file: tempfile::NamedTempFile,
}

impl Victim {
    fn new(bundle: Vec<u8>) -> Victim {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bundle).unwrap();
        Victim { bundle, file }
    }

    /// Opens the bundle with one byte changed, and changes it back after `look`.
    fn with_byte(&self, at: usize, byte: u8, look: impl FnOnce(Result<Archive, String>)) {
        let file = self.file.as_file();
        file.write_all_at(&[byte], at as u64).unwrap();
        look(Archive::open(Path::new(self.file.path())).map_err(|error| error.to_string()));
        file.write_all_at(&self.bundle[at..=at], at as u64).unwrap();
    }
}

#[test]
fn every_flipped_bit_of_the_archive_is_found() {
    let files = small_files();
    let executable = small_executable();
    let victim = Victim::new(write(&executable, &files));
    let archive_offset = open(&victim.bundle).unwrap().archive_offset().unwrap() as usize;
    assert!(archive_offset >= executable.len());
    for at in archive_offset..victim.bundle.len() {
        for bit in 0..8 {
            victim.with_byte(at, victim.bundle[at] ^ 1 << bit, |archive| {
                let Ok(archive) = archive else { return };
                never_wrong(&archive, &files);
                assert!(problem(&archive).0.is_some(), "byte {at}, bit {bit}");
            });
        }
    }
}

#[test]
fn every_flipped_byte_before_the_archive_changes_the_digest() {
    let files = small_files();
    let victim = Victim::new(write(&small_executable(), &files));
    let (none, intact) = problem(&open(&victim.bundle).unwrap());
    assert_eq!(none, None);
    let intact = intact.unwrap();
    for at in 0..intact.prefix_len as usize {
        victim.with_byte(at, victim.bundle[at] ^ 0x41, |archive| {
            let Ok(archive) = archive else { return };
            never_wrong(&archive, &files);
            let (problem, verified) = problem(&archive);
            let same = verified.is_some_and(|v| v.prefix_digest == intact.prefix_digest);
            assert!(problem.is_some() || !same, "byte {at}");
        });
    }
}

#[test]
fn every_cut_is_found() {
    let bundle = write(&small_executable(), &small_files());
    for length in 0..bundle.len() {
        assert!(open(&bundle[..length]).is_err(), "{length} of {} bytes", bundle.len());
    }
}

/// A change to the bytes of a file.
#[derive(Debug, Clone)]
enum Damage {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

impl Damage {
    fn any() -> impl Strategy<Value = Damage> {
        let at = any::<prop::sample::Index>;
        prop_oneof![
            4 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
            1 => (at(), 1usize..200).prop_map(|(at, count)| Damage::Remove(at, count)),
            1 => (at(), proptest::collection::vec(any::<u8>(), 1..200))
                .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
            1 => (at(), at(), 1usize..200).prop_map(|(from, to, n)| Damage::Copy(from, to, n)),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Damage::Set(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Remove(at, count) => {
                let at = at.index(length);
                drop(bytes.drain(at..(at + count).min(length)));
            }
            Damage::Insert(at, new) => {
                let at = at.index(length);
                drop(bytes.splice(at..at, new.iter().copied()));
            }
            Damage::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let count = (*count).min(length - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_is_an_error_and_never_wrong_content(
        damages in proptest::collection::vec(Damage::any(), 1..6),
    ) {
        static BUNDLE: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| write(&small_executable(), &small_files()));
        let mut bytes = BUNDLE.clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        if let Ok(archive) = open(&bytes) {
            never_wrong(&archive, &small_files());
            let intact = problem(&open(&BUNDLE).unwrap()).1.unwrap();
            let (problem, verified) = problem(&archive);
            let same = verified.is_some_and(|found| found == intact);
            prop_assert!(problem.is_some() || !same || bytes == *BUNDLE);
        }
    }
}

/// Puts the CRC-32 of a changed index right: its footer's own, and both headers'.
fn reseal(bundle: &mut [u8], index_offset: usize) {
    let directory = directory_offset(bundle);
    let footer_crc32 = crc32fast::hash(&bundle[directory - 128..directory - 4]).to_le_bytes();
    bundle[directory - 4..directory].copy_from_slice(&footer_crc32);
    let crc32 = crc32fast::hash(&bundle[index_offset..directory]).to_le_bytes();
    let name = b".holdall/index";
    let found = |from: usize, to: usize, bundle: &[u8]| {
        from + bundle[from..to].windows(name.len()).rposition(|window| window == name).unwrap()
    };
    let local = found(0, index_offset, bundle) - 30 + 14;
    let central = found(directory, bundle.len(), bundle) - 46 + 16;
    bundle[local..local + 4].copy_from_slice(&crc32);
    bundle[central..central + 4].copy_from_slice(&crc32);
}

fn footer_field(bundle: &[u8], at: usize) -> usize {
    let field = directory_offset(bundle) - 128 + at;
    u64::from_le_bytes(bundle[field..field + 8].try_into().unwrap()) as usize
}

#[test]
fn an_index_that_is_out_of_order_ends_no_listing_never() {
    let mut bundle = write(&[], &small_files());
    let (entries, slots) = (footer_field(&bundle, 8), footer_field(&bundle, 16));
    let index_offset = footer_field(&bundle, 40);
    let order = index_offset + slots * 48;
    // Every position of the order names every slot once.
    for slot in 0..slots as u32 {
        for position in 0..entries {
            let at = order + position * 4;
            bundle[at..at + 4].copy_from_slice(&slot.to_le_bytes());
        }
        reseal(&mut bundle, index_offset);
        let archive = open(&bundle).unwrap();
        assert_eq!(archive.index_state().unwrap(), IndexState::Used);
        never_wrong(&archive, &small_files());
        assert!(problem(&archive).0.is_some(), "slot {slot}");
    }
}

#[test]
fn a_local_header_that_gives_a_stored_entry_two_sizes_is_refused_in_listings() {
    let mut bundle = write(&[], &small_files());
    let (slots, index_offset) = (footer_field(&bundle, 16), footer_field(&bundle, 40));
    for slot in 0..slots {
        let slot = index_offset + slot * 16;
        let offset: [u8; 6] = bundle[slot..slot + 6].try_into().unwrap();
        if offset != [0xff; 6] {
            let [a, b, c, d, e, f] = offset;
            let local = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) as usize;
            // The method is stored, the packed size another one (APPNOTE 4.3.7).
            bundle[local + 8] = 0;
            bundle[local + 18] ^= 1;
        }
    }
    let archive = open(&bundle).unwrap();
    assert_eq!(archive.index_state().unwrap(), IndexState::Used);
    assert!(archive.entries_under("").is_err());
    assert!(archive.children("data").is_err());
    assert!(archive.find("data/b.bin").is_err());
    assert!(problem(&archive).0.is_some());
}

#[test]
fn an_index_without_media_types_gives_none() {
    let mut bundle = write(&[], &small_files());
    let directory = directory_offset(&bundle);
    let index_offset = footer_field(&bundle, 40);
    let footer = directory - 128;
    let types_len = u32::from_le_bytes(bundle[footer + 72..footer + 76].try_into().unwrap());
    // The regions move to where the types were.
    let moved = index_offset + types_len as usize;
    bundle.copy_within(index_offset..footer - types_len as usize, moved);
    bundle[footer + 40..footer + 48].copy_from_slice(&(moved as u64).to_le_bytes());
    bundle[footer + 72..footer + 76].fill(0);
    reseal(&mut bundle, index_offset);
    let archive = open(&bundle).unwrap();
    let entry = archive.find("data/a.txt").unwrap().unwrap();
    assert_eq!(entry.media_type().unwrap(), "");
    never_wrong(&archive, &small_files());
    assert!(problem(&archive).0.is_some());
}
