//! Exchanges with one authority: HTTPS with limits, and what `instant-acme` does not look at.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LINK, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::connect::Connector;
use super::network::Network;
use super::refusal::{Kind, Refusal};
use super::roots::{RootsError, roots};
use crate::Authority;

/// Sends requests to an authority. Clones share connections and memory.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    directory_url: String,
    client: Client<Connector, BodyWrapper<Bytes>>,
    network: Arc<Network>,
    memory: Mutex<Memory>,
}

/// What answers said beside what `instant-acme` takes from them, by the URL that was asked.
#[derive(Default)]
struct Memory {
    directory: Directory,
    retry_after: HashMap<String, Timestamp>,
    /// Other chains for a certificate (RFC 8555, section 7.4.2).
    alternates: HashMap<String, Vec<String>>,
    /// The URL of a certificate that takes the place of the one in an order.
    substitutes: HashMap<String, String>,
}

/// What is in a directory beside the URLs of requests (RFC 8555, section 7.1.1; RFC 9773).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Directory {
    pub new_order: String,
    pub renewal_info: Option<String>,
    pub meta: Meta,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub terms_of_service: Option<String>,
}

/// An answer that is no error.
pub(super) struct Answer {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What is in every file of PEM (RFC 7468, section 2).
const PEM: &[u8] = b"-----BEGIN ";

/// More URLs than an order has are of orders that nobody asks for any more.
const MOST_URLS: usize = 256;

/// More alternate chains than any authority has.
const MOST_ALTERNATES: usize = 8;

/// Later than that, an authority that says so is mistaken.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Transport {
    /// Reads the roots now.
    pub fn new(authority: &Authority, network: &Network) -> Result<Self, RootsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let roots = roots(authority.roots.as_deref())?;
        let tls = Arc::new(tls.with_root_certificates(roots).with_no_client_auth());
        let network = Arc::new(network.clone());
        let connector = Connector { tls, network: Arc::clone(&network) };
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.pool_timer(TokioTimer::new()).build(connector);
        let (directory_url, memory) = (authority.directory.clone(), Mutex::default());
        Ok(Self(Arc::new(Inner { directory_url, client, network, memory })))
    }

    /// Asks for something that needs no signature.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, Refusal> {
        let request = Request::builder().method(Method::GET).uri(url).body(BodyWrapper::default());
        let request = request.map_err(|error| Refusal::new(Kind::Unusable, url, error))?;
        let (_, answer) = self.0.exchange(request).await?;
        Ok(answer)
    }

    /// What the directory said when it was last asked for.
    pub(super) fn directory(&self) -> Directory {
        self.0.memory().directory.clone()
    }

    /// When a URL may be asked again, if it said so when it last answered; it is forgotten then.
    pub(super) fn take_retry_after(&self, url: &str) -> Option<Timestamp> {
        self.0.memory().retry_after.remove(url)
    }

    /// Where the other chains of a certificate are.
    pub(super) fn alternates(&self, url: &str) -> Vec<String> {
        self.0.memory().alternates.get(url).cloned().unwrap_or_default()
    }

    /// The next answer with this order has that certificate in it.
    pub(super) fn substitute(&self, order: &str, certificate: String) {
        self.0.memory().substitutes.insert(order.to_owned(), certificate);
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let exchanged = inner.exchange(request).await;
            let (status, answer) = exchanged.map_err(|refusal| Error::Other(Box::new(refusal)))?;
            let mut response = http::Response::new(());
            (*response.status_mut(), *response.headers_mut()) = (status, answer.headers);
            let (parts, ()) = response.into_parts();
            Ok(BytesResponse { parts, body: Box::new(answer.body) })
        })
    }
}

impl Inner {
    /// One request and its answer: one that counts as done, or the one that `instant-acme` answers
    /// to itself, a nonce that was not taken (RFC 8555, section 6.5).
    async fn exchange(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<(StatusCode, Answer), Refusal> {
        let url = request.uri().to_string();
        if request.uri().scheme_str() != Some("https") {
            return Err(Refusal::new(
                Kind::Unusable,
                &*url,
                "only https:// is spoken with authorities",
            ));
        }
        let is_head = request.method() == Method::HEAD;
        let limit = self.network.total_timeout;
        let answered = tokio::time::timeout(limit, self.send(request, &url)).await;
        let (status, mut answer) = answered.unwrap_or_else(|_| {
            let late = format!("no whole answer within {} s", limit.as_secs());
            Err(Refusal::new(Kind::Unreachable, &*url, late))
        })?;
        let retry_after = retry_after(&answer.headers, Timestamp::now());
        tracing::debug!(url, status = status.as_u16(), "authority answers");
        if status.is_success() {
            if !is_head && !answer.is_of_protocol() {
                return Err(Refusal::new(Kind::Unusable, url, answer.description()));
            }
            self.memory().hear(&self.directory_url, &url, &mut answer, retry_after);
            return Ok((status, answer));
        }
        let refusal = Refusal::answered(url, status, &answer.body, retry_after);
        match refusal.kind {
            Kind::BadNonce if status == StatusCode::BAD_REQUEST => Ok((status, answer)),
            _ => Err(refusal),
        }
    }

    async fn send(
        &self,
        mut request: Request<BodyWrapper<Bytes>>,
        url: &str,
    ) -> Result<(StatusCode, Answer), Refusal> {
        let user_agent = HeaderValue::from_static(self.network.user_agent);
        request.headers_mut().insert(USER_AGENT, user_agent);
        let response = self.client.request(request).await;
        let response = response.map_err(|error| Refusal::new(Kind::Unreachable, url, error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, self.network.limit).collect().await.map_err(|error| {
            let is_cut = error.downcast_ref::<hyper::Error>().is_some();
            Refusal::new(if is_cut { Kind::Unreachable } else { Kind::Unusable }, url, error)
        })?;
        Ok((parts.status, Answer { headers: parts.headers, body: body.to_bytes() }))
    }

    /// A panic elsewhere leaves nothing half done here.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Whether it is JSON, or a chain of certificates (RFC 8555, sections 6 and 7.4.2).
    fn is_of_protocol(&self) -> bool {
        let has_pem = self.body.windows(PEM.len()).any(|window| window == PEM);
        has_pem || serde_json::from_slice::<IgnoredAny>(&self.body).is_ok()
    }

    /// For people who wonder who answers in place of the authority.
    fn description(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        format!("{} bytes of {} instead of JSON", self.body.len(), kind.unwrap_or("something"))
    }
}

impl Memory {
    /// Keeps what `instant-acme` would drop, and puts in what it was told to.
    fn hear(
        &mut self,
        directory: &str,
        url: &str,
        answer: &mut Answer,
        retry_after: Option<Timestamp>,
    ) {
        if self.retry_after.len() + self.alternates.len() + self.substitutes.len() > MOST_URLS {
            (self.retry_after, self.alternates, self.substitutes) = Default::default();
        }
        if let Some(at) = retry_after {
            self.retry_after.insert(url.to_owned(), at);
        }
        let alternates = alternates(&answer.headers);
        if !alternates.is_empty() {
            self.alternates.insert(url.to_owned(), alternates);
        }
        if url == directory {
            // Without the members that it should have, `instant-acme` says so.
            self.directory = serde_json::from_slice(&answer.body).unwrap_or_default();
        }
        if let Some(certificate) = self.substitutes.remove(url)
            && let Ok(mut order) = serde_json::from_slice::<serde_json::Value>(&answer.body)
            && let Some(members) = order.as_object_mut()
        {
            members.insert("certificate".to_owned(), certificate.into());
            answer.body = order.to_string().into();
        }
    }
}

/// A date is what it says, whatever day of the week it says that is.
const DATES: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);

/// Seconds or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let latest = now.saturating_add(LONGEST_WAIT).ok()?;
    let at = match value.parse() {
        Ok(seconds) => now.saturating_add(SignedDuration::from_secs(seconds)).ok()?,
        Err(_) => DATES.parse_timestamp(value).ok()?,
    };
    Some(at.clamp(now, latest))
}

/// The targets of links with `rel="alternate"` (RFC 8288, section 3).
pub(super) fn alternates(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.get_all(LINK).iter().filter_map(|field| field.to_str().ok());
    let links = fields.flat_map(|field| field.split(','));
    let targets = links.filter_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = parameters.split(';').map(|one| one.replace(['"', ' '], ""));
        parameters.any(|one| one.eq_ignore_ascii_case("rel=alternate")).then(|| target.to_owned())
    });
    targets.take(MOST_ALTERNATES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_time_to_come_again_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let read = |value| retry_after(&headers(RETRY_AFTER, value), now).map(|at| at.to_string());
        assert_eq!(read(" 7 ").as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").as_deref(), Some("1994-11-06T08:49:37Z"));
        for past in ["0", "-5", "Sun, 06 Nov 1994 08:49:00 GMT"] {
            assert_eq!(read(past).as_deref(), Some("1994-11-06T08:49:30Z"), "{past}");
        }
        for late in ["9223372036854775807", "99999999", "Sun, 06 Nov 2994 08:49:37 GMT"] {
            assert_eq!(read(late).as_deref(), Some("1994-12-06T08:49:30Z"), "{late}");
        }
        for none in ["", "soon", "1.5", "Sun, 06 Nov"] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }

    #[test]
    fn alternate_chains_are_found_among_links() {
        let text = "<https://a/1>;rel=\"alternate\", <https://a/d>; rel=index, \
                    <https://a/2>; title=x; rel=alternate, junk, <https://a/3";
        assert_eq!(alternates(&headers(LINK, text)), ["https://a/1", "https://a/2"]);
    }
}
