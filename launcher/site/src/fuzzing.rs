//! What fuzz targets reach: the fields of requests, beside each other and with all representations.

use holdall_resources::Coding;
use http::HeaderMap;

use crate::range::Wanted;
use crate::{condition, negotiation, path, pattern::Pattern, range};

/// What is made of fields, for a resource with all representations there are.
pub fn fields(headers: &HeaderMap, size: u64) {
    let offered = [None, Some(Coding::Gzip), Some(Coding::Brotli), Some(Coding::Zstd)];
    let chosen = negotiation::choose(headers, offered.into_iter().map(|coding| (coding, size)));
    assert!(chosen.is_none_or(|number| number < offered.len()));
    let etag = b"\"0123456789abcdef-gzip\"";
    let _ = (condition::judge(headers, etag), condition::allows_range(headers, etag));
    if let Wanted::Parts(parts) = range::wanted(headers, size) {
        assert!(!parts.is_empty() && parts.len() <= 16);
        assert!(parts.iter().all(|part| part.start < part.end && part.end <= size), "{parts:?}");
        assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= size);
    }
}

/// What is made of a path and a pattern.
pub fn path(path: &str, pattern: &str) {
    let Ok(decoded) = path::decode(path) else { return };
    let encoded = path::encode(&decoded).to_string();
    // What is written anew is read as the same.
    assert_eq!(path::decode(&encoded).as_deref(), Ok(&*decoded));
    if let Some(captures) = Pattern::new(pattern).captures(&decoded) {
        assert!(captures.iter().map(|capture| capture.len()).sum::<usize>() <= decoded.len());
    }
}
