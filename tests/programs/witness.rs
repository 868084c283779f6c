//! A `linked` program that tells of itself: who it is, what it may open, how it starts and fails.
//!
//! Its resource `start` may ask it to `fail`, `hang` or `exit` instead of starting.

use std::fs::{self, File};
use std::process::{Command, ExitCode};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holdall_resources::Resources;
use holdall_service::{Body, BodySender, BoxError, BoxFuture, Request, Response};
use tokio::time::sleep;

fn main() -> ExitCode {
    holdall_launcher::serve(start)
}

fn start() -> Result<Witness, BoxError> {
    let resources = Resources::open().ok().map(Resources::into_static);
    let witness = Witness { resources };
    match &*witness.resource("start").unwrap_or_default() {
        "fail" => Err("it was asked to fail".into()),
        "exit" => std::process::exit(3),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(60));
        },
        _ => Ok(witness),
    }
}

#[derive(Clone)]
struct Witness {
    resources: Option<&'static Resources>,
}

impl tower_service::Service<Request> for Witness {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let witness = self.clone();
        Box::pin(async move {
            let uri = request.uri();
            witness.answer(uri.path(), uri.query().unwrap_or_default()).await
        })
    }
}

impl Witness {
    /// The path says what is done, and the query with what.
    async fn answer(&self, path: &str, query: &str) -> Result<Response, BoxError> {
        Ok(Response::new(match path {
            "/" => self.identity()?.into(),
            "/resource" => self.resource(query)?.into(),
            "/variable" => std::env::var(query).unwrap_or_default().into(),
            "/read" => told(fs::read(query)),
            "/list" => told(fs::read_dir(query)),
            "/write" => told(fs::write(query, "written by the service\n")),
            "/create" => told(File::create_new(query)),
            "/remove" => told(fs::remove_file(query)),
            "/execute" => told(Command::new(query).status()),
            "/late" => {
                sleep(Duration::from_millis(query.parse()?)).await;
                "late\n".into()
            }
            "/megabytes" => megabytes(query.parse()?),
            "/fail" => return Err("the well is dry".into()),
            "/panic" => panic!("it was asked to panic"),
            _ => return not_found(),
        }))
    }

    /// The process, and the version of the bundle.
    fn identity(&self) -> Result<String, BoxError> {
        let version = self.resource("version").unwrap_or_default();
        Ok(format!("{} {version}", std::process::id()))
    }

    fn resource(&self, name: &str) -> Result<String, BoxError> {
        let resources = self.resources.ok_or("it was not bundled")?;
        Ok(String::from_utf8(resources.read(name)?)?)
    }
}

/// `done`, or what the kernel said.
fn told<T>(outcome: std::io::Result<T>) -> Body {
    match outcome {
        Ok(_) => "done".into(),
        Err(error) => error.to_string().into(),
    }
}

/// So many times 1024 times 1024 letters, made as fast as the client takes them.
fn megabytes(count: u64) -> Body {
    let (sender, body) = Body::channel(1);
    tokio::spawn(write(sender, count));
    body
}

async fn write(mut sender: BodySender, count: u64) {
    let piece = Bytes::from(vec![b'm'; 64 << 10]);
    for _ in 0..count * 16 {
        if sender.send(piece.clone()).await.is_err() {
            return;
        }
    }
    sender.finish();
}

fn not_found() -> Result<Response, BoxError> {
    let mut response = Response::new("nothing here\n".into());
    *response.status_mut() = 404.try_into()?;
    Ok(response)
}
