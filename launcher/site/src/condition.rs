//! Conditions of requests (RFC 9110, section 13) on a resource that has strong validators and no date.

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderName};

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is answered as if there were none.
    Fulfilled,
    /// The client has this representation (304).
    NotModified,
    /// It wanted another one (412).
    Failed,
}

/// Judges a GET or HEAD, in the order of section 13.2.2.
pub(crate) fn judge(headers: &HeaderMap, etag: &[u8]) -> Verdict {
    if headers.contains_key(IF_MATCH) && !is_listed(headers, IF_MATCH, etag, Comparison::Strong) {
        return Verdict::Failed;
    }
    match is_listed(headers, IF_NONE_MATCH, etag, Comparison::Weak) {
        true => Verdict::NotModified,
        false => Verdict::Fulfilled,
    }
}

/// Whether a range is wanted of this representation alone, and not of another (section 13.1.5).
pub(crate) fn allows_range(headers: &HeaderMap, etag: &[u8]) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| value.as_bytes().trim_ascii() == etag)
}

/// Section 8.8.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

fn is_listed(headers: &HeaderMap, name: HeaderName, etag: &[u8], by: Comparison) -> bool {
    headers.get_all(name).iter().any(|value| {
        let list = value.as_bytes();
        list.trim_ascii() == b"*" || Tags(list).any(|tag| tag.equals(etag, by))
    })
}

struct Tag<'v> {
    is_weak: bool,
    /// With its quotation marks.
    opaque: &'v [u8],
}

impl Tag<'_> {
    fn equals(&self, etag: &[u8], by: Comparison) -> bool {
        self.opaque == etag && (by == Comparison::Weak || !self.is_weak)
    }
}

/// The entity tags of a list; what is none ends it. A tag may have commas in it.
struct Tags<'v>(&'v [u8]);

impl<'v> Iterator for Tags<'v> {
    type Item = Tag<'v>;

    fn next(&mut self) -> Option<Tag<'v>> {
        let separators = self.0.iter().take_while(|byte| b" \t,".contains(byte)).count();
        let list = &self.0[separators..];
        let (is_weak, tag) = match list.strip_prefix(b"W/") {
            Some(tag) => (true, tag),
            None => (false, list),
        };
        let inner = tag.strip_prefix(b"\"")?;
        let length = inner.iter().position(|byte| *byte == b'"')? + 2;
        self.0 = &tag[length..];
        Some(Tag { is_weak, opaque: &tag[..length] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: HeaderName, value: &str) -> Verdict {
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        judge(&headers, b"\"b\"")
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for value in ["\"b\"", "W/\"b\"", "\"a\", \"b\"", "\"a,\",W/\"b\"", "*", " , \"b\" ,"] {
            assert_eq!(judged(IF_NONE_MATCH, value), Verdict::NotModified, "{value}");
        }
        for value in ["\"a\"", "b", "\"a\" b", "\"bc\"", "\"a,\"b\"", "", "\""] {
            assert_eq!(judged(IF_NONE_MATCH, value), Verdict::Fulfilled, "{value}");
        }
    }

    #[test]
    fn if_match_compares_strongly_and_comes_first() {
        assert_eq!(judged(IF_MATCH, "\"a\", \"b\""), Verdict::Fulfilled);
        assert_eq!(judged(IF_MATCH, "*"), Verdict::Fulfilled);
        assert_eq!(judged(IF_MATCH, "W/\"b\""), Verdict::Failed);
        let both = [(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"b\"")];
        let both = both.map(|(name, value)| (name, value.parse().unwrap()));
        assert_eq!(judge(&HeaderMap::from_iter(both), b"\"b\""), Verdict::Failed);
    }

    #[test]
    fn if_range_wants_this_very_representation() {
        let allows = |value: &str| {
            let headers = HeaderMap::from_iter([(IF_RANGE, value.parse().unwrap())]);
            allows_range(&headers, b"\"b\"")
        };
        assert!(allows("\"b\"") && allows_range(&HeaderMap::new(), b"\"b\""));
        assert!(!allows("W/\"b\"") && !allows("Wed, 21 Oct 2015 07:28:00 GMT"));
    }
}
