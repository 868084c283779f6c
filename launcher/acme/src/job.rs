//! What is done for a name at one time, beside what is done for others.

use std::cell::Cell;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinError;

use crate::attempt::{Attempt, Gained};
use crate::client::RenewalInfo;
use crate::delivery::{self, Delivered};
use crate::office::{Counter, Office};
use crate::record::{Record, Renewal};
use crate::schedule::{self, Validity};
use crate::setback::{Setback, chain};
use crate::shared::Shared;
use crate::store::{Holder, Leaf, Lease};
use crate::{Name, State};

/// What is to be done.
pub(crate) enum Job {
    Order {
        authority: usize,
        held: Option<Leaf>,
        record: Record,
    },
    Poll {
        authority: usize,
        held: Leaf,
        record: Record,
    },
    /// Write what could not be written.
    Save,
}

/// How it ended.
pub(crate) enum Outcome {
    /// There is a new certificate; it may not be of use yet.
    Issued {
        authority: usize,
        leaf: Leaf,
        /// The file holds it.
        is_saved: bool,
        setback: Option<Setback>,
    },
    /// Another process had renewed it.
    Found,
    /// Another process is at work on it, and has told that it may be so until then.
    Busy {
        until: Timestamp,
    },
    Polled {
        renewal: Option<Renewal>,
        poll_after: Timestamp,
    },
    Saved(bool),
    Failed {
        authority: usize,
        setback: Setback,
    },
}

/// How it ended, and the right to work at the name: others wait until what is known is on disk.
pub(crate) struct Done {
    pub outcome: Outcome,
    /// How many orders were made.
    pub ordered: u32,
    pub lease: Option<Lease>,
}

impl Done {
    /// It did not come to its end.
    pub fn without_end(error: JoinError) -> Self {
        let outcome = Outcome::Failed { authority: 0, setback: Setback::of_end(error) };
        Self { outcome, ordered: 0, lease: None }
    }
}

/// An authority that knows nothing of renewal times is asked again after a day, in case it learns.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// After it could not be asked.
const ASK_SOON: SignedDuration = SignedDuration::from_hours(6);

pub(crate) async fn run(office: Arc<Office>, shared: Arc<Shared>, name: Name, job: Job) -> Done {
    let (mut lease, ordered) = (None, Cell::new(0));
    let outcome = match job {
        Job::Order { authority, held, record } => {
            let counter = &office.counters[authority];
            let progress = |state| shared.transition(&name, state, counter.authority.name());
            let attempt = Attempt {
                office: &office,
                name: &name,
                authority,
                held: held.as_ref(),
                is_from_here: record.authority.as_deref() == Some(&counter.authority.directory),
                progress: &progress,
                ordered: &ordered,
            };
            let gained = order(&attempt, &record, &mut lease).await;
            gained.unwrap_or_else(|setback| Outcome::Failed { authority, setback })
        }
        Job::Poll { authority, held, record } => {
            poll(&office, &name, authority, &held, &record).await
        }
        Job::Save => Outcome::Saved(delivery::save_again(&office, &name)),
    };
    Done { outcome, ordered: ordered.get(), lease }
}

async fn order(
    attempt: &Attempt<'_>,
    record: &Record,
    lease: &mut Option<Lease>,
) -> Result<Outcome, Setback> {
    let Attempt { office, name, authority, .. } = *attempt;
    let counter = &office.counters[authority];
    let expected = office.store.version(name)?;
    let issued = match attempt.run(lease).await? {
        Gained::Found => return Ok(Outcome::Found),
        Gained::Busy(Holder { host, pid, until }) => {
            tracing::debug!(domain = %name, host, pid, %until, "another process is at work on it");
            return Ok(Outcome::Busy { until });
        }
        Gained::Issued(issued) => issued,
    };
    counter.note(office, |ledger, now| ledger.issued(&issued.names, now));
    note_owner(office, counter, name, record);
    let delivered = delivery::deliver(office, name, &issued, &expected).await;
    let Some(Delivered { is_saved, seen }) = delivered else { return Ok(Outcome::Found) };
    attempt.is_now(if seen.is_ok() { State::Live } else { State::Saved });
    let (leaf, now) = (issued.leaf, office.now());
    let setback = match seen {
        Err(unseen) => Some(Setback::Unseen(unseen)),
        Ok(()) if !Validity::from(&leaf).contains(now) => Some(Setback::WrongClock),
        Ok(()) => None,
    };
    Ok(Outcome::Issued { authority, leaf, is_saved, setback })
}

/// Whose a certificate is has to be known before it is there: only its authority tells when it is to
/// be renewed.
fn note_owner(office: &Office, counter: &Counter, name: &Name, record: &Record) {
    let owned = Record { authority: Some(counter.authority.directory.clone()), ..record.clone() };
    if let Err(error) = office.store.save_record(name, &owned) {
        tracing::debug!(domain = %name, error = chain(&error), "state kept in memory only");
    }
}

/// Asks when the authority wants the certificate to be renewed (RFC 9773).
async fn poll(
    office: &Office,
    name: &Name,
    authority: usize,
    held: &Leaf,
    record: &Record,
) -> Outcome {
    let counter = &office.counters[authority];
    let now = office.now();
    if let Some(closed) = counter.ledger().closed(now) {
        return Outcome::Polled { renewal: None, poll_after: closed.until };
    }
    let later = |wait| now.saturating_add(wait).unwrap_or(now);
    let client = match office.client(counter).await {
        Ok(client) => client,
        Err(setback) => {
            tracing::debug!(domain = %name, error = chain(&setback), "renewal time not asked for");
            return Outcome::Polled { renewal: None, poll_after: later(ASK_SOON) };
        }
    };
    match client.renewal_info(&held.der).await {
        Ok(Some(info)) => {
            let poll_after = info.poll_after;
            Outcome::Polled { renewal: Some(chosen(name, held, record, info)), poll_after }
        }
        Ok(None) => Outcome::Polled { renewal: None, poll_after: later(ASK_AGAIN) },
        Err(refusal) => {
            let (authority, error) = (counter.authority.name(), chain(&refusal));
            tracing::warn!(domain = %name, authority, error, "renewal time not told, its life counts");
            let told = refusal.retry_after.unwrap_or(now);
            Outcome::Polled { renewal: None, poll_after: told.max(later(ASK_SOON)) }
        }
    }
}

/// Chooses a moment of the window, once for each window.
fn chosen(name: &Name, held: &Leaf, record: &Record, info: RenewalInfo) -> Renewal {
    let RenewalInfo { start, end, explanation, .. } = info;
    let not_after = held.not_after;
    let is_known = |one: &Renewal| (one.start, one.end, one.not_after) == (start, end, not_after);
    if let Some(known) = record.renewal.as_ref().filter(|one| is_known(one)) {
        return known.clone();
    }
    let selected = schedule::between(start, end);
    let (authority_says, at) = (explanation.as_deref(), selected.to_string());
    match authority_says {
        Some(url) => {
            tracing::warn!(domain = %name, at, url, "the authority wants it renewed, and says why")
        }
        None => tracing::debug!(domain = %name, at, "renewal time told"),
    }
    Renewal { not_after, start, end, selected, explanation }
}
