//! What is to be done for a name, and when: no clock, no files, no network.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::{SignedDuration, Timestamp};

use crate::record::{Record, Trouble};
use crate::status::State;
use crate::store::Leaf;

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub not_before: Timestamp,
    /// The last second in which it is valid.
    pub not_after: Timestamp,
}

/// All that the next step depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub held: Option<Validity>,
    pub record: &'a Record,
    /// Directory URLs, the favourite first.
    pub authorities: &'a [String],
}

/// What is to be done for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Get a certificate from the authority of this number.
    Order { authority: usize },
    /// Ask the authority of this number when it wants the certificate to be renewed.
    Poll { authority: usize },
    /// Nothing before this.
    Wait { until: Timestamp, state: State },
}

/// How urgent it is that somebody looks after a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// A fifth of its life is left.
    Error,
    /// A tenth is left.
    Critical,
    /// Nothing is left.
    Expired,
}

/// Certificates that live shorter are renewed at half of their life, as the largest authority
/// advises (letsencrypt.org/docs/integration-guide).
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Where so little of the life is left, nobody's wish to wait counts, and any authority is right.
const EMERGENCY: f64 = 1.0 / 20.0;

/// So many certificates in this part of a life are enough, whatever the authority suggests: it, or
/// one of the clocks, must be wrong that each is out of date when it comes.
const MOST_IN_HASTE: usize = 3;
const HASTE: i32 = 30;

/// The most that an authority can put off: beyond it a clock was wrong.
const LONGEST_TOLD: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The most that is waited when no authority said so; see [`delay`].
const LONGEST_OWN: SignedDuration = SignedDuration::from_hours(30);

/// How long to wait after the first failure, the second, and so on.
const DELAYS: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(100),
    SignedDuration::from_hours(24),
];

impl Situation<'_> {
    pub fn next(&self, now: Timestamp) -> Step {
        match self.held {
            Some(held) if now < self.due(held, now) => self.while_live(held, now),
            _ => self.order(now),
        }
    }

    /// When a certificate is to be got, as things stand.
    pub fn next_attempt(&self, now: Timestamp) -> Timestamp {
        match (self.held.map(|held| self.due(held, now)).filter(|due| now < *due), self.order(now))
        {
            (Some(due), _) => due,
            (None, Step::Wait { until, .. }) => until,
            (None, _) => now,
        }
    }

    /// When the certificate is to be renewed: at the moment that the authority suggested, unless it
    /// suggests one for each, else at a part of its life.
    fn due(&self, held: Validity, now: Timestamp) -> Timestamp {
        let renewal = self.record.renewal.as_ref();
        let told = renewal.filter(|one| {
            one.not_after == held.not_after && one.start <= one.end && one.selected < held.not_after
        });
        let lately = now.saturating_sub(held.life() / HASTE).unwrap_or(Timestamp::MIN);
        match told.filter(|_| self.record.issued_since(lately) < MOST_IN_HASTE) {
            Some(renewal) => renewal.selected.min(held.when_left(EMERGENCY)),
            None => held.renewal(),
        }
    }

    fn while_live(&self, held: Validity, now: Timestamp) -> Step {
        let due = self.due(held, now);
        let issuer = self.record.authority.as_ref();
        let issuer = issuer.and_then(|url| self.authorities.iter().position(|known| known == url));
        let Some(authority) = issuer else { return Step::Wait { until: due, state: State::Live } };
        match self.record.poll_after {
            // Further off only after the clock was set back.
            Some(after) if now < after && after <= now + LONGEST_TOLD => {
                Step::Wait { until: due.min(after), state: State::Live }
            }
            _ => Step::Poll { authority },
        }
    }

    /// The first authority that may be asked; a later one only where the earlier ones are at
    /// fault, fail again and again, or where time runs out.
    fn order(&self, now: Timestamp) -> Step {
        let is_urgent = self.held.is_none_or(|held| held.part_left(now) <= EMERGENCY);
        let mut until = now + LONGEST_TOLD;
        for (authority, url) in self.authorities.iter().enumerate() {
            let Some(trouble) = self.record.troubles.get(url) else {
                return Step::Order { authority };
            };
            let end = trouble.end(now);
            if end <= now {
                return Step::Order { authority };
            }
            until = until.min(end);
            if !(is_urgent || trouble.is_its_own || trouble.failures >= 2) {
                break;
            }
        }
        Step::Wait { until, state: self.waiting() }
    }

    fn waiting(&self) -> State {
        match self.record.state {
            State::Paused => State::Paused,
            _ => State::Backoff,
        }
    }
}

impl Trouble {
    /// When it is over. That a clock was set back must not make it last for ever.
    fn end(&self, now: Timestamp) -> Timestamp {
        let longest = if self.is_told { LONGEST_TOLD } else { LONGEST_OWN };
        if self.until > now + longest { now } else { self.until }
    }
}

impl From<&Leaf> for Validity {
    fn from(leaf: &Leaf) -> Self {
        Self { not_before: leaf.not_before, not_after: leaf.not_after }
    }
}

impl Validity {
    pub fn life(self) -> SignedDuration {
        self.not_before.duration_until(self.not_after).max(SignedDuration::from_secs(1))
    }

    /// How much of the life is left: 1 is all, 0 none, below 0 it is over.
    pub fn part_left(self, now: Timestamp) -> f64 {
        now.duration_until(self.not_after).as_secs_f64() / self.life().as_secs_f64()
    }

    pub fn contains(self, time: Timestamp) -> bool {
        self.not_before <= time && time <= self.not_after
    }

    fn when_left(self, part: f64) -> Timestamp {
        let left = SignedDuration::try_from_secs_f64(self.life().as_secs_f64() * part);
        self.not_after.saturating_sub(left.unwrap_or_default()).unwrap_or(self.not_after)
    }

    /// When a third of the life is left, or a half of a short one; a little earlier for each
    /// certificate, so that those of one day do not come all at once.
    fn renewal(self) -> Timestamp {
        let part = if self.life() < SHORT_LIFE { 1.0 / 2.0 } else { 1.0 / 3.0 };
        let spread = (self.not_after.as_nanosecond() / 1_000_000_000 % 97) as f64 / 97.0;
        self.when_left(part * (1.0 + spread / 50.0))
    }

    pub fn alarm(self, now: Timestamp) -> Option<Alarm> {
        match self.part_left(now) {
            ..=0.0 => Some(Alarm::Expired),
            ..=0.1 => Some(Alarm::Critical),
            ..=0.2 => Some(Alarm::Error),
            _ => None,
        }
    }

    /// When the alarm next changes.
    pub fn next_alarm(self, now: Timestamp) -> Option<Timestamp> {
        [0.2, 0.1, 0.0].map(|part| self.when_left(part)).into_iter().find(|time| *time > now)
    }
}

/// How long to wait after so many failures in a row: 1, 10, 100 minutes, a day, a quarter more or
/// less; but no longer than a tenth of the life of what is to be renewed.
pub(crate) fn delay(failures: u32, held: Option<Validity>) -> SignedDuration {
    let step = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = DELAYS[step.min(DELAYS.len() - 1)].as_secs_f64();
    let limit = held.map_or(f64::MAX, |held| (held.life().as_secs_f64() / 10.0).max(1.0));
    let delay = delay.min(limit) * (0.75 + random() / 2.0);
    SignedDuration::try_from_secs_f64(delay).unwrap_or(DELAYS[3])
}

/// A moment between the two.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Timestamp {
    let window = start.duration_until(end).as_secs_f64() * random();
    let after = SignedDuration::try_from_secs_f64(window).unwrap_or_default();
    start.saturating_add(after).unwrap_or(start)
}

/// A number from 0 to 1, another one each time; nobody is harmed who guesses it.
fn random() -> f64 {
    // The keys of a new RandomState are random.
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
