//! Whole lines to one place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::output::Output;
use crate::{LogError, Target};

/// Writes whole lines to one place; its clones write to the same.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    target: Target,
    output: Mutex<Output>,
}

impl Lines {
    /// Lines to a place of their own.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(target: &Target) -> Result<Self, LogError> {
        let output = Mutex::new(Output::open(target)?);
        Ok(Self(Arc::new(Shared { target: target.clone(), output })))
    }

    /// Writes one or several lines, each with its `\n`: to a file by one `write(2)`, else in pieces
    /// of whole lines that a pipe takes at once.
    ///
    /// Lines that can't be written are dropped: it waits a second for a reader that is slow, and no
    /// longer for one that was slow before.
    pub fn write(&self, lines: &[u8]) {
        self.output().write(lines);
    }

    /// Opens a file anew, after it was moved away. Does nothing for stdout and stderr.
    ///
    /// # Errors
    /// It can't be opened; the lines then go where they went before.
    pub fn reopen(&self) -> Result<(), LogError> {
        if matches!(self.0.target, Target::File(_)) {
            let fresh = Output::open(&self.0.target)?;
            self.output().replace(fresh);
        }
        Ok(())
    }

    /// How many lines were dropped since this was last asked; none while it goes on, since nobody
    /// could be told.
    pub fn take_lost(&self) -> u64 {
        self.output().take_lost()
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // Nothing is half done where a holder of the lock could panic.
        self.0.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
