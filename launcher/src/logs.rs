//! From the options of the log to the log.

use std::path::{Path, PathBuf};

use holdall_log::{Format, Level, Settings, Target};
use holdall_service::AccessFormat;

use crate::options::{AccessLog, LogFile, LogFormat, LogLevel, Logs};

impl Logs {
    pub fn settings(&self) -> Settings {
        let target = match &self.file {
            LogFile::Stdout => Target::Stdout,
            LogFile::Stderr => Target::Stderr,
            LogFile::Path(path) => Target::File(path.clone()),
        };
        let format = match self.format {
            Some(LogFormat::Text) => Format::Text,
            Some(LogFormat::Json) => Format::Json,
            None => Format::suiting(&target),
        };
        let level = match self.level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
            LogLevel::Error => Level::Error,
            LogLevel::Critical => Level::Critical,
        };
        Settings { format, level, target }
    }

    /// How requests are written down, if at all.
    pub fn access_format(&self) -> Option<AccessFormat> {
        match (self.access, self.settings().format) {
            (AccessLog::Off, _) => None,
            (AccessLog::Combined, _) | (AccessLog::Auto, Format::Text) => {
                Some(AccessFormat::Combined)
            }
            (AccessLog::Json, _) | (AccessLog::Auto, Format::Json) => Some(AccessFormat::Json),
        }
    }

    /// Where the log file is made anew after it was moved away.
    pub fn directory(&self) -> Option<PathBuf> {
        let LogFile::Path(path) = &self.file else { return None };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Some(parent.unwrap_or(Path::new(".")).to_owned())
    }
}
