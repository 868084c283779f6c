//! `--cat-resource`: the content of one resource.

use crate::bundle::Bundle;
use crate::error::BundleError;
use crate::list::finish;
use holdall_archive::Entry;
use std::io::{self, Read, Write};

impl Bundle {
    /// Writes the content of the resource `name`, in bounded memory, once it was seen to be intact.
    ///
    /// # Errors
    /// [`BundleError::NoResource`], [`BundleError::IsDirectory`], those of the archive, and
    /// [`BundleError::Output`]. A closed pipe is no error. Of a damaged resource nothing is written.
    pub fn cat(&self, name: &str, out: &mut dyn Write) -> Result<(), BundleError> {
        let entry = self.resource(name)?;
        // Whoever reads a pipe has used the bytes before the end of them is found to be wrong.
        entry.check()?;
        let result = copy(&entry, |piece| out.write_all(piece).map_err(BundleError::Output));
        finish(result, out.flush())
    }
}

/// Hands the content of `entry` to `write`, piece by piece.
pub(crate) fn copy(
    entry: &Entry,
    mut write: impl FnMut(&[u8]) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let mut reader = entry.reader()?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => write(&piece[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(archive_error(error, entry)),
        }
    }
}

/// The reader wraps the archive's own errors to fit into `io::Error`; this takes them out again.
fn archive_error(error: io::Error, entry: &Entry) -> BundleError {
    match error.downcast::<holdall_archive::Error>() {
        Ok(error) => BundleError::Archive(error),
        Err(source) => BundleError::Archive(holdall_archive::Error::Io {
            path: entry.name().into(),
            action: "read",
            source,
        }),
    }
}
