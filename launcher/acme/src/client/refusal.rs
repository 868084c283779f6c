//! What an authority, or the way to it, says instead of an answer.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use http::StatusCode;
use instant_acme::Error;
use jiff::Timestamp;
use serde::Deserialize;

/// What one exchange with an authority came to, if not to what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refusal {
    pub kind: Kind,
    pub url: String,
    pub status: Option<StatusCode>,
    /// The authority's own words.
    pub problem: Option<Box<Problem>>,
    /// When it may be asked again, if it said so (RFC 9110, section 10.2.3).
    pub retry_after: Option<Timestamp>,
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of trouble it is, by what has to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is no connection, or it broke.
    Unreachable,
    /// The answer is no answer: HTML, garbage, too long, a mistake of the server's.
    Unusable,
    RateLimited,
    BadNonce,
    /// The certificate that an order replaces can't be replaced by it.
    ReplacesRefused,
    AccountMissing,
    AccountRefused,
    /// An account needs a binding, or the binding is wrong.
    ExternalAccountRequired,
    /// It does not issue for this name.
    Rejected,
    UserActionRequired,
    InvalidProfile,
    /// It could not see that the name is ours.
    Validation,
    OrderGone,
    /// It works at the order for longer than was waited.
    Slow,
    Other,
}

/// A problem document (RFC 7807) with what ACME adds (RFC 8555, section 6.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub r#type: String,
    pub detail: String,
    /// Where people find more, or have to go.
    pub instance: Option<String>,
    pub subproblems: Vec<Subproblem>,
}

/// What is wrong with one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Subproblem {
    pub identifier: Option<Identifier>,
    pub r#type: String,
    pub detail: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Identifier {
    pub value: String,
}

/// How the types of problems begin.
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// The most characters of an authority's words that go into the log.
const LONGEST: usize = 600;

impl Refusal {
    /// One that is not from an answer.
    pub fn new(
        kind: Kind,
        url: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = Some(source.into());
        Self { kind, url: url.into(), status: None, problem: None, retry_after: None, source }
    }

    /// An answer that is an error.
    pub fn answered(
        url: String,
        status: StatusCode,
        body: &[u8],
        retry_after: Option<Timestamp>,
    ) -> Self {
        let problem = serde_json::from_slice::<Box<Problem>>(body).ok();
        let kind = problem.as_ref().map_or(Kind::Other, |problem| problem.kind(&url));
        let kind = match (kind, status) {
            (Kind::Other, StatusCode::TOO_MANY_REQUESTS) => Kind::RateLimited,
            (Kind::Other, StatusCode::CONFLICT) => Kind::ReplacesRefused,
            (Kind::Other, StatusCode::NOT_FOUND) => Kind::OrderGone,
            (Kind::Other, status) if status.is_server_error() || problem.is_none() => {
                Kind::Unusable
            }
            (kind, _) => kind,
        };
        Self { kind, url, status: Some(status), problem, retry_after, source: None }
    }

    /// What the authority says of the validation of names.
    pub fn validation(url: String, subproblems: Vec<Subproblem>) -> Self {
        let kinds = subproblems.iter().map(|one| kind_of_type(&one.r#type));
        let rejected = kinds.into_iter().any(|kind| kind == Some(Kind::Rejected));
        let kind = if rejected { Kind::Rejected } else { Kind::Validation };
        let problem = Some(Box::new(Problem { subproblems, ..Problem::default() }));
        Self { kind, url, status: None, problem, retry_after: None, source: None }
    }

    /// The same, with the URL that was asked where it has none.
    pub fn at(mut self, url: &str) -> Self {
        if self.url.is_empty() {
            url.clone_into(&mut self.url);
        }
        self
    }

    /// Whether it is about the names of an order, and others may be ordered.
    pub fn is_about_names(&self) -> bool {
        let Some(problem) = &self.problem else { return false };
        let is_wider = |words| problem.detail.contains(words);
        !["new orders", "registrations", "requests"].into_iter().any(is_wider)
    }

    /// The names that it is about, as far as it says so.
    pub fn rejected_names(&self) -> Vec<String> {
        let problems = self.problem.iter().flat_map(|problem| &problem.subproblems);
        problems.filter_map(|one| Some(one.identifier.as_ref()?.value.clone())).collect()
    }
}

impl Problem {
    fn kind(&self, url: &str) -> Kind {
        let speaks_of = |words: &str| self.detail.contains(words);
        let is_about_replacing = speaks_of("replace");
        match self.r#type.strip_prefix(PREFIX) {
            Some("unauthorized" | "malformed" | "conflict") if is_about_replacing => {
                Kind::ReplacesRefused
            }
            Some("unauthorized" | "malformed") if speaks_of("xternal account") => {
                Kind::ExternalAccountRequired
            }
            Some("unauthorized") if !url.contains("chal") => Kind::AccountRefused,
            Some("malformed") if speaks_of("profile") => Kind::InvalidProfile,
            _ => kind_of_type(&self.r#type).unwrap_or(Kind::Other),
        }
    }
}

/// What has to be done about a type of problem (RFC 8555, section 6.7; RFC 9773, section 7.4).
fn kind_of_type(name: &str) -> Option<Kind> {
    Some(match name.strip_prefix(PREFIX)? {
        "badNonce" => Kind::BadNonce,
        "rateLimited" => Kind::RateLimited,
        "alreadyReplaced" => Kind::ReplacesRefused,
        "accountDoesNotExist" => Kind::AccountMissing,
        "externalAccountRequired" => Kind::ExternalAccountRequired,
        "rejectedIdentifier" | "unsupportedIdentifier" | "caa" => Kind::Rejected,
        "userActionRequired" => Kind::UserActionRequired,
        "invalidProfile" => Kind::InvalidProfile,
        "connection" | "dns" | "tls" | "incorrectResponse" | "unauthorized" => Kind::Validation,
        "orderNotReady" => Kind::OrderGone,
        "serverInternal" => Kind::Unusable,
        _ => return None,
    })
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (kind, source): (_, Box<dyn StdError + Send + Sync>) = match error {
            Error::Other(other) => match other.downcast::<Self>() {
                Ok(refusal) => return *refusal,
                // What the library says of an authority that ignores `replaces`.
                Err(other) if other.to_string().contains("replaces") => {
                    (Kind::ReplacesRefused, other)
                }
                Err(other) => (Kind::Unusable, other),
            },
            Error::Api(problem) => return problem.into(),
            Error::Unsupported(what) => (Kind::ReplacesRefused, what.into()),
            Error::Json(error) => {
                (Kind::Unusable, format!("its JSON is not that of the protocol ({error})").into())
            }
            Error::Timeout(_) => (Kind::Slow, Box::new(error)),
            error => (Kind::Other, Box::new(error)),
        };
        Self::new(kind, "", source)
    }
}

impl From<instant_acme::Problem> for Refusal {
    fn from(problem: instant_acme::Problem) -> Self {
        let ours = |one: &instant_acme::Subproblem| Subproblem {
            identifier: one
                .identifier
                .as_ref()
                .map(|identifier| Identifier { value: identifier.authorized(false).to_string() }),
            r#type: one.r#type.clone().unwrap_or_default(),
            detail: one.detail.clone().unwrap_or_default(),
        };
        let problem = Problem {
            subproblems: problem.subproblems.iter().map(ours).collect(),
            r#type: problem.r#type.unwrap_or_default(),
            detail: problem.detail.unwrap_or_default(),
            instance: None,
        };
        let kind = problem.kind("");
        let problem = Some(Box::new(problem));
        Self { kind, url: String::new(), status: None, problem, retry_after: None, source: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.problem.as_ref().map(ToString::to_string).filter(|text| !text.is_empty());
        let text = match (words, self.kind, self.status) {
            (Some(words), ..) => words,
            (None, Kind::Unreachable, _) => format!("{} can't be reached", self.url),
            (None, Kind::Slow, _) => "the authority takes longer than was waited".to_owned(),
            (None, _, Some(status)) => format!("{} answers {status}", self.url),
            (None, Kind::Unusable, None) => format!("no usable answer from {}", self.url),
            (None, ..) => "the exchange with the authority failed".to_owned(),
        };
        text.chars().take(LONGEST).try_for_each(|c| match c {
            // Of what can be read, nothing acts on a terminal.
            '\'' | '"' => formatter.write_char(c),
            c => write!(formatter, "{}", c.escape_debug()),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let mut parts = Vec::new();
        if !self.r#type.is_empty() || !self.detail.is_empty() {
            parts.push(format!("{}: {}", short(&self.r#type), self.detail));
        }
        for one in &self.subproblems {
            let name = one.identifier.as_ref().map_or("", |identifier| &identifier.value);
            parts.push(format!("{name}: {}: {}", short(&one.r#type), one.detail));
        }
        parts.extend(self.instance.iter().map(|url| format!("see {url}")));
        formatter.write_str(&parts.join("; "))
    }
}
