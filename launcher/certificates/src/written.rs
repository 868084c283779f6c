//! The first line of the files that we write ourselves: by it is seen what a cut has taken away.

use crate::error::Fault;

/// Before the number. Readers of PEM pass over the line (RFC 7468 section 2); without it nobody
/// could tell that a file was cut between two certificates.
const HEADER: &str = "# holdall: a private key, then certificates: ";

/// What is written to a file for a key and a chain in PEM. Of less than all of it, nothing is served.
///
/// ```
/// let chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
/// let text = holdall_certificates::written(chain);
/// assert_eq!(text, format!("# holdall: a private key, then certificates: 1\n{chain}"));
/// ```
pub fn written(pem: &str) -> String {
    let certificates = pem.matches("-----BEGIN CERTIFICATE-----").count();
    format!("{HEADER}{certificates}\n{pem}")
}

/// Whether as many certificates as were found in a text are all that we wrote into it, if we did.
pub(crate) fn is_whole(text: &[u8], found: usize) -> Result<(), Fault> {
    let Some(line) = text.strip_prefix(HEADER.as_bytes()) else { return Ok(()) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // A number that can't be read is damage too: no file has so many.
    let written = str::from_utf8(line).ok().and_then(|line| line.parse().ok());
    let written = written.unwrap_or(usize::MAX);
    if found < written { Err(Fault::Cut { written, found }) } else { Ok(()) }
}
