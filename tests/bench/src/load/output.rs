//! What the load generators say at their end.

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// How many requests in all.
    pub requests: u64,
    /// How many in a second.
    pub rate: f64,
    /// All that was received, in bytes, answers included that were cut at the end.
    pub received_bytes: f64,
    /// How long the answers took, where the generator tells.
    pub latency: Option<Latency>,
}

/// How long answers take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// For half of them, at most.
    pub p50_s: f64,
    /// For all but a hundredth, at most.
    pub p99_s: f64,
}

/// Reads `200 requests in 2.00s, 30KB read` and what is around it; `None` after an answer that is no
/// success. A closed connection is no error to wrk, a broken one is.
pub fn of_wrk(text: &str) -> Option<Answered> {
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return None;
    }
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    let received_bytes = size(line.strip_suffix(" read")?.rsplit(", ").next()?)?;
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
    let percentile = |name| {
        let mut lines = text.lines().map(str::trim_start);
        time(lines.find_map(|line| line.strip_prefix(name))?)
    };
    let latency = percentile("50%").zip(percentile("99%"));
    let latency = latency.map(|(p50_s, p99_s)| Latency { p50_s, p99_s });
    answered(requests, rate, received_bytes, latency)
}

/// Reads `finished in 2.00s, 100.00 req/s, 3KB/s` and `requests: 200 total, …, 200 succeeded, 0
/// failed, …`; `None` after a request without success.
pub fn of_h2load(text: &str) -> Option<Answered> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what));
        part?.trim().parse::<u64>().ok()
    };
    let requests = count(" succeeded").filter(|_| count(" failed") == Some(0))?;
    let line = text.lines().find_map(|line| line.strip_prefix("traffic: "))?;
    let (_, exact) = line.split_once('(')?;
    let received_bytes = exact.split_once(')')?.0.parse().ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("finished in "))?;
    let rate = line.split(", ").find_map(|part| part.strip_suffix(" req/s"))?;
    answered(requests, rate, received_bytes, None)
}

/// Reads the log: the start of a request, its status, how long it took in microseconds.
pub fn of_h2load_log(text: &str) -> Option<Latency> {
    let micros = |line: &str| line.rsplit('\t').next()?.parse().ok();
    let mut micros: Vec<u64> = text.lines().map(micros).collect::<Option<_>>()?;
    micros.sort_unstable();
    let percentile = |percent| Some(*micros.get(micros.len() * percent / 100)? as f64 / 1e6);
    Some(Latency { p50_s: percentile(50)?, p99_s: percentile(99)? })
}

fn answered(
    requests: u64,
    rate: &str,
    received_bytes: f64,
    latency: Option<Latency>,
) -> Option<Answered> {
    let rate = rate.trim().parse().ok()?;
    (requests > 0).then_some(Answered { requests, rate, received_bytes, latency })
}

/// `1.50KB` in bytes; wrk counts in powers of 1024.
fn size(text: &str) -> Option<f64> {
    const UNITS: [(&str, i32); 5] = [("TB", 4), ("GB", 3), ("MB", 2), ("KB", 1), ("B", 0)];
    let parse = |(unit, power)| {
        let number: f64 = text.trim().strip_suffix(unit)?.parse().ok()?;
        Some(number * 1024_f64.powi(power))
    };
    UNITS.into_iter().find_map(parse)
}

/// `393.00us` in seconds.
fn time(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] =
        [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let parse = |(unit, factor)| {
        let number: f64 = text.trim().strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    };
    UNITS.into_iter().find_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood_and_errors_are_not_overlooked() {
        let text = "     50%  393.00us\n     99%    1.32ms\n  201 requests in 2.00s, 30.10KB read\n\
                    Requests/sec:    100.51\n";
        let answered = of_wrk(text).unwrap();
        assert_eq!((answered.requests, answered.rate), (201, 100.51));
        assert_eq!(answered.received_bytes, 30.10 * 1024.0);
        let latency = answered.latency.unwrap();
        assert!((latency.p50_s - 393e-6).abs() < 1e-9 && (latency.p99_s - 1.32e-3).abs() < 1e-9);
        assert_eq!(of_wrk(&format!("{text}  Non-2xx or 3xx responses: 1\n")), None);
        assert_eq!(of_wrk("  0 requests in 2.00s, 0.00B read\nRequests/sec: 0.00\n"), None);
    }

    #[test]
    fn what_h2load_says_is_understood_and_errors_are_not_overlooked() {
        let text = |failed| {
            format!(
                "finished in 2.00s, 99.50 req/s, 3.1KB/s\nrequests: 200 total, 240 started, \
                 200 done, 199 succeeded, {failed} failed, {failed} errored, 0 timeout\n\
                 traffic: 6.2KB (6348) total, 1.2KB (1228) headers, 2.7KB (2786) data\n"
            )
        };
        let answered = of_h2load(&text(0)).unwrap();
        assert_eq!((answered.requests, answered.rate), (199, 99.5));
        assert_eq!(answered.received_bytes, 6348.0);
        assert_eq!(of_h2load(&text(1)), None);
    }

    #[test]
    fn the_log_of_h2load_has_the_times() {
        let lines: String = (1..=100).rev().map(|n| format!("179\t200\t{n}\n")).collect();
        assert_eq!(of_h2load_log(&lines), Some(Latency { p50_s: 51e-6, p99_s: 100e-6 }));
        assert_eq!(of_h2load_log(""), None);
    }
}
