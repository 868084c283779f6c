//! Paths of URLs: decoded once (RFC 3986, section 2.1), and encoded again.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Why a path can't name a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A percent sign without two digits: no client that is sound sends that.
    Malformed,
    /// Sound, but no resource can have that name: what is not UTF-8, or has an encoded slash, which
    /// would be a separator where the client wrote none.
    Nameless,
}

/// The path without its percent encoding.
pub(crate) fn decode(path: &str) -> Result<Cow<'_, str>, Flaw> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    let mut has_slash = false;
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let byte = digit(rest.next())? << 4 | digit(rest.next())?;
        has_slash |= byte == b'/';
        bytes.push(byte);
    }
    match String::from_utf8(bytes) {
        Ok(path) if !has_slash => Ok(Cow::Owned(path)),
        _ => Err(Flaw::Nameless),
    }
}

fn digit(byte: Option<u8>) -> Result<u8, Flaw> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16));
    digit.and_then(|digit| u8::try_from(digit).ok()).ok_or(Flaw::Malformed)
}

/// Whether a decoded path could be that of a resource or a directory, and is no way elsewhere.
pub(crate) fn is_name(path: &str) -> bool {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let is_good = |segment: &str| !matches!(segment, "" | "." | "..");
    let has_odd = path.contains(|char: char| char.is_control() || char == '\\');
    !has_odd && (path.len() <= 1 || inner.split('/').all(is_good))
}

/// What is more than unreserved, but stands for itself in a path (RFC 3986, section 3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A decoded path, ready for a URL.
pub(crate) fn encode(path: &str) -> impl std::fmt::Display + use<'_> {
    utf8_percent_encode(path, PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in ["/", "/a", "/a/b.html", "/a/", "/...", "/.a", "*", ""] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["//", "//a", "/a//b", "/a//", "/.", "/./", "/a/..", "/../a", "/a\\b", "/a\r\nb"]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn paths_are_decoded_once() {
        for (path, decoded) in [
            ("/", Ok("/")),
            ("/a/b.html", Ok("/a/b.html")),
            ("/gr%C3%B6%C3%9Fe", Ok("/größe")),
            ("/a%20b", Ok("/a b")),
            ("/a%2541", Ok("/a%41")),
            ("/%2e%2e/x", Ok("/../x")),
            ("/a%2fb", Err(Flaw::Nameless)),
            ("/%ff", Err(Flaw::Nameless)),
            ("/a%2", Err(Flaw::Malformed)),
            ("/a%", Err(Flaw::Malformed)),
            ("/a%zz", Err(Flaw::Malformed)),
            ("/a%+1", Err(Flaw::Malformed)),
        ] {
            assert_eq!(decode(path).as_deref(), decoded.as_ref().map(|path| &**path), "{path}");
        }
    }

    #[test]
    fn what_was_encoded_is_decoded_to_the_same() {
        let path = "/a b/ö?#%\"<>'&\r\n;=/ü";
        let encoded = encode(path).to_string();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()), "{encoded}");
        assert_eq!(decode(&encoded).unwrap(), path);
    }
}
