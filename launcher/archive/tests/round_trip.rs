//! What the writer writes, the reader reads, and every other zip reader too.

use std::{fs::File, io::Read, os::unix::fs::FileExt, path::Path, process::Command};

use holdall_archive::{
    Archive, DosTime, Error, Executable, INDEX, IndexState, Lookup, Method, Name, Packed, Streamed,
    Writer, digest,
};

/// Deflates as the bundler does, by another engine.
fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::DeflateEncoder::new(content, flate2::Compression::new(9));
    let mut data = Vec::new();
    encoder.read_to_end(&mut data).unwrap();
    data
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

/// An executable with the note: this very test program.
fn executable() -> Vec<u8> {
    std::fs::read("/proc/self/exe").unwrap()
}

fn write_example(path: &Path, prefix: &[u8]) {
    let mut writer =
        Writer::new(File::create_new(path).unwrap(), path, prefix, DosTime::EARLIEST).unwrap();
    let text = "hello, world\n".repeat(1000);
    let packed = Packed::deflated(text.as_bytes(), deflate(text.as_bytes())).unwrap();
    let reserved =
        writer.reserve(name(".holdall/manifest.json"), 0o644, "application/json", 12).unwrap();
    writer.add(name("data/a.txt"), 0o600, "text/plain", &packed).unwrap();
    writer.add(name("data/empty"), 0o644, "", &Packed::stored(Vec::new())).unwrap();
    writer.add(name("data/größe/日本.bin"), 0o755, "x/y", &Packed::stored(vec![1, 2, 3])).unwrap();
    writer.add(name("data-2"), 0o644, "", &Packed::stored(vec![9; 70_000])).unwrap();
    writer.add_directory(name("void"), 0o700).unwrap();
    writer.fill(reserved, b"{\"format\":1}").unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!(summary.file_len, std::fs::metadata(path).unwrap().len());
}

fn check_example(archive: &Archive) {
    let entry = archive.find("data/a.txt").unwrap().unwrap();
    assert_eq!((entry.size(), entry.method(), entry.mode()), (13_000, Method::Deflated, 0o100_600));
    assert_eq!(entry.bytes().unwrap().len(), 13_000);
    let mut text = String::new();
    entry.reader().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello, world\n".repeat(1000));
    assert_eq!(*archive.find("data/größe/日本.bin").unwrap().unwrap().bytes().unwrap(), [1, 2, 3]);
    assert_eq!(*archive.find("data/empty").unwrap().unwrap().bytes().unwrap(), []);
    assert!(archive.find("data").unwrap().is_none());
    assert!(matches!(archive.lookup("data").unwrap(), Lookup::Directory));
    assert!(matches!(archive.lookup("void").unwrap(), Lookup::Directory));
    for absent in ["data/b.txt", "dat", "data/", "data/a.txt/", "nothing", "/"] {
        assert!(matches!(archive.lookup(absent).unwrap(), Lookup::Absent), "{absent}");
    }
    let names = |directory| {
        let children = archive.children(directory).unwrap().into_iter();
        children.map(|child| (child.name, child.is_directory)).collect::<Vec<_>>()
    };
    assert_eq!(
        names("data"),
        [("a.txt".into(), false), ("empty".into(), false), ("größe".into(), true)]
    );
    assert_eq!(names("void"), []);
    let root: Vec<_> = names("").into_iter().map(|(name, _)| name).collect();
    assert_eq!(root, [".holdall", "data", "data-2", "void"]);
}

#[test]
fn what_is_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    write_example(&path, &executable());
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.index_state().unwrap(), IndexState::Used);
    check_example(&archive);
    let entry = archive.find("data-2").unwrap().unwrap();
    assert_eq!(entry.data_offset() % 4096, 0, "large stored entries begin on a page");
    assert_eq!(entry.digest().unwrap(), Some(digest(&vec![9; 70_000])));
    assert_eq!(archive.find("data/a.txt").unwrap().unwrap().media_type().unwrap(), "text/plain");
    let mut problems = Vec::new();
    let verified = archive.verify(&mut |problem| problems.push(problem)).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(verified.content.files, 4);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    write_example(&a, &executable());
    write_example(&b, &executable());
    assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap());
}

#[test]
fn a_copy_of_every_entry_is_the_same_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("bundle"), directory.path().join("copy"));
    write_example(&path, &executable());
    let archive = Archive::open(&path).unwrap();
    let prefix = archive.executable().unwrap();
    assert_eq!(Executable::examine(prefix.as_slice()).map(|it| it.is_bundle), Some(false));
    let file = File::create_new(&copy).unwrap();
    let mut writer = Writer::new(file, &copy, &prefix, DosTime::EARLIEST).unwrap();
    let mut entries: Vec<_> = archive.entries_under("").unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(|entry| entry.data_offset());
    for entry in entries.iter().filter(|entry| entry.name() != INDEX) {
        writer.add_entry(entry).unwrap();
    }
    writer.finish().unwrap();
    assert!(std::fs::read(path).unwrap() == std::fs::read(copy).unwrap());
}

#[test]
fn nothing_damaged_is_copied() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("bundle"), directory.path().join("copy"));
    write_example(&path, &executable());
    let offset = Archive::open(&path).unwrap().find("data-2").unwrap().unwrap().data_offset();
    File::options().write(true).open(&path).unwrap().write_all_at(b"x", offset).unwrap();
    let archive = Archive::open(&path).unwrap();
    let file = File::create_new(&copy).unwrap();
    let mut writer = Writer::new(file, &copy, &[], DosTime::EARLIEST).unwrap();
    let error = writer.add_entry(&archive.find("data-2").unwrap().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn zip_tools_may_edit_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle.run");
    write_example(&path, &executable());
    std::fs::create_dir(directory.path().join("data")).unwrap();
    std::fs::write(directory.path().join("data/new.txt"), "new").unwrap();
    let zip = |arguments: &[&str]| {
        let output = Command::new("zip").args(arguments).current_dir(&directory).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    zip(&["-u", "bundle.run", "data/new.txt"]);
    let archive = Archive::open(&path).unwrap();
    assert_ne!(archive.index_state().unwrap(), IndexState::Used);
    assert_eq!(*archive.find("data/new.txt").unwrap().unwrap().bytes().unwrap(), *b"new");
    assert_eq!(archive.find("data/a.txt").unwrap().unwrap().bytes().unwrap().len(), 13_000);
    zip(&["-d", "bundle.run", "data/new.txt"]);
    let archive = Archive::open(&path).unwrap();
    assert!(archive.find("data/new.txt").unwrap().is_none());
    check_example(&archive);
    zip(&["-d", "bundle.run", ".holdall/index"]);
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.index_state().unwrap(), IndexState::Absent);
    check_example(&archive);
}

#[test]
fn an_entry_replaced_by_one_of_the_same_size_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    write_example(&path, &executable());
    let archive = Archive::open(&path).unwrap();
    let data_offset = archive.find("data-2").unwrap().unwrap().data_offset();
    // This very program comes before, and has the same words in it.
    let start = archive.archive_offset().unwrap() as usize;
    let mut bytes = std::fs::read(&path).unwrap();
    let new_crc32 = crc32fast::hash(&vec![8; 70_000]).to_le_bytes();
    let old_crc32 = crc32fast::hash(&vec![9; 70_000]).to_le_bytes();
    bytes[data_offset as usize..][..70_000].fill(8);
    // Local and central header, but not the index, which no zip tool knows.
    for header in [&b"PK\x03\x04"[..], b"PK\x01\x02"] {
        let at = (start..bytes.len() - 60)
            .filter(|at| bytes[*at..].starts_with(header))
            .find(|at| bytes[*at..*at + 60].windows(6).any(|name| name == b"data-2"))
            .unwrap();
        let crc32 = (at..at + 30).find(|at| bytes[*at..].starts_with(&old_crc32)).unwrap();
        bytes[crc32..crc32 + 4].copy_from_slice(&new_crc32);
    }
    std::fs::write(&path, bytes).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(*archive.find("data-2").unwrap().unwrap().bytes().unwrap(), vec![8; 70_000]);
    assert_eq!(archive.index_state().unwrap(), IndexState::Stale);
}

#[test]
fn streams_are_packed_in_passing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.zip");
    let mut writer =
        Writer::new(File::create_new(&path).unwrap(), &path, &[], DosTime::EARLIEST).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let size = content.len() as u64;
    let mut add = |entry: &str, method, size, mut content: &[u8]| {
        writer.add_stream(name(entry), 0o644, "", method, size, &mut content).unwrap()
    };
    assert!(matches!(add("a", Method::Deflated, size, &content), Streamed::Added));
    assert!(matches!(add("b", Method::Stored, size, &content), Streamed::Added));
    assert!(matches!(add("c", Method::Stored, 5, b"four"), Streamed::OtherSize { found: 4 }));
    assert!(matches!(add("c", Method::Stored, 3, b"four"), Streamed::OtherSize { found: 4 }));
    assert!(matches!(add("c", Method::Deflated, 4, b"four"), Streamed::NotDeflatable));
    let zeros = vec![0; 4 << 20];
    assert!(matches!(add("c", Method::Deflated, 4 << 20, &zeros), Streamed::NotDeflatable));
    assert!(matches!(add("c", Method::Stored, 4, b"four"), Streamed::Added));
    writer.finish().unwrap();
    let archive = Archive::open(&path).unwrap();
    for entry in ["a", "b"] {
        assert!(*archive.find(entry).unwrap().unwrap().bytes().unwrap() == content);
    }
    assert_eq!(*archive.find("c").unwrap().unwrap().bytes().unwrap(), *b"four");
    archive.verify(&mut |problem| panic!("{problem}")).unwrap();
}

#[test]
fn damage_is_an_error_on_every_way_of_reading() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    write_example(&path, &[]);
    let offset = Archive::open(&path).unwrap().find("data-2").unwrap().unwrap().data_offset();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[offset as usize + 69_999] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let archive = Archive::open(&path).unwrap();
    let entry = archive.find("data-2").unwrap().unwrap();
    assert!(matches!(entry.bytes(), Err(Error::Damaged { .. })));
    let mut content = Vec::new();
    assert!(entry.reader().unwrap().read_to_end(&mut content).is_err());
    assert!(content.len() < 70_000, "damaged content is never handed out in full");
}

#[test]
fn an_executable_with_the_note_is_known_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    write_example(&path, &executable());
    let bundle = std::fs::read(&path).unwrap();
    assert!(Executable::examine(&bundle).unwrap().is_bundle);
    assert!(!Executable::examine(&executable()).unwrap().is_bundle);
    let again = Writer::new(tempfile::tempfile().unwrap(), &path, &bundle, DosTime::EARLIEST);
    assert!(again.is_err(), "a bundle can't head a bundle");
}

#[test]
fn a_cut_or_stripped_bundle_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    write_example(&path, &executable());
    let length = std::fs::metadata(&path).unwrap().len();
    let elf = Executable::examine(&executable()).unwrap().end;
    // Even where the ELF's own section headers are gone.
    for cut in [length - 1, length - 100, elf + 1, elf - 1, elf / 2, 8192] {
        let short = directory.path().join("short");
        std::fs::copy(&path, &short).unwrap();
        File::options().write(true).open(&short).unwrap().set_len(cut).unwrap();
        match Archive::open(&short) {
            Err(Error::Truncated { expected, found, .. }) => {
                assert_eq!((expected, found), (length, cut))
            }
            other => panic!("{cut}: {other:?}"),
        }
    }
    let stripped = directory.path().join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(&path).status().unwrap();
    assert!(status.success());
    assert!(matches!(Archive::open(&stripped), Err(Error::Stripped { .. })));
    assert!(matches!(Archive::open("/bin/true".as_ref()), Err(Error::NoArchive { .. })));
}
