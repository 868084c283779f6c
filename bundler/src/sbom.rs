//! `holdall sbom`: the bill of materials of a bundle.
//!
//! What is in the bundle is gathered in [`bill`]; [`cyclonedx`] and [`spdx`] write it in the two
//! formats that others read. The formats are structs of our own: of each, a bundle needs a tenth, and
//! the libraries for them stop at older versions. The same bundle gives the same document.

mod bill;
mod cyclonedx;
mod spdx;

use crate::cli::{SbomArgs, SbomFormat};
use crate::error::Error;
use crate::output::OutputError;
use crate::plan::{self, PlanError};
use crate::shell::Shell;
use bill::{Bill, Sums};
use holdall_archive::digest;
use holdall_bundle::{Bundle, escaped, ignore_broken_pipe};
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the bill of materials of a bundle.
///
/// # Errors
/// If the bundle can't be read or is damaged, or the document can't be written.
pub fn run(args: &SbomArgs, shell: &Shell) -> Result<(), Error> {
    let time = time()?;
    let bundle = Bundle::open(&args.file)?;
    let sums = match args.format {
        SbomFormat::Cyclonedx => Sums::Recorded,
        SbomFormat::Spdx => Sums::WithSha1,
    };
    let bill = Bill::new(&bundle, &args.file, sums)?;
    for part in bill.parts.iter().filter(|part| part.missing.is_some()) {
        let missing = part.missing.unwrap_or_default();
        let (role, file) = (part.role, escaped(&part.file_name));
        shell.warn(format_args!("the {role} {file} {missing}: the crates in it are not known"));
    }
    match args.format {
        SbomFormat::Cyclonedx => put(&cyclonedx::document(&bill, time), args),
        SbomFormat::Spdx => put(&spdx::document(&bill, time), args),
    }
}

/// The time that the document gets.
fn time() -> Result<Option<jiff::Timestamp>, PlanError> {
    let Some(seconds) = plan::source_date_epoch()? else { return Ok(None) };
    let wrong = |_| PlanError::Epoch { value: seconds.to_string() };
    jiff::Timestamp::from_second(seconds).map(Some).map_err(wrong)
}

fn put(document: &impl Serialize, args: &SbomArgs) -> Result<(), Error> {
    match &args.output {
        Some(path) => write_file(document, path).map_err(Error::Output),
        None => {
            let printed = write(document, io::stdout().lock());
            ignore_broken_pipe(printed).map_err(Error::Stdout)
        }
    }
}

fn write(document: &impl Serialize, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes the file under another name, which takes its place only when it is complete.
fn write_file(document: &impl Serialize, path: &Path) -> Result<(), OutputError> {
    use std::os::unix::fs::PermissionsExt;
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(OutputError::NotAFile { path });
    }
    let mode = std::fs::Permissions::from_mode(0o644);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".holdall-").suffix(".tmp").permissions(mode);
    let create = |source| OutputError::Create { path: path.clone(), source };
    let mut file = builder.tempfile_in(plan::parent(&path)).map_err(create)?;
    let written = write(document, &mut file).and_then(|()| file.as_file().sync_all());
    written.map_err(|source| OutputError::Write { path: path.clone(), source })?;
    file.persist(&path).map_err(|error| create(error.error))?;
    Ok(())
}

/// A UUID that follows from what a document says (RFC 9562 §5.8, version 8).
fn uuid(document: &impl Serialize) -> String {
    // Nothing in a document can fail to be JSON; an empty one would only make a poor UUID.
    let mut bytes = digest(&serde_json::to_vec(document).unwrap_or_default());
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_follows_from_the_document() {
        let one = uuid(&"document");
        assert_eq!(one, uuid(&"document"));
        assert_ne!(one, uuid(&"another"));
        let is_version_8 = one.as_bytes()[14] == b'8' && b"89ab".contains(&one.as_bytes()[19]);
        assert!(one.len() == 36 && is_version_8, "{one}");
    }
}
