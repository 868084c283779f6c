//! The control: hyper and the handler, with nothing between them and the socket. It speaks HTTP/1,
//! or, with `http2`, HTTP/2.

#![forbid(unsafe_code)]

use std::{convert::Infallible, env, error::Error, future::ready, io, num::NonZero, thread};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

mod answer;

fn main() -> Result<(), Box<dyn Error>> {
    let speaks_http2 = env::args().nth(1).is_some_and(|protocol| protocol == "http2");
    // The runtime of the launcher.
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    // A worker accepts, not the main thread, which would have to wake one each time.
    runtime.block_on(async move { tokio::spawn(serve(speaks_http2)).await })??;
    Ok(())
}

async fn serve(speaks_http2: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("hyper: serving on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match speaks_http2 {
            true => drop(tokio::spawn(speak_http2(stream))),
            false => drop(tokio::spawn(speak_http1(stream))),
        }
    }
}

async fn speak_http1(stream: TcpStream) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(call));
    // How a connection ends is the client's affair.
    let _ = connection.await;
}

async fn speak_http2(stream: TcpStream) {
    let builder = http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service_fn(call)).await;
}

fn call(
    request: Request<Incoming>,
) -> std::future::Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(answer::answer(request.uri().path())))
}
