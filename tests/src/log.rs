//! What a server writes to standard error, line by line as it comes.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The lines of a pipe; its clones show the same.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct Told {
    lines: Vec<String>,
    has_ended: bool,
    /// How many lines [`Log::next`] has shown.
    shown: usize,
}

impl Log {
    /// Reads a pipe to its end, even if nobody looks: so the writer never waits for a reader.
    pub fn follow(pipe: impl Read + Send + 'static) -> Self {
        let log = Self(Arc::default());
        let writer = log.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            lines.for_each(|line| writer.change(|told| told.lines.push(line)));
            writer.change(|told| told.has_ended = true);
        });
        log
    }

    /// All lines that have come, as they are.
    pub fn lines(&self) -> Vec<String> {
        self.told().lines.clone()
    }

    /// All events that have come: the lines that are JSON objects.
    pub fn events(&self) -> Vec<Value> {
        self.told().lines.iter().filter_map(|line| event(line)).collect()
    }

    /// The events with this message, which have come so far.
    pub fn events_of(&self, message: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["message"] == message).collect()
    }

    /// Waits for an event of which this is true.
    ///
    /// # Panics
    /// If it does not come within a minute, with all that was said.
    pub fn event(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.wait(|told| told.lines.iter().filter_map(|line| event(line)).find(&is_it))
            .unwrap_or_else(|| panic!("no event: {what}\n{}", self.lines().join("\n")))
    }

    /// Waits for a line of which this is true.
    ///
    /// # Panics
    /// If it does not come within a minute, with all that was said.
    pub fn line(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        self.wait(|told| told.lines.iter().find(|line| is_it(line)).cloned())
            .unwrap_or_else(|| panic!("no line: {what}\n{}", self.lines().join("\n")))
    }

    /// Waits for the next line that was not shown yet, in its text form; `None` if there is none
    /// within ten seconds.
    pub(crate) fn next(&self) -> Option<String> {
        self.wait_for(Duration::from_secs(10), |told| {
            let line = told.lines.get(told.shown)?.clone();
            told.shown += 1;
            Some(text(&line))
        })
    }

    /// Waits until `find` has found something; `None` if the pipe ends first, or after a minute.
    pub(crate) fn wait<T>(&self, find: impl FnMut(&mut Told) -> Option<T>) -> Option<T> {
        self.wait_for(Duration::from_secs(60), find)
    }

    fn wait_for<T>(
        &self,
        limit: Duration,
        mut find: impl FnMut(&mut Told) -> Option<T>,
    ) -> Option<T> {
        let start = Instant::now();
        let mut told = self.told();
        loop {
            if let Some(found) = find(&mut told) {
                return Some(found);
            }
            let left = limit.saturating_sub(start.elapsed());
            if told.has_ended || left.is_zero() {
                return None;
            }
            let waited = self.0.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told());
        self.0.changed.notify_all();
    }
}

impl Told {
    /// What follows `start` in the messages that begin with it, such as `serving on `.
    pub(crate) fn after(&self, start: &str) -> Vec<String> {
        let texts = self.lines.iter().map(|line| text(line));
        let after = |text: String| text.split_once(start).map(|(_, rest)| rest.to_owned());
        texts.filter_map(after).collect()
    }

    /// As if all lines had been shown up to the one that says this.
    pub(crate) fn show_up_to(&mut self, said: &str) {
        let at = self.lines.iter().position(|line| text(line).contains(said));
        self.shown = at.map_or(self.shown, |at| at + 1);
    }
}

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

/// A line in its text form: `NAME: MESSAGE key=value`.
fn text(line: &str) -> String {
    let Some(event) = event(line) else { return line.to_owned() };
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let mut text = format!("{}: {}", field("name"), field("message"));
    let own = ["time", "level", "name", "message", "target"];
    for (name, value) in event.as_object().into_iter().flatten() {
        if !own.contains(&name.as_str()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!(" {name}={value}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_text_read_the_same() {
        let json =
            br#"{"time":"x","level":"info","name":"site","message":"serving on http://a:1"}"#;
        for line in [&json[..], b"site: serving on http://a:1"] {
            let log = Log::follow([line, b"\n"].concat().leak() as &'static [u8]);
            assert_eq!(log.next().as_deref(), Some("site: serving on http://a:1"));
            assert_eq!(log.next(), None);
            assert_eq!(log.told().after("serving on "), ["http://a:1"]);
        }
    }
}
