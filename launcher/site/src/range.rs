//! Ranges of bytes (RFC 9110, section 14.1.2).

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

/// What a client wants of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: it did not ask for less, or not in a way that has to be heard.
    All,
    /// These parts, none of them empty, in this order.
    Parts(Vec<Range<u64>>),
    /// Parts that it does not have.
    Nothing,
}

/// More are not worth the trouble; and who asks for them means no good (section 17.15).
const MOST_RANGES: usize = 16;

/// What a request wants of `size` bytes.
pub(crate) fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let mut fields = headers.get_all(RANGE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return Wanted::All };
    parse(field.as_bytes(), size).unwrap_or(Wanted::All)
}

/// `None` if it is malformed, in another unit, or too much.
fn parse(field: &[u8], size: u64) -> Option<Wanted> {
    let (unit, set) = field.split_at_checked(field.iter().position(|byte| *byte == b'=')?)?;
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut parts = Vec::new();
    let mut count = 0;
    for spec in set[1..].split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        // A list may have empty elements (section 5.6.1.2).
        if spec.is_empty() {
            continue;
        }
        count += 1;
        if count > MOST_RANGES {
            return None;
        }
        parts.extend(part(spec, size)?);
    }
    if count == 0 {
        return None;
    }
    let sum = parts.iter().map(|part| part.end - part.start).fold(0, u64::saturating_add);
    match parts.is_empty() {
        true => Some(Wanted::Nothing),
        false => (sum <= size).then_some(Wanted::Parts(parts)),
    }
}

/// One range: `None` if it is malformed, `Some(None)` if it lies behind the end.
fn part(spec: &[u8], size: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = spec.split_at_checked(spec.iter().position(|byte| *byte == b'-')?)?;
    let last = &last[1..];
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some((length > 0).then_some(size - length..size));
    }
    let first = number(first)?;
    let last = match last {
        [] => u64::MAX,
        digits => number(digits)?,
    };
    if last < first {
        return None;
    }
    Some((first < size).then_some(first..last.saturating_add(1).min(size)))
}

/// A number of any length: what is too large for the type is behind every end.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(sum.saturating_mul(10).saturating_add(digit.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ten(field: &str) -> Wanted {
        wanted(&HeaderMap::from_iter([(RANGE, field.parse().unwrap())]), 10)
    }

    #[test]
    fn parts_are_within_the_representation() {
        let parts = |parts: &[(u64, u64)]| {
            Wanted::Parts(parts.iter().map(|&(start, end)| start..end).collect())
        };
        let is = |field, start, end| assert_eq!(of_ten(field), parts(&[(start, end)]), "{field}");
        is("bytes=0-0", 0, 1);
        is("bytes=2-4", 2, 5);
        is("bytes=5-", 5, 10);
        is("bytes=-3", 7, 10);
        is("bytes=-99", 0, 10);
        is("bytes=9-99999999999999999999999999", 9, 10);
        is("BYTES = 1-1 ,", 1, 2);
        is("bytes=99-,1-1", 1, 2);
        assert_eq!(of_ten("bytes=-1, 0-0"), parts(&[(9, 10), (0, 1)]));
    }

    #[test]
    fn what_is_not_there_is_told() {
        for field in ["bytes=10-", "bytes=10-20,11-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of_ten(field), Wanted::Nothing, "{field}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_much_is_ignored() {
        for field in [
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=4-2",
            "bytes=1-2-3",
            "bytes=+1-2",
            "lines=0-1",
            "bytes=0-9,0-9",
            "bytes=0-5,2-9",
            "bytes 0-1",
        ] {
            assert_eq!(of_ten(field), Wanted::All, "{field}");
        }
        let many = format!("bytes={}", ["0-0"; MOST_RANGES + 1].join(","));
        assert_eq!(
            wanted(&HeaderMap::from_iter([(RANGE, many.parse().unwrap())]), 100),
            Wanted::All
        );
        assert_eq!(wanted(&HeaderMap::new(), 10), Wanted::All);
    }
}
