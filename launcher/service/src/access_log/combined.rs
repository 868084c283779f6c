//! Apache's combined log format, with two more fields:
//! `ADDRESS - - [TIME] "REQUEST" STATUS BYTES "REFERER" "AGENT" SECONDS ID`.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use http::{HeaderValue, Version};
use jiff::{Timestamp, tz::Offset};

use super::Record;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Appends the line. Writing to memory does not fail.
pub(super) fn write(record: &Record<'_>, line: &mut Vec<u8>) {
    let _ = match record.peer.client {
        Some(client) => write!(line, "{} - - [", client.ip().to_canonical()),
        None => write!(line, "- - - ["),
    };
    time(record.time, line);
    line.extend_from_slice(b"] \"");
    request(record, line);
    let _ = match record.sent {
        0 => write!(line, "\" {} - ", record.status.as_u16()),
        sent => write!(line, "\" {} {sent} ", record.status.as_u16()),
    };
    header(record.logged.referer.as_ref(), line);
    line.push(b' ');
    header(record.logged.user_agent.as_ref(), line);
    let (seconds, micros) = (record.duration.as_secs(), record.duration.subsec_micros());
    let _ = write!(line, " {seconds}.{micros:06} ");
    escaped(line, format_args!("{}", record.request_id));
    line.push(b'\n');
}

/// `22/Nov/2026:22:50:00 +0000`
fn time(time: SystemTime, line: &mut Vec<u8>) {
    let time = Offset::UTC.to_datetime(Timestamp::try_from(time).unwrap_or_default());
    let month = MONTHS[time.month() as usize - 1];
    let (day, year) = (time.day(), time.year());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let _ = write!(line, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000");
}

fn request(record: &Record<'_>, line: &mut Vec<u8>) {
    escaped(line, format_args!("{} ", record.method));
    // In HTTP/2 the target has scheme and host as well, which no request line had.
    match record.target.path_and_query().filter(|_| record.version >= Version::HTTP_2) {
        Some(path) => escaped(line, format_args!("{path}")),
        None => escaped(line, format_args!("{}", record.target)),
    }
    let _ = write!(line, " {:?}", record.version);
}

fn header(value: Option<&HeaderValue>, line: &mut Vec<u8>) {
    line.push(b'"');
    match value {
        Some(value) => escape(value.as_bytes(), line),
        None => line.push(b'-'),
    }
    line.push(b'"');
}

fn escaped(line: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    let _ = fmt::Write::write_fmt(&mut Escaped(line), value);
}

struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(text.as_bytes(), self.0);
        Ok(())
    }
}

/// As Apache does since 2.0.46: no byte of a client ends a field or speaks to a terminal.
fn escape(bytes: &[u8], line: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x20..=0x7e => line.push(*byte),
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}
