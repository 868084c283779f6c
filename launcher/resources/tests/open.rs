//! Where a program finds its resources: each test runs a real process with its own environment.
//!
//! The process is this test program again, alone or with an archive behind it. It opens its
//! resources and says what it found.

use std::{
    env, fs,
    fs::File,
    io::ErrorKind,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use holdall_archive::{DosTime, MANIFEST, Name, Packed, Writer};
use holdall_resources::{
    BUNDLE, BUNDLE_FD, Error, RESOURCES, Resources,
    include_dir::{Dir, DirEntry, File as IncludedFile},
};
use tempfile::TempDir;

/// Set for the process that opens: `open` or `open_or`.
const ROLE: &str = "TEST_OF_OPEN_ROLE";

static TREE: Dir<'static> =
    Dir::new("", &[DirEntry::File(IncludedFile::new("which.txt", b"compiled in"))]);

#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else {
        return;
    };
    let opened = if role == "open" { Resources::open() } else { Resources::open_or(&TREE) };
    match opened.and_then(|resources| resources.read_to_string("which.txt")) {
        Ok(which) => println!("\nANSWER {which}"),
        Err(error) => println!("\nANSWER {}", chain(&error)),
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn own_path() -> PathBuf {
    env::current_exe().expect("a path")
}

fn ask(program: &Path, role: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(program);
    command.args(["--exact", "child", "--nocapture"]).env_clear().env(ROLE, role);
    command.envs(variables.iter().copied());
    // A process that another test forks has this file open for writing, until it becomes another.
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => thread::yield_now(),
            output => break output.expect("the program runs"),
        }
    };
    let stdout = String::from_utf8(output.stdout).expect("text");
    let answer = stdout.lines().find_map(|line| line.strip_prefix("ANSWER "));
    answer.unwrap_or_else(|| panic!("no answer: {stdout}")).to_owned()
}

/// A directory with the bundle `bundle`, which has `which.txt`, and the directory `tree`.
fn made(which: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    write_bundle(&directory.path().join("bundle"), &[], which);
    fs::create_dir(directory.path().join("tree")).expect("a directory");
    fs::write(directory.path().join("tree/which.txt"), "directory").expect("a file");
    directory
}

fn write_bundle(path: &Path, prefix: &[u8], which: &str) {
    let file = File::create_new(path).expect("a new file");
    let mut writer = Writer::new(file, path, prefix, DosTime::EARLIEST).expect("a writer");
    for (name, content) in [(MANIFEST, "{}"), ("which.txt", which)] {
        let name = Name::new(name).expect("a name");
        let packed = Packed::stored(content.into());
        writer.add(name, 0o644, "text/plain", &packed).expect("added");
    }
    writer.finish().expect("finished");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// This program with an archive behind it.
fn running_bundle() -> (TempDir, PathBuf) {
    let directory = made("beside");
    let path = directory.path().join("running");
    let own = fs::read(own_path()).expect("readable");
    write_bundle(&path, &own, "running bundle");
    (directory, path)
}

#[test]
fn without_any_place_the_error_says_where_was_looked() {
    let own = own_path().canonicalize().expect("a path");
    let expected = format!(
        "no resources: {} carries no archive that can be read, HOLDALL_BUNDLE_FD is not set, \
         HOLDALL_BUNDLE is not set, HOLDALL_RESOURCES is not set",
        own.display()
    );
    assert_eq!(ask(&own, "open", &[]), expected);
    let empty = [(RESOURCES, ""), (BUNDLE, ""), (BUNDLE_FD, "")];
    assert_eq!(ask(&own, "open", &empty), expected, "empty is unset");
}

#[test]
fn a_directory_is_taken_and_compiled_in_comes_last() {
    let directory = made("bundle");
    let tree = directory.path().join("tree");
    let variables = [(RESOURCES, utf8(&tree))];
    assert_eq!(ask(&own_path(), "open", &variables), "directory");
    assert_eq!(ask(&own_path(), "open_or", &variables), "directory");
    assert_eq!(ask(&own_path(), "open_or", &[]), "compiled in");
}

#[test]
fn a_directory_that_is_not_there_is_an_error_and_not_passed_over() {
    let answer = ask(&own_path(), "open_or", &[(RESOURCES, "/no/such/tree")]);
    assert_eq!(
        answer,
        "HOLDALL_RESOURCES=\"/no/such/tree\" is not a directory that can be read: \
         can't open /no/such/tree: No such file or directory (os error 2)"
    );
}

#[test]
fn the_running_bundle_comes_before_everything() {
    let (directory, running) = running_bundle();
    let (bundle, tree) = (directory.path().join("bundle"), directory.path().join("tree"));
    let variables = [(RESOURCES, utf8(&tree)), (BUNDLE, utf8(&bundle)), (BUNDLE_FD, "0")];
    assert_eq!(ask(&running, "open", &variables), "running bundle");
    assert_eq!(ask(&running, "open_or", &[]), "running bundle");
}

#[test]
fn a_damaged_running_bundle_is_an_error_and_not_passed_over() {
    let (directory, running) = running_bundle();
    let tree = directory.path().join("tree");
    let whole = fs::metadata(&running).expect("a file").len();
    let prefix = fs::metadata(own_path()).expect("a file").len();
    for (length, problem) in [(whole - 10, "is truncated"), (prefix, "its archive")] {
        let file = File::options().write(true).open(&running).expect("opens");
        file.set_len(length).expect("truncated");
        drop(file);
        let answer = ask(&running, "open_or", &[(RESOURCES, utf8(&tree))]);
        assert!(answer.starts_with("can't read the bundle: "), "{answer}");
        assert!(answer.contains(problem), "{answer}");
    }
}

#[test]
fn the_bundle_that_started_the_program_comes_before_a_directory() {
    let directory = made("bundle");
    let (bundle, tree) = (directory.path().join("bundle"), directory.path().join("tree"));
    let variables = [(RESOURCES, utf8(&tree)), (BUNDLE, utf8(&bundle))];
    assert_eq!(ask(&own_path(), "open", &variables), "bundle");
}

#[test]
fn the_descriptor_is_the_file_that_was_started_whatever_the_path_names_now() {
    let directory = made("as it was started");
    let bundle = directory.path().join("bundle");
    let started = inherited(&bundle);
    fs::remove_file(&bundle).expect("removed");
    let number = started.as_raw_fd().to_string();
    assert_eq!(ask(&own_path(), "open", &[(BUNDLE_FD, &number)]), "as it was started");
    write_bundle(&bundle, &[], "its successor");
    let variables = [(BUNDLE_FD, number.as_str()), (BUNDLE, utf8(&bundle))];
    assert_eq!(ask(&own_path(), "open", &variables), "as it was started");
}

/// An open file that a child process gets under the same number.
fn inherited(path: &Path) -> File {
    let file = File::open(path).expect("opens");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("inheritable");
    file
}

#[test]
fn a_descriptor_that_is_not_the_bundle_gives_way_to_the_path() {
    let directory = made("by its path");
    let (bundle, tree) = (directory.path().join("bundle"), directory.path().join("tree"));
    let other_file = inherited(&tree.join("which.txt"));
    let a_directory = inherited(&tree);
    let (pipe, _other_end) = rustix::pipe::pipe().expect("a pipe");
    for (number, problem) in [
        (other_file.as_raw_fd().to_string(), "is not a bundle: "),
        (a_directory.as_raw_fd().to_string(), "is not a file"),
        (pipe.as_raw_fd().to_string(), "is not a file"),
        ("999".to_owned(), "is not open: "),
        ("-1".to_owned(), "is not the number of a descriptor"),
        ("3; rm".to_owned(), "is not the number of a descriptor"),
        ("../3".to_owned(), "is not the number of a descriptor"),
    ] {
        let variables = [(BUNDLE_FD, number.as_str()), (BUNDLE, utf8(&bundle))];
        assert_eq!(ask(&own_path(), "open", &variables), "by its path", "{number}");
        let variables = [(BUNDLE_FD, number.as_str()), (RESOURCES, utf8(&tree))];
        let answer = ask(&own_path(), "open_or", &variables);
        let expected = format!("HOLDALL_BUNDLE_FD={number:?} {problem}");
        assert!(answer.starts_with(&expected), "{answer} is not {expected}");
    }
}

#[test]
fn a_bundle_has_a_manifest() {
    let directory = made("bundle");
    let plain = directory.path().join("plain.zip");
    let file = File::create_new(&plain).expect("a new file");
    let mut writer = Writer::new(file, &plain, &[], DosTime::EARLIEST).expect("a writer");
    let name = Name::new("which.txt").expect("a name");
    writer.add(name, 0o644, "", &Packed::stored(b"plain".to_vec())).expect("added");
    writer.finish().expect("finished");
    let answer = ask(&own_path(), "open", &[(BUNDLE, utf8(&plain))]);
    let expected = format!(
        "HOLDALL_BUNDLE={:?} is not a bundle: no resource \".holdall/manifest.json\"",
        utf8(&plain)
    );
    assert_eq!(answer, expected);
}
