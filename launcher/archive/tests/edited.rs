//! Bundles that other tools edited: the index no longer counts, the content is right all the same.

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use holdall_archive::{Archive, DosTime, Error, Flaw, IndexState, Lookup, Name, Packed, Writer};

const RESOURCES: [(&str, &[u8]); 3] =
    [("data/alpha", b"alpha, the first"), ("data/beta", b"beta"), ("top", b"top")];

/// A bundle with an executable before it, in a directory of its own.
struct Edited {
    directory: tempfile::TempDir,
}

impl Edited {
    fn new() -> Edited {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.zip");
        let executable = std::fs::read("/proc/self/exe").unwrap();
        let file = File::create_new(&path).unwrap();
        let mut writer = Writer::new(file, &path, &executable, DosTime::EARLIEST).unwrap();
        for (name, content) in RESOURCES {
            let packed = Packed::stored(content.to_vec());
            writer.add(Name::new(name).unwrap(), 0o644, "", &packed).unwrap();
        }
        writer.finish().unwrap();
        Edited { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn open(&self) -> Archive {
        Archive::open(&self.path().join("bundle.zip")).unwrap()
    }

    /// Writes a file that a tool may add.
    fn file(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }
}

fn content(archive: &Archive, name: &str) -> Option<Vec<u8>> {
    archive.find(name).unwrap().map(|entry| entry.bytes().unwrap().into_owned())
}

/// That the resources are as they were, but for `changed`, and that the edit is known.
fn check(archive: &Archive, changed: &[(&str, Option<&str>)]) {
    assert_ne!(archive.index_state().unwrap(), IndexState::Used);
    for (name, original) in RESOURCES {
        if !changed.iter().any(|(other, _)| *other == name) {
            assert_eq!(content(archive, name).as_deref(), Some(original), "{name}");
        }
    }
    for (name, expected) in changed {
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(content(archive, name), expected, "{name}");
    }
    let mut problems = Vec::new();
    archive.verify(&mut |problem| problems.push(problem)).unwrap();
    let edited = |problem: &Error| matches!(problem, Error::Malformed { flaw: Flaw::Edited, .. });
    assert!(problems.iter().any(edited), "{problems:?}");
}

#[test]
fn zip_updates_a_resource_and_adds_one() {
    let edited = Edited::new();
    edited.file("data/alpha", "another alpha, of another length");
    edited.file("data/new", "new");
    edited.run("zip", &["-u", "bundle.zip", "data/alpha", "data/new"], "");
    let changed =
        [("data/alpha", Some("another alpha, of another length")), ("data/new", Some("new"))];
    check(&edited.open(), &changed);
}

#[test]
fn zip_deletes_a_resource() {
    let edited = Edited::new();
    edited.run("zip", &["-d", "bundle.zip", "data/alpha"], "");
    let archive = edited.open();
    check(&archive, &[("data/alpha", None)]);
    assert!(matches!(archive.lookup("data").unwrap(), Lookup::Directory));
}

#[test]
fn zip_deletes_a_whole_directory() {
    let edited = Edited::new();
    edited.run("zip", &["-d", "bundle.zip", "data/*"], "");
    let archive = edited.open();
    check(&archive, &[("data/alpha", None), ("data/beta", None)]);
    assert!(matches!(archive.lookup("data").unwrap(), Lookup::Absent));
}

#[test]
fn zipnote_renames_a_resource_to_a_name_of_the_same_length() {
    let edited = Edited::new();
    let rename = "@ data/alpha\n@=data/omega\n@ (comment above this line)\n";
    edited.run("zipnote", &["-w", "bundle.zip"], rename);
    check(&edited.open(), &[("data/alpha", None), ("data/omega", Some("alpha, the first"))]);
}

#[test]
fn python_appends_a_resource() {
    let edited = Edited::new();
    const APPEND: &str = "
import zipfile
with zipfile.ZipFile('bundle.zip', 'a') as archive:
    archive.writestr('data/new', 'new')
";
    edited.run("python3", &["-c", APPEND], "");
    check(&edited.open(), &[("data/new", Some("new"))]);
}

/// zip looks for `sayhello.zip` when told `sayhello`; by a link it edits the file itself.
#[test]
fn zip_edits_a_file_without_extension_through_a_link() {
    let edited = Edited::new();
    std::fs::rename(edited.path().join("bundle.zip"), edited.path().join("sayhello")).unwrap();
    std::os::unix::fs::symlink("sayhello", edited.path().join("bundle.zip")).unwrap();
    edited.file("data/new", "new");
    edited.run("zip", &["-u", "bundle.zip", "data/new"], "");
    let archive = Archive::open(&edited.path().join("sayhello")).unwrap();
    check(&archive, &[("data/new", Some("new"))]);
}
