//! Reads, compresses and digests files in parallel, and writes them in order.
//!
//! Small files go through in windows: while one window is written, the next is packed by all cores.
//! Files of [`STREAM_FROM_BYTES`] and more are streamed one after the other. So memory is bounded by
//! two windows, however large the tree is, and by what a compressor needs for each core.

use crate::compress::{Compression, Packing, deflate};
use crate::tree::{Item, Stamp};
use crate::variants::Variant;
use holdall_archive::{Method, Name, NameError, Packed, Streamed, Writer};
use holdall_bundle::ExitCode;
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Files of this size in bytes and more are never held in memory.
// Unoptimised, as the unit tests are, digests take seconds for such a file.
pub const STREAM_FROM_BYTES: u64 = if cfg!(test) { 4 << 20 } else { 64 << 20 };

/// The most that is packed at once.
const WINDOW_BYTES: u64 = 32 << 20;
const WINDOW_FILES: usize = 256;

/// How much of a large file is tried, at three places, to see whether compressing is worth it.
const SAMPLE_BYTES: usize = 256 << 10;

/// Why a file can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It changed between the moment it was found and the moment it was read.
    #[error("{} changed while it was packed: try again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Its name can't be the name of an entry.
    #[error("{name:?} can't be the name of an entry")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: NameError,
    },
    /// The archive can't be written.
    #[error(transparent)]
    Write(#[from] holdall_archive::Error),
}

impl PackError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::Changed { .. } => ExitCode::Io,
            Self::Name { .. } => ExitCode::Damaged,
            Self::Write(error) => match error.io() {
                Some(cause) => ExitCode::for_output(cause.kind()),
                None => ExitCode::Damaged,
            },
        }
    }
}

/// Packs `items` into `writer`, in their order.
///
/// # Errors
/// [`PackError`]; the archive is of no use then.
pub fn pack(
    writer: &mut Writer,
    items: &[Item],
    packing: &Packing,
    progress: &ProgressBar,
) -> Result<(), PackError> {
    let mut sink = Sink { writer, items, packing, progress };
    let mut ready: Vec<Ready> = Vec::new();
    for window in windows(items) {
        let (written, packed) = rayon::join(
            || sink.write(std::mem::take(&mut ready)),
            || window.par_iter().map(|item| prepare(item, packing)).collect::<Result<_, _>>(),
        );
        written?;
        ready = packed?;
    }
    sink.write(ready)
}

/// Packs one file that is not a resource: the payload.
///
/// # Errors
/// [`PackError`].
pub fn pack_payload(writer: &mut Writer, name: &str, path: &Path) -> Result<(), PackError> {
    let unreadable = |source| PackError::Read { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let stamp = Some(Stamp::new(&metadata));
    let item = Item { name: name.to_owned(), path: path.to_owned(), mode: 0o755, stamp };
    // Stored: it is copied at every start, and inflating costs more than reading.
    let progress = ProgressBar::hidden();
    pack(writer, &[item], &Packing::default(), &progress)
}

/// Parts of `items` that are small enough to be packed at once.
fn windows(items: &[Item]) -> impl Iterator<Item = &[Item]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut size = 0;
        let fits = |item: &&Item| {
            size += item.size().min(STREAM_FROM_BYTES);
            size <= WINDOW_BYTES
        };
        let length = rest.iter().take(WINDOW_FILES).take_while(fits).count().max(1);
        let (window, tail) = rest.split_at(length);
        rest = tail;
        Some(window)
    })
}

/// An item that waits for its turn to be written.
enum Ready<'a> {
    Directory(&'a Item),
    File(&'a Item, Packed, Vec<Variant>),
    Large(&'a Item, Stamp),
}

fn prepare<'a>(item: &'a Item, packing: &Packing) -> Result<Ready<'a>, PackError> {
    match item.stamp {
        None => Ok(Ready::Directory(item)),
        Some(stamp) if stamp.size >= STREAM_FROM_BYTES => Ok(Ready::Large(item, stamp)),
        Some(stamp) => {
            let (packed, variants) = packing.pack(&item.name, read(item, stamp)?);
            Ok(Ready::File(item, packed, variants))
        }
    }
}

fn read(item: &Item, stamp: Stamp) -> Result<Vec<u8>, PackError> {
    let unreadable = |source| PackError::Read { path: item.path.clone(), source };
    let mut file = open(item, stamp)?;
    let mut content = Vec::with_capacity(stamp.size as usize + 1);
    // One byte more than there should be shows a file that has grown.
    file.by_ref().take(stamp.size + 1).read_to_end(&mut content).map_err(unreadable)?;
    check_unchanged(item, &file, stamp)?;
    match content.len() as u64 == stamp.size {
        true => Ok(content),
        false => Err(PackError::Changed { path: item.path.clone() }),
    }
}

fn open(item: &Item, stamp: Stamp) -> Result<File, PackError> {
    let unreadable = |source| PackError::Read { path: item.path.clone(), source };
    let file = File::open(&item.path).map_err(unreadable)?;
    check_unchanged(item, &file, stamp)?;
    Ok(file)
}

fn check_unchanged(item: &Item, file: &File, stamp: Stamp) -> Result<(), PackError> {
    let path = || item.path.clone();
    let metadata = file.metadata().map_err(|source| PackError::Read { path: path(), source })?;
    match Stamp::new(&metadata) == stamp {
        true => Ok(()),
        false => Err(PackError::Changed { path: path() }),
    }
}

/// Where packed items go, in order.
struct Sink<'a> {
    writer: &'a mut Writer,
    items: &'a [Item],
    packing: &'a Packing,
    progress: &'a ProgressBar,
}

impl Sink<'_> {
    fn write(&mut self, ready: Vec<Ready>) -> Result<(), PackError> {
        ready.into_iter().try_for_each(|item| match item {
            Ready::Directory(item) => Ok(self.writer.add_directory(name(item)?, item.mode)?),
            Ready::File(item, packed, variants) => {
                self.write_file(item, &packed)?;
                variants.iter().try_for_each(|variant| self.write_variant(item, variant))
            }
            Ready::Large(item, stamp) => self.write_large(item, stamp),
        })
    }

    fn write_file(&mut self, item: &Item, packed: &Packed) -> Result<(), PackError> {
        let media_type = self.packing.media_type(&item.name);
        self.writer.add(name(item)?, item.mode, media_type, packed)?;
        self.progress.inc(packed.size());
        Ok(())
    }

    fn write_variant(&mut self, item: &Item, variant: &Variant) -> Result<(), PackError> {
        let Some(full_name) = variant.coding.name(&item.name, self.items) else { return Ok(()) };
        let name = entry_name(&full_name)?;
        Ok(self.writer.add(name, item.mode, variant.coding.media_type(), &variant.packed)?)
    }

    fn write_large(&mut self, item: &Item, stamp: Stamp) -> Result<(), PackError> {
        let method = self.method_for(item, stamp)?;
        match self.stream(item, stamp, method)? {
            Streamed::NotDeflatable => self.stream(item, stamp, Method::Stored).map(drop),
            _ => Ok(()),
        }
    }

    /// Deflates a large file only if three samples of it shrink.
    fn method_for(&self, item: &Item, stamp: Stamp) -> Result<Method, PackError> {
        if self.packing.compression(&item.name) == Compression::Stored {
            return Ok(Method::Stored);
        }
        let file = open(item, stamp)?;
        let mut sample = vec![0; 3 * SAMPLE_BYTES];
        let last = stamp.size - SAMPLE_BYTES as u64;
        for (piece, offset) in sample.chunks_mut(SAMPLE_BYTES).zip([0, last / 2, last]) {
            file.read_exact_at(piece, offset)
                .map_err(|source| PackError::Read { path: item.path.clone(), source })?;
        }
        Ok(match deflate(&sample, 1) {
            // What is all but empty would be taken for a bomb: the format wants it stored.
            Some(data)
                if (data.len() as u64) * holdall_archive::RATIO_MAX > sample.len() as u64 =>
            {
                Method::Deflated
            }
            _ => Method::Stored,
        })
    }

    fn stream(&mut self, item: &Item, stamp: Stamp, method: Method) -> Result<Streamed, PackError> {
        let mut file = open(item, stamp)?;
        let before = self.progress.position();
        let mut content = self.progress.wrap_read(&mut file);
        let streamed = self.writer.add_stream(
            name(item)?,
            item.mode,
            self.packing.media_type(&item.name),
            method,
            stamp.size,
            &mut content,
        )?;
        check_unchanged(item, &file, stamp)?;
        match streamed {
            Streamed::OtherSize { .. } => Err(PackError::Changed { path: item.path.clone() }),
            Streamed::Unreadable(source) => {
                Err(PackError::Read { path: item.path.clone(), source })
            }
            Streamed::NotDeflatable => {
                self.progress.set_position(before);
                Ok(streamed)
            }
            Streamed::Added => Ok(streamed),
        }
    }
}

fn name(item: &Item) -> Result<Name<'_>, PackError> {
    entry_name(&item.name)
}

fn entry_name(name: &str) -> Result<Name<'_>, PackError> {
    Name::new(name).map_err(|source| PackError::Name { name: name.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdall_archive::{Archive, DosTime};

    fn item(dir: &Path, name: &str, content: &[u8]) -> Item {
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        item_at(&path, name)
    }

    fn item_at(path: &Path, name: &str) -> Item {
        let stamp = Some(Stamp::new(&std::fs::metadata(path).unwrap()));
        Item { name: name.to_owned(), path: path.to_owned(), mode: 0o644, stamp }
    }

    fn packed(dir: &Path, items: &[Item], compression: Compression) -> Result<Archive, PackError> {
        let path = dir.join("out.zip");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let mut writer = Writer::new(file.unwrap(), &path, &[], DosTime::EARLIEST)?;
        let packing = Packing { compression, ..Packing::default() };
        pack(&mut writer, items, &packing, &ProgressBar::hidden())?;
        writer.finish()?;
        Ok(Archive::open(&path)?)
    }

    fn method(archive: &Archive, name: &str) -> Method {
        archive.find(name).unwrap().unwrap().method()
    }

    #[test]
    fn only_what_shrinks_is_deflated() {
        let dir = tempfile::tempdir().unwrap();
        let noise: Vec<u8> =
            (0..9_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let items = [
            item(dir.path(), "empty.txt", b""),
            item(dir.path(), "noise.txt", &noise.iter().step_by(4).copied().collect::<Vec<_>>()),
            item(dir.path(), "picture.png", &[7; 5_000]),
            item(dir.path(), "text.txt", &b"all work and no play ".repeat(500)),
        ];
        let archive = packed(dir.path(), &items, Compression::Deflated(6)).unwrap();
        assert_eq!(method(&archive, "text.txt"), Method::Deflated);
        assert_eq!(method(&archive, "empty.txt"), Method::Stored);
        assert_eq!(method(&archive, "picture.png"), Method::Stored);
        for item in &items {
            let content = std::fs::read(&item.path).unwrap();
            let entry = archive.find(&item.name).unwrap().unwrap();
            assert_eq!(*entry.bytes().unwrap(), *content, "{}", item.name);
        }
        let archive = packed(dir.path(), &items, Compression::Stored).unwrap();
        assert_eq!(method(&archive, "text.txt"), Method::Stored);
    }

    #[test]
    fn what_inflates_like_a_bomb_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let items = [item(dir.path(), "zeros.txt", &vec![0; 2 << 20])];
        let archive = packed(dir.path(), &items, Compression::Deflated(6)).unwrap();
        assert_eq!(method(&archive, "zeros.txt"), Method::Stored);
    }

    #[test]
    fn large_files_are_streamed() {
        let dir = tempfile::tempdir().unwrap();
        let sparse = dir.path().join("sparse.txt");
        File::create(&sparse).unwrap().set_len(STREAM_FROM_BYTES).unwrap();
        let line = b"the quick brown fox jumps over the lazy dog, line ";
        let text: Vec<u8> = (0..100_000u32)
            .flat_map(|i| {
                [&line[..], i.wrapping_mul(2_654_435_761).to_string().as_bytes()].concat()
            })
            .collect();
        let items = [item_at(&sparse, "sparse.txt"), item(dir.path(), "text.txt", &text)];
        let archive = packed(dir.path(), &items, Compression::Deflated(6)).unwrap();
        assert_eq!(method(&archive, "sparse.txt"), Method::Stored);
        assert_eq!(method(&archive, "text.txt"), Method::Deflated);
        archive.find("sparse.txt").unwrap().unwrap().check().unwrap();
        archive.find("text.txt").unwrap().unwrap().check().unwrap();
    }

    #[test]
    fn a_file_that_changed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let items = [item(dir.path(), "a.txt", b"one"), item(dir.path(), "b.txt", b"two")];
        std::fs::write(&items[1].path, b"longer").unwrap();
        let error = packed(dir.path(), &items, Compression::Deflated(6)).unwrap_err();
        assert!(
            matches!(&error, PackError::Changed { path } if path.ends_with("b.txt")),
            "{error}"
        );
        std::fs::remove_file(&items[0].path).unwrap();
        let error = packed(dir.path(), &items, Compression::Deflated(6)).unwrap_err();
        assert!(
            matches!(&error, PackError::Read { path, .. } if path.ends_with("a.txt")),
            "{error}"
        );
    }

    #[test]
    fn windows_cover_everything_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let one = item(dir.path(), "x", b"x");
        let items: Vec<Item> =
            (0..1000).map(|i| Item { name: i.to_string(), ..one.clone() }).collect();
        let names: Vec<_> = windows(&items).flatten().map(|item| item.name.clone()).collect();
        assert_eq!(names.len(), 1000);
        assert!(windows(&items).all(|window| (1..=WINDOW_FILES).contains(&window.len())));
        assert_eq!(windows(&[]).count(), 0);
    }
}
