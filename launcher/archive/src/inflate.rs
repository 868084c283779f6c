//! Inflating (RFC 1951): all at once, or piece by piece.

use flate2::{Decompress, FlushDecompress, Status};

use crate::Flaw;

/// Inflates `data` to exactly `size` bytes; the caller has bounded `size` by what deflate can reach.
pub(crate) fn all(data: &[u8], size: u64) -> Result<Vec<u8>, Flaw> {
    // Room for one byte more than declared shows data that is longer.
    let mut content = Vec::with_capacity(size as usize + 1);
    let mut inflater = Decompress::new(false);
    let status = inflater
        .decompress_vec(data, &mut content, FlushDecompress::Finish)
        .map_err(|_| Flaw::Deflate)?;
    let found = content.len() as u64;
    if found != size {
        return Err(Flaw::Size { declared: size, found });
    }
    match status {
        Status::StreamEnd if inflater.total_in() == data.len() as u64 => Ok(content),
        _ => Err(Flaw::Deflate),
    }
}

/// One step of a stream: takes from `data`, appends to `out` up to its capacity.
///
/// Returns how many bytes of `data` were taken and whether the stream ended.
pub(crate) fn step(
    inflater: &mut Decompress,
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<(usize, bool), Flaw> {
    let before = inflater.total_in();
    let status =
        inflater.decompress_vec(data, out, FlushDecompress::None).map_err(|_| Flaw::Deflate)?;
    Ok(((inflater.total_in() - before) as usize, status == Status::StreamEnd))
}
