//! The body of requests and responses.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::BoxError;
use crate::channel::{self, BodySender};

/// A body of bytes: whole, received from a connection, or made while it is sent.
///
/// ```
/// use holdall_service::Body;
/// use http_body::Body as _;
///
/// assert!(Body::empty().is_end_stream());
/// assert_eq!(Body::from("hello").size_hint().exact(), Some(5));
/// ```
pub struct Body(Kind);

enum Kind {
    /// All of it; nothing once it was handed out.
    Whole(Option<Bytes>),
    /// A request as it arrives.
    #[cfg(feature = "server")]
    Received(crate::receive::Received),
    Other(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    /// A body of these bytes, which are not copied.
    pub fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    /// Any other body; one that is a `Body` already stays as it is.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        if let Some(same) = (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
            return same.take().unwrap_or_default();
        }
        match body {
            Some(body) => Self(Kind::Other(Box::pin(body.map_err(Into::into)))),
            None => Self::empty(),
        }
    }

    /// A body whose bytes are sent while it is read: at most `frames` (from 1) of them wait.
    pub fn channel(frames: usize) -> (BodySender, Self) {
        let (sender, channel) = channel::open(frames);
        (sender, Self(Kind::Other(Box::pin(channel))))
    }

    /// The bytes, if they are all here.
    ///
    /// # Errors
    /// Gives the body back when it is a stream.
    pub fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.0 {
            Kind::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            stream => Err(Self(stream)),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Whole(bytes) => {
                Poll::Ready(next_piece(bytes).map(|bytes| Ok(Frame::data(bytes))))
            }
            #[cfg(feature = "server")]
            Kind::Received(body) => Pin::new(body).poll_frame(context),
            Kind::Other(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            #[cfg(feature = "server")]
            Kind::Received(body) => body.is_end_stream(),
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            #[cfg(feature = "server")]
            Kind::Received(body) => body.size_hint(),
            Kind::Other(body) => body.size_hint(),
        }
    }
}

/// What is handed out at one time. Larger pieces are dearer: the kernel takes no more at once.
const PIECE: usize = 64 * 1024;

fn next_piece(bytes: &mut Option<Bytes>) -> Option<Bytes> {
    match bytes {
        Some(rest) if rest.len() > PIECE => Some(rest.split_to(PIECE)),
        last => last.take(),
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Body").field(&http_body::Body::size_hint(self)).finish()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::whole(bytes.into())
    }
}

#[cfg(feature = "server")]
impl Body {
    /// A request body as it arrives.
    pub(crate) fn received(body: crate::receive::Received) -> Self {
        Self(Kind::Received(body))
    }
}
