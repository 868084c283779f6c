//! A name that is looked after: what there is, what is known, and what comes of a job.

use jiff::Timestamp;

use crate::job::Outcome;
use crate::office::Office;
use crate::record::Record;
use crate::schedule::{Alarm, Situation, Step, Validity};
use crate::setback::{Setback, chain};
use crate::store::{Held, Leaf};
use crate::{Name, State};

/// A name that is looked after.
pub(crate) struct Entry {
    pub held: Option<Leaf>,
    pub record: Record,
    /// The record could not be written: what is in the file is older.
    pub is_unsaved: bool,
    /// When there is something to do.
    pub wake: Timestamp,
    pub job: Option<tokio::task::AbortHandle>,
    pub alarm: Option<Alarm>,
}

/// How soon is looked whether another process is done.
const BUSY_LOOK: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// How soon a file is tried to be written again.
const SAVE_AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

impl Entry {
    pub fn step(&self, office: &Office, now: Timestamp) -> Step {
        self.with_situation(office, |situation| situation.next(now))
    }

    pub fn next_attempt(&self, office: &Office) -> Timestamp {
        self.with_situation(office, |situation| situation.next_attempt(office.now()))
    }

    fn with_situation<T>(&self, office: &Office, judge: impl FnOnce(Situation<'_>) -> T) -> T {
        let authorities: Vec<_> =
            office.counters.iter().map(|counter| counter.authority.directory.clone()).collect();
        let held = self.held.as_ref().map(Validity::from);
        judge(Situation { held, record: &self.record, authorities: &authorities })
    }

    pub fn wait(&mut self, until: Timestamp, state: State, now: Timestamp) {
        let alarm = self.held.as_ref().and_then(|held| Validity::from(held).next_alarm(now));
        self.wake = alarm.map_or(until, |alarm| until.min(alarm));
        self.record.state = state;
    }

    /// Takes over what another process with this directory has written down; whether that is news.
    pub fn refresh(&mut self, name: &Name, office: &Office) -> bool {
        let written = office.store.record(name).filter(|one| *one != self.record);
        let is_news = written.is_some() && !self.is_unsaved;
        self.record = written.filter(|_| is_news).unwrap_or_else(|| self.record.clone());
        is_news
    }

    pub fn save(&mut self, name: &Name, office: &Office) {
        let saved = office.store.save_record(name, &self.record);
        self.is_unsaved = saved.is_err();
        if let Err(error) = saved {
            tracing::warn!(domain = %name, error = chain(&error), "state kept in memory only");
        }
    }

    /// Takes in how a job ended.
    pub fn note(&mut self, name: &Name, outcome: Outcome, office: &Office, now: Timestamp) {
        self.wake = now;
        let url = |authority: usize| office.counters[authority].authority.directory.clone();
        match outcome {
            Outcome::Issued { authority, leaf, is_saved, setback } => {
                let failures = self.record.failures(&url(authority));
                self.record.succeeded(now, &url(authority));
                self.record.state = State::Live;
                self.held = Some(leaf.clone());
                self.alarm = None;
                match setback {
                    None => self.issued(name, authority, &leaf, is_saved, office),
                    Some(setback) => self.failed(name, authority, &setback, failures, office, now),
                }
                self.take_file(name, office, now);
            }
            Outcome::Found => self.take_file(name, office, now),
            Outcome::Busy { until } => {
                self.wake = until.min(now.saturating_add(BUSY_LOOK).unwrap_or(now));
            }
            Outcome::Polled { renewal, poll_after } => {
                self.record.poll_after = Some(poll_after);
                self.record.renewal = renewal.or(self.record.renewal.take());
            }
            Outcome::Saved(true) => {}
            Outcome::Saved(false) => {
                self.wake = now.saturating_add(SAVE_AGAIN).unwrap_or(now);
            }
            Outcome::Failed { authority, setback } => {
                let failures = self.record.failures(&url(authority));
                self.failed(name, authority, &setback, failures, office, now);
            }
        }
    }

    fn issued(&self, name: &Name, authority: usize, leaf: &Leaf, is_saved: bool, office: &Office) {
        let authority = office.counters[authority].authority.name();
        let (not_after, next_at) =
            (leaf.not_after.to_string(), self.next_attempt(office).to_string());
        tracing::info!(domain = %name, names = ?leaf.names, authority, not_after, next_at, is_saved,
            "certificate issued");
    }

    /// Somebody else may have written the file since it was looked at, or right after us; or asked
    /// for another certificate.
    fn take_file(&mut self, name: &Name, office: &Office, now: Timestamp) {
        // What is in memory only is newer than the file.
        if office.unsaved().contains_key(name) {
            return;
        }
        match office.store.look(name, now) {
            Held::Certificate(leaf) => self.held = Some(leaf),
            Held::Requested => self.held = None,
            // The engine is told of it, and drops the name.
            Held::Gone => {}
        }
    }

    fn failed(
        &mut self,
        name: &Name,
        authority: usize,
        setback: &Setback,
        failures: u32,
        office: &Office,
        now: Timestamp,
    ) {
        let validity = self.held.as_ref().map(Validity::from);
        let trouble = setback.trouble(failures, validity, now);
        let from = self.record.state;
        self.record.state = if setback.pauses() { State::Paused } else { State::Backoff };
        let to = self.record.state;
        let asked = &office.counters[authority].authority;
        let (attempt, next_at, cause) = (trouble.failures, trouble.until, trouble.why.clone());
        let next_at = next_at.to_string();
        let not_after = validity.map(|validity| validity.not_after.to_string());
        tracing::warn!(domain = %name, %from, %to, authority = asked.name(), attempt, next_at, cause,
            not_after, "certificate not issued");
        self.record.failed(now, &asked.directory, trouble);
    }
}
