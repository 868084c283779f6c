//! How many requests there were, how long they took, and how many there are now.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::{Method, StatusCode};

use super::page::{Family, Kind, Page};

/// The methods that are told apart, as OpenTelemetry has it; any other is `_OTHER`, so that clients
/// can't make series.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The upper ends of the buckets: OpenTelemetry's advice for `http.server.request.duration`, in
/// microseconds and as the label has them.
const BOUNDS: [(u64, &str); 14] = [
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (75_000, "0.075"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (750_000, "0.75"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (7_500_000, "7.5"),
    (10_000_000, "10"),
];

#[derive(Debug, Default)]
pub(super) struct Requests {
    active: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    durations: [[Histogram; CLASSES.len()]; METHODS.len()],
}

#[derive(Debug, Default)]
struct Histogram {
    /// Each request is in one bucket; the last is for those above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// Nanoseconds: they overflow after 584 years.
    sum: AtomicU64,
}

impl Requests {
    pub(super) fn begins(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    pub(super) fn ends(
        &self,
        method: &Method,
        status: StatusCode,
        duration: Duration,
        received: u64,
        sent: u64,
    ) {
        self.durations[method_index(method)][class_index(status)].count(duration);
        self.active.fetch_sub(1, Relaxed);
        if received > 0 {
            self.received.fetch_add(received, Relaxed);
        }
        if sent > 0 {
            self.sent.fetch_add(sent, Relaxed);
        }
    }

    pub(super) fn render(&self, page: &mut Page) {
        let (name, help) = ("http_server_request_duration_seconds", "How long requests took.");
        let mut family = page.family(name, Kind::Histogram, help);
        for (method, classes) in METHODS.iter().zip(&self.durations) {
            for (class, histogram) in CLASSES.iter().zip(classes) {
                histogram.render(method, class, &mut family);
            }
        }
        let (name, help) = ("http_server_active_requests", "Requests under way.");
        page.family(name, Kind::Gauge, help).sample(&[], self.active.load(Relaxed));
        let (name, help) = ("http_server_request_body_bytes_total", "Bytes of request bodies.");
        page.family(name, Kind::Counter, help).sample(&[], self.received.load(Relaxed));
        let (name, help) = ("http_server_response_body_bytes_total", "Bytes of response bodies.");
        page.family(name, Kind::Counter, help).sample(&[], self.sent.load(Relaxed));
    }
}

impl Histogram {
    fn count(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().take_while(|(end, _)| nanoseconds > end * 1_000).count();
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(nanoseconds, Relaxed);
    }

    /// Nothing for what never happened: most pairs of a method and a class never do.
    fn render(&self, method: &str, class: &str, family: &mut Family<'_>) {
        // Read once, so that the count is that of the last bucket while others go on counting.
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        let count: u64 = buckets.iter().sum();
        if count == 0 {
            return;
        }
        let labels = [("http_request_method", method), ("http_response_status_class", class)];
        let ends = BOUNDS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let mut below = 0;
        for (end, bucket) in ends.zip(buckets) {
            below += bucket;
            family.sample_of("_bucket", &[labels[0], labels[1], ("le", end)], below);
        }
        let sum = Duration::from_nanos(self.sum.load(Relaxed)).as_secs_f64();
        family.sample_of("_sum", &labels, sum);
        family.sample_of("_count", &labels, count);
    }
}

fn method_index(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        _ => METHODS.len() - 1,
    }
}

/// A status above 599, which HTTP does not know, counts as a failure of the server (RFC 9110,
/// section 15).
fn class_index(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_classes_meet_their_names() {
        for (index, name) in METHODS.iter().enumerate() {
            assert_eq!(method_index(&name.parse().unwrap()), index, "{name}");
        }
        for (status, class) in
            [(100, "1xx"), (200, "2xx"), (499, "4xx"), (599, "5xx"), (999, "5xx")]
        {
            assert_eq!(CLASSES[class_index(StatusCode::from_u16(status).unwrap())], class);
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        let durations = [0, 5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001, u64::MAX / 8];
        durations.iter().for_each(|duration| histogram.count(Duration::from_nanos(*duration)));
        let counts = histogram.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    }
}
