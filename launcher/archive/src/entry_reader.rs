//! Reading an entry piece by piece, in bounded memory.

use std::{
    borrow::Cow,
    io::{self, BufRead, Read, Seek, SeekFrom},
};

use flate2::Decompress;

use crate::{Entry, Error, Flaw, Method, inflate};

/// How much is read or inflated at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// Reads the content of an [`Entry`]; made by [`Entry::reader`].
///
/// The piece that holds the last byte is handed out only after the CRC-32 of the whole was found
/// right. Seeking is cheap in stored content; deflated content is inflated again up to the position.
#[derive(Debug)]
pub struct EntryReader<'a> {
    entry: Entry<'a>,
    /// The piece in hand, and how much of it was consumed.
    piece: Cow<'a, [u8]>,
    consumed: usize,
    /// Where the next piece begins, in bytes of content.
    next: u64,
    inflating: Option<Inflating<'a>>,
    /// The CRC-32 of the content before `next`; `None` if the content was checked before.
    crc32: Option<crc32fast::Hasher>,
}

#[derive(Debug)]
struct Inflating<'a> {
    inflater: Decompress,
    input: Cow<'a, [u8]>,
    taken: usize,
    /// Where the next input begins, in bytes of packed data.
    next: u64,
    ended: bool,
}

impl<'a> EntryReader<'a> {
    pub(crate) fn new(entry: Entry<'a>) -> Self {
        let inflating = (entry.method() == Method::Deflated).then(Inflating::new);
        let crc32 = (!entry.is_known_intact()).then(crc32fast::Hasher::new);
        EntryReader { entry, piece: Cow::Borrowed(&[]), consumed: 0, next: 0, inflating, crc32 }
    }

    /// Hands the rest of the content to `each`, piece by piece.
    ///
    /// # Errors
    /// If the content is damaged; the pieces before are handed out all the same, but never all.
    pub fn read_to_end_with(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        loop {
            let piece = self.fill()?;
            if piece.is_empty() {
                return Ok(());
            }
            each(piece);
            let length = piece.len();
            self.consumed += length;
        }
    }

    fn position(&self) -> u64 {
        self.next - (self.piece.len() - self.consumed) as u64
    }

    /// The unconsumed part of the piece in hand; reads the next one if there is none.
    fn fill(&mut self) -> Result<&[u8], Error> {
        if self.consumed == self.piece.len() {
            self.consumed = 0;
            self.piece = Cow::Borrowed(&[]);
            if self.next < self.entry.size() || !self.is_finished() {
                self.piece = self.read_piece()?;
            }
        }
        Ok(&self.piece[self.consumed..])
    }

    /// Whether the end was reached and found right; empty content needs a look as well.
    fn is_finished(&self) -> bool {
        self.crc32.is_none()
    }

    fn read_piece(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        let size = self.entry.size();
        let want = (size - self.next).min(CHUNK as u64);
        let piece = match &mut self.inflating {
            None => self.read_stored(want)?,
            Some(inflating) => {
                let read = inflating.read(&self.entry, self.next, want as usize);
                // What was inflated before the error is lost: nothing right can follow.
                Cow::Owned(read.inspect_err(|_| inflating.ended = true)?)
            }
        };
        self.next += piece.len() as u64;
        if let Some(crc32) = &mut self.crc32 {
            crc32.update(&piece);
            if self.next == size {
                self.entry.check_crc32(crc32.clone().finalize())?;
                self.entry.mark_intact();
                self.crc32 = None;
            }
        }
        Ok(piece)
    }

    fn read_stored(&self, want: u64) -> Result<Cow<'a, [u8]>, Error> {
        let (source, offset) =
            (self.entry.archive().source(), self.entry.data_offset() + self.next);
        if self.crc32.is_some() {
            source.will_need(offset, want);
        }
        source.bytes(offset, want)
    }

    fn restart(&mut self) {
        self.piece = Cow::Borrowed(&[]);
        self.consumed = 0;
        self.next = 0;
        self.inflating = self.inflating.is_some().then(Inflating::new);
    }

    /// Discards content up to `position`.
    fn skip_to(&mut self, position: u64) -> Result<(), Error> {
        while self.position() < position {
            let available = self.fill()?.len() as u64;
            if available == 0 {
                break;
            }
            self.consumed += available.min(position - self.position()) as usize;
        }
        Ok(())
    }
}

impl<'a> Inflating<'a> {
    fn new() -> Self {
        Inflating {
            inflater: Decompress::new(false),
            input: Cow::Borrowed(&[]),
            taken: 0,
            next: 0,
            ended: false,
        }
    }

    /// Inflates up to `want` bytes; at the end of the content the stream must end, too.
    fn read(&mut self, entry: &Entry<'a>, position: u64, want: usize) -> Result<Vec<u8>, Error> {
        let last = position + want as u64 == entry.size();
        // One byte more than wanted at the end shows content that is longer than declared.
        let mut out = Vec::with_capacity(want + usize::from(last));
        while !self.ended && (out.len() < want || last) && out.len() < out.capacity() {
            let starved = self.refill(entry)?;
            let (taken, ended) =
                inflate::step(&mut self.inflater, &self.input[self.taken..], &mut out)
                    .map_err(|flaw| entry.bad_data(flaw))?;
            self.taken += taken;
            self.ended = ended;
            if starved && taken == 0 && !ended {
                break;
            }
        }
        let complete = out.len() == want && (!last || self.ended && self.is_exhausted(entry));
        if complete {
            return Ok(out);
        }
        let found = position + out.len() as u64;
        Err(entry.bad_data(match found == entry.size() {
            true => Flaw::Deflate,
            false => Flaw::Size { declared: entry.size(), found },
        }))
    }

    /// Reads more packed data if all was taken; whether there is no more.
    fn refill(&mut self, entry: &Entry<'a>) -> Result<bool, Error> {
        let left = entry.compressed_size() - self.next;
        if self.taken < self.input.len() {
            return Ok(false);
        }
        let length = left.min(CHUNK as u64);
        self.input = entry.archive().source().bytes(entry.data_offset() + self.next, length)?;
        self.taken = 0;
        self.next += length;
        Ok(length == 0)
    }

    fn is_exhausted(&self, entry: &Entry<'a>) -> bool {
        self.next == entry.compressed_size() && self.taken == self.input.len()
    }
}

impl BufRead for EntryReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = (self.consumed + amount).min(self.piece.len());
    }
}

impl Read for EntryReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl Seek for EntryReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
            SeekFrom::End(by) => self.entry.size().checked_add_signed(by),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        // A part can't be checked on its own, so the whole is, once.
        if self.crc32.is_some() {
            self.entry.check().map_err(invalid)?;
            self.crc32 = None;
        }
        if self.inflating.is_none() {
            self.piece = Cow::Borrowed(&[]);
            self.consumed = 0;
            self.next = target.min(self.entry.size());
            return Ok(self.next);
        }
        if target < self.position() {
            self.restart();
        }
        self.skip_to(target).map_err(invalid)?;
        Ok(self.position())
    }
}
