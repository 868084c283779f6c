//! Prometheus' text exposition format, version 0.0.4.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A page of metrics while it is written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// All samples of one name, which must follow each other.
pub(super) struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Page {
    /// Begins a family, with what it is; `help` is one line without backslashes.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { page: &mut self.0, name }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// One sample for each counter, told apart by a label.
    pub(super) fn samples(mut self, label: &str, names: &[&str], counters: &[AtomicU64]) {
        for (name, counter) in names.iter().zip(counters) {
            self.sample(&[(label, name)], counter.load(Relaxed));
        }
    }

    /// A sample whose name is longer than that of the family, as histograms have.
    pub(super) fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.page.push_str(self.name);
        self.page.push_str(suffix);
        for (position, (name, value)) in labels.iter().enumerate() {
            self.page.push(if position == 0 { '{' } else { ',' });
            self.page.push_str(name);
            self.page.push_str("=\"");
            value.chars().for_each(|letter| escape(letter, self.page));
            self.page.push('"');
        }
        self.page.push_str(if labels.is_empty() { " " } else { "} " });
        let _ = writeln!(self.page, "{value}");
    }
}

fn escape(letter: char, page: &mut String) {
    match letter {
        '\\' => page.push_str("\\\\"),
        '"' => page.push_str("\\\""),
        '\n' => page.push_str("\\n"),
        letter => page.push(letter),
    }
}
