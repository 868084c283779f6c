//! The log of a process: the one place that installs a `tracing` subscriber.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tracing_subscriber::layer::SubscriberExt;

use crate::printer::Printer;
use crate::{Lines, Settings};

/// The log of this process; its clones are the same log.
#[derive(Debug, Clone)]
pub struct Log {
    lines: Lines,
}

/// Why there is no log; a process that has none ends with exit code 74.
#[derive(Debug, Error)]
pub enum LogError {
    /// The log file can't be opened for writing.
    #[error("can't open the log file {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The process has a subscriber of `tracing` already.
    #[error("the log of this process was started before")]
    AlreadyStarted,
}

impl Log {
    /// Makes lines of all that happens from now on, under the name of the service.
    ///
    /// # Errors
    /// The file can't be opened, or the process has a log already.
    pub fn start(name: &str, settings: Settings) -> Result<Self, LogError> {
        let lines = Lines::open(&settings.target)?;
        let printer = Printer::new(name, &settings, lines.clone());
        let subscriber = tracing_subscriber::registry().with(printer);
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| LogError::AlreadyStarted)?;
        Ok(Self { lines })
    }

    /// Opens the file of this name once more, after it was moved away.
    ///
    /// # Errors
    /// It can't be opened; the lines then go where they went before.
    pub fn reopen(&self) -> Result<(), LogError> {
        self.lines.reopen()
    }

    /// A way past the events, to the same place.
    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }
}
