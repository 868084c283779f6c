//! Which representation a client takes (RFC 9110, section 12.5.3).

use holdall_resources::Coding;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// What a client says of each coding, in thousandths; `None` where it says nothing.
#[derive(Debug, Default)]
struct Qualities {
    identity: Option<u16>,
    codings: [Option<u16>; Coding::ALL.len()],
    others: Option<u16>,
}

/// Less than any quality that a client can give: what it did not ask for, but takes.
const UNASKED: u32 = 1;

/// The number of the representation that suits best, the smallest among equals; `None` if none is
/// acceptable. Each has a coding, `None` as it is, and a size in bytes.
pub(crate) fn choose(
    headers: &HeaderMap,
    offered: impl Iterator<Item = (Option<Coding>, u64)>,
) -> Option<usize> {
    let qualities = Qualities::of(headers);
    let rated = offered.enumerate().map(|(number, (coding, size))| {
        let quality = match &qualities {
            Some(qualities) => qualities.rate(coding),
            // Without the field, any would do; but nobody expects one.
            None => u32::from(coding.is_none()),
        };
        (quality, std::cmp::Reverse(size), number)
    });
    rated.filter(|(quality, ..)| *quality > 0).max().map(|(.., number)| number)
}

impl Qualities {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(ACCEPT_ENCODING).iter().peekable();
        fields.peek()?;
        let mut qualities = Self::default();
        fields.for_each(|field| qualities.take(field));
        Some(qualities)
    }

    fn take(&mut self, field: &HeaderValue) {
        for element in field.as_bytes().split(|byte| *byte == b',') {
            let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let quality = parts.find_map(weight).unwrap_or(Some(1000));
            // An element that can't be understood says nothing.
            if let (Some(place), Some(quality)) = (self.place(name), quality) {
                *place = Some(quality);
            }
        }
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<u16>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("identity") {
            return Some(&mut self.identity);
        }
        if is("*") {
            return Some(&mut self.others);
        }
        let coding = match is("x-gzip") {
            true => Some(0),
            false => Coding::ALL.iter().position(|coding| is(coding.name())),
        };
        coding.map(|number| &mut self.codings[number])
    }

    fn rate(&self, coding: Option<Coding>) -> u32 {
        let asked = match coding {
            None => self.identity,
            Some(coding) => self.codings[coding as usize],
        };
        match asked.or(self.others) {
            Some(0) => 0,
            Some(quality) => u32::from(quality) + UNASKED,
            None => u32::from(coding.is_none()) * UNASKED,
        }
    }
}

/// `q=0.5`, in thousandths: `None` if it is another parameter, `Some(None)` if it is malformed.
fn weight(parameter: &[u8]) -> Option<Option<u16>> {
    let value = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))?;
    Some(thousandths(value))
}

/// RFC 9110, section 12.4.2: at most three digits behind the point, at most 1.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, fraction) = match value {
        [whole @ (b'0' | b'1')] => (*whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0') * 1000;
    for (digit, unit) in fraction.iter().zip([100, 10, 1]) {
        sum += char::from(*digit).to_digit(10).map(|digit| digit as u16)? * unit;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [(Option<Coding>, u64); 3] =
        [(None, 100), (Some(Coding::Gzip), 50), (Some(Coding::Brotli), 40)];

    fn chosen(field: Option<&str>) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        if let Some(field) = field {
            headers.insert(ACCEPT_ENCODING, field.parse().unwrap());
        }
        let number = choose(&headers, OFFERED.into_iter())?;
        Some(OFFERED[number].0.map_or("identity", Coding::name))
    }

    #[test]
    fn the_best_is_chosen() {
        for (field, expected) in [
            (None, Some("identity")),
            (Some(""), Some("identity")),
            (Some("gzip"), Some("gzip")),
            (Some("x-gzip"), Some("gzip")),
            (Some("GZIP;Q=0.5"), Some("gzip")),
            (Some("gzip, deflate, br, zstd"), Some("br")),
            (Some("br;q=0.5, gzip"), Some("gzip")),
            (Some("gzip;q=0"), Some("identity")),
            (Some("*"), Some("br")),
            (Some("*;q=0"), None),
            (Some("*;q=0, gzip"), Some("gzip")),
            (Some("identity;q=0"), None),
            (Some("identity;q=0, gzip;q=0.001"), Some("gzip")),
            (Some("gzip;q=0.5, identity"), Some("identity")),
            (Some("gzip;q=2"), Some("identity")),
            (Some("gzip;q=0.1234"), Some("identity")),
            (Some("deflate"), Some("identity")),
        ] {
            assert_eq!(chosen(field), expected, "{field:?}");
        }
    }
}
