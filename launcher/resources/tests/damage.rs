//! Content that is not what it was: always an error, the same one through every way of reading.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use holdall_archive::{DosTime, Flaw, Method, Name, Streamed, Writer};
use holdall_resources::{Error, Resource, Resources};
use tempfile::TempDir;

const NAME: &str = "data/text.txt";

fn content() -> Vec<u8> {
    (0..3000).flat_map(|line| format!("line {line}\n").into_bytes()).collect()
}

/// All the ways to the content; each must meet the same error.
fn read_all_ways(resource: &Resource<'_>) -> Vec<Result<(), Error>> {
    let through_reader = |mut reader: Box<dyn Read + '_>| {
        let read = reader.read_to_end(&mut Vec::new());
        read.map(drop).map_err(|error| error.downcast::<Error>().expect("an error of ours"))
    };
    vec![
        resource.bytes().map(drop),
        resource.reader().and_then(|reader| through_reader(Box::new(reader))),
        resource.read_to_string().map(drop),
        resource.as_path().map(drop),
    ]
}

fn bundle(method: Method) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    let file = File::create_new(&path).expect("a new file");
    let mut writer = Writer::new(file, &path, &[], DosTime::EARLIEST).expect("a writer");
    let name = Name::new(NAME).expect("a name");
    let size = content().len() as u64;
    let added = writer.add_stream(name, 0o644, "", method, size, &mut &*content());
    assert!(matches!(added, Ok(Streamed::Added)), "{added:?}");
    writer.finish().expect("the bundle is finished");
    (directory, path)
}

/// Where the packed data of the only file begins.
fn data_offset(path: &Path) -> u64 {
    let archive = holdall_archive::Archive::open(path).expect("opens");
    archive.find(NAME).expect("readable").expect("found").data_offset()
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("readable");
    file.write_all_at(&[byte[0] ^ 0x10], offset).expect("writable");
}

#[test]
fn a_flipped_byte_of_a_stored_file_is_damage() {
    let (_directory, path) = bundle(Method::Stored);
    let mut damaged = content();
    damaged[1000] ^= 0x10;
    flip(&path, data_offset(&path) + 1000);
    let resources = Resources::from_bundle(&path).expect("opens");
    let resource = resources.get(NAME).expect("its header is intact");
    for _ in 0..2 {
        for result in read_all_ways(&resource) {
            match result {
                Err(Error::Damaged { name, expected_crc, found_crc }) => {
                    assert_eq!(name, NAME);
                    assert_eq!(expected_crc, crc32(&content()));
                    assert_eq!(found_crc, crc32(&damaged));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The CRC-32 by another implementation.
fn crc32(content: &[u8]) -> u32 {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("x", options).expect("an entry");
    zip.write_all(content).expect("its content");
    let written = zip.finish().expect("finished");
    let mut archive = zip::ZipArchive::new(written).expect("opens");
    archive.by_index(0).expect("the entry").crc32()
}

#[test]
fn a_flipped_byte_of_a_deflated_file_is_an_error() {
    let (_directory, path) = bundle(Method::Deflated);
    let start = data_offset(&path);
    let resources = Resources::from_bundle(&path).expect("opens");
    for at in (0..2000).step_by(50) {
        flip(&path, start + at);
        let resource = resources.get(NAME).expect("its header is intact");
        for result in read_all_ways(&resource) {
            match result {
                Err(Error::Damaged { .. } | Error::WrongSize { .. }) => {}
                Err(Error::Archive {
                    source: holdall_archive::Error::BadData { flaw: Flaw::Deflate, .. },
                }) => {}
                other => panic!("byte {at}: {other:?}"),
            }
        }
        flip(&path, start + at);
    }
    assert_eq!(resources.read(NAME).expect("intact again"), content());
}

#[test]
fn a_declared_size_that_lies_is_an_error() {
    let real = content().len() as u32;
    for declared in [real - 1, real + 1, 10, 2 * real] {
        let (_directory, path) = lying_archive(declared);
        let resources = Resources::from_bundle(&path).expect("opens");
        let resource = resources.get(NAME).expect("found");
        for result in read_all_ways(&resource) {
            match result {
                Err(Error::WrongSize { name, expected_bytes, found_bytes }) => {
                    assert_eq!((name.as_str(), expected_bytes), (NAME, declared.into()));
                    let most = real.min(declared + 1);
                    assert!(found_bytes <= most.into(), "{found_bytes} of {declared}");
                }
                other => panic!("{declared}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_declared_size_that_deflate_cannot_reach_is_refused_before_anything_is_allocated() {
    let (_directory, path) = lying_archive(u32::MAX - 1);
    match Resources::from_bundle(&path) {
        Err(Error::Archive {
            source: holdall_archive::Error::Malformed { flaw: Flaw::Bomb { size, .. }, .. },
        }) => assert_eq!(size, (u32::MAX - 1).into()),
        other => panic!("{other:?}"),
    }
}

/// An archive without index whose two headers agree on a wrong size.
fn lying_archive(declared: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("lying.zip");
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file(NAME, zip::write::SimpleFileOptions::default()).expect("an entry");
    zip.write_all(&content()).expect("its content");
    let mut bytes = zip.finish().expect("finished").into_inner();
    for (signature, name_at, size_at) in [(b"PK\x03\x04", 30, 22), (b"PK\x01\x02", 46, 24)] {
        let is_header = |window: &[u8]| {
            window.starts_with(signature) && window[name_at..].starts_with(NAME.as_bytes())
        };
        let mut windows = bytes.windows(name_at + NAME.len());
        let start = windows.position(is_header).expect("the header");
        bytes[start + size_at..][..4].copy_from_slice(&declared.to_le_bytes());
    }
    fs::write(&path, bytes).expect("written");
    (directory, path)
}

#[test]
fn a_bundle_that_is_truncated_while_open_is_an_error() {
    let (_directory, path) = bundle(Method::Stored);
    let offset = data_offset(&path);
    let resources = Resources::from_bundle(&path).expect("opens");
    let resource = resources.get(NAME).expect("found");
    let file = OpenOptions::new().write(true).open(&path).expect("opens");
    file.set_len(offset + 100).expect("truncated");
    for result in read_all_ways(&resource) {
        assert!(matches!(result, Err(Error::Archive { .. })), "{result:?}");
    }
}

#[test]
fn a_file_that_changes_its_size_while_open_is_an_error() {
    for other_size in [100, 0, content().len() as u64 + 5] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("text.txt");
        fs::write(&path, content()).expect("a file");
        let resources = Resources::from_directory(directory.path()).expect("opens");
        let resource = resources.get("text.txt").expect("found");
        let file = OpenOptions::new().write(true).open(&path).expect("opens");
        file.set_len(other_size).expect("resized");
        for result in read_all_ways(&resource) {
            match result {
                Err(Error::WrongSize { name, expected_bytes, found_bytes }) => {
                    let size = content().len() as u64;
                    assert_eq!((name.as_str(), expected_bytes), ("text.txt", size));
                    assert_eq!(found_bytes, other_size.min(size + 1));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
