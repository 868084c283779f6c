//! Leases.

use super::StoreError;
use jiff::Timestamp;

/// What came of asking for a lease.
#[derive(Debug)]
pub(crate) enum Leased {
    Ours(Lease),
    Held(Holder),
}

/// Who has a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub host: String,
    pub pid: u32,
    pub until: Timestamp,
}

/// The right to order for a name: for 60 seconds, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {}

impl Lease {
    /// Has it for another 60 seconds; `Held` if somebody took it over meanwhile.
    pub fn renew(&mut self, now: Timestamp) -> Result<Option<Holder>, StoreError> {
        todo!()
    }
}
