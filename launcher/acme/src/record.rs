//! What is kept about a name besides its certificate, in `NAME.state`.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::State;

/// What happened to a name, and when the next thing is to happen; survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// Where it stands.
    pub state: State,
    /// The directory URL of the authority that issued the certificate.
    pub authority: Option<String>,
    /// What that authority says about its renewal.
    pub renewal: Option<Renewal>,
    /// Before this the authority is not asked about the renewal again.
    pub poll_after: Option<Timestamp>,
    /// What is in the way, by the directory URL of the authority.
    pub troubles: BTreeMap<String, Trouble>,
    /// The last attempts, the newest last.
    pub attempts: VecDeque<Attempt>,
    /// How many orders were made.
    pub ordered: u32,
    /// How many certificates were issued.
    pub issued: u32,
    /// How many attempts failed.
    pub failed: u32,
}

/// When an authority wants a certificate to be renewed (RFC 9773, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The end of the certificate that it is about; another one has another.
    pub not_after: Timestamp,
    pub start: Timestamp,
    pub end: Timestamp,
    /// A moment between the two, chosen once.
    pub selected: Timestamp,
    pub explanation: Option<String>,
}

/// Why an authority is not asked again yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// How often in a row.
    pub failures: u32,
    pub until: Timestamp,
    /// The authority itself gave the time.
    #[serde(default)]
    pub is_told: bool,
    /// Another authority may do better.
    #[serde(default)]
    pub is_its_own: bool,
    pub why: String,
}

/// One attempt to get a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub at: Timestamp,
    /// The directory URL.
    pub authority: String,
    /// What went wrong; nothing did without it.
    pub error: Option<String>,
}

/// How many attempts are remembered.
const MEMORY: usize = 10;

impl Record {
    /// Notes a certificate.
    pub fn succeeded(&mut self, at: Timestamp, authority: &str) {
        self.remember(Attempt { at, authority: authority.to_owned(), error: None });
        self.authority = Some(authority.to_owned());
        (self.renewal, self.poll_after) = (None, None);
        self.troubles.clear();
        self.issued = self.issued.saturating_add(1);
    }

    /// Notes that it went wrong.
    pub fn failed(&mut self, at: Timestamp, authority: &str, trouble: Trouble) {
        let error = Some(trouble.why.clone());
        self.remember(Attempt { at, authority: authority.to_owned(), error });
        self.troubles.insert(authority.to_owned(), trouble);
        self.failed = self.failed.saturating_add(1);
    }

    /// How often the authority has failed in a row.
    pub fn failures(&self, authority: &str) -> u32 {
        self.troubles.get(authority).map_or(0, |trouble| trouble.failures)
    }

    /// How many certificates were issued lately, as far as is remembered.
    pub fn issued_since(&self, time: Timestamp) -> usize {
        let lately = self.attempts.iter().filter(|attempt| attempt.at >= time);
        lately.filter(|attempt| attempt.error.is_none()).count()
    }

    /// The operator changed something: what no authority forbade may be tried again. Gives whether
    /// there was such a thing.
    pub fn forgive(&mut self, now: Timestamp) -> bool {
        let own = self.troubles.values_mut().filter(|one| !one.is_told && one.until > now);
        own.map(|trouble| trouble.until = now).count() > 0
    }

    /// What went wrong the last time, if nothing has gone right since.
    pub fn last_error(&self) -> Option<&str> {
        self.attempts.back()?.error.as_deref()
    }

    fn remember(&mut self, attempt: Attempt) {
        self.attempts.push_back(attempt);
        while self.attempts.len() > MEMORY {
            self.attempts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const CA: &str = "https://ca.example/directory";

    fn trouble(until: Timestamp, is_told: bool) -> Trouble {
        Trouble { failures: 1, until, is_told, is_its_own: false, why: "no".into() }
    }

    #[test]
    fn it_comes_back_from_json_and_from_less_of_it() {
        let mut record = Record::default();
        record.failed(Timestamp::UNIX_EPOCH, CA, trouble(Timestamp::MAX, true));
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert_eq!(serde_json::from_str::<Record>("{}").unwrap(), Record::default());
    }

    #[test]
    fn only_what_no_authority_forbade_is_forgiven() {
        let now = Timestamp::UNIX_EPOCH;
        let later = now + SignedDuration::from_hours(1);
        let mut record = Record::default();
        record.failed(now, CA, trouble(later, false));
        record.failed(now, "other", trouble(later, true));
        record.forgive(now);
        assert_eq!(record.troubles[CA].until, now);
        assert_eq!(record.troubles["other"].until, later);
    }

    #[test]
    fn only_the_last_attempts_are_remembered() {
        let mut record = Record::default();
        for _ in 0..20 {
            record.failed(Timestamp::UNIX_EPOCH, CA, trouble(Timestamp::UNIX_EPOCH, false));
        }
        assert_eq!((record.attempts.len(), record.failed), (MEMORY, 20));
        record.succeeded(Timestamp::UNIX_EPOCH, CA);
        assert_eq!((record.last_error(), record.failures(CA)), (None, 0));
    }
}
