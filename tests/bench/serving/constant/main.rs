//! The control of `holdall-bench http`: hyper and one answer from memory, in clear text or over TLS.

#![forbid(unsafe_code)]

use std::{convert::Infallible, error::Error, future::ready, io, sync::Arc};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

mod frames;
mod options;
mod tls;

use frames::Frames;
use options::{Answer, Options};

/// What it is over TLS, once both sides have agreed on it.
const HTTP2: &[u8] = b"h2";

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(lexopt::Parser::from_env())?;
    let tls = options.pem.as_deref().map(tls::acceptor).transpose()?;
    // What it is compared with has one processor, too.
    let runtime = Builder::new_current_thread().enable_io().build()?;
    Ok(runtime.block_on(serve(options, tls))?)
}

async fn serve(options: Options, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let answer = Arc::new(options.answer);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = Arc::clone(&answer);
        match tls.clone() {
            Some(tls) => drop(tokio::spawn(greet(tls, stream, answer))),
            None => drop(tokio::spawn(speak_http1(stream, answer))),
        }
    }
}

async fn greet(tls: TlsAcceptor, stream: TcpStream, answer: Arc<Answer>) {
    // Who can't agree on how to encrypt gets no answer.
    let Ok(stream) = tls.accept(stream).await else { return };
    match stream.get_ref().1.alpn_protocol() {
        Some(HTTP2) => speak_http2(stream, answer).await,
        _ => speak_http1(stream, answer).await,
    }
}

/// How a connection ends is the client's affair.
async fn speak_http1(stream: impl AsyncRead + AsyncWrite + Unpin, answer: Arc<Answer>) {
    let call = service_fn(|_: Request<Incoming>| respond(&answer));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), call).await;
}

async fn speak_http2(stream: TlsStream<TcpStream>, answer: Arc<Answer>) {
    let call = service_fn(|_: Request<Incoming>| respond(&answer));
    let builder = http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), call).await;
}

fn respond(answer: &Answer) -> std::future::Ready<Result<Response<Frames>, Infallible>> {
    let mut response = Response::new(Frames::new(answer.content.clone()));
    *response.status_mut() = answer.status;
    response.headers_mut().clone_from(&answer.headers);
    ready(Ok(response))
}
