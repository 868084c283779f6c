//! What a server tells its operator: lines on stderr or in a file, as text or JSON.
//!
//! The program tells through the macros of [`tracing`], with a constant message and the data as
//! fields; [`Log::start`] makes lines of them. An event is one `write(2)` of one whole line, so
//! that processes which share a file, as during an upgrade, do not mix their lines.
//!
//! - **Text** is for people: `sayhello: serving on http://127.0.0.1:8080`, with `warning: ` or
//!   `error: ` after the name where it is one, and fields as ` key=value`. A line in a file begins
//!   with the time; on stdout and stderr it does not, since a terminal is read as it happens, and
//!   journald and container runtimes write the time themselves.
//! - **JSON** is one object for each line, with the fields beside `time`, `level`, `name` and
//!   `message`.
//!
//! A line that can't be written is dropped and counted, and the next one that can be written is
//! followed by the count: a full disk or a reader that stopped never stops the server.
//!
//! ```
//! use holdall_log::{Format, Level, Log, Settings, Target};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("hello.log");
//! let target = Target::File(path.clone());
//! let log = Log::start("hello", Settings { format: Format::Json, level: Level::Info, target })?;
//! tracing::info!(port = 8080, "serving");
//! assert!(std::fs::read_to_string(&path)?.contains(r#""message":"serving""#));
//! log.reopen()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod escape;
mod event;
mod json;
mod lines;
mod log;
mod output;
mod printer;
mod settings;
mod text;

pub use escape::write_json;
pub use lines::Lines;
pub use log::{Log, LogError};
pub use settings::{Format, Level, Settings, Target, UnknownValue};
