//! What a bundle tells of itself, and what it says when it is damaged.

use holdall_archive::{Archive, DosTime, Name, Packed, Writer};
use holdall_bundle::{
    About, Built, Bundle, BundleError, Content, Digest, EntryPoint, EntryPointKind, ExitCode,
    InfoFormat, ListFormat, MANIFEST_FORMAT, MANIFEST_NAME, Manifest, Prefix, print_verification,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const FILES: [(&str, u32, &[u8]); 3] = [
    ("data/index.html", 0o644, b"<h1>hello</h1>"),
    ("empty", 0o600, b""),
    ("run.sh", 0o4755, b"#!"),
];

/// A temporary directory with a bundle in it; `change` may spoil the manifest.
fn bundle(change: impl FnOnce(&mut Manifest)) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sayhello");
    let file = File::create_new(&path).unwrap();
    let mut writer = Writer::new(file, &path, &[], DosTime::EARLIEST).unwrap();
    let mut manifest = manifest();
    manifest.prefix.sha256 = Digest(writer.prefix_digest());
    manifest.content.size = FILES.iter().map(|(_, _, content)| content.len() as u64).sum();
    manifest.content.files = FILES.len() as u64;
    change(&mut manifest);
    let name = Name::new(MANIFEST_NAME).unwrap();
    let length = manifest.to_json().len() as u64;
    let reserved = writer.reserve(name, 0o644, "application/json", length).unwrap();
    for (name, mode, content) in FILES {
        let packed = Packed::stored(content.to_vec());
        writer.add(Name::new(name).unwrap(), mode, "text/plain", &packed).unwrap();
    }
    manifest.content.digest = Digest(writer.content().digest);
    writer.fill(reserved, &manifest.to_json()).unwrap();
    writer.finish().unwrap();
    (dir, path)
}

fn manifest() -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        name: "sayhello".into(),
        version: "0.1.0".into(),
        entry_point: EntryPoint { kind: EntryPointKind::Site, payload: None },
        about: About::default(),
        arguments: vec![],
        environment: Default::default(),
        serving: None,
        built: Built { by: "a test".into(), target: "x86_64-unknown-linux-gnu".into() },
        prefix: Prefix { size: 0, sha256: Digest([0; 32]) },
        content: Content { files: 0, size: 0, digest: Digest([0; 32]) },
    }
}

fn text(write: impl FnOnce(&mut dyn Write) -> Result<(), BundleError>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn verified(path: &Path) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = print_verification(&Archive::open(path).unwrap(), None, &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn names_are_listed_without_the_bundles_own() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    let names = text(|out| bundle.list(ListFormat::Names, out));
    assert_eq!(names, "data/index.html\nempty\nrun.sh\n");
}

#[test]
fn the_long_list_is_a_table() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    let table = text(|out| bundle.list(ListFormat::Long, out));
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["mode", "size", "packed", "method", "type", "sha256", "name"]);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(rows[2], ["0600", "0", "0", "stored", "text/plain", empty, "empty"]);
    let starts: Vec<_> = table.lines().map(|line| line.rfind("  ").unwrap()).collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{table}");
}

#[test]
fn the_json_list_is_an_array() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    let json = text(|out| bundle.list(ListFormat::Json, out));
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[0]["name"], "data/index.html");
    assert_eq!(rows[0]["size"], 14);
    assert_eq!(rows.as_array().unwrap().len(), 3);
}

#[test]
fn information_says_what_runs_and_how_large_it_is() {
    let (_dir, path) = bundle(|manifest| manifest.arguments = vec!["--port".into()]);
    let bundle = Bundle::open(&path).unwrap();
    let info = text(|out| bundle.info(InfoFormat::Text, Some("strong"), out));
    for line in [
        "name         sayhello",
        "entry point  site",
        "arguments    [\"--port\"]",
        "sandbox      strong",
    ] {
        assert!(info.lines().any(|found| found == line), "{line} in {info}");
    }
    let json = text(|out| bundle.info(InfoFormat::Json, Some("strong"), out));
    let info: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(info["name"], "sayhello");
    assert_eq!(info["file"]["size"], fs::metadata(&path).unwrap().len());
    assert_eq!(info["resources"]["files"], 3);
    assert_eq!(info["sandbox"], "strong");
}

#[test]
fn a_resource_is_written_as_it_is() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    assert_eq!(text(|out| bundle.cat("data/index.html", out)), "<h1>hello</h1>");
    assert_eq!(text(|out| bundle.cat("empty", out)), "");
}

#[test]
fn a_missing_resource_is_named_with_its_neighbours() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    let error = bundle.cat("data/indx.html", &mut io::sink()).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"no resource "data/indx.html"; the nearest are "data/index.html""#
    );
    assert_eq!(error.exit_code(), ExitCode::NoInput);
    assert!(matches!(bundle.cat("data", &mut io::sink()), Err(BundleError::IsDirectory { .. })));
    let own = bundle.cat(MANIFEST_NAME, &mut io::sink());
    assert!(matches!(own, Err(BundleError::NoResource { .. })));
}

/// A pipe whose reader went away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let (_dir, path) = bundle(|_| ());
    let bundle = Bundle::open(&path).unwrap();
    bundle.list(ListFormat::Long, &mut Closed).unwrap();
    bundle.info(InfoFormat::Json, None, &mut Closed).unwrap();
    bundle.cat("run.sh", &mut Closed).unwrap();
    let mut err = Vec::new();
    assert_eq!(
        print_verification(bundle.archive(), None, &mut Closed, &mut err),
        ExitCode::Success
    );
}

#[test]
fn extracted_files_keep_their_mode_but_for_set_user_id() {
    let (dir, path) = bundle(|_| ());
    let target = dir.path().join("a/b");
    let extracted = Bundle::open(&path).unwrap().extract(&target).unwrap();
    assert_eq!((extracted.files, extracted.size), (3, 16));
    for (name, mode, content) in FILES {
        let file = target.join(name);
        assert_eq!(fs::read(&file).unwrap(), content);
        let found = fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode & 0o777, "{name}");
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 3);
}

#[test]
fn nothing_is_overwritten() {
    let (dir, path) = bundle(|_| ());
    fs::write(dir.path().join("run.sh"), "mine").unwrap();
    let error = Bundle::open(&path).unwrap().extract(dir.path()).unwrap_err();
    assert!(matches!(&error, BundleError::Exists { path } if path.ends_with("run.sh")), "{error}");
    assert_eq!(fs::read(dir.path().join("run.sh")).unwrap(), b"mine");
    assert!(!dir.path().join("data").exists());
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let (dir, path) = bundle(|_| ());
    let (target, outside) = (dir.path().join("target"), dir.path().join("outside"));
    fs::create_dir(&target).unwrap();
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, target.join("data")).unwrap();
    let error = Bundle::open(&path).unwrap().extract(&target).unwrap_err();
    assert!(matches!(error, BundleError::Create { .. }), "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn an_intact_bundle_says_so_in_one_line() {
    let (_dir, path) = bundle(|_| ());
    let (code, out, err) = verified(&path);
    assert_eq!((code, err.as_str()), (ExitCode::Success, ""));
    let length = fs::metadata(&path).unwrap().len();
    let grouped = holdall_bundle::grouped(length);
    assert_eq!(out, format!("sayhello: ok, 7 entries, {grouped} bytes\n"));
}

#[test]
fn every_digest_of_the_manifest_is_compared() {
    type Spoil = fn(&mut Manifest);
    let spoil: [(&str, Spoil); 4] = [
        ("the executable's length", |manifest| manifest.prefix.size = 1),
        ("the executable's digest", |manifest| manifest.prefix.sha256 = Digest([1; 32])),
        ("the number of files", |manifest| manifest.content.files = 7),
        ("the size of all files", |manifest| manifest.content.size = 77),
    ];
    for (what, change) in spoil {
        let (_dir, path) = bundle(change);
        let (code, out, err) = verified(&path);
        assert_eq!((code, out.as_str()), (ExitCode::Damaged, ""));
        assert!(err.contains(what) && err.lines().count() == 1, "{err}");
    }
}

#[test]
fn a_flipped_byte_is_found_and_the_resource_is_not_served() {
    let (_dir, path) = bundle(|_| ());
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(14).position(|window| window == b"<h1>hello</h1>").unwrap();
    bytes[at + 4] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (code, out, err) = verified(&path);
    assert_eq!((code, out.as_str()), (ExitCode::Damaged, ""));
    assert!(err.contains(r#""data/index.html" is damaged"#), "{err}");
    let mut out = Vec::new();
    let error = Bundle::open(&path).unwrap().cat("data/index.html", &mut out).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Damaged);
    assert_eq!(out, b"");
}

#[test]
fn a_payload_that_is_not_there_is_named() {
    let (_dir, path) = bundle(|manifest| {
        manifest.entry_point =
            EntryPoint { kind: EntryPointKind::Exec, payload: Some(".holdall/bin/server".into()) };
    });
    let error = Bundle::open(&path).unwrap_err();
    assert!(error.to_string().contains(r#"".holdall/bin/server" is not in the bundle"#), "{error}");
    let (code, _, err) = verified(&path);
    assert_eq!(code, ExitCode::Damaged);
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn an_archive_without_manifest_is_no_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain.zip");
    let file = File::create_new(&path).unwrap();
    Writer::new(file, &path, &[], DosTime::EARLIEST).unwrap().finish().unwrap();
    let error = Bundle::open(&path).unwrap_err();
    assert!(matches!(error, BundleError::NoManifest { .. }), "{error}");
}
