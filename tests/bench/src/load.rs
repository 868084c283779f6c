//! Load generators: requests for a given time, as fast as the server answers.

use std::{io, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use crate::cores::Cores;

/// Enough that the server is never without work, and few enough that they all get their turn.
const CONNECTIONS: u32 = 64;
/// How many requests at one time on each connection of HTTP/2.
const STREAMS: u32 = 10;

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, one request after the other on each connection.
    KeepAlive,
    /// HTTP/1.1, a new connection for each request.
    Close,
    /// HTTP/2 in clear text, several requests at one time on each connection.
    Http2,
}

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// How many requests in all.
    pub requests: u64,
    /// How many in a second.
    pub rate: f64,
}

impl Protocol {
    /// Requests `url` for `duration`, in whole seconds; every answer must be a success.
    pub fn load(self, url: &str, duration: Duration, cores: &Cores) -> Result<Answered> {
        let mut generator = self.command(duration);
        let output = cores.for_load(|| generator.arg(url).output());
        let output = match output? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(self.missing()),
            output => output.with_context(|| format!("can't run {generator:?}"))?,
        };
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{generator:?} failed: {text}");
        let answered = match self {
            Protocol::Http2 => of_h2load(&text),
            Protocol::KeepAlive | Protocol::Close => of_wrk(&text),
        };
        answered.with_context(|| format!("{generator:?} told of failures, or not enough: {text}"))
    }

    fn command(self, duration: Duration) -> Command {
        let seconds = duration.as_secs();
        let mut command = Command::new(self.program());
        match self {
            Protocol::Http2 => {
                command.args(["-t", "1", "-c", &CONNECTIONS.to_string()]);
                command.args(["-m", &STREAMS.to_string(), "-D", &seconds.to_string()]);
            }
            Protocol::KeepAlive | Protocol::Close => {
                command.args(["-t", "1", "-c", &CONNECTIONS.to_string()]);
                command.args(["-d", &format!("{seconds}s")]);
            }
        }
        if self == Protocol::Close {
            command.args(["-H", "Connection: close"]);
        }
        command
    }

    fn program(self) -> &'static str {
        match self {
            Protocol::Http2 => "h2load",
            Protocol::KeepAlive | Protocol::Close => "wrk",
        }
    }

    fn missing(self) -> String {
        let package = match self {
            Protocol::Http2 => "nghttp2-client",
            Protocol::KeepAlive | Protocol::Close => "wrk",
        };
        format!(
            "{} is missing: install it, for example by: apt-get install {package}",
            self.program()
        )
    }
}

/// Reads `200 requests in 2.00s, 30KB read`; `None` after an answer that is no success. A closed
/// connection is no error to wrk, a broken one is.
fn of_wrk(text: &str) -> Option<Answered> {
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return None;
    }
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
    answered(requests, rate)
}

/// Reads `finished in 2.00s, 100.00 req/s, 3KB/s` and `requests: 200 total, …, 200 succeeded, 0
/// failed, …`; `None` after a request without success.
fn of_h2load(text: &str) -> Option<Answered> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what));
        part?.trim().parse::<u64>().ok()
    };
    let requests = count(" succeeded").filter(|_| count(" failed") == Some(0))?;
    let line = text.lines().find_map(|line| line.strip_prefix("finished in "))?;
    let rate = line.split(", ").find_map(|part| part.strip_suffix(" req/s"))?;
    answered(requests, rate)
}

fn answered(requests: u64, rate: &str) -> Option<Answered> {
    let rate = rate.trim().parse().ok()?;
    (requests > 0).then_some(Answered { requests, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood_and_errors_are_not_overlooked() {
        let text = "  201 requests in 2.00s, 30.1KB read\nRequests/sec:    100.51\n";
        assert_eq!(of_wrk(text), Some(Answered { requests: 201, rate: 100.51 }));
        assert_eq!(of_wrk(&format!("{text}  Non-2xx or 3xx responses: 1\n")), None);
        assert_eq!(of_wrk("  0 requests in 2.00s, 0.00B read\nRequests/sec: 0.00\n"), None);
    }

    #[test]
    fn what_h2load_says_is_understood_and_errors_are_not_overlooked() {
        let text = |failed| {
            format!(
                "finished in 2.00s, 99.50 req/s, 3.1KB/s\nrequests: 200 total, 240 started, \
                 200 done, 199 succeeded, {failed} failed, {failed} errored, 0 timeout\n"
            )
        };
        assert_eq!(of_h2load(&text(0)), Some(Answered { requests: 199, rate: 99.5 }));
        assert_eq!(of_h2load(&text(1)), None);
    }
}
