//! What the files of a directory tell, without touching any: for people who only ask.

use std::path::Path;

use jiff::Timestamp;

use crate::record::Record;
use crate::schedule::{Situation, Validity};
use crate::setback::chain;
use crate::store::{Held, Store, StoreError};
use crate::{Name, State, Status};

/// Where the names of a directory stand, by its files; whoever serves them need not run.
///
/// # Errors
/// The directory can't be read.
pub fn inspect(directory: &Path) -> Result<Vec<Status>, StoreError> {
    let store = Store::existing(directory);
    let names = store.names()?;
    Ok(names.iter().map(|name| status(&store, name)).collect())
}

fn status(store: &Store, name: &Name) -> Status {
    let record: Record = store.record(name).unwrap_or_default();
    let (held, damage) = match store.inspect(name) {
        Ok(Held::Certificate(leaf)) => (Some(Validity::from(&leaf)), None),
        Ok(Held::Requested | Held::Gone) => (None, None),
        Err(error) => (None, Some(chain(&error))),
    };
    let mut status = Status::new(name, held.as_ref(), &record);
    if damage.is_some() {
        (status.state, status.error) = (State::Broken, damage);
    }
    status.next = next(held, &record);
    status
}

/// When a certificate is to be got, as far as that can be told from what is written down.
fn next(held: Option<Validity>, record: &Record) -> Option<Timestamp> {
    let authorities: Vec<_> = record.troubles.keys().chain(&record.authority).cloned().collect();
    let situation = Situation { held, record, authorities: &authorities };
    Some(situation.next_attempt(Timestamp::now()))
}
