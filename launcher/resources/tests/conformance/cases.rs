//! The cases: what a program may rely on, whatever the origin.

use std::{
    io::{Read, Seek, SeekFrom},
    process::Command,
    thread,
};

use holdall_archive::digest;
use holdall_resources::{Child, Error, Kind, NameError, Resources, media_type};

use crate::origins::{EMPTY_DIRECTORY, files};

pub fn every_file_is_found_with_its_content(resources: &Resources) {
    for (name, content) in files() {
        let resource = resources.get(&name).expect(&name);
        assert_eq!(resource.name(), name);
        assert!(*resource.bytes().expect(&name) == *content, "{name}");
        assert!(resources.read(&name).expect(&name) == content, "{name}");
        assert!(resources.exists(&name).expect(&name), "{name}");
        assert!(resources.find(&name).expect(&name).is_some(), "{name}");
        assert!(!resources.is_dir(&name).expect(&name), "{name}");
    }
}

pub fn sizes_digests_and_media_types_are_those_of_the_content(resources: &Resources) {
    for (name, content) in files() {
        let resource = resources.get(&name).expect(&name);
        assert_eq!(resource.size(), content.len() as u64, "{name}");
        assert_eq!(resource.media_type(), media_type(&name), "{name}");
        let expected = digest(&content);
        assert_eq!(resource.digest().expect(&name), expected, "{name}");
        assert_eq!(resource.clone().digest().expect(&name), expected, "{name}");
    }
}

pub fn missing_names_are_not_found(resources: &Resources) {
    let long_segment = "x".repeat(300);
    for missing in
        ["missing", "data/missing", "missing/data", "data/index.html/below", &long_segment]
    {
        assert!(!resources.exists(missing).expect(missing), "{missing}");
        assert!(!resources.is_dir(missing).expect(missing), "{missing}");
        assert!(resources.find(missing).expect(missing).is_none(), "{missing}");
        assert_not_found(resources.get(missing), missing);
        assert_not_found(resources.list(missing), missing);
        assert_not_found(resources.walk(missing), missing);
        assert_not_found(resources.read(missing), missing);
        assert_not_found(resources.read_to_string(missing), missing);
        assert_not_found(resources.directory_as_path(missing), missing);
    }
}

fn assert_not_found<T>(result: Result<T, Error>, missing: &str) {
    match result {
        Err(error @ Error::NotFound { .. }) => assert!(error.is_not_found()),
        Err(other) => panic!("{missing}: {other:?}"),
        Ok(_) => panic!("{missing} was found"),
    }
}

pub fn near_names_are_suggested(resources: &Resources) {
    for (missing, expected) in [
        ("data/indx.html", &["data/index.html"][..]),
        ("dta/index.html", &["data/index.html"]),
        ("Data/Style.CSS", &["data/style.css"]),
        ("index.html", &["data/index.html"]),
        ("data/a2.txt", &["data/a.txt", "data/a0.txt", "data/a-b.txt"]),
        ("große/日本語.txt", &["größe/日本語.txt"]),
        ("lrge", &["large"]),
        ("nothing that looks like it", &[]),
    ] {
        match resources.get(missing) {
            Err(Error::NotFound { name, nearest }) => {
                assert_eq!((name.as_str(), nearest), (missing, owned(expected)));
            }
            other => panic!("{missing}: {other:?}"),
        }
    }
    let message = resources.get("data/indx.html").expect_err("missing").to_string();
    assert_eq!(message, r#"no resource "data/indx.html"; did you mean "data/index.html"?"#);
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn a_directory_is_no_file(resources: &Resources) {
    for dir in ["", "data", "data/a", "größe", EMPTY_DIRECTORY] {
        assert!(resources.is_dir(dir).expect(dir), "{dir}");
        assert!(resources.exists(dir).expect(dir), "{dir}");
        assert!(resources.find(dir).expect(dir).is_none(), "{dir}");
        for result in [resources.get(dir).map(drop), resources.read(dir).map(drop)] {
            match result {
                Err(Error::IsADirectory { name }) => assert_eq!(name, dir),
                other => panic!("{dir}: {other:?}"),
            }
        }
    }
}

pub fn a_file_is_no_directory(resources: &Resources) {
    for file in ["data/index.html", "data/empty", "🦀.svg"] {
        assert!(!resources.is_dir(file).expect(file), "{file}");
        for result in [resources.list(file).map(drop), resources.walk(file).map(drop)] {
            match result {
                Err(Error::NotADirectory { name }) => assert_eq!(name, file),
                other => panic!("{file}: {other:?}"),
            }
        }
    }
}

pub fn names_are_exact(resources: &Resources) {
    // The second is "größe" with its dots as combining characters.
    for other in ["DATA/index.html", "gro\u{308}ße/日本語.txt", "data/Empty", "Data"] {
        assert!(!resources.exists(other).expect(other), "{other}");
    }
}

pub fn invalid_names_say_why(resources: &Resources) {
    let long = "x/".repeat(2500);
    for (invalid, expected) in [
        ("../x", NameError::DotSegment),
        ("data/../data/index.html", NameError::DotSegment),
        ("./data", NameError::DotSegment),
        ("data/.", NameError::DotSegment),
        ("/etc/passwd", NameError::Absolute),
        ("data//index.html", NameError::EmptySegment),
        ("data/", NameError::EmptySegment),
        ("data\\index.html", NameError::Backslash),
        ("data/index.html\0", NameError::Control { found: '\0' }),
        ("data/\u{7f}", NameError::Control { found: '\u{7f}' }),
        ("c:/data", NameError::Drive),
        (&long, NameError::TooLong { length: 5000 }),
    ] {
        assert_invalid(resources.get(invalid), invalid, expected);
        assert_invalid(resources.find(invalid), invalid, expected);
        assert_invalid(resources.exists(invalid), invalid, expected);
        assert_invalid(resources.is_dir(invalid), invalid, expected);
        assert_invalid(resources.list(invalid), invalid, expected);
        assert_invalid(resources.walk(invalid), invalid, expected);
        assert_invalid(resources.directory_as_path(invalid), invalid, expected);
    }
}

fn assert_invalid<T>(result: Result<T, Error>, invalid: &str, expected: NameError) {
    match result {
        Err(Error::InvalidName { name, reason }) => {
            assert_eq!((name.as_str(), reason), (invalid, expected));
        }
        Err(other) => panic!("{invalid:?}: {other:?}"),
        Ok(_) => panic!("{invalid:?} was taken"),
    }
}

pub fn what_is_the_bundles_own_is_invisible(resources: &Resources) {
    for own in [".holdall", ".holdall/manifest.json", ".holdall/index"] {
        assert!(!resources.exists(own).expect(own), "{own}");
        assert!(!resources.is_dir(own).expect(own), "{own}");
        assert_not_found(resources.get(own), own);
        assert_not_found(resources.list(own), own);
    }
    let listed = resources.list("").expect("the root");
    assert!(listed.iter().all(|child| child.name != ".holdall"));
    match resources.get(".holdall/manifest.jsn") {
        Err(Error::NotFound { nearest, .. }) => assert_eq!(nearest, [""; 0]),
        other => panic!("{other:?}"),
    }
}

pub fn the_root_is_a_directory(resources: &Resources) {
    assert!(resources.is_dir("").expect("the root"));
    assert!(resources.exists("").expect("the root"));
    assert!(matches!(resources.get(""), Err(Error::IsADirectory { name }) if name.is_empty()));
}

pub fn listings_are_sorted_and_complete(resources: &Resources) {
    let kinds = |dir| {
        let listed = resources.list(dir).expect(dir);
        let kind = |child: &Child| (child.name.clone(), child.kind == Kind::Directory);
        listed.iter().map(kind).collect::<Vec<_>>()
    };
    let expected = |children: &[(&str, bool)]| {
        children.iter().map(|(name, dir)| ((*name).to_owned(), *dir)).collect::<Vec<_>>()
    };
    let root = [
        (".hidden", false),
        (".holdall-notes", false),
        ("data", true),
        ("größe", true),
        ("large", true),
        (EMPTY_DIRECTORY, true),
        ("with space", true),
        ("🦀.svg", false),
    ];
    assert_eq!(kinds(""), expected(&root));
    let data = [
        ("a", true),
        ("a-b.txt", false),
        ("a.txt", false),
        ("a0.txt", false),
        ("deep", true),
        ("empty", false),
        ("index.html", false),
        ("latin1.txt", false),
        ("style.css", false),
    ];
    assert_eq!(kinds("data"), expected(&data));
    assert_eq!(kinds(EMPTY_DIRECTORY), expected(&[]));
}

pub fn walks_are_sorted_and_complete(resources: &Resources) {
    let walk = resources.walk("").expect("the root");
    let walked = walk.map(|resource| {
        let resource = resource.expect("readable");
        (resource.name().to_owned(), resource.bytes().expect("readable").into_owned())
    });
    // The order of a BTreeMap is that of the bytes of the names.
    assert!(walked.eq(files()));
}

pub fn walks_begin_anywhere(resources: &Resources) {
    for dir in ["data", "data/a", "größe", "data/deep/er", EMPTY_DIRECTORY] {
        let walked = resources.walk(dir).expect(dir);
        let walked: Vec<String> =
            walked.map(|resource| resource.expect("readable").name().to_owned()).collect();
        let below = |name: &String| name.starts_with(&format!("{dir}/"));
        let expected: Vec<String> = files().into_keys().filter(below).collect();
        assert_eq!(walked, expected, "{dir}");
    }
}

pub fn readers_read_in_pieces_of_any_size(resources: &Resources) {
    for (name, content) in files() {
        for piece in [1, 7, 4096, 65_536, 1_000_000] {
            if content.len() > 10_000 && piece < 4096 {
                continue;
            }
            let resource = resources.get(&name).expect(&name);
            assert!(in_pieces(resource.reader().expect(&name), piece) == content, "{name} {piece}");
        }
    }
}

fn in_pieces(mut reader: impl Read, piece: usize) -> Vec<u8> {
    let mut content = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        match reader.read(&mut buffer).expect("readable") {
            0 => break,
            length => content.extend_from_slice(&buffer[..length]),
        }
    }
    assert_eq!(reader.read(&mut buffer).expect("still at the end"), 0);
    content
}

pub fn readers_seek_as_cursors_do(resources: &Resources) {
    for name in ["large/noise.bin", "large/text.txt", "data/empty", "data/index.html"] {
        let content = &files()[name];
        let size = content.len() as i64;
        let mut reader = resources.get(name).expect(name).reader().expect(name);
        let mut cursor = std::io::Cursor::new(content);
        for to in [
            SeekFrom::Start(10),
            SeekFrom::Current(-5),
            SeekFrom::Current(0),
            SeekFrom::End(-1),
            SeekFrom::End(0),
            SeekFrom::End(100),
            SeekFrom::Current(-101),
            SeekFrom::Start(65_535),
            SeekFrom::Start(131_072),
            SeekFrom::Start(1),
            SeekFrom::Current(-2),
            SeekFrom::End(-size - 1),
            SeekFrom::Start(u64::MAX),
            SeekFrom::Current(1),
            SeekFrom::Start(0),
        ] {
            let (found, expected) = (reader.seek(to), cursor.seek(to));
            assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{name} {to:?}");
            assert_eq!(found.err().map(|e| e.kind()), expected.err().map(|e| e.kind()));
            assert_eq!(next_bytes(&mut reader), next_bytes(&mut cursor), "{name} {to:?}");
        }
    }
}

fn next_bytes(reader: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.take(10).read_to_end(&mut bytes).expect("readable");
    bytes
}

pub fn readers_outlive_their_resource(resources: &Resources) {
    let mut reader = resources.get("data/index.html").expect("found").reader().expect("opens");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("readable");
    assert_eq!(text.as_bytes(), files()["data/index.html"]);
    let bytes = resources.get("data/style.css").expect("found").bytes().expect("readable");
    assert_eq!(*bytes, files()["data/style.css"]);
}

pub fn text_must_be_utf8(resources: &Resources) {
    assert_eq!(resources.read_to_string("größe/日本語.txt").expect("text"), "Größe: 日本語");
    assert_eq!(resources.read_to_string("data/empty").expect("text"), "");
    match resources.read_to_string("data/latin1.txt") {
        Err(Error::NotUtf8 { name, offset_bytes }) => {
            assert_eq!((name.as_str(), offset_bytes), ("data/latin1.txt", 2));
        }
        other => panic!("{other:?}"),
    }
}

pub fn paths_are_sealed_files_in_memory(resources: &Resources) {
    for (name, content) in files() {
        let path = resources.get(&name).expect(&name).as_path().expect(&name);
        assert!(path.to_str().is_some_and(|path| path.starts_with("/proc/self/fd/")), "{path:?}");
        assert!(std::fs::read(&*path).expect(&name) == content, "{name}");
        assert!(std::fs::read(&path).expect(&name) == content, "{name}, again");
        assert!(std::fs::write(&path, "changed").is_err(), "{name} was changed");
        let sealed = path.into_sealed_file();
        for other_size in [content.len() as u64 + 1, (content.len() as u64).saturating_sub(1)] {
            let resized = sealed.file().set_len(other_size);
            assert!(other_size == sealed.size() || resized.is_err(), "{name} was resized");
        }
        assert_eq!(sealed.size(), content.len() as u64);
    }
}

pub fn paths_are_readable_by_a_child(resources: &Resources) {
    let name = "large/text.txt";
    let path = resources.get(name).expect(name).as_path().expect(name);
    let output = Command::new("cat").arg(path.for_others()).output().expect("cat runs");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == files()[name]);
}

pub fn directories_have_paths(resources: &Resources) {
    for dir in ["data", "", EMPTY_DIRECTORY] {
        let copy = resources.directory_as_path(dir).expect(dir);
        let again = Resources::from_directory(&*copy).expect("the copy is a directory");
        let walked = again.walk("").expect("the copy");
        let names = walked.map(|resource| resource.expect("readable").name().to_owned());
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let expected = files();
        let expected = expected.keys().filter_map(|name| name.strip_prefix(&prefix));
        assert!(names.eq(expected), "{dir}");
        let path = copy.to_path_buf();
        drop(copy);
        assert!(!path.exists(), "{path:?} is left behind");
    }
}

pub fn many_threads_read_at_once(resources: &Resources) {
    let files = files();
    thread::scope(|scope| {
        for thread in 0..16 {
            let files = &files;
            scope.spawn(move || {
                for (name, content) in files.iter().cycle().skip(thread).take(3 * files.len()) {
                    let resource = resources.get(name).expect(name);
                    assert!(*resource.bytes().expect(name) == **content, "{name}");
                    assert!(in_pieces(resource.reader().expect(name), 10_000) == **content);
                    assert_eq!(resources.list("data").expect("a directory").len(), 9);
                }
            });
        }
    });
}

pub fn clones_share_the_tree(resources: &Resources) {
    let clone = resources.clone();
    assert_eq!(clone.origin(), resources.origin());
    let elsewhere = thread::spawn(move || clone.read("data/a.txt"));
    assert_eq!(elsewhere.join().expect("no panic").expect("found"), files()["data/a.txt"]);
}

pub fn a_static_tree_has_static_content(resources: &Resources) {
    let resources = resources.clone().into_static();
    let reader = resources.get("large/text.txt").expect("found").reader().expect("opens");
    let elsewhere = thread::spawn(move || in_pieces(reader, 5000));
    assert!(elsewhere.join().expect("no panic") == files()["large/text.txt"]);
}
