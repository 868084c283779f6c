//! Every common zip reader reads what the writer writes, without a word of complaint.
//!
//! The readers are programs of the system; one that is missing is a failure, not a skip.

use std::{
    fs::File,
    io::{Cursor, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use holdall_archive::{Archive, DosTime, Lookup, Method, Name, Packed, Streamed, Writer};

/// Reads the archive with Python and prints name and CRC-32 of each content, line by line.
const PYTHON_LIST: &str = "
import sys, warnings, zipfile, zlib
warnings.simplefilter('error')
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    for info in archive.infolist():
        print('%08x' % zlib.crc32(archive.read(info)), info.filename)
";

/// A directory with a bundle of every shape of entry in it.
struct Example {
    directory: tempfile::TempDir,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Example {
    fn new(prefix: &[u8]) -> Example {
        let directory = tempfile::tempdir().unwrap();
        let text = b"hello, world\n".repeat(1000);
        let files = vec![
            (".holdall/manifest.json", b"{\"format\":1}".to_vec()),
            ("data/deflated.txt", text),
            ("data/empty", Vec::new()),
            ("data/größe/日本語.bin", vec![1, 2, 3]),
            ("data/large.bin", (0..200_000u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect()),
            ("data/small.bin", vec![7; 1234]),
            ("data/with space", b"spaces".to_vec()),
        ];
        let path = directory.path().join("bundle");
        let mut writer = Writer::new(
            File::create_new(&path).unwrap(),
            &path,
            prefix,
            DosTime::from_unix(1 << 30),
        )
        .unwrap();
        for (entry, content) in &files {
            let packed = match entry.ends_with(".txt") {
                true => Packed::deflated(content, deflate(content)).unwrap(),
                false => Packed::stored(content.clone()),
            };
            writer.add(name(entry), 0o644, "x/y", &packed).unwrap();
        }
        writer.add_directory(name("void"), 0o755).unwrap();
        writer.finish().unwrap();
        Example { directory, files }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("bundle")
    }

    /// Whether each file of the example has been extracted to `target`, as it was.
    fn check_extracted(&self, target: &str) {
        for (entry, content) in &self.files {
            let found = std::fs::read(self.directory.path().join(target).join(entry));
            assert!(found.unwrap() == *content, "{target}: {entry}");
        }
        assert!(self.directory.path().join(target).join("void").is_dir());
    }
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut encoder = flate2::read::DeflateEncoder::new(content, flate2::Compression::best());
    encoder.read_to_end(&mut data).unwrap();
    data
}

/// This program without symbols, about as large as what a bundle begins with: 7z looks for an
/// archive in the first 8 MiB only.
fn executable() -> Vec<u8> {
    let stripped = tempfile::NamedTempFile::new().unwrap();
    let path = stripped.path().to_str().unwrap();
    run(
        Path::new("/"),
        "strip",
        &["-o", path, &std::env::current_exe().unwrap().to_string_lossy()],
    );
    std::fs::read(path).unwrap()
}

/// Runs a reader, which must succeed and say nothing of a warning or error; its output.
fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(directory)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{out}\n{err}", output.status);
    assert_eq!(err, "", "{program} {arguments:?}");
    for word in ["warning", "error", "extra bytes", "headers error"] {
        let clean = !out.to_lowercase().contains(word);
        assert!(clean || out.contains("No errors detected"), "{program} {arguments:?}: {out}");
    }
    out.into_owned()
}

/// Both shapes of the example: behind an executable, and on its own.
fn on_both(check: impl Fn(&Example)) {
    for prefix in [executable(), Vec::new()] {
        check(&Example::new(&prefix));
    }
}

#[test]
fn unzip() {
    on_both(|example| {
        let directory = example.directory.path();
        run(directory, "unzip", &["-tq", "bundle"]);
        run(directory, "unzip", &["-q", "bundle", "-d", "out"]);
        example.check_extracted("out");
    });
}

#[test]
fn python() {
    on_both(|example| {
        let listing = run(example.directory.path(), "python3", &["-c", PYTHON_LIST, "bundle"]);
        for (entry, content) in &example.files {
            let line = format!("{:08x} {entry}\n", crc32fast::hash(content));
            assert!(listing.contains(&line), "{line}");
        }
    });
}

#[test]
fn bsdtar() {
    on_both(|example| {
        let directory = example.directory.path();
        std::fs::create_dir(directory.join("out")).unwrap();
        run(directory, "bsdtar", &["-xf", "bundle", "-C", "out"]);
        example.check_extracted("out");
    });
}

#[test]
fn seven_zip() {
    on_both(|example| {
        let directory = example.directory.path();
        let said = run(directory, "7z", &["t", "bundle"]);
        assert!(said.contains("Everything is Ok"), "{said}");
        assert!(!said.contains("Warnings"), "{said}");
        run(directory, "7z", &["x", "-oout", "bundle"]);
        example.check_extracted("out");
    });
}

#[test]
fn busybox() {
    on_both(|example| {
        let directory = example.directory.path();
        run(directory, "busybox", &["unzip", "-q", "bundle", "-d", "out"]);
        example.check_extracted("out");
    });
}

#[test]
fn jar() {
    on_both(|example| {
        let listing = run(example.directory.path(), "jar", &["tf", "bundle"]);
        for (entry, _) in &example.files {
            assert!(listing.lines().any(|line| line == *entry), "{entry}: {listing}");
        }
        run(example.directory.path(), "jar", &["xf", "bundle"]);
        example.check_extracted("");
    });
}

#[test]
fn the_crate_zip() {
    on_both(|example| {
        let bytes = std::fs::read(example.path()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for (entry, content) in &example.files {
            let mut found = Vec::new();
            archive.by_name(entry).unwrap().read_to_end(&mut found).unwrap();
            assert!(found == *content, "{entry}");
        }
    });
}

#[test]
fn the_crate_rawzip() {
    on_both(|example| {
        let bytes = std::fs::read(example.path()).unwrap();
        let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
        let mut entries = archive.entries();
        let mut seen = 0;
        while let Some(header) = entries.next_entry().unwrap() {
            let path = header.file_path().try_normalize().unwrap().as_ref().to_owned();
            let Some((_, content)) = example.files.iter().find(|(entry, _)| *entry == path) else {
                continue;
            };
            let entry = archive.get_entry(header.wayfinder()).unwrap();
            let data = entry.data();
            let reader: Box<dyn Read> = match header.compression_method() {
                rawzip::CompressionMethod::STORE => Box::new(data),
                _ => Box::new(flate2::bufread::DeflateDecoder::new(data)),
            };
            let mut found = Vec::new();
            entry.verifying_reader(reader).read_to_end(&mut found).unwrap();
            assert!(found == *content, "{path}");
            seen += 1;
        }
        assert_eq!(seen, example.files.len());
    });
}

/// More entries than a 16-bit count can say.
#[test]
fn seventy_thousand_entries() {
    const COUNT: usize = 70_000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("many.zip");
    let mut writer =
        Writer::new(File::create_new(&path).unwrap(), &path, &[], DosTime::EARLIEST).unwrap();
    for number in 0..COUNT {
        let content = Packed::stored(number.to_string().into_bytes());
        writer.add(name(&format!("data/{number}")), 0o644, "", &content).unwrap();
    }
    let summary = writer.finish().unwrap();
    assert_eq!(summary.entries, COUNT as u64 + 2, "with the directory and the index");
    let archive = Archive::open(&path).unwrap();
    for number in (0..COUNT).step_by(997).chain([COUNT - 1]) {
        let found = archive.find(&format!("data/{number}")).unwrap().unwrap();
        assert_eq!(*found.bytes().unwrap(), *number.to_string().as_bytes());
    }
    assert!(matches!(archive.lookup("data/70000").unwrap(), Lookup::Absent));
    assert_eq!(archive.children("data").unwrap().len(), COUNT);
    archive.verify(&mut |problem| panic!("{problem}")).unwrap();
    run(directory.path(), "unzip", &["-tqq", "many.zip"]);
    run(directory.path(), "7z", &["t", "-tzip", "many.zip"]);
    let listing = run(directory.path(), "python3", &["-c", PYTHON_LIST, "many.zip"]);
    assert_eq!(listing.lines().count(), COUNT + 2);
    assert_eq!(run(directory.path(), "jar", &["tf", "many.zip"]).lines().count(), COUNT + 2);
}

/// Hands out zeros without end, as fast as memory, and gives the room that they take in `file` back
/// to the disk: where they are written, there is a hole instead, which reads the same.
struct Zeros<'a> {
    file: &'a File,
    handed_out: u64,
}

impl Zeros<'_> {
    const STEP: u64 = 64 << 20;

    fn make_hole(&self) {
        use rustix::fs::FallocateFlags;
        // The first page has the header; the last ones may not be written yet.
        let end = self.handed_out.saturating_sub(Self::STEP / 2);
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Where the file system knows no holes, the disk must have the room.
        let _ = rustix::fs::fallocate(self.file, flags, 4096, end.max(8192) - 4096);
    }
}

impl Read for Zeros<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0);
        let before = self.handed_out;
        self.handed_out += buffer.len() as u64;
        if before / Self::STEP != self.handed_out / Self::STEP {
            self.make_hole();
        }
        Ok(buffer.len())
    }
}

/// Sizes and offsets that need 64 bits: an entry of 4.5 GiB, and one behind it.
#[test]
fn an_entry_beyond_four_gib() {
    const SIZE: u64 = 4608 << 20;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.zip");
    let file = File::create_new(&path).unwrap();
    let clone = file.try_clone().unwrap();
    let mut zeros = Zeros { file: &clone, handed_out: 0 }.take(SIZE);
    let mut writer = Writer::new(file, &path, &[], DosTime::EARLIEST).unwrap();
    let streamed =
        writer.add_stream(name("data/large"), 0o644, "", Method::Stored, SIZE, &mut zeros).unwrap();
    assert!(matches!(streamed, Streamed::Added), "{streamed:?}");
    writer.add(name("data/z"), 0o644, "", &Packed::stored(b"behind".to_vec())).unwrap();
    writer.finish().unwrap();

    let archive = Archive::open(&path).unwrap();
    let large = archive.find("data/large").unwrap().unwrap();
    assert_eq!((large.size(), large.data_offset() % 4096), (SIZE, 0));
    let behind = archive.find("data/z").unwrap().unwrap();
    assert!(behind.data_offset() > u32::MAX.into());
    assert_eq!(*behind.bytes().unwrap(), *b"behind");
    large.check().unwrap();

    for (program, arguments) in [
        ("unzip", &["-p", "large.zip", "data/z"][..]),
        ("7z", &["e", "-so", "-tzip", "large.zip", "data/z"]),
        ("bsdtar", &["-xOf", "large.zip", "data/z"]),
        (
            "python3",
            &[
                "-c",
                "import zipfile; print(zipfile.ZipFile('large.zip').read('data/z').decode(), end='')",
            ],
        ),
    ] {
        assert_eq!(run(directory.path(), program, arguments), "behind", "{program}");
    }
    let listing = run(directory.path(), "unzip", &["-l", "large.zip"]);
    assert!(listing.contains(&SIZE.to_string()), "{listing}");

    // Without the index, the strict reading of both headers must understand zip64, too.
    let length = std::fs::metadata(&path).unwrap().len();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut tail = vec![0; 4096];
    let start = length - tail.len() as u64;
    file.read_exact_at(&mut tail, start).unwrap();
    let magic = tail.windows(8).rposition(|window| window == b"holdall\x01").unwrap();
    file.write_all_at(b"H", start + magic as u64).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.find("data/large").unwrap().unwrap().size(), SIZE);
    assert_eq!(*archive.find("data/z").unwrap().unwrap().bytes().unwrap(), *b"behind");
}
