//! Why an attempt did not lead to a certificate, and how long that keeps from the next one.

use std::io;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinError;

use crate::client::{Kind, Refusal};
use crate::handshake::Unseen;
use crate::ledger::Exhausted;
use crate::record::Trouble;
use crate::schedule::{Validity, delay};
use crate::store::StoreError;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Setback {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{authority} wants to hear nothing before {until}: {why}")]
    Closed { authority: String, until: Timestamp, why: String },
    #[error("the limits of {authority} leave no room")]
    Exhausted {
        authority: String,
        #[source]
        source: Exhausted,
    },
    #[error("another process took over")]
    LeaseLost,
    #[error(
        "none of the challenges for {name} can be answered: {authority} offers {}{}",
        offered.join(", "),
        advice(name)
    )]
    NoChallenge { name: String, authority: String, offered: Vec<String> },
    #[error("the DNS record {record} could not be made")]
    Hook {
        record: String,
        #[source]
        source: io::Error,
    },
    #[error("the directory can't be written, and a certificate must not be lost")]
    NotWritable(#[source] StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the certificate of {authority} can't be used")]
    BadCertificate { authority: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the certificate is not valid at this time: is the clock right?")]
    WrongClock,
    #[error("the new certificate is not what clients are shown")]
    Unseen(#[source] Unseen),
    #[error("a mistake of ours: {0}")]
    Panic(String),
}

fn advice(name: &str) -> &'static str {
    match name.starts_with("*.") {
        true => "; a wildcard needs dns-01, give dns=COMMAND",
        false => "",
    }
}

/// What only time or people mend is not tried again before a day is over.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

impl Setback {
    /// The end of a task that did not come to one.
    pub fn of_end(error: JoinError) -> Self {
        let Ok(panic) = error.try_into_panic() else {
            return Self::Panic("a task was lost".to_owned());
        };
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panic(text.unwrap_or_else(|| "a panic".to_owned()))
    }

    /// What it means for the next attempt, after `failures` in a row before it.
    pub fn trouble(&self, failures: u32, held: Option<Validity>, now: Timestamp) -> Trouble {
        let failures = failures.saturating_add(1);
        let after = |wait| now.saturating_add(wait).unwrap_or(now);
        let own = after(delay(failures, held));
        let told = self.told();
        let until = match self {
            _ if told.is_some() => told.unwrap_or(own).max(now),
            Self::Refused(refusal) if is_for_people(refusal.kind) => after(A_DAY),
            _ => own,
        };
        Trouble {
            failures,
            until,
            is_told: told.is_some(),
            is_its_own: self.is_of_authority(),
            why: chain(self),
        }
    }

    /// When the authority itself, or our own books about it, allow the next attempt.
    fn told(&self) -> Option<Timestamp> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Closed { until, .. } => Some(*until),
            Self::Exhausted { source, .. } => Some(source.until),
            _ => None,
        }
    }

    /// Whether another authority may do better.
    fn is_of_authority(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.kind, Kind::RateLimited) || is_for_people(refusal.kind)
            }
            Self::Closed { .. } | Self::Exhausted { .. } | Self::NoChallenge { .. } => true,
            Self::BadCertificate { .. } => true,
            _ => false,
        }
    }

    /// Whether nothing happens until people do something.
    pub fn pauses(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == Kind::UserActionRequired)
    }

    /// Whether the network or the authority broke down in the middle, which may be over at once.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.kind, Kind::Unreachable | Kind::Unusable | Kind::BadNonce)
                    && refusal.retry_after.is_none()
            }
            _ => false,
        }
    }
}

fn is_for_people(kind: Kind) -> bool {
    matches!(kind, Kind::Rejected | Kind::UserActionRequired | Kind::ExternalAccountRequired)
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
