//! The bytes of a connection, whatever they travel on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use crate::activity::Activity;

/// An accepted socket.
pub(crate) enum Socket {
    /// With the address of the client.
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Socket {
    /// The address of the client, as the system knows it.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, client) => Some(*client),
            Self::Unix(_) => None,
        }
    }

    /// Waits for bytes, and copies what is there into `buffer` without taking it; 0 is the end.
    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Tcp(stream, _) => stream.readable().await?,
                Self::Unix(stream) => stream.readable().await?,
            }
            match self.try_peek(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return peeked,
            }
        }
    }

    fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let peek = |descriptor: BorrowedFd<'_>, buffer: &mut [u8]| {
            let (length, _) = rustix::net::recv(descriptor, buffer, RecvFlags::PEEK)?;
            Ok(length)
        };
        match self {
            Self::Tcp(stream, _) => {
                stream.try_io(Interest::READABLE, || peek(stream.as_fd(), buffer))
            }
            Self::Unix(stream) => {
                stream.try_io(Interest::READABLE, || peek(stream.as_fd(), buffer))
            }
        }
    }

    /// Takes `length` bytes, which [`peek`](Self::peek) has shown to be there.
    pub(crate) async fn discard(&mut self, length: usize) -> io::Result<()> {
        use tokio::io::AsyncReadExt;
        let mut buffer = vec![0; length];
        self.read_exact(&mut buffer).await.map(drop)
    }
}

/// Waits until there is more than what could not be decided upon yet: a socket that has bytes is
/// readable at once, so there is nothing else to wait for.
pub(crate) async fn pause(attempt: u32) {
    sleep(Duration::from_millis(1 << attempt.min(4))).await;
}

/// The bytes that HTTP is spoken on.
pub(crate) enum Stream {
    Clear(Socket),
    Tls(Box<TlsStream<Socket>>),
    Stdio(tokio::io::Join<tokio::io::Stdin, tokio::io::Stdout>),
}

/// A stream that tells when bytes arrive, and whether the client takes what is written.
pub(crate) struct Watched {
    pub(crate) stream: Stream,
    pub(crate) activity: Arc<Activity>,
}

macro_rules! on_stream {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self {
            Stream::Clear(Socket::Tcp($stream, _)) => $call,
            Stream::Clear(Socket::Unix($stream)) => $call,
            Stream::Tls($stream) => $call,
            Stream::Stdio($stream) => $call,
        }
    };
}

macro_rules! on_socket {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self {
            Socket::Tcp($stream, _) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = on_stream!(&mut self.stream, s => Pin::new(s).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.activity.received();
        }
        polled
    }
}

impl Watched {
    fn told<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending => self.activity.write_waits(),
            Poll::Ready(_) => self.activity.write_goes_on(),
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = on_stream!(&mut self.stream, s => Pin::new(s).poll_write(context, bytes));
        self.told(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled =
            on_stream!(&mut self.stream, s => Pin::new(s).poll_write_vectored(context, slices));
        self.told(polled)
    }

    fn is_write_vectored(&self) -> bool {
        on_stream!(&self.stream, s => s.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = on_stream!(&mut self.stream, s => Pin::new(s).poll_flush(context));
        // A socket has nothing to flush: that says nothing about the client.
        if matches!(self.stream, Stream::Tls(_)) { self.told(polled) } else { polled }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(&mut self.stream, s => Pin::new(s).poll_shutdown(context))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_socket!(&mut *self, s => Pin::new(s).poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_socket!(&mut *self, s => Pin::new(s).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_socket!(&mut *self, s => Pin::new(s).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(&mut *self, s => Pin::new(s).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(&mut *self, s => Pin::new(s).poll_shutdown(context))
    }
}
