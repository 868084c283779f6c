//! What was asked of an authority lately: its published limits stop us here before they do there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::authority::{Limit, Limits};

/// What one authority was asked, in `.ledger-AUTHORITY.json`; survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    orders: Vec<Timestamp>,
    accounts: Vec<Timestamp>,
    /// By all names of a certificate, sorted, with commas between them.
    certificates: BTreeMap<String, Vec<Timestamp>>,
    /// Failed validations, by name.
    failures: BTreeMap<String, Vec<Timestamp>>,
    /// The authority wants to hear nothing at all before this.
    closed: Option<Closed>,
}

/// An authority that asked to be left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub until: Timestamp,
    pub why: String,
}

/// A limit that the next request would break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: no more than {count} in {span:#} before {until}")]
pub(crate) struct Exhausted {
    pub what: &'static str,
    pub count: u32,
    pub span: jiff::SignedDuration,
    /// When there is room again.
    pub until: Timestamp,
}

impl Ledger {
    /// Whether an order for these names may be made now. One that replaces a certificate, and says
    /// so, counts for no limit but that of failures.
    pub fn may_order(
        &self,
        names: &[Name],
        replaces: bool,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Exhausted> {
        for name in names {
            let failures = self.failures.get(name.base());
            room("failed validations of a name", failures, Some(limits.failures), now)?;
        }
        if replaces {
            return Ok(());
        }
        room("new orders", Some(&self.orders), limits.orders, now)?;
        let same = self.certificates.get(&set(names));
        room("certificates for the same names", same, limits.duplicates, now)
    }

    /// Whether an account may be made now.
    pub fn may_register(&self, limits: &Limits, now: Timestamp) -> Result<(), Exhausted> {
        room("new accounts", Some(&self.accounts), limits.accounts, now)
    }

    /// Whether the authority wants to hear nothing.
    pub fn closed(&self, now: Timestamp) -> Option<&Closed> {
        self.closed.as_ref().filter(|closed| now < closed.until)
    }

    pub fn close(&mut self, closed: Closed) {
        self.closed = Some(closed);
    }

    pub fn ordered(&mut self, now: Timestamp) {
        self.orders.push(now);
    }

    pub fn registered(&mut self, now: Timestamp) {
        self.accounts.push(now);
    }

    pub fn issued(&mut self, names: &[Name], now: Timestamp) {
        self.certificates.entry(set(names)).or_default().push(now);
    }

    pub fn validation_failed(&mut self, name: &str, now: Timestamp) {
        self.failures.entry(name.to_owned()).or_default().push(now);
    }

    /// How many validations of the name may still fail.
    pub fn failures_left(&self, name: &Name, limits: &Limits, now: Timestamp) -> u32 {
        let failures = self.failures.get(name.base()).map_or(&[][..], Vec::as_slice);
        let used = within(failures, limits.failures, now).count();
        limits.failures.count.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// Forgets what no limit counts any more.
    pub fn prune(&mut self, limits: &Limits, now: Timestamp) {
        let keep = |times: &mut Vec<Timestamp>, limit: Option<Limit>| match limit {
            Some(limit) => *times = within(times, limit, now).collect(),
            None => times.clear(),
        };
        keep(&mut self.orders, limits.orders);
        keep(&mut self.accounts, limits.accounts);
        for times in self.certificates.values_mut() {
            keep(times, limits.duplicates);
        }
        for times in self.failures.values_mut() {
            keep(times, Some(limits.failures));
        }
        self.certificates.retain(|_, times| !times.is_empty());
        self.failures.retain(|_, times| !times.is_empty());
    }
}

fn room(
    what: &'static str,
    times: Option<&Vec<Timestamp>>,
    limit: Option<Limit>,
    now: Timestamp,
) -> Result<(), Exhausted> {
    let Some((times, limit)) = times.zip(limit) else { return Ok(()) };
    let mut counted: Vec<_> = within(times, limit, now).collect();
    counted.sort_unstable();
    let Some(spare) = counted.len().checked_sub(limit.count as usize) else { return Ok(()) };
    // With one more of the oldest gone, there is room.
    let until = counted[spare].saturating_add(limit.span).unwrap_or(Timestamp::MAX);
    Err(Exhausted { what, count: limit.count, span: limit.span, until })
}

/// Those that the limit counts. What lies in the future was noted before the clock was set back.
fn within(times: &[Timestamp], limit: Limit, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let begin = now.saturating_sub(limit.span).unwrap_or(Timestamp::MIN);
    times.iter().copied().filter(move |time| begin < *time && *time <= now)
}

fn set(names: &[Name]) -> String {
    let mut names: Vec<_> = names.iter().map(Name::as_str).collect();
    names.sort_unstable();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::authority::{Authority, LETS_ENCRYPT};

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn limits() -> Limits {
        Authority::new(LETS_ENCRYPT).limits()
    }

    fn names() -> [Name; 1] {
        ["a.example".parse().unwrap()]
    }

    #[test]
    fn the_fifth_failure_in_an_hour_is_not_risked() {
        let (mut ledger, mut now) = (Ledger::default(), Timestamp::UNIX_EPOCH);
        let start = now;
        for left in (0..4).rev() {
            assert_eq!(ledger.may_order(&names(), false, &limits(), now), Ok(()));
            ledger.validation_failed("a.example", now);
            assert_eq!(ledger.failures_left(&names()[0], &limits(), now), left);
            now += SignedDuration::from_mins(1);
        }
        let refused = ledger.may_order(&names(), true, &limits(), now).unwrap_err();
        assert_eq!((refused.count, refused.until), (4, start + HOUR));
        let other = ["b.example".parse().unwrap()];
        assert_eq!(ledger.may_order(&other, false, &limits(), now), Ok(()));
        assert_eq!(ledger.may_order(&names(), false, &limits(), refused.until), Ok(()));
    }

    #[test]
    fn the_sixth_certificate_of_a_week_is_not_ordered_unless_it_replaces_one() {
        let (mut ledger, now) = (Ledger::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..5 {
            ledger.issued(&names(), now);
        }
        let later = now + HOUR * 100;
        let refused = ledger.may_order(&names(), false, &limits(), later).unwrap_err();
        assert_eq!(refused.until, now + HOUR * 24 * 7);
        assert_eq!(ledger.may_order(&names(), true, &limits(), later), Ok(()));
        let another = Authority::new("https://ca.example/directory").limits();
        assert_eq!(ledger.may_order(&names(), false, &another, later), Ok(()));
    }

    #[test]
    fn what_no_limit_counts_is_forgotten_and_a_clock_set_back_locks_nobody_out() {
        let (mut ledger, now) = (Ledger::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..10 {
            ledger.registered(now);
            ledger.validation_failed("a.example", now);
        }
        assert!(ledger.may_register(&limits(), now + HOUR).is_err());
        assert_eq!(ledger.may_register(&limits(), now - HOUR * 24 * 365), Ok(()));
        ledger.prune(&limits(), now + HOUR * 24);
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn an_authority_that_is_closed_opens_again() {
        let (mut ledger, now) = (Ledger::default(), Timestamp::UNIX_EPOCH);
        ledger.close(Closed { until: now + HOUR, why: "maintenance".into() });
        let json = serde_json::to_string(&ledger).unwrap();
        let ledger: Ledger = serde_json::from_str(&json).unwrap();
        assert_eq!(ledger.closed(now).unwrap().why, "maintenance");
        assert_eq!(ledger.closed(now + HOUR), None);
    }
}
