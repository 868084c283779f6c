//! The bytes of a representation: lent from the map of the bundle, or read while they are sent.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdall_resources::{Encoded, Error, Reader, Resource};
use holdall_service::{Body, BoxError};
use http_body::{Frame, SizeHint};

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In memory, in these pieces one after the other.
    Pieces(Vec<Bytes>),
    /// Where they have to be read, and perhaps inflated.
    Stream(Resource<'static>),
}

/// What is read or framed at one time: larger pieces are dearer on every connection that was measured.
const PIECE: usize = 64 * 1024;

/// What is smaller is held in memory where it has to be inflated.
pub(crate) const SMALL: u64 = 64 * 1024;

impl Content {
    /// All of a resource that is what was packed.
    pub fn of(resource: &Resource<'static>) -> Result<Self, Error> {
        match resource.is_in_memory() {
            true => Ok(Self::Pieces(vec![bytes(resource.bytes()?)])),
            false => Ok(Self::Stream(resource.clone())),
        }
    }

    /// What a resource is in a coding.
    pub fn of_encoded(encoded: Encoded<'static>) -> Self {
        if encoded.size() <= SMALL && !encoded.head.is_empty() {
            return Self::Pieces(vec![encoded.to_vec().into()]);
        }
        let head = Bytes::from_static(encoded.head);
        let tail = encoded.tail.map(|tail| Bytes::copy_from_slice(&tail));
        let all = [Some(head), Some(bytes(encoded.data)), tail];
        Self::Pieces(all.into_iter().flatten().filter(|piece| !piece.is_empty()).collect())
    }

    /// The content of a small resource, held in memory.
    pub fn held(resource: &Resource<'static>) -> Result<Self, Error> {
        Ok(Self::Pieces(vec![bytes(resource.bytes()?)]))
    }

    /// How many bytes of memory it takes, those of the bundle aside.
    pub fn weight(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
            Self::Stream(_) => 0,
        }
    }

    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// All of it.
    pub fn whole(&self, size: u64) -> Result<Body, Error> {
        match self {
            Self::Pieces(pieces) if pieces.len() <= 1 => {
                Ok(Body::whole(pieces.first().cloned().unwrap_or_default()))
            }
            _ => self.parts(vec![Part::Range(0..size)]),
        }
    }

    /// A part of it.
    pub fn part(&self, range: Range<u64>) -> Result<Body, Error> {
        match self {
            Self::Pieces(pieces) if pieces.len() == 1 => {
                let (start, end) = (range.start as usize, range.end as usize);
                Ok(Body::whole(pieces[0].slice(start..end)))
            }
            _ => self.parts(vec![Part::Range(range)]),
        }
    }

    /// Parts of it, with other bytes between them.
    pub fn parts(&self, parts: Vec<Part>) -> Result<Body, Error> {
        let reader = match self {
            Self::Stream(resource) => Some(resource.reader()?),
            Self::Pieces(_) => None,
        };
        let mut segments = VecDeque::with_capacity(parts.len());
        for part in parts {
            match (part, self) {
                (Part::Bytes(bytes), _) => segments.push_back(Segment::Bytes(bytes)),
                (Part::Range(range), Self::Stream(_)) => segments.push_back(Segment::Read(range)),
                (Part::Range(range), Self::Pieces(pieces)) => {
                    segments.extend(cut(pieces, range).map(Segment::Bytes));
                }
            }
        }
        if let (1, Some(Segment::Bytes(bytes))) = (segments.len(), segments.front()) {
            return Ok(Body::whole(bytes.clone()));
        }
        Ok(Body::new(Segments { left: segments.iter().map(Segment::size).sum(), segments, reader }))
    }
}

fn bytes(content: std::borrow::Cow<'static, [u8]>) -> Bytes {
    match content {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    }
}

/// A part of a body.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// These bytes.
    Bytes(Bytes),
    /// These of the content.
    Range(Range<u64>),
}

/// What of each piece lies in a range of all of them.
fn cut(pieces: &[Bytes], range: Range<u64>) -> impl Iterator<Item = Bytes> {
    let mut begin = 0;
    pieces.iter().filter_map(move |piece| {
        let length = piece.len() as u64;
        let within = |at: u64| (at.clamp(begin, begin + length) - begin) as usize;
        let cut = within(range.start)..within(range.end);
        begin += length;
        (!cut.is_empty()).then(|| piece.slice(cut))
    })
}

enum Segment {
    Bytes(Bytes),
    Read(Range<u64>),
}

impl Segment {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Read(range) => range.end - range.start,
        }
    }
}

/// A body of several parts.
struct Segments {
    segments: VecDeque<Segment>,
    left: u64,
    reader: Option<Reader<'static>>,
}

impl Segments {
    fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        let Some(segment) = self.segments.front_mut() else { return Ok(None) };
        let bytes = match segment {
            Segment::Bytes(bytes) => bytes.split_to(bytes.len().min(PIECE)),
            Segment::Read(range) => read(self.reader.as_mut(), range)?,
        };
        if segment.size() == 0 {
            self.segments.pop_front();
        }
        self.left -= bytes.len() as u64;
        Ok(Some(bytes))
    }
}

fn read(reader: Option<&mut Reader<'static>>, range: &mut Range<u64>) -> Result<Bytes, BoxError> {
    let reader = reader.ok_or("there is nothing to read from")?;
    reader.seek(SeekFrom::Start(range.start))?;
    let length = (range.end - range.start).min(PIECE as u64);
    let mut bytes = Vec::with_capacity(length as usize);
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err("the content is shorter than its size".into());
    }
    range.start += length;
    Ok(bytes.into())
}

impl http_body::Body for Segments {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.next().map(|bytes| bytes.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_out_of_pieces() {
        let pieces = ["abc", "de", "fghi"].map(|piece| Bytes::from_static(piece.as_bytes()));
        for start in 0..=9u64 {
            for end in start..=9 {
                let cut: Vec<u8> = cut(&pieces, start..end).flatten().collect();
                assert_eq!(cut, b"abcdefghi"[start as usize..end as usize]);
            }
        }
    }
}
