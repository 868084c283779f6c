//! The page that Prometheus reads, read back by a strict parser of its text format.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdall_service::{BuildInfo, Cut, Extra, Handshake, Metrics, Rejection, State};
use http::{Method, StatusCode};

const DURATION: &str = "http_server_request_duration_seconds";

/// A page as a parser knows it: families by name, and samples by name and labels.
#[derive(Debug, Default)]
struct Page {
    families: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Page {
    /// Panics where the page is not as the format (version 0.0.4) has it.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut page = Self::default();
        let mut family = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a name and its help");
                assert!(is_name(name) && !help.is_empty() && !help.contains('\\'), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let kind = kind.and_then(|kind| kind.strip_prefix(name)).expect("its type").trim();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
                let known = page.families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(known, None, "{name} comes once");
                family = name.to_owned();
                continue;
            }
            let sample = Sample::parse(line);
            let suffix = sample.name.strip_prefix(&*family).expect("of the family before it");
            match &*page.families[&family] {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                "counter" => assert!(suffix.is_empty() && family.ends_with("_total"), "{line}"),
                _ => assert!(suffix.is_empty() && !family.ends_with("_total"), "{line}"),
            }
            page.samples.push(sample);
        }
        page.check();
        page
    }

    fn check(&self) {
        let mut seen = HashSet::new();
        for sample in &self.samples {
            assert!(seen.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
            let Some(name) = sample.name.strip_suffix("_count") else { continue };
            let labels = |bucket: &Sample| bucket.labels.starts_with(&sample.labels);
            let buckets =
                self.samples.iter().filter(|bucket| bucket.name == format!("{name}_bucket"));
            let buckets: Vec<_> = buckets.filter(|bucket| labels(bucket)).collect();
            assert!(buckets.is_sorted_by_key(|bucket| bucket.value), "{buckets:?}");
            assert!(buckets.is_sorted_by_key(|bucket| bucket.bound()), "{buckets:?}");
            let last = buckets.last().expect("buckets");
            assert_eq!(last.labels.last().map(|(_, value)| &**value), Some("+Inf"));
            assert_eq!(last.value, sample.value);
        }
    }

    /// The value of the one sample that is written like this.
    fn value(&self, written: &str) -> f64 {
        let wanted = Sample::parse(&format!("{written} 0"));
        let is_wanted =
            |sample: &&Sample| (&sample.name, &sample.labels) == (&wanted.name, &wanted.labels);
        self.samples.iter().find(is_wanted).unwrap_or_else(|| panic!("no {written}")).value
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let end = line.find(['{', ' ']).expect("a name");
        let (name, mut rest) = line.split_at(end);
        assert!(is_name(name), "{line}");
        let mut labels = Vec::new();
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                let (label, after) = inside.split_once("=\"").expect("a label");
                assert!(is_name(label) && !label.contains(':'), "{line}");
                let (value, after) = quoted(after);
                labels.push((label.to_owned(), value));
                match after.strip_prefix(',') {
                    Some(next) => inside = next,
                    None => break rest = after.strip_prefix('}').expect("the end of the labels"),
                }
            }
        }
        let value = rest.strip_prefix(' ').expect("a space").parse().expect("a number");
        Self { name: name.to_owned(), labels, value }
    }

    fn bound(&self) -> u64 {
        let (label, bound) = self.labels.last().expect("a bound");
        assert_eq!(label, "le");
        let bound: f64 = bound.parse().expect("a number");
        (bound * 1e6) as u64
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    name.chars().all(is_part) && name.starts_with(|letter: char| !letter.is_ascii_digit())
}

/// A value up to its quotation mark, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    loop {
        match letters.next().expect("a closing quotation mark") {
            (end, '"') => return (value, &text[end + 1..]),
            (_, '\\') => value.push(match letters.next().expect("an escape").1 {
                'n' => '\n',
                letter @ ('\\' | '"') => letter,
                other => panic!("unknown escape {other:?}"),
            }),
            (_, letter) => value.push(letter),
        }
    }
}

fn text(metrics: &Metrics, certificates: &[(Vec<String>, SystemTime)]) -> String {
    let build = BuildInfo { name: "say\"hello\\\n".into(), version: "1.0".into() };
    metrics.render(&Extra { build: &build, certificates, tended: None })
}

fn page(metrics: &Metrics) -> Page {
    Page::parse(&text(metrics, &[]))
}

fn count(metrics: &Metrics, method: &Method, status: u16, millis: u64) {
    let status = StatusCode::from_u16(status).unwrap();
    metrics.request_begins();
    metrics.request_ends(method, status, Duration::from_millis(millis), 10, 1_000);
}

#[test]
fn requests_are_told_by_method_and_class() {
    let metrics = Metrics::new();
    [0, 3, 5, 6, 800, 60_000].iter().for_each(|millis| count(&metrics, &Method::GET, 200, *millis));
    count(&metrics, &Method::GET, 304, 1);
    count(&metrics, &Method::POST, 499, 1);
    count(&metrics, &"BREW".parse().unwrap(), 503, 1);
    metrics.request_begins();
    let page = page(&metrics);
    let of = |suffix: &str, method: &str, class: &str, more: &str| {
        let labels = format!("http_request_method={method:?},http_response_status_class={class:?}");
        page.value(&format!("{DURATION}{suffix}{{{labels}{more}}}"))
    };
    assert_eq!(of("_count", "GET", "2xx", ""), 6.0);
    assert_eq!(of("_bucket", "GET", "2xx", ",le=\"0.005\""), 3.0);
    assert_eq!(of("_bucket", "GET", "2xx", ",le=\"0.01\""), 4.0);
    assert_eq!(of("_bucket", "GET", "2xx", ",le=\"10\""), 5.0);
    assert!((of("_sum", "GET", "2xx", "") - 60.814).abs() < 1e-9);
    assert_eq!(of("_count", "GET", "3xx", ""), 1.0);
    assert_eq!(of("_count", "POST", "4xx", ""), 1.0);
    assert_eq!(of("_count", "_OTHER", "5xx", ""), 1.0);
    assert_eq!(page.value("http_server_active_requests"), 1.0);
    assert_eq!(page.value("http_server_request_body_bytes_total"), 90.0);
    assert_eq!(page.value("http_server_response_body_bytes_total"), 9_000.0);
}

#[test]
fn connections_are_counted_as_long_as_they_are_open() {
    let metrics = Arc::new(Metrics::new());
    let first = metrics.connection_begins();
    let mut second = metrics.connection_begins();
    second.enters(State::Http2);
    drop(metrics.connection_begins());
    metrics.rejected(Rejection::PerAddress);
    metrics.cut(Cut::Head);
    let told = page(&metrics);
    assert_eq!(told.value("holdall_connections_accepted_total"), 3.0);
    assert_eq!(told.value("holdall_connections_open{state=\"opening\"}"), 1.0);
    assert_eq!(told.value("holdall_connections_open{state=\"http1\"}"), 0.0);
    assert_eq!(told.value("holdall_connections_open{state=\"http2\"}"), 1.0);
    assert_eq!(told.value("holdall_connections_refused_total{reason=\"limit\"}"), 0.0);
    assert_eq!(told.value("holdall_connections_refused_total{reason=\"per_address\"}"), 1.0);
    assert_eq!(told.value("holdall_connections_cut_total{reason=\"head\"}"), 1.0);
    drop((first, second));
    assert_eq!(page(&metrics).value("holdall_connections_open{state=\"http2\"}"), 0.0);
}

#[test]
fn handshakes_end_one_way_each() {
    let metrics = Metrics::new();
    let outcomes = [Handshake::Done, Handshake::Resumed, Handshake::Failed, Handshake::UnknownName];
    outcomes.into_iter().for_each(|outcome| metrics.handshake_begins().ends(outcome));
    drop(metrics.handshake_begins());
    let open = metrics.handshake_begins();
    let page = page(&metrics);
    for outcome in ["done", "resumed", "failed", "unknown_name", "timed_out"] {
        let written = format!("holdall_tls_handshakes_total{{outcome={outcome:?}}}");
        assert_eq!(page.value(&written), 1.0, "{outcome}");
    }
    assert_eq!(page.value("holdall_tls_handshakes_open"), 1.0);
    drop(open);
}

#[test]
fn each_name_has_the_earliest_end_of_its_certificates() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let certificates = [
        (vec!["a.test".to_owned(), "*.b.test".to_owned()], at(2_000_000_000)),
        (vec!["a.test".to_owned()], at(1_900_000_000)),
        (vec!["old.test".to_owned()], UNIX_EPOCH - Duration::from_secs(5)),
    ];
    let page = Page::parse(&text(&Metrics::new(), &certificates));
    let end = |name: &str| {
        page.value(&format!("holdall_certificate_not_after_timestamp_seconds{{name={name:?}}}"))
    };
    assert_eq!(end("a.test"), 1_900_000_000.0);
    assert_eq!(end("*.b.test"), 2_000_000_000.0);
    assert_eq!(end("old.test"), -5.0);
}

#[test]
fn the_process_tells_of_itself() {
    let metrics = Metrics::new();
    let before = page(&metrics).value("process_open_fds");
    let files: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let page = page(&metrics);
    // Other tests open and close a few at the same time.
    assert!(page.value("process_open_fds") > before + 50.0);
    assert!(page.value("process_max_fds") >= page.value("process_open_fds"));
    let started = UNIX_EPOCH + Duration::from_secs_f64(page.value("process_start_time_seconds"));
    assert!(started.elapsed().unwrap() < Duration::from_secs(3_600));
    assert_eq!(page.value("holdall_build_info{name=\"say\\\"hello\\\\\\n\",version=\"1.0\"}"), 1.0);
    drop(files);
}

#[test]
fn nothing_is_lost_or_torn_when_all_count_at_once() {
    let metrics = Metrics::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|i| count(&metrics, &Method::GET, 200, i % 700)));
        }
        // The parser holds each page, also those in the middle, to cumulative buckets.
        (0..50).for_each(|_| drop(page(&metrics)));
    });
    let labels = "{http_request_method=\"GET\",http_response_status_class=\"2xx\"}";
    let page = page(&metrics);
    assert_eq!(page.value(&format!("{DURATION}_count{labels}")), 40_000.0);
    assert_eq!(page.value("http_server_active_requests"), 0.0);
    assert_eq!(page.value("http_server_response_body_bytes_total"), 40_000_000.0);
}
