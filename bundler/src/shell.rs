//! Everything for people goes through here, to standard error; results go to standard output.

use crate::cli::{Color, Global};
use anstream::stderr;
use holdall_bundle::chain;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::error::Error;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[1;33m";
const RED: &str = "\x1b[1;31m";
const RESET: &str = "\x1b[0m";

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What happens.
    Normal,
    /// Why, too.
    Verbose,
}

/// The one place that prints for people.
#[derive(Debug)]
pub struct Shell {
    verbosity: Verbosity,
}

impl Shell {
    /// A shell as the user wants it.
    pub fn new(global: &Global) -> Self {
        match global.color {
            // `auto` of anstream asks for a terminal, NO_COLOR, CLICOLOR and TERM.
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::AlwaysAnsi,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        };
        Self { verbosity }
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// What happens: a verb in the form of cargo, and its object.
    pub fn status(&self, verb: &str, object: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            say(format_args!("{GREEN}{verb:>12}{RESET} {object}"));
        }
    }

    /// What only the curious want to know.
    pub fn detail(&self, verb: &str, object: impl Display) {
        if self.verbosity >= Verbosity::Verbose {
            self.status(verb, object);
        }
    }

    /// What may be a mistake of the user, though the work goes on.
    pub fn warn(&self, message: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            say(format_args!("{YELLOW}warning{RESET}: {message}"));
        }
    }

    /// Why it failed: the error and its causes in one line.
    pub fn error(&self, error: &dyn Error) {
        say(format_args!("{RED}holdall{RESET}: {}", chain(error)));
    }

    /// A progress bar over `bytes`; it shows on a terminal only, and only if the work takes long.
    pub fn progress(&self, bytes: u64) -> ProgressBar {
        if self.verbosity == Verbosity::Quiet
            || bytes < PROGRESS_FROM_BYTES
            || !std::io::stderr().is_terminal()
        {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(8));
        if let Ok(style) = ProgressStyle::with_template(PROGRESS_TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}

/// Less than this is packed before anybody could read a bar.
const PROGRESS_FROM_BYTES: u64 = 16 << 20;
const PROGRESS_TEMPLATE: &str = "     Packing [{bar:30}] {binary_bytes}/{binary_total_bytes} {eta}";

/// Standard error may be closed; nothing can be said then.
fn say(line: std::fmt::Arguments) {
    let _ = writeln!(stderr(), "{line}");
}
