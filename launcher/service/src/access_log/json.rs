//! A request as one JSON object, with the attribute names of OpenTelemetry's semantic conventions.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::net::IpAddr;

use holdall_log::write_json;
use http::{HeaderValue, Version};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Record;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(serialize_with = "shown")]
    time: Time,
    #[serde(rename = "event.name")]
    event: &'static str,
    #[serde(serialize_with = "shown")]
    request_id: &'a dyn Display,
    #[serde(rename = "client.address", skip_serializing_if = "Option::is_none")]
    client_address: Option<IpAddr>,
    #[serde(rename = "client.port", skip_serializing_if = "Option::is_none")]
    client_port: Option<u16>,
    #[serde(rename = "http.request.method")]
    method: &'a str,
    #[serde(rename = "url.scheme")]
    scheme: &'static str,
    #[serde(rename = "url.path")]
    path: &'a str,
    #[serde(rename = "url.query", skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(rename = "network.protocol.version")]
    version: &'static str,
    #[serde(rename = "http.response.status_code")]
    status: u16,
    #[serde(rename = "http.request.body.size")]
    received: u64,
    #[serde(rename = "http.response.body.size")]
    sent: u64,
    /// Seconds.
    #[serde(rename = "http.server.request.duration")]
    duration: f64,
    #[serde(rename = "http.request.header.host", skip_serializing_if = "Option::is_none")]
    host: Option<Cow<'a, str>>,
    #[serde(rename = "http.request.header.referer", skip_serializing_if = "Option::is_none")]
    referer: Option<Cow<'a, str>>,
    #[serde(rename = "user_agent.original", skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    #[serde(rename = "tls.client.server_name", skip_serializing_if = "Option::is_none")]
    server_name: Option<&'a str>,
}

/// Appends the line.
pub(super) fn write(record: &Record<'_>, line: &mut Vec<u8>) {
    let client = record.peer.client;
    let authority = record.target.authority().map(|authority| authority.as_str().into());
    let shown = Line {
        time: Time(Timestamp::try_from(record.time).unwrap_or_default()),
        event: "http.server.request",
        request_id: record.request_id,
        client_address: client.map(|client| client.ip().to_canonical()),
        client_port: client.map(|client| client.port()),
        method: record.method.as_str(),
        scheme: record.peer.scheme.as_str(),
        path: record.target.path(),
        query: record.target.query(),
        version: version(record.version),
        status: record.status.as_u16(),
        received: record.received,
        sent: record.sent,
        duration: record.duration.as_micros() as f64 / 1e6,
        host: authority.or(record.logged.host.as_ref().map(text)),
        referer: record.logged.referer.as_ref().map(text),
        user_agent: record.logged.user_agent.as_ref().map(text),
        server_name: record.peer.server_name.as_deref(),
    };
    write_json(&shown, line);
    line.push(b'\n');
}

/// Microseconds are always six digits, so that lines sort as text.
struct Time(Timestamp);

impl Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.6}", self.0)
    }
}

fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Bytes that are no UTF-8 become U+FFFD: JSON has no other place for them.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// As ALPN and OpenTelemetry have it: `1.1`, but `2`.
fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
