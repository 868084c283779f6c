//! An axum application as a plug-in, with a route for each thing that a service can do.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use bytes::Bytes;
use holdall_plugin::{BoxError, Context, Peer, ServiceOption};
use http_body_util::BodyExt;

/// What the plug-in adds to the options of its bundle.
const OPTIONS: &[ServiceOption] = &[
    ServiceOption {
        name: "greeting",
        value: Some("TEXT"),
        default: Some("Hello"),
        help: "The word before the name",
    },
    ServiceOption { name: "loud", value: None, default: None, help: "Greet in capitals" },
];

holdall_plugin::export!(service, options = OPTIONS);

fn service(context: &Context) -> Result<Router, BoxError> {
    match context.resource("mode").as_deref() {
        Ok(b"panic in start") => panic!("no luck today"),
        Ok(b"fail in start") => return Err("no greeting was set".into()),
        _ => context.info("greeter is ready"),
    }
    let context = *context;
    Ok(Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/hello/{name}",
            get(|Path(name): Path<String>| async move { format!("hello, {name}") }),
        )
        .route("/greeting", get(async move || context.option("greeting").unwrap_or("none")))
        .route("/loud", get(async move || context.options().is_set("loud").to_string()))
        .route(
            "/client",
            get(|Extension(peer): Extension<Arc<Peer>>| async move { peer.to_string() }),
        )
        .route(
            "/scheme",
            get(|Extension(peer): Extension<Arc<Peer>>| async move { peer.scheme.as_str() }),
        )
        .route("/target", get(|uri: Uri| async move { uri.to_string() }))
        .route("/large", get(|| async { vec![b'x'; 1 << 20] }))
        .route("/echo", post(|body: Body| async move { body }))
        .route("/length", post(length))
        .route("/later", get(later))
        .route("/panic", get(panic_at_once))
        .route("/panic-later", get(panic_later))
        .route("/endless", get(async move || endless(context)))
        .route("/broken", get(broken))
        .route("/switch", get(|| async { StatusCode::SWITCHING_PROTOCOLS }))
        .route(
            "/resource/{*name}",
            get(async move |Path(name): Path<String>| resource(context, &name)),
        ))
}

fn resource(context: Context, name: &str) -> Result<Vec<u8>, (StatusCode, String)> {
    let read = context.resource(name).map_err(|error| (StatusCode::NOT_FOUND, error.to_string()));
    read.map(|bytes| bytes.to_vec())
}

async fn length(body: Body) -> Result<String, StatusCode> {
    let bytes = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    Ok(bytes.len().to_string())
}

async fn later() -> &'static str {
    tokio::time::sleep(Duration::from_millis(20)).await;
    "later"
}

async fn panic_at_once() -> &'static str {
    panic!("at once")
}

async fn panic_later() -> &'static str {
    tokio::time::sleep(Duration::from_millis(5)).await;
    panic!("a little later")
}

/// Sends until the client is gone, and says so in the log.
fn endless(context: Context) -> Body {
    let (mut sender, body) = holdall_plugin::Body::channel(1);
    tokio::spawn(async move {
        let chunk = Bytes::from(vec![b'.'; 16 * 1024]);
        while sender.send(chunk.clone()).await.is_ok() {}
        context.info("endless: the client is gone");
    });
    Body::new(body)
}

/// Breaks off after the first bytes.
async fn broken() -> Body {
    let (mut sender, body) = holdall_plugin::Body::channel(1);
    tokio::spawn(async move {
        let _ = sender.send(Bytes::from("the beginning")).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    });
    Body::new(body)
}
