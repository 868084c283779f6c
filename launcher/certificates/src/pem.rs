//! PEM text (RFC 7468) → its blocks, each with the line it begins in.

use rustls::pki_types::pem::{self, SectionKind};

use crate::error::Fault;

/// One block of a PEM file.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it begins; the first line is 1.
    pub line: usize,
    pub kind: SectionKind,
    pub der: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// All blocks of a kind that TLS knows; text between them and other blocks are passed over.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block>, Fault> {
    // Editors of Windows put the mark before the first block, which then would not be seen.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if let Some(line) = encrypted_key(text) {
        return Err(Fault::EncryptedKey { line });
    }
    let mut blocks = Vec::new();
    let mut rest = text;
    loop {
        let section = pem::from_buf(&mut rest);
        let line = last_begin(&text[..text.len() - rest.len()]);
        match section {
            Ok(Some((kind, der))) => blocks.push(Block { line, kind, der }),
            Ok(None) => return Ok(blocks),
            Err(error) => return Err(Fault::DamagedPem { line, cause: describe(&error) }),
        }
    }
}

/// The line of the last block that begins in `text`.
fn last_begin(text: &[u8]) -> usize {
    let begins = lines(text).filter(|(_, line)| line.starts_with(BEGIN));
    begins.last().map_or(1, |(number, _)| number)
}

/// The line where an encrypted private key begins: PKCS #8 says so in the label, the older
/// formats in a header (RFC 1421 section 4.6.1.1).
fn encrypted_key(text: &[u8]) -> Option<usize> {
    let mut begin = 1;
    for (number, line) in lines(text) {
        if line.starts_with(BEGIN) {
            begin = number;
        }
        if line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
        {
            return Some(begin);
        }
    }
    None
}

/// Lines and their numbers.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| (index + 1, line))
}

fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its end is missing".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "its first line is no BEGIN line".to_owned(),
        pem::Error::Base64Decode(_) => "it is not base64".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `AAAA` is three zero bytes.
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn fault(text: &str) -> Fault {
        blocks(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn blocks_have_the_lines_they_begin_in() {
        let text = format!("a comment\n{CERTIFICATE}\nanother\n{CERTIFICATE}");
        let blocks = blocks(text.as_bytes()).unwrap();
        assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [2, 7]);
        assert!(blocks.iter().all(|block| block.der == [0; 3]));
        assert!(blocks.iter().all(|block| block.kind == SectionKind::Certificate));
    }

    #[test]
    fn line_ends_and_the_byte_order_mark_do_not_matter() {
        let text = format!("\u{feff}{}", CERTIFICATE.replace('\n', "\r\n"));
        assert_eq!(blocks(text.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn text_without_blocks_has_none() {
        assert!(blocks(b"").unwrap().is_empty());
        assert!(blocks(b"\x00\xff no PEM at all").unwrap().is_empty());
    }

    #[test]
    fn damage_names_the_line_of_its_block() {
        let no_base64 = format!("{CERTIFICATE}{}", CERTIFICATE.replace("AAAA", "A*AA"));
        let no_end = format!("{CERTIFICATE}-----BEGIN PRIVATE KEY-----\nAAAA\n");
        let no_begin = format!("{CERTIFICATE}-----BEGIN CERTIFICATE\nAAAA\n");
        for text in [no_base64, no_end, no_begin] {
            assert!(matches!(fault(&text), Fault::DamagedPem { line: 4, .. }), "{text}");
        }
    }

    #[test]
    fn encrypted_keys_are_told_from_damaged_ones() {
        let pkcs8 = "\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n";
        let older = "\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n";
        for text in [pkcs8, older] {
            assert!(matches!(fault(text), Fault::EncryptedKey { line: 2 }), "{text}");
        }
    }
}
