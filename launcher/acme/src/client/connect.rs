//! Connections to an authority: directly or through a proxy, and TLS over it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::network::{Network, Proxy};

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub tls: Arc<ClientConfig>,
    pub network: Arc<Network>,
}

/// A connection with TLS.
pub(super) struct Secured(TokioIo<TlsStream<TcpStream>>);

/// The most bytes of a proxy's answer.
const LONGEST_HEAD: usize = 8 * 1024;

impl tower_service::Service<Uri> for Connector {
    type Response = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let timeout: Duration = connector.network.connect_timeout;
            tokio::time::timeout(timeout, connector.connect(&uri)).await.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {timeout:?}"))
            })?
        })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> io::Result<Secured> {
        let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?;
        let port = uri.port_u16().unwrap_or(443);
        let stream = match self.network.proxy_for(host) {
            Some(proxy) => through(proxy, host, port).await?,
            None => TcpStream::connect((bare(host), port)).await?,
        };
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(bare(host).to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        Ok(Secured(TokioIo::new(stream)))
    }
}

/// The host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// A tunnel to the host (RFC 9110, section 9.3.6).
async fn through(proxy: &Proxy, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((bare(&proxy.host), proxy.port)).await?;
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(credentials) = &proxy.credentials {
        head += &format!("Proxy-Authorization: Basic {credentials}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= LONGEST_HEAD {
            return Err(io::Error::other("the proxy's answer has no end"));
        }
        // Byte by byte: what follows belongs to the tunnel.
        answer.push(stream.read_u8().await?);
    }
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line.split(|byte| *byte == b' ').nth(1) {
        Some([b'2', _, _]) => Ok(stream),
        _ => {
            let line = String::from_utf8_lossy(line).escape_debug().to_string();
            Err(io::Error::other(format!("the proxy {}:{} says {line}", proxy.host, proxy.port)))
        }
    }
}

impl Connection for Secured {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
