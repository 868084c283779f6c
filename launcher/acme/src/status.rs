//! Where each name stands, for people and for monitoring.

use std::fmt;

use holdall_certificates::CertificateInfo;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::record::Record;
use crate::schedule::Validity;

/// Where a name stands on its way to a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// There is no certificate yet.
    #[default]
    Wanted,
    /// An order is made.
    Ordering,
    /// The authority looks whether the name is ours.
    Validating,
    /// The authority issues.
    Finalizing,
    /// The certificate is there, and not seen in a handshake yet.
    Saved,
    /// It is served.
    Live,
    /// It is to be renewed.
    Due,
    /// An attempt has failed, the next one waits.
    Backoff,
    /// The file that was there could not be used.
    Broken,
    /// The authority waits for something that only people can do.
    Paused,
    /// Somebody else renews it.
    File,
}

/// What is known about a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// The authority that the certificate is from, by its host.
    pub authority: Option<String>,
    /// When the certificate began to be valid, if there is one.
    pub not_before: Option<Timestamp>,
    /// The last second in which it is valid.
    pub not_after: Option<Timestamp>,
    /// How many attempts have failed since the last certificate.
    pub attempts: u32,
    /// When something is tried next.
    pub next: Option<Timestamp>,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// How many orders were made.
    pub ordered: u32,
    /// How many certificates were issued.
    pub issued: u32,
    /// How many attempts failed, ever.
    pub failed: u32,
    /// How many validations may fail before the authority's limit is reached.
    pub limit_left: Option<u32>,
}

impl Status {
    /// Where a name stands for which nothing was done yet.
    pub fn wanted(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Wanted,
            authority: None,
            not_before: None,
            not_after: None,
            attempts: 0,
            next: None,
            error: None,
            ordered: 0,
            issued: 0,
            failed: 0,
            limit_left: None,
        }
    }

    /// Where a certificate stands that somebody else renews.
    pub fn of_file(certificate: &CertificateInfo) -> Self {
        let time = |time| Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
        Self {
            state: State::File,
            not_before: Some(time(certificate.not_before)),
            not_after: Some(time(certificate.not_after)),
            ..Self::wanted(&certificate.names.join(","))
        }
    }

    pub(crate) fn new(name: &Name, held: Option<&Validity>, record: &Record) -> Self {
        let host = |url: &String| crate::Authority::new(url.clone()).name().to_owned();
        Self {
            name: name.to_string(),
            state: record.state,
            authority: record.authority.as_ref().map(host),
            not_before: held.map(|held| held.not_before),
            not_after: held.map(|held| held.not_after),
            attempts: record.troubles.values().map(|trouble| trouble.failures).max().unwrap_or(0),
            next: record.troubles.values().map(|trouble| trouble.until).min(),
            error: record.last_error().map(str::to_owned),
            ordered: record.ordered,
            issued: record.issued,
            failed: record.failed,
            limit_left: None,
        }
    }

    /// Whether clients accept the certificate at this time.
    pub fn is_valid_at(&self, time: Timestamp) -> bool {
        self.not_before.is_some_and(|start| start <= time)
            && self.not_after.is_some_and(|end| time <= end)
    }

    /// Whether a certificate is valid, and not so near its end that somebody should have a look:
    /// more than a fifth of its life is left.
    pub fn is_well_at(&self, time: Timestamp) -> bool {
        let validity = self.not_before.zip(self.not_after);
        validity.is_some_and(|(not_before, not_after)| {
            Validity { not_before, not_after }.part_left(time) > 0.2 && self.is_valid_at(time)
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Wanted => "wanted",
            Self::Ordering => "ordering",
            Self::Validating => "validating",
            Self::Finalizing => "finalizing",
            Self::Saved => "saved",
            Self::Live => "live",
            Self::Due => "due",
            Self::Backoff => "backoff",
            Self::Broken => "broken",
            Self::Paused => "paused",
            Self::File => "file",
        })
    }
}
