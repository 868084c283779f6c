//! The handler as a plug-in for the stock launcher.

#![forbid(unsafe_code)]

use std::convert::Infallible;

use holdall_plugin::Context;
use holdall_service::BoxService;

mod answer;

holdall_plugin::export!(service);

fn service(_: &Context) -> Result<BoxService, Infallible> {
    Ok(BoxService::from_fn(|request| answer::answer(request.uri().path())))
}
