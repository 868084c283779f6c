//! A plug-in that reads its first resource when it is started, and ends the process.

use std::process;

use holdall_plugin::{BoxError, Context};
use holdall_service::BoxService;

holdall_plugin::export!(service);

fn service(context: &Context) -> Result<BoxService, BoxError> {
    match context.resource("first.txt") {
        Ok(content) if !content.is_empty() => process::exit(0),
        Ok(_) => Err("the resource is empty".into()),
        Err(error) => Err(error.into()),
    }
}
