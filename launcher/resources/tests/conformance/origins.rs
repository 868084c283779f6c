//! One tree of files, in every origin.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::Path,
};

use holdall_archive::{DosTime, MANIFEST, Method, Name, Streamed, Writer};
use holdall_resources::{
    Resources,
    include_dir::{Dir, DirEntry, File as IncludedFile},
    media_type,
};
use tempfile::TempDir;

/// Resources, and the directory that must live as long.
pub struct Made {
    pub resources: Resources,
    _directory: Option<TempDir>,
}

/// What every origin holds: names and contents, in the order of the names.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let text = (0..8_000).map(|line| format!("line {line} of a long text\n")).collect::<String>();
    let small: &[(&str, &[u8])] = &[
        (".hidden", b"a leading dot is a name like others"),
        (".holdall-notes", b"so is this beginning"),
        ("data/a-b.txt", b"'-' sorts before '/'"),
        ("data/a.txt", b"'.' sorts before '/'"),
        ("data/a/b.txt", b"below data/a"),
        ("data/a0.txt", b"'0' sorts after '/'"),
        ("data/deep/er/and/deeper/still.txt", b"deep"),
        ("data/empty", b""),
        ("data/index.html", b"<!doctype html><title>hello</title>"),
        ("data/latin1.txt", b"gr\xf6\xdfe"),
        ("data/style.css", b"body { color: black }"),
        ("größe/日本語.txt", "Größe: 日本語".as_bytes()),
        ("with space/a b.js", b"export {}"),
        ("🦀.svg", b"<svg/>"),
    ];
    let mut files: BTreeMap<String, Vec<u8>> =
        small.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    files.insert("large/noise.bin".to_owned(), noise(150_000));
    files.insert("large/text.txt".to_owned(), text.into_bytes());
    files
}

/// A directory that holds nothing.
pub const EMPTY_DIRECTORY: &str = "nothing here";

/// Bytes that do not compress.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn directory() -> Made {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("root");
    for (name, content) in files().iter().chain([(&MANIFEST.to_owned(), &b"{}".to_vec())]) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    fs::create_dir(root.join(EMPTY_DIRECTORY)).expect("a directory");
    let resources = Resources::from_directory(&root).expect("the directory opens");
    Made { resources, _directory: Some(directory) }
}

pub fn embedded() -> Made {
    let mut files = files();
    files.insert(MANIFEST.to_owned(), b"{}".to_vec());
    let root = Box::leak(Box::new(included_dir("", &files)));
    Made { resources: Resources::from_embedded(root), _directory: None }
}

/// What `include_dir!` makes of a tree, made at run time.
fn included_dir(path: &str, files: &BTreeMap<String, Vec<u8>>) -> Dir<'static> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut entries = Vec::new();
    let mut dirs = BTreeSet::new();
    for (name, content) in files {
        match name.strip_prefix(&prefix).map(|rest| rest.split_once('/')) {
            Some(Some((dir, _))) => _ = dirs.insert(dir),
            Some(None) => {
                let content = Box::leak(content.clone().into_boxed_slice());
                entries.push(DirEntry::File(IncludedFile::new(leak(name), content)));
            }
            None => {}
        }
    }
    if path.is_empty() {
        dirs.insert(EMPTY_DIRECTORY);
    }
    // Directories last: the order of the entries must not show.
    entries.extend(
        dirs.iter().map(|dir| DirEntry::Dir(included_dir(&format!("{prefix}{dir}"), files))),
    );
    Dir::new(leak(path), Box::leak(entries.into_boxed_slice()))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

pub fn bundle_stored() -> Made {
    bundle(Method::Stored)
}

pub fn bundle_deflated() -> Made {
    bundle(Method::Deflated)
}

fn bundle(method: Method) -> Made {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    write_bundle(&path, &[], method);
    let resources = Resources::from_bundle(&path).expect("the bundle opens");
    Made { resources, _directory: Some(directory) }
}

/// Writes the tree behind `prefix`.
pub fn write_bundle(path: &Path, prefix: &[u8], method: Method) {
    let file = File::create_new(path).expect("a new file");
    let mut writer = Writer::new(file, path, prefix, DosTime::EARLIEST).expect("a writer");
    let mut files = files();
    files.insert(MANIFEST.to_owned(), b"{}".to_vec());
    for (name, content) in &files {
        add(&mut writer, name, content, method);
    }
    let empty = Name::new(EMPTY_DIRECTORY).expect("a name");
    writer.add_directory(empty, 0o755).expect("a directory is added");
    writer.finish().expect("the bundle is finished");
}

fn add(writer: &mut Writer, name: &str, content: &[u8], method: Method) {
    let valid = Name::new(name).expect("a valid name");
    let (size, media_type) = (content.len() as u64, media_type(name));
    for method in [method, Method::Stored] {
        let added = writer.add_stream(valid, 0o644, media_type, method, size, &mut &*content);
        match added.expect("the bundle is written") {
            Streamed::Added => return,
            Streamed::NotDeflatable => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// An archive of another tool: no index, no entries for most directories.
pub fn archive_without_index() -> Made {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("plain.zip");
    let mut zip = zip::ZipWriter::new(File::create_new(&path).expect("a new file"));
    let options = zip::write::SimpleFileOptions::default();
    let stored = options.compression_method(zip::CompressionMethod::Stored);
    let mut files = files();
    files.insert(MANIFEST.to_owned(), b"{}".to_vec());
    for (name, content) in &files {
        let options = if content.len() < 100 { stored } else { options };
        zip.start_file(name, options).expect("an entry");
        zip.write_all(content).expect("its content");
    }
    zip.add_directory(EMPTY_DIRECTORY, stored).expect("a directory");
    zip.finish().expect("the archive is finished");
    let resources = Resources::from_bundle(&path).expect("the archive opens");
    Made { resources, _directory: Some(directory) }
}
