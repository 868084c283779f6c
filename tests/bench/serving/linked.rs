//! The handler in a server of its own, linked with the launcher.

#![forbid(unsafe_code)]

use std::{convert::Infallible, process::ExitCode};

use holdall_service::BoxService;

mod answer;

fn main() -> ExitCode {
    holdall_launcher::serve(|| Ok::<_, Infallible>(service()))
}

fn service() -> BoxService {
    BoxService::from_fn(|request| answer::answer(request.uri().path()))
}
