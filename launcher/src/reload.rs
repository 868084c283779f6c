//! Live reload, for development: pages that load themselves again when another server answers.
//!
//! A page that a browser asks for gets one script more. It holds a stream open, on which the server says
//! which one it is. The stream ends when the server is about to; the browser opens it again, and where
//! another server answers, the script loads the page again. So nobody has to tell what has changed, and
//! an upgrade is all that `holdall run` does.

mod page;
mod policy;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use holdall_service::{Begun, Body, BoxFuture, BoxService, Phase, Request, Response, Shutdown};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body::Frame;

use page::Wanted;

/// Where the script is. No resource can have a name below `.holdall/`.
const SCRIPT: &str = "/.holdall/reload.js";
/// Where a server says which one it is.
const STREAM: &str = "/.holdall/reload";

/// The service, with pages that load themselves again.
pub(crate) fn live(service: BoxService, shutdown: &Shutdown) -> BoxService {
    let live = Live { service, shutdown: shutdown.clone(), server: server().into() };
    BoxService::from_begin(move |request| live.begin(request))
}

#[derive(Clone)]
struct Live {
    service: BoxService,
    shutdown: Shutdown,
    /// Which server this is.
    server: Arc<str>,
}

/// No two servers start in the same nanosecond.
fn server() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", now.as_nanos())
}

impl Live {
    fn begin(&self, mut request: Request) -> Begun {
        match request.uri().path() {
            SCRIPT => return answered("text/javascript; charset=utf-8", Body::from(SOURCE)),
            STREAM => return answered("text/event-stream", Body::new(self.stream())),
            _ => {}
        }
        let wanted = Wanted::of(&mut request, &self.server);
        match self.service.begin(request) {
            Begun::Answered(answer) => Begun::Answered(answer.map(|it| wanted.change(it))),
            Begun::Answering(future) => {
                Begun::Answering(Box::pin(async move { Ok(wanted.change(future.await?)) }))
            }
        }
    }

    fn stream(&self) -> Stream {
        // The browser comes back after a tenth of a second.
        let first = format!("retry: 100\ndata: {}\n\n", self.server);
        let mut shutdown = self.shutdown.clone();
        let end = Box::pin(async move { shutdown.reached(Phase::HandingOver).await });
        Stream { first: Some(first.into()), end }
    }
}

const SOURCE: &str = include_str!("reload/reload.js");

fn answered(media_type: &'static str, body: Body) -> Begun {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Begun::Answered(Ok(response))
}

/// One event, and then nothing until the server is about to end.
struct Stream {
    first: Option<Bytes>,
    end: BoxFuture<()>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.end.as_mut().poll(context).map(|()| None),
        }
    }
}
