//! What fuzz targets reach: all that an authority, or somebody on the way to it, may send, and
//! what a directory may hold.

use http::header::{LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::Name;
use crate::client::{Refusal, fuzzing};
use crate::ledger::Ledger;
use crate::record::Record;
use crate::store::{Leaf, PendingOrder};

/// What the log says of an answer with this status and this content.
pub fn words(status: u16, body: &[u8]) -> String {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let refusal = Refusal::answered("https://ca.example/".to_owned(), status, body, None);
    // What is done about it must not panic either.
    let _ = (refusal.is_about_names(), refusal.rejected_names());
    refusal.to_string()
}

/// Headers that are looked at.
pub fn headers(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let headers = HeaderMap::from_iter([(RETRY_AFTER, value.clone()), (LINK, value)]);
    fuzzing::headers(&headers, Timestamp::UNIX_EPOCH);
}

/// Files of the directory.
pub fn file(content: &[u8]) {
    let _ = serde_json::from_slice::<Record>(content);
    let _ = serde_json::from_slice::<Ledger>(content);
    let _ = serde_json::from_slice::<PendingOrder>(content);
    if let Ok(name) = "a.example".parse::<Name>() {
        let _ = Leaf::read(&name, content);
    }
}
