//! A strict reader of `multipart/byteranges` (RFC 9110, section 14.6; RFC 2046, section 5.1.1).

use crate::answer::Answer;

/// One part: which bytes, of how many, of which type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
    /// The length of the whole.
    pub size: usize,
    /// The type of the whole.
    pub media_type: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// The boundary that an answer names.
///
/// # Panics
/// If it is not such an answer.
pub fn boundary(answer: &Answer) -> &str {
    let media_type = answer.header("content-type").expect("a type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.unwrap_or_else(|| panic!("no parts: {answer:?}")).trim_matches('"');
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    assert!((1..=70).contains(&boundary.len()) && boundary.bytes().all(is_good), "{boundary}");
    boundary
}

/// Takes an answer apart; every byte of it has to belong somewhere.
///
/// # Panics
/// If one does not.
pub fn parts(answer: &Answer) -> Vec<Part> {
    let delimiter = format!("--{}", boundary(answer));
    // A line break before the first delimiter may be there or not.
    let mut rest = answer.body.strip_prefix(b"\r\n").unwrap_or(&answer.body);
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).unwrap_or_else(|| lost("delimiter", rest));
        if let Some(rest) = rest.strip_prefix(b"--") {
            assert!(matches!(rest, b"" | b"\r\n"), "after the end: {}", rest.escape_ascii());
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").unwrap_or_else(|| lost("line break", rest));
        let (part, after) = part(rest, &delimiter);
        parts.push(part);
        rest = after;
    }
}

/// Reads a part, and returns what follows the line break behind it.
fn part<'a>(bytes: &'a [u8], delimiter: &str) -> (Part, &'a [u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let (mut media_type, mut range) = (None, None);
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        let field = match name.to_ascii_lowercase().as_str() {
            "content-type" => &mut media_type,
            "content-range" => &mut range,
            _ => panic!("in a part: {line}"),
        };
        assert!(field.replace(value.to_owned()).is_none(), "twice: {line}");
    }
    let (start, end, size) = content_range(&range.expect("Content-Range in a part"));
    let (content, after) = bytes[head.len() + 4..].split_at(end - start);
    assert!(!contains(content, delimiter.as_bytes()), "the boundary is in the content");
    let after = after.strip_prefix(b"\r\n").unwrap_or_else(|| lost("line break", after));
    let media_type = media_type.expect("Content-Type in a part");
    (Part { start, end, size, media_type, content: content.to_owned() }, after)
}

/// The numbers in `bytes 0-9/100`, with the byte after the last one.
///
/// # Panics
/// If it is of another form, or of a range that can't be.
pub fn content_range(value: &str) -> (usize, usize, usize) {
    let numbers = || {
        let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let is_canonical = text == "0" || !text.starts_with(['0', '+']);
            text.parse::<usize>().ok().filter(|_| is_canonical)
        };
        Some((number(first)?, number(last)? + 1, number(size)?))
    };
    let (start, end, size) = numbers().unwrap_or_else(|| panic!("Content-Range: {value}"));
    assert!(start < end && end <= size, "Content-Range: {value}");
    (start, end, size)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn lost(what: &str, bytes: &[u8]) -> ! {
    panic!("no {what} before {}", bytes[..bytes.len().min(100)].escape_ascii())
}
