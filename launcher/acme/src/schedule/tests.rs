//! What is done when: with clocks that stand, jump, and go back.

use super::*;
use crate::record::{Attempt, Renewal};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const FIRST: &str = "https://first.example/directory";
const SECOND: &str = "https://second.example/directory";

fn start() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

fn lives(life: SignedDuration) -> Validity {
    Validity { not_before: start(), not_after: start() + life }
}

fn next(held: Option<Validity>, record: &Record, now: Timestamp) -> Step {
    let authorities = [FIRST.to_owned(), SECOND.to_owned()];
    Situation { held, record, authorities: &authorities }.next(now)
}

fn trouble(failures: u32, until: Timestamp) -> Trouble {
    Trouble { failures, until, is_told: false, is_its_own: false, why: "no".into() }
}

fn record_with(url: &str, trouble: Trouble) -> Record {
    let mut record = Record::default();
    record.troubles.insert(url.into(), trouble);
    record
}

/// When it is due without a word of the authority, as a part of the life that is left.
fn part_left_when_due(life: SignedDuration) -> f64 {
    match next(Some(lives(life)), &Record::default(), start()) {
        Step::Wait { until, state: State::Live } => lives(life).part_left(until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_renewed_by_a_part_of_its_life_however_long_that_is() {
    for days in [398, 90, 64, 45, 11] {
        let part = part_left_when_due(DAY * days);
        assert!((0.333..0.345).contains(&part), "{days} days: {part}");
    }
    for short in [DAY * 6, SignedDuration::from_secs(20)] {
        let part = part_left_when_due(short);
        assert!((0.5..0.515).contains(&part), "{short}: {part}");
    }
}

#[test]
fn what_is_missing_or_expired_is_ordered_at_once() {
    let order = Step::Order { authority: 0 };
    assert_eq!(next(None, &Record::default(), start()), order);
    assert_eq!(next(Some(lives(DAY)), &Record::default(), start() + DAY * 400), order);
}

fn told(selected: Timestamp) -> Record {
    let held = lives(DAY * 90);
    let (start, end) = (selected, selected + DAY);
    let renewal = Renewal { not_after: held.not_after, start, end, selected, explanation: None };
    let authority = Some(FIRST.to_owned());
    let poll_after = Some(start + DAY);
    Record { renewal: Some(renewal), authority, poll_after, ..Record::default() }
}

#[test]
fn the_authority_chooses_the_time() {
    let held = Some(lives(DAY * 90));
    let now = start() + DAY * 5;
    let record = told(now + DAY);
    let wait = Step::Wait { until: now + DAY, state: State::Live };
    assert_eq!(next(held, &Record { poll_after: Some(now + DAY), ..record.clone() }, now), wait);
    assert_eq!(next(held, &record, now + DAY), Step::Order { authority: 0 });
    // Its time has moved into the past: all certificates of that day are to be replaced.
    assert_eq!(next(held, &told(start() - DAY), now), Step::Order { authority: 0 });
}

#[test]
fn an_authority_that_wants_each_renewed_at_once_is_heard_three_times() {
    let held = Some(lives(DAY * 90));
    let now = start() + DAY;
    let mut record = told(start() - DAY);
    record.poll_after = Some(now + DAY * 9);
    for hour in 1..=3 {
        assert_eq!(next(held, &record, now), Step::Order { authority: 0 });
        let issued = Attempt { at: now - DAY / 24 * hour, authority: FIRST.into(), error: None };
        record.attempts.push_back(issued);
    }
    assert!(matches!(next(held, &record, now), Step::Wait { .. } | Step::Poll { .. }));
    // Days later it may be right.
    assert_eq!(next(held, &record, now + DAY * 3), Step::Order { authority: 0 });
}

#[test]
fn an_authority_that_talks_nonsense_does_not_choose() {
    let held = lives(DAY * 90);
    let by_life = next(Some(held), &Record::default(), start());
    let Step::Wait { until: due, .. } = by_life else { panic!("{by_life:?}") };
    let at_end = told(held.not_after + DAY);
    let mut reversed = told(start() + DAY);
    reversed.renewal.as_mut().unwrap().end = start();
    let mut other = told(start());
    other.renewal.as_mut().unwrap().not_after = start();
    for record in [at_end, reversed, other] {
        assert_eq!(next(Some(held), &record, due), Step::Order { authority: 0 });
        assert!(!matches!(next(Some(held), &record, start()), Step::Order { .. }), "{record:?}");
    }
    // As late as it may be, a twentieth of the life before the end.
    let late = told(held.not_after - SignedDuration::from_secs(1));
    assert_eq!(next(Some(held), &late, held.when_left(0.049)), Step::Order { authority: 0 });
}

#[test]
fn the_issuer_is_asked_for_its_wish_when_the_time_has_come() {
    let held = Some(lives(DAY * 90));
    let mut record = Record { authority: Some(SECOND.into()), ..Record::default() };
    assert_eq!(next(held, &record, start()), Step::Poll { authority: 1 });
    record.poll_after = Some(start() + DAY);
    assert!(
        matches!(next(held, &record, start()), Step::Wait { until, .. } if until == start() + DAY)
    );
    assert_eq!(next(held, &record, start() + DAY), Step::Poll { authority: 1 });
    // One that is not configured any more is not asked.
    record.authority = Some("https://gone.example/".into());
    assert!(matches!(next(held, &record, start() + DAY), Step::Wait { .. }));
}

#[test]
fn another_authority_takes_over_when_the_first_is_at_fault_or_time_runs_out() {
    let (now, later) = (start() + DAY * 70, start() + DAY * 71);
    let held = Some(lives(DAY * 90));
    let wait = Step::Wait { until: later, state: State::Backoff };
    assert_eq!(next(held, &record_with(FIRST, trouble(1, later)), now), wait);
    assert_eq!(
        next(held, &record_with(FIRST, trouble(2, later)), now),
        Step::Order { authority: 1 }
    );
    let its_own = Trouble { is_its_own: true, ..trouble(1, later) };
    assert_eq!(next(held, &record_with(FIRST, its_own), now), Step::Order { authority: 1 });
    let one_failure = record_with(FIRST, trouble(1, later));
    assert_eq!(next(None, &one_failure, now), Step::Order { authority: 1 });
    // At the next renewal it is the first again.
    assert_eq!(next(held, &Record::default(), now), Step::Order { authority: 0 });
    let mut both = one_failure;
    both.troubles.insert(SECOND.into(), trouble(1, later + SignedDuration::from_hours(1)));
    assert_eq!(next(None, &both, now), wait);
}

#[test]
fn case_35_a_clock_that_jumps_makes_no_storm_and_no_standstill() {
    let year = DAY * 365;
    let now = start();
    // Set back by a year: nothing is due, and no wait is a year long.
    let record = record_with(FIRST, trouble(1, now + year));
    assert_eq!(next(None, &record, now), Step::Order { authority: 0 });
    let mut polled = Record { authority: Some(FIRST.into()), ..Record::default() };
    polled.poll_after = Some(now + year);
    assert_eq!(next(Some(lives(DAY * 90)), &polled, now), Step::Poll { authority: 0 });
    assert!(lives(DAY * 90).alarm(now - year).is_none());
    // Put forward by a year: it is expired, and ordered; the wait after that holds.
    let later = now + year;
    let waits = record_with(FIRST, trouble(4, later + DAY));
    let step =
        Situation { held: Some(lives(DAY * 90)), record: &waits, authorities: &[FIRST.to_owned()] }
            .next(later);
    assert_eq!(step, Step::Wait { until: later + DAY, state: State::Backoff });
}

#[test]
fn waits_grow_and_fit_the_life_of_the_certificate() {
    let minutes = |failures| delay(failures, None).as_secs_f64() / 60.0;
    for (failures, about) in [(1, 1.0), (2, 10.0), (3, 100.0), (4, 1440.0), (99, 1440.0)] {
        let ratio = minutes(failures) / about;
        assert!((0.75..=1.25).contains(&ratio), "{failures}: {ratio}");
    }
    let flash = lives(SignedDuration::from_secs(20));
    assert!(delay(4, Some(flash)) <= SignedDuration::from_millis(2_500));
    let all: Vec<_> = (0..20).map(|_| delay(1, None)).collect();
    assert!(all.iter().any(|one| *one != all[0]), "no jitter");
}

#[test]
fn the_alarm_rises_with_what_is_left() {
    let held = lives(DAY * 100);
    assert_eq!(held.alarm(start() + DAY * 79), None);
    assert_eq!(held.alarm(start() + DAY * 81), Some(Alarm::Error));
    assert_eq!(held.alarm(start() + DAY * 91), Some(Alarm::Critical));
    assert_eq!(held.alarm(start() + DAY * 200), Some(Alarm::Expired));
    assert_eq!(held.next_alarm(start()), Some(start() + DAY * 80));
    assert_eq!(held.next_alarm(start() + DAY * 85), Some(start() + DAY * 90));
    assert_eq!(held.next_alarm(start() + DAY * 95), Some(start() + DAY * 100));
    assert_eq!(held.next_alarm(start() + DAY * 100), None);
}

#[test]
fn a_moment_between_two_is_between_them() {
    for _ in 0..100 {
        let moment = between(start(), start() + DAY);
        assert!(start() <= moment && moment <= start() + DAY);
    }
    assert_eq!(between(start(), start()), start());
}
