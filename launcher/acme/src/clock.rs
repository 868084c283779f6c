//! What time it is: the system's time, or one that tests set.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The clock that certificates are judged by.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// That of the system.
    #[default]
    System,
    /// One that stands still until it is set: for tests.
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// A clock that stands at this time.
    pub fn manual(time: Timestamp) -> Self {
        Self::Manual(Arc::new(Mutex::new(time)))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// How long may be slept before the time is looked at again.
    pub(crate) fn granularity(&self) -> Duration {
        match self {
            Self::System => Duration::from_secs(30),
            Self::Manual(_) => Duration::from_millis(20),
        }
    }

    /// Moves a manual clock, backwards where negative; does nothing to the system's.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(time) = self {
            *time.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
