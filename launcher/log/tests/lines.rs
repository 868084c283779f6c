//! Lines on their way into files and pipes that are moved, full, shared or slow.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use holdall_log::{Lines, LogError, Target};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn lines_to(path: &Path) -> Lines {
    Lines::open(&Target::File(path.to_owned())).expect("it opens")
}

/// A FIFO and its reading end, which waits for data.
fn fifo(folder: &TempDir) -> (PathBuf, File) {
    let path = folder.path().join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a FIFO");
    let flags = OFlags::NONBLOCK.bits() as i32;
    let reader = OpenOptions::new().read(true).custom_flags(flags).open(&path).expect("it opens");
    (path, reader)
}

fn make_blocking(file: &File) {
    rustix::fs::fcntl_setfl(file, OFlags::empty()).expect("flags");
}

#[test]
fn a_file_is_added_to_and_not_for_others() {
    let folder = folder();
    let path = folder.path().join("log");
    lines_to(&path).write(b"one\n");
    lines_to(&path).write(b"two\nthree\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}: no more than 0640");
}

#[test]
fn a_rotated_file_is_left_when_it_is_told_so() {
    let folder = folder();
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let lines = lines_to(&path);
    lines.write(b"one\n");
    fs::rename(&path, &moved).unwrap();
    lines.write(b"two\n");
    lines.clone().reopen().unwrap();
    lines.write(b"three\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn a_file_that_cannot_be_reopened_stays() {
    let folder = folder();
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let lines = lines_to(&path);
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    let Err(LogError::Open { path: told, source }) = lines.reopen() else { panic!("it opened") };
    assert_eq!(told, path);
    assert_eq!(source.kind(), std::io::ErrorKind::IsADirectory);
    lines.write(b"here\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "here\n");
}

#[test]
fn a_file_in_no_folder_is_an_error_that_names_it() {
    let folder = folder();
    let path = folder.path().join("none/log");
    let error = Lines::open(&Target::File(path.clone())).unwrap_err();
    assert_eq!(error.to_string(), format!("can't open the log file {}", path.display()));
}

#[test]
fn a_full_disk_stops_nobody() {
    let lines = lines_to(Path::new("/dev/full"));
    (0..100).for_each(|_| lines.write(b"nobody reads this\n"));
}

#[test]
fn writers_do_not_mix_their_lines() {
    let folder = folder();
    let path = folder.path().join("log");
    thread::scope(|scope| {
        for writer in 'a'..='d' {
            // Each has its own open file, as another process would.
            let lines = lines_to(&path);
            scope.spawn(move || {
                for length in 0..2_000 {
                    let line = writer.to_string().repeat(1 + length * 7 % 5_000) + "\n";
                    lines.write(line.as_bytes());
                }
            });
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 8_000);
    let mixed = text.lines().find(|line| !line.chars().all(|letter| line.starts_with(letter)));
    assert_eq!(mixed, None);
}

#[test]
fn a_reader_who_takes_its_time_gets_every_line_whole() {
    let folder = folder();
    let (path, reader) = fifo(&folder);
    let lines = lines_to(&path);
    let line = |number: usize| format!("{number} {}", "x".repeat(number * 31 % 9_000));
    let writer = thread::spawn(move || {
        (0..500).for_each(|number| lines.write((line(number) + "\n").as_bytes()));
    });
    make_blocking(&reader);
    // Much more than a pipe holds, so that the writer often finds it full.
    let reader = BufReader::with_capacity(100, reader);
    for (number, read) in reader.lines().enumerate() {
        assert_eq!(read.unwrap(), line(number));
    }
    writer.join().unwrap();
}

#[test]
fn a_reader_who_stops_costs_lines_but_no_torn_ones() {
    let folder = folder();
    let (path, mut reader) = fifo(&folder);
    let lines = lines_to(&path);
    let line = "x".repeat(6_000) + "\n";
    (0..1_000).for_each(|_| lines.write(line.as_bytes()));
    let mut text = vec![0; 1 << 20];
    let length = reader.read(&mut text).unwrap();
    text.truncate(length);
    lines.write(b"again\n");
    drop(lines);
    make_blocking(&reader);
    reader.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("x\nagain\n"), "{}", &text[text.len() - 20..]);
    let (torn, whole) =
        text.lines().rev().skip(1).partition::<Vec<_>, _>(|line| line.len() < 6_000);
    assert!(torn.len() <= 1, "the one that the reader stopped in");
    assert!(whole.len() < 1_000 && !whole.is_empty());
}
