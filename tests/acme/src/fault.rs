//! What can go wrong between a client and an authority.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

/// Something that goes wrong with some requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What the path of a request begins with.
    path: String,
    /// How many requests pass before.
    skip: usize,
    /// How many it happens to.
    count: usize,
    answer: Answer,
}

/// What comes of a request.
#[derive(Clone)]
pub enum Answer {
    /// The authority does not get it; this is the answer: status, lines of the head, content.
    Instead(u16, Vec<String>, Vec<u8>),
    /// It is passed on after a while.
    Late(Duration),
    /// It is passed on when the gate is opened.
    Held(Gate),
    /// Of the answer's content, only so many bytes come, then the connection ends.
    Cut(usize),
    /// The authority does not get it, and the connection ends.
    Lost,
    /// The authority gets it, and the connection ends without an answer.
    AnswerLost,
    /// The authority does not get it, and nothing happens at all.
    Hang,
    /// The authority gets it, and nothing comes back.
    HangAfter,
    /// The answer comes byte by byte, each after a while.
    Drip(Duration),
    /// The answer has no end.
    Endless,
    /// The answer is changed on its way.
    Changed(Change),
    /// The authority is asked for another path.
    Elsewhere(&'static str),
}

/// What requests wait for; its clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

/// Changes the lines of the head below the first, and the content.
pub type Change = Arc<dyn Fn(&mut Vec<String>, &mut Vec<u8>) + Send + Sync>;

impl Gate {
    /// From now on nothing waits.
    pub fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Fault {
    /// Happens to every request whose path begins with this, from the first one.
    pub fn always(path: &str, answer: Answer) -> Self {
        Self { path: path.to_owned(), skip: 0, count: usize::MAX, answer }
    }

    /// Happens to the first of them only.
    pub fn once(path: &str, answer: Answer) -> Self {
        Self { count: 1, ..Self::always(path, answer) }
    }

    /// Happens so often.
    pub fn times(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// So many requests pass before.
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// What comes of this request, if it is one of those; counts it then.
    pub(crate) fn take(&mut self, path: &str) -> Option<Answer> {
        if !path.starts_with(&self.path) || self.count == 0 {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.count = self.count.saturating_sub(1);
        Some(self.answer.clone())
    }
}

impl Answer {
    /// A problem (RFC 8555, section 6.7) of a type of the protocol, such as `rateLimited`.
    pub fn problem(status: u16, kind: &str, detail: &str) -> Self {
        Self::problem_with(status, kind, detail, &[])
    }

    /// The same with more lines in the head.
    pub fn problem_with(status: u16, kind: &str, detail: &str, fields: &[&str]) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let body = serde_json::json!({ "type": kind, "detail": detail, "status": status });
        let own = ["content-type: application/problem+json"];
        let fields = own.iter().chain(fields).map(|field| (*field).to_owned()).collect();
        Self::Instead(status, fields, body.to_string().into_bytes())
    }

    /// A page for people, as proxies have it.
    pub fn page(status: u16, fields: &[&str], body: &str) -> Self {
        let own = ["content-type: text/html"];
        let fields = own.iter().chain(fields).map(|field| (*field).to_owned()).collect();
        Self::Instead(status, fields, body.as_bytes().to_vec())
    }

    /// The JSON of the answer is changed.
    ///
    /// # Panics
    /// When it happens: if the answer is no JSON.
    pub fn json(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Changed(Arc::new(move |_, body| {
            let mut value = serde_json::from_slice(body).expect("an answer in JSON");
            change(&mut value);
            *body = value.to_string().into_bytes();
        }))
    }

    /// The answer lacks a line of its head, by the name in lower case.
    pub fn without(field: &'static str) -> Self {
        Self::Changed(Arc::new(move |fields, _| {
            fields.retain(|line| !line.to_ascii_lowercase().starts_with(&format!("{field}:")));
        }))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instead(status, fields, _) => {
                formatter.debug_tuple("Instead").field(status).field(fields).finish()
            }
            Self::Late(time) => formatter.debug_tuple("Late").field(time).finish(),
            Self::Held(gate) => formatter.debug_tuple("Held").field(gate).finish(),
            Self::Cut(length) => formatter.debug_tuple("Cut").field(length).finish(),
            Self::Lost => formatter.write_str("Lost"),
            Self::AnswerLost => formatter.write_str("AnswerLost"),
            Self::Hang => formatter.write_str("Hang"),
            Self::HangAfter => formatter.write_str("HangAfter"),
            Self::Drip(time) => formatter.debug_tuple("Drip").field(time).finish(),
            Self::Endless => formatter.write_str("Endless"),
            Self::Changed(_) => formatter.write_str("Changed"),
            Self::Elsewhere(path) => formatter.debug_tuple("Elsewhere").field(path).finish(),
        }
    }
}
