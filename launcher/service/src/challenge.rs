//! Answers to authorities that ask in clear text who has a name (RFC 8555, section 8.3).

use std::sync::Arc;

use holdall_certificates::Challenges;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};

use crate::metrics::{Challenge, Metrics, Proof};
use crate::{Begun, Body, BoxService, Request, Response};

/// Where tokens are asked for.
const DIRECTORY: &str = "/.well-known/acme-challenge/";

/// A service that answers `GET` and `HEAD` of `/.well-known/acme-challenge/TOKEN` with the key
/// authorization, where a challenge is under way (RFC 8555, section 8.3), and leaves every other
/// request to `inner`: the token may be that of a program behind it.
///
/// It belongs on clear-text endpoints, around a [`redirect`](crate::redirect()) too.
pub fn http_challenges(
    challenges: Vec<Challenges>,
    metrics: Arc<Metrics>,
    inner: BoxService,
) -> BoxService {
    if challenges.is_empty() {
        return inner;
    }
    let answering = Answering { challenges: challenges.into(), metrics, inner };
    BoxService::from_begin(move |request| answering.begin(request))
}

#[derive(Clone)]
struct Answering {
    challenges: Arc<[Challenges]>,
    metrics: Arc<Metrics>,
    inner: BoxService,
}

impl Answering {
    /// The key authorization that a request asks for.
    fn proof(&self, request: &Request) -> Option<String> {
        let token = token(request)?;
        let proof = self.challenges.iter().find_map(|one| one.key_authorization(token));
        let outcome = if proof.is_some() { Proof::Answered } else { Proof::Unknown };
        self.metrics.challenge(Challenge::Http01, outcome);
        if outcome == Proof::Answered {
            tracing::debug!(token, "challenge answered over HTTP");
        }
        proof
    }

    fn begin(&self, request: Request) -> Begun {
        match self.proof(&request) {
            Some(proof) => Begun::Answered(Ok(answer(proof))),
            None => self.inner.begin(request),
        }
    }
}

fn token(request: &Request) -> Option<&str> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    request.uri().path().strip_prefix(DIRECTORY).filter(|_| is_read)
}

fn answer(proof: String) -> Response {
    let mut response = Response::new(Body::from(proof));
    let bytes = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, bytes);
    response
}
