//! One line for each request, once it has ended.

mod combined;
mod json;
mod queue;

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use holdall_log::Lines;
use http::header::{HOST, HeaderMap, HeaderValue, REFERER, USER_AGENT};
use http::{Method, StatusCode, Uri, Version};

use crate::Peer;
use queue::Queue;

/// The access log of a server; its clones write to the same one.
///
/// Lines are collected and written by a thread of their own, after 200 ms at most, so that a
/// request never waits for a disk. When 4 MiB of them wait, further ones are dropped and counted
/// in a warning. Dropping the last clone writes what is left.
#[derive(Debug, Clone)]
pub struct AccessLog {
    format: AccessFormat,
    writer: Arc<Writer>,
}

/// What a line of the access log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFormat {
    /// Apache's "combined" (mod_log_config), then the seconds it took and the id of the request.
    Combined,
    /// An object with OpenTelemetry's attribute names for HTTP.
    Json,
}

impl AccessFormat {
    /// Each format, by its name.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Combined, "combined"), (Self::Json, "json")];
}

/// A request that has ended.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// When it came.
    pub time: SystemTime,
    /// Its name in the logs; printable ASCII without spaces or quotes.
    pub request_id: &'a dyn Display,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Its method.
    pub method: &'a Method,
    /// What it asked for.
    pub target: &'a Uri,
    /// The HTTP it came in.
    pub version: Version,
    /// The status of the answer.
    pub status: StatusCode,
    /// Bytes of its body that were received.
    pub received: u64,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// From its head to the end of its answer.
    pub duration: Duration,
    /// What its head said about itself.
    pub logged: &'a Logged,
}

/// The headers of a request that its line shows.
#[derive(Debug, Clone, Default)]
pub struct Logged {
    host: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

impl Logged {
    /// Takes them out of a head; nothing is copied.
    pub fn of(headers: &HeaderMap) -> Self {
        let get = |name| headers.get(name).cloned();
        Self { host: get(HOST), referer: get(REFERER), user_agent: get(USER_AGENT) }
    }
}

impl AccessLog {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(format: AccessFormat, lines: Lines) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(lines));
        let run = Arc::clone(&queue);
        let thread = thread::Builder::new().name("access-log".into()).spawn(move || run.run())?;
        Ok(Self { format, writer: Arc::new(Writer { queue, thread: Some(thread) }) })
    }

    /// Adds the line of a request; it neither waits nor, as a rule, allocates.
    pub fn write(&self, record: &Record<'_>) {
        thread_local!(static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.format {
                AccessFormat::Combined => combined::write(record, line),
                AccessFormat::Json => json::write(record, line),
            }
            self.writer.queue.push(line);
        });
    }

    /// Writes all lines that were added before.
    pub fn flush(&self) {
        self.writer.queue.drain();
    }
}

/// Ends the thread with the last clone of the log.
#[derive(Debug)]
struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

impl FromStr for AccessFormat {
    type Err = holdall_log::UnknownValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(format, _)| *format).ok_or_else(|| holdall_log::UnknownValue {
            kind: "access format",
            given: text.to_owned(),
            known: Self::ALL.iter().map(|(_, name)| *name).collect(),
        })
    }
}

impl fmt::Display for AccessFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Self::ALL[*self as usize].1)
    }
}
