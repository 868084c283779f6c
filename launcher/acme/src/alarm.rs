//! Alarms: a certificate that nears its end, and why nobody renewed it.

use jiff::Timestamp;

use crate::Name;
use crate::record::Record;
use crate::schedule::{Alarm, Validity};
use crate::store::Leaf;

/// Tells the log once for each degree of alarm.
pub(crate) fn sound(
    name: &Name,
    held: Option<&Leaf>,
    told: &mut Option<Alarm>,
    record: &Record,
    now: Timestamp,
) {
    let Some(held) = held else { return };
    let alarm = Validity::from(held).alarm(now);
    let renewal = record.renewal.as_ref().filter(|renewal| renewal.not_after == held.not_after);
    // The authority itself may want it to be renewed that late.
    let is_on_time = renewal.is_some_and(|renewal| now < renewal.selected);
    if alarm <= *told || (alarm == Some(Alarm::Error) && is_on_time) {
        return;
    }
    *told = alarm;
    let not_after = held.not_after.to_string();
    let (failed, error) = (record.failed, record.last_error());
    match alarm {
        Some(Alarm::Expired) => tracing::error!(
            critical = true, domain = %name, not_after, failed, error, "certificate has expired"
        ),
        Some(Alarm::Critical) => tracing::error!(
            critical = true, domain = %name, not_after, failed, error,
            "certificate expires soon: less than a tenth of its life is left"
        ),
        Some(Alarm::Error) => tracing::error!(
            domain = %name, not_after, failed, error,
            "certificate is overdue: less than a fifth of its life is left"
        ),
        None => {}
    }
}
