//! A `linked` program that answers in every way in which an answer can take its time.

use std::convert::Infallible;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holdall_service::{Body, BodySender, BoxError, BoxFuture, Request, Response};
use http_body_util::BodyExt;
use tokio::time::sleep;

fn main() -> ExitCode {
    holdall_launcher::serve(|| Ok::<_, Infallible>(Streams))
}

#[derive(Clone)]
struct Streams;

impl tower_service::Service<Request> for Streams {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert_ne!(request.uri().path(), "/panic", "asked to");
        Box::pin(answer(request))
    }
}

/// The first part of the path says what is done, the second how much or how long.
async fn answer(request: Request) -> Result<Response, BoxError> {
    let path = request.uri().path().to_owned();
    let (_, path) = path.split_at(1);
    let (what, amount) = path.split_once('/').unwrap_or((path, "0"));
    let amount: u64 = amount.parse()?;
    Ok(Response::new(match what {
        "" => "hello\n".into(),
        "target" => request.uri().to_string().into(),
        "echo" => request.into_body(),
        "length" => request.into_body().collect().await?.to_bytes().len().to_string().into(),
        "ignore" => "ignored\n".into(),
        "zeros" => vec![0; usize::try_from(amount)?].into(),
        "endless" => written(endless),
        "quiet" => written(move |sender| quiet(sender, amount)),
        "late" => {
            sleep(Duration::from_millis(amount)).await;
            "late\n".into()
        }
        "broken" => written(broken),
        "panic-later" => {
            sleep(Duration::from_millis(1)).await;
            panic!("asked to, later")
        }
        "error" => return Err("the well is dry".into()),
        _ => return not_found(),
    }))
}

fn not_found() -> Result<Response, BoxError> {
    let mut response = Response::new("nothing here\n".into());
    *response.status_mut() = 404.try_into()?;
    Ok(response)
}

/// A body that a task of its own writes.
fn written<F>(write: impl FnOnce(BodySender) -> F) -> Body
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, body) = Body::channel(1);
    tokio::spawn(write(sender));
    body
}

/// Sends until the client is gone.
async fn endless(mut sender: BodySender) {
    let chunk = Bytes::from(vec![b'.'; 16 << 10]);
    while sender.send(chunk.clone()).await.is_ok() {}
}

/// An event, nothing for so many milliseconds, another event.
async fn quiet(mut sender: BodySender, milliseconds: u64) {
    if sender.send(Bytes::from("data: first\n\n")).await.is_ok() {
        sleep(Duration::from_millis(milliseconds)).await;
        if sender.send(Bytes::from("data: second\n\n")).await.is_ok() {
            sender.finish();
        }
    }
}

/// The beginning of an answer, and never its end.
async fn broken(mut sender: BodySender) {
    // The client may be gone, which is as good an end.
    let _ = sender.send(Bytes::from("the beginning")).await;
}
