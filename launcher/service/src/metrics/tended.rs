//! What is told of names whose certificates the server gets and renews itself.

use super::page::{Kind, Page};
use super::unix_seconds;
use crate::{Tended, TendedName};

pub(super) fn render(tended: &Tended, page: &mut Page) {
    let Tended { names, restarts } = tended;
    let mut all = |name, kind, help, value: fn(&TendedName) -> Option<f64>| {
        let mut family = page.family(name, kind, help);
        for one in names {
            if let Some(value) = value(one) {
                family.sample(&[("name", &one.name)], value);
            }
        }
    };
    let help = "When a certificate for a name is tried to be got next, Unix time.";
    let name = "holdall_acme_next_attempt_timestamp_seconds";
    all(name, Kind::Gauge, help, |one| one.next_attempt.map(unix_seconds));
    let help = "Orders that were made for a name, to whatever end they came.";
    all("holdall_acme_orders_total", Kind::Counter, help, |one| Some(one.ordered as f64));
    let help = "Certificates that were issued for a name.";
    all("holdall_acme_certificates_total", Kind::Counter, help, |one| Some(one.issued as f64));
    let help = "Attempts to get a certificate for a name that failed.";
    all("holdall_acme_failures_total", Kind::Counter, help, |one| Some(one.failed as f64));
    let help = "How many validations of a name may still fail before the authority's limit.";
    all("holdall_acme_limit_left", Kind::Gauge, help, |one| one.limit_left.map(|left| left as f64));
    let help = "Where a name stands on its way to a certificate.";
    let mut family = page.family("holdall_acme_state", Kind::Gauge, help);
    for one in names {
        family.sample(&[("name", &one.name), ("state", &one.state)], 1);
    }
    let help = "How often what looks after certificates had to be started again.";
    page.family("holdall_acme_restarts_total", Kind::Counter, help).sample(&[], restarts);
}
