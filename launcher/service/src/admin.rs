//! What operators and their programs ask the server: is it alive, is it ready, what did it count.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::{Body, BoxService, BuildInfo, Extra, Metrics, Request, Response, Tended};

/// The answers of an admin endpoint: `/livez`, `/readyz`, `/metrics`, and a list of these at `/`.
pub struct Admin {
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` tells.
    pub readiness: Arc<Readiness>,
    /// What is running.
    pub build: BuildInfo,
    /// Asked for the certificates each time that the metrics are.
    pub certificates: CertificateEnds,
    /// Asked for the names whose certificates the server gets itself, if it does.
    pub tended: TendedNames,
}

/// Tells the names that each certificate in use is for, and the end of its validity.
pub type CertificateEnds = Box<dyn Fn() -> Vec<(Vec<String>, SystemTime)> + Send + Sync>;

/// Tells where names stand whose certificates the server gets itself; `None` if it gets none.
pub type TendedNames = Box<dyn Fn() -> Option<Tended> + Send + Sync>;

const LIST: &str = "/livez    200 while the process answers\n\
                    /readyz   200 while it takes requests, else 503 and why\n\
                    /metrics  counters for Prometheus\n";

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Admin {
    /// The service that answers.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use holdall_service::{Admin, BuildInfo, Metrics, Readiness};
    ///
    /// let readiness = Arc::new(Readiness::new(["starting"]));
    /// let service = Admin {
    ///     metrics: Arc::new(Metrics::new()),
    ///     readiness: Arc::clone(&readiness),
    ///     build: BuildInfo { name: "hello".into(), version: "1.0".into() },
    ///     certificates: Box::new(Vec::new),
    ///     tended: Box::new(|| None),
    /// }
    /// .into_service();
    /// readiness.clear("starting");
    /// ```
    pub fn into_service(self) -> BoxService {
        let admin = Arc::new(self);
        BoxService::from_fn(move |request| admin.answer(&request))
    }

    fn answer(&self, request: &Request) -> Response {
        let is_head = request.method() == Method::HEAD;
        let (status, media_type, text) = self.page(request.uri().path());
        if status != StatusCode::NOT_FOUND && !is_head && request.method() != Method::GET {
            let text = "only GET and HEAD\n".into();
            let mut response = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, text, false);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        response(status, media_type, text, is_head)
    }

    fn page(&self, path: &str) -> (StatusCode, &'static str, Cow<'static, str>) {
        match path {
            "/" => (StatusCode::OK, TEXT, LIST.into()),
            "/livez" => (StatusCode::OK, TEXT, "ok\n".into()),
            "/readyz" => self.readiness_page(),
            "/metrics" => (StatusCode::OK, PROMETHEUS, self.metrics_page().into()),
            _ => (StatusCode::NOT_FOUND, TEXT, "not found: / lists what there is\n".into()),
        }
    }

    fn metrics_page(&self) -> String {
        let certificates = (self.certificates)();
        let tended = (self.tended)();
        let (build, tended) = (&self.build, tended.as_ref());
        self.metrics.render(&Extra { build, certificates: &certificates, tended })
    }

    /// A server that has no certificate at all is not ready; one that lacks some tells which.
    fn readiness_page(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        let tended = (self.tended)();
        let missing = tended.as_ref().map(Tended::missing).unwrap_or_default();
        let is_bare = tended.is_some_and(|tended| tended.is_bare());
        let reasons = self.readiness.reasons();
        let is_ready = reasons.is_empty() && !is_bare;
        let mut text = String::from(if is_ready { "ready\n" } else { "" });
        reasons.iter().for_each(|reason| text += &format!("{reason}\n"));
        let note = if is_ready { "note: " } else { "" };
        missing.iter().for_each(|line| text += &format!("{note}{line}\n"));
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, TEXT, text.into())
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Admin").field("build", &self.build).finish_non_exhaustive()
    }
}

fn response(
    status: StatusCode,
    media_type: &'static str,
    text: Cow<'static, str>,
    is_head: bool,
) -> Response {
    let length = HeaderValue::from(text.len());
    let body = match text {
        _ if is_head => Body::empty(),
        Cow::Borrowed(text) => Body::from(text),
        Cow::Owned(text) => Body::from(text),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a load balancer should send requests, and why not.
///
/// ```
/// use holdall_service::Readiness;
///
/// let readiness = Readiness::new(["starting"]);
/// assert!(!readiness.is_ready());
/// readiness.clear("starting");
/// assert!(readiness.is_ready());
/// readiness.fails("draining");
/// assert_eq!(readiness.reasons(), ["draining"]);
/// ```
#[derive(Debug)]
pub struct Readiness {
    is_ready: AtomicBool,
    /// In the order in which they came; none comes twice.
    reasons: Mutex<Vec<Cow<'static, str>>>,
}

impl Readiness {
    /// Ready once all these reasons are cleared; at once where there are none.
    pub fn new<const N: usize>(reasons: [&'static str; N]) -> Self {
        let reasons = Mutex::new(reasons.into_iter().map(Cow::Borrowed).collect());
        Self { is_ready: AtomicBool::new(N == 0), reasons }
    }

    /// Not ready from now on, for this reason and maybe others.
    pub fn fails(&self, reason: impl Into<Cow<'static, str>>) {
        let reason = reason.into();
        let mut reasons = self.lock();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        self.is_ready.store(false, Relaxed);
    }

    /// This reason is no more; does nothing where it was none.
    pub fn clear(&self, reason: &str) {
        let mut reasons = self.lock();
        reasons.retain(|known| known != reason);
        self.is_ready.store(reasons.is_empty(), Relaxed);
    }

    /// Whether there is no reason against; costs one load.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Relaxed)
    }

    /// All reasons, the oldest first.
    pub fn reasons(&self) -> Vec<Cow<'static, str>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cow<'static, str>>> {
        // Nothing is half done where a holder of the lock could panic.
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ready.
impl Default for Readiness {
    fn default() -> Self {
        Self::new([])
    }
}
