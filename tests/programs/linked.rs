//! A `linked` program: a service of resources that contains the launcher.

use std::process::ExitCode;

use holdall_resources::{Error, Resources};
use holdall_service::{BoxService, Request, Response};

fn main() -> ExitCode {
    holdall_launcher::serve(|| {
        let resources = Resources::open()?.into_static();
        Ok::<_, Error>(BoxService::from_fn(move |request: Request| answer(resources, &request)))
    })
}

/// The resource that the path names, without its slash.
fn answer(resources: &Resources, request: &Request) -> Response {
    let (status, content) = match resources.read(&request.uri().path()[1..]) {
        Ok(content) => (200, content),
        Err(error) if error.is_not_found() => (404, error.to_string().into_bytes()),
        Err(error) => (500, error.to_string().into_bytes()),
    };
    let mut response = Response::new(content.into());
    *response.status_mut() = status.try_into().expect("a status of HTTP");
    response
}
