//! Two other readers of zip, asked to read everything.

use std::io::{Cursor, Read};

use crate::case::Verdict;

/// The most that a reader may hand out: a bomb counts as accepted well before it is inflated.
const ENOUGH: u64 = 200 << 20;

/// The crate `zip`.
pub fn zip(file: &[u8]) -> Verdict {
    verdict(|| {
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).ok()?;
        for position in 0..archive.len() {
            let mut entry = archive.by_index(position).ok()?;
            std::io::copy(&mut entry.by_ref().take(ENOUGH), &mut std::io::sink()).ok()?;
        }
        Some(())
    })
}

/// The crate `rawzip`, with the inflater of this package's tests.
pub fn rawzip(file: &[u8]) -> Verdict {
    verdict(|| {
        let archive = rawzip::ZipArchive::from_slice(file).ok()?;
        let mut entries = archive.entries();
        while let Some(header) = entries.next_entry().ok()? {
            let method = header.compression_method();
            let entry = archive.get_entry(header.wayfinder()).ok()?;
            let data = entry.data();
            let reader: Box<dyn Read> = match method {
                rawzip::CompressionMethod::STORE => Box::new(data),
                rawzip::CompressionMethod::DEFLATE => {
                    Box::new(flate2::bufread::DeflateDecoder::new(data))
                }
                // Other methods are the caller's, who can only refuse.
                _ => return None,
            };
            let mut reader = entry.verifying_reader(reader).take(ENOUGH);
            std::io::copy(&mut reader, &mut std::io::sink()).ok()?;
        }
        Some(())
    })
}

/// A panic is a refusal, too.
fn verdict(read: impl FnOnce() -> Option<()>) -> Verdict {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)) {
        Ok(Some(())) => Verdict::Accepts,
        Ok(None) | Err(_) => Verdict::Rejects,
    }
}
