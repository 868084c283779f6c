//! The service: every request gets an answer, or is passed on to the service behind.

use std::rc::Rc;
use std::sync::Arc;

use holdall_bundle::Serving;
use holdall_resources::{Error, Origin, Resource, Resources};
use holdall_service::{Begun, Body, BoxError, BoxService, Request, Response};
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue,
    LOCATION,
};
use http::{Method, StatusCode, Uri};

use crate::cors::Cors;
use crate::listing;
use crate::map::{Map, Place};
use crate::memory::SiteId;
use crate::page::Page;
use crate::path::{self, Flaw};
use crate::rules::{Moved, REVALIDATED, RuleError, Rules, with_query};

/// Resources as a service. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: SiteId,
    resources: &'static Resources,
    map: Map,
    rules: Rules,
    cors: Cors,
    /// Whether resources stay what they are: those of a directory don't.
    is_constant: bool,
}

/// What becomes of a request.
enum Next {
    Answered(Response),
    /// First this has to be read through, which takes a while.
    Check(Box<Resource<'static>>),
    /// There is nothing for it.
    Absent,
}

/// The first reading of larger ones does not hold up other requests of the thread.
const LARGE: u64 = 1 << 20;

impl Site {
    /// A service of these resources.
    ///
    /// # Errors
    /// [`RuleError`], where [`Serving::check`] would have refused the rules as well.
    pub fn new(resources: Resources, serving: &Serving) -> Result<Self, RuleError> {
        let is_constant = !matches!(resources.origin(), Origin::Directory { .. });
        // They live as long as the process: their bytes are sent from where they are.
        let resources = resources.into_static();
        Ok(Self(Arc::new(Inner {
            id: SiteId::new(),
            resources,
            map: Map::new(resources, serving),
            rules: Rules::new(&serving.rules)?,
            cors: Cors::new(&serving.rules.cors),
            is_constant,
        })))
    }

    /// As a service of its own: what is not there is answered with 404.
    pub fn into_service(self) -> BoxService {
        BoxService::from_begin_for_all(move |request| self.begin(request, None))
    }

    /// In front of another service, which gets all that is not there.
    pub fn in_front_of(self, service: BoxService) -> BoxService {
        // A service that is shared may be called from one thread only.
        let service = Behind(service);
        BoxService::from_begin(move |request| self.begin(request, Some(&service.0)))
    }

    fn begin(&self, request: Request, behind: Option<&BoxService>) -> Begun {
        match self.0.next(&request, behind.is_some()) {
            Ok(Next::Answered(mut response)) => {
                self.0.cors.admit(request.headers(), response.headers_mut());
                Begun::Answered(Ok(response))
            }
            Ok(Next::Check(resource)) => self.check(*resource, request, behind),
            Ok(Next::Absent) => match behind {
                Some(service) => service.begin(request),
                None => {
                    let missing = self.0.missing(&request, request.uri().path(), None);
                    Begun::Answered(missing.map_err(BoxError::from))
                }
            },
            Err(error) => Begun::Answered(Err(error.into())),
        }
    }

    /// Reads a resource through where that disturbs nobody, and then begins again.
    fn check(
        &self,
        resource: Resource<'static>,
        request: Request,
        behind: Option<&BoxService>,
    ) -> Begun {
        let (site, behind) = (self.clone(), behind.cloned());
        Begun::Answering(Box::pin(async move {
            tokio::task::spawn_blocking(move || resource.check()).await??;
            match site.begin(request, behind.as_ref()) {
                Begun::Answered(answer) => answer,
                Begun::Answering(future) => future.await,
            }
        }))
    }
}

#[derive(Clone)]
struct Behind(BoxService);

impl Inner {
    fn next(&self, request: &Request, has_behind: bool) -> Result<Next, Error> {
        let (method, path) = (request.method(), request.uri().path());
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if is_read && let Some(page) = self.id.recall(path) {
            return page.answer(method, request.headers()).map(Next::Answered);
        }
        let decoded = match path::decode(path) {
            Ok(path) => path,
            Err(_) if has_behind => return Ok(Next::Absent),
            Err(Flaw::Malformed) => {
                return Ok(Next::Answered(self.plain(StatusCode::BAD_REQUEST, path)));
            }
            Err(Flaw::Nameless) => {
                // As it is written it may be near a page, but is never the name of a resource.
                let page = match self.map.place(path, false)? {
                    Place::Missing(page) => page,
                    _ => None,
                };
                return self.missing(request, path, page).map(Next::Answered);
            }
        };
        let is_name = path::is_name(&decoded);
        let is_asked = *method != Method::OPTIONS;
        if is_name
            && is_asked
            && let Some(moved) = self.rules.moved(&decoded, request.uri())
        {
            return Ok(Next::Answered(self.redirect(moved, &decoded)));
        }
        if !is_read {
            return self.other_method(request, &decoded, has_behind);
        }
        let wants_page = is_name && wants_page(request.headers(), has_behind);
        let place = self.map.place(&decoded, wants_page)?;
        self.at(place, request, &decoded, has_behind)
    }

    fn at(
        &self,
        place: Place,
        request: &Request,
        path: &str,
        has_behind: bool,
    ) -> Result<Next, Error> {
        let (method, uri) = (request.method(), request.uri());
        match place {
            Place::Resource(resource) | Place::Fallback(resource) if is_unread(&resource) => {
                Ok(Next::Check(Box::new(resource)))
            }
            Place::Resource(resource) => {
                let page = Rc::new(self.page(&resource, path)?);
                if self.is_constant {
                    self.id.keep(uri.path(), &page);
                }
                page.answer(method, request.headers()).map(Next::Answered)
            }
            Place::Fallback(resource) => {
                let page = self.page(&resource, path)?;
                page.answer(method, request.headers()).map(Next::Answered)
            }
            Place::Slash => {
                Ok(Next::Answered(self.moved_to(&format!("{}/", uri.path()), uri, path)))
            }
            Place::NoSlash => {
                Ok(Next::Answered(self.moved_to(uri.path().trim_end_matches('/'), uri, path)))
            }
            Place::Listing { directory } => self.listing(&directory, path).map(Next::Answered),
            Place::Missing(_) if has_behind => Ok(Next::Absent),
            Place::Missing(page) => self.missing(request, path, page).map(Next::Answered),
        }
    }

    fn page(&self, resource: &Resource<'static>, path: &str) -> Result<Page, Error> {
        Page::new(resource, path, &self.rules, &self.cors)
    }

    /// What is neither GET nor HEAD.
    fn other_method(&self, request: &Request, path: &str, has_behind: bool) -> Result<Next, Error> {
        if has_behind && (path == "*" || matches!(self.map.place(path, false)?, Place::Missing(_)))
        {
            return Ok(Next::Absent);
        }
        if *request.method() != Method::OPTIONS {
            let mut response = self.plain(StatusCode::METHOD_NOT_ALLOWED, path);
            response.headers_mut().insert(ALLOW, METHODS);
            return Ok(Next::Answered(response));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ALLOW, METHODS);
        self.cors.decorate(headers);
        self.rules.decorate(headers, path, None);
        if self.cors.is_preflight(request.headers()) {
            self.cors.admit(request.headers(), headers);
            Cors::allow(headers);
        }
        Ok(Next::Answered(response))
    }

    fn redirect(&self, moved: Moved, path: &str) -> Response {
        let mut response = self.plain(moved.status, path);
        response.headers_mut().extend(moved.location.map(|location| (LOCATION, location)));
        response
    }

    /// To another path of this site: `to` as the client has written it, so that it can't lead to
    /// another host; `path` is where it comes from, decoded.
    fn moved_to(&self, to: &str, uri: &Uri, path: &str) -> Response {
        let place = with_query(&format!("/{}", to.trim_start_matches('/')), uri);
        let location = HeaderValue::try_from(place).ok();
        self.redirect(Moved { status: StatusCode::PERMANENT_REDIRECT, location }, path)
    }

    fn missing(
        &self,
        request: &Request,
        path: &str,
        page: Option<Resource<'static>>,
    ) -> Result<Response, Error> {
        match page {
            Some(page) => {
                let page = self.page(&page, path)?;
                page.with_status(StatusCode::NOT_FOUND, request.headers())
            }
            None => Ok(self.plain(StatusCode::NOT_FOUND, path)),
        }
    }

    fn listing(&self, directory: &str, path: &str) -> Result<Response, Error> {
        let page = listing::page(self.resources, directory, path)?;
        let mut response = Response::new(Body::from(page));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, listing::POLICY);
        self.cors.decorate(headers);
        self.rules.decorate(headers, path, None);
        Ok(response)
    }

    /// A line of text that says no more than the status.
    fn plain(&self, status: StatusCode, path: &str) -> Response {
        let reason = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
        let mut response = Response::new(Body::from(format!("{} {reason}\n", status.as_u16())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        self.cors.decorate(headers);
        self.rules.decorate(headers, path, None);
        headers.insert(CACHE_CONTROL, REVALIDATED);
        response
    }
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

fn is_unread(resource: &Resource<'static>) -> bool {
    resource.is_mapped() && resource.size() > LARGE && !resource.is_checked()
}

/// Whether a client takes HTML (RFC 9110, section 12.5.1): the range that is nearest to it decides.
/// Without the field it takes anything. Before a service it has to ask for HTML by name, as browsers do
/// for pages: scripts take anything, and mean the service.
fn wants_page(headers: &HeaderMap, by_name: bool) -> bool {
    const ALL: [&[u8]; 3] = [b"text/html", b"text/*", b"*/*"];
    let ranges = if by_name { &ALL[..1] } else { &ALL[..] };
    let fields = || headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
    let taken = |range: &&[u8]| {
        fields().flat_map(|field| field.split(|byte| *byte == b',')).find_map(|part| {
            let mut parts = part.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            parts.next()?.eq_ignore_ascii_case(range).then(|| !parts.any(is_nothing))
        })
    };
    (!by_name && fields().next().is_none()) || ranges.iter().find_map(taken) == Some(true)
}

/// Whether a parameter is a weight of nothing: `q=0`, `q=0.000`.
fn is_nothing(parameter: &[u8]) -> bool {
    let value = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    value.is_some_and(|value| value.starts_with(b"0") && value.iter().all(|b| b"0.".contains(b)))
}
