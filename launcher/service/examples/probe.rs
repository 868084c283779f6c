//! A server with one service for each way to answer: `cargo run --example probe`.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holdall_endpoint::{Endpoint, Inherited};
use holdall_log::{Format, Log, Settings};
use holdall_service::{
    Binding, Body, BoxError, BoxFuture, BoxService, Ended, Request, Response, Server, Shutdown,
};
use http_body::Frame;
use tower_service::Service;

fn main() -> Result<(), BoxError> {
    Log::start("probe", Settings { format: Format::Text, ..Settings::default() })?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        let endpoint: Endpoint = "tcp:0:interface=127.0.0.1".parse()?;
        let listener = endpoint.open(&mut Inherited::none())?;
        let shutdown = Shutdown::on_signals()?;
        println!("http://{}", listener.address());
        std::io::stdout().flush()?;
        let bindings = vec![Binding::new(listener, BoxService::new(Probe))];
        Ok::<_, BoxError>(Server::default().serve(bindings, shutdown).await?)
    });
    runtime.shutdown_background();
    match ended? {
        Ended::Drained => println!("drained"),
        Ended::Cut { connections } => println!("cut {connections}"),
    }
    Ok(())
}

#[derive(Clone)]
struct Probe;

impl Service<Request> for Probe {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert_ne!(request.uri().path(), "/panic-in-call", "in call");
        Box::pin(answer(request))
    }
}

async fn answer(request: Request) -> Result<Response, BoxError> {
    let body = match request.uri().path() {
        "/error" => return Err("no such luck\nnor any other".into()),
        "/panic" => panic!("in the future"),
        "/panic-in-body" => Body::new(Panicking),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Body::from("slow")
        }
        "/slower" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Body::from("slower")
        }
        "/echo" => request.into_body(),
        "/stream" => numbers(true),
        "/broken" => numbers(false),
        _ => Body::from("hello"),
    };
    Ok(Response::new(body))
}

/// A body that is made while it is sent, and that may break off.
fn numbers(finish: bool) -> Body {
    let (mut sender, body) = Body::channel(1);
    tokio::spawn(async move {
        for number in 0..1000 {
            if sender.send(Bytes::from(format!("{number}\n"))).await.is_err() {
                return;
            }
        }
        if finish {
            sender.finish();
        }
    });
    body
}

struct Panicking;

impl http_body::Body for Panicking {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("in the body")
    }
}
