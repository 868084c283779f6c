//! What an admin endpoint answers.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use holdall_service::{Admin, Body, BoxService, BuildInfo, Metrics, Readiness, Response};
use holdall_service::{Tended, TendedName};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};

fn admin(readiness: &Arc<Readiness>) -> BoxService {
    admin_with(readiness, None)
}

fn admin_with(readiness: &Arc<Readiness>, tended: Option<Tended>) -> BoxService {
    let end = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    Admin {
        metrics: Arc::new(Metrics::new()),
        readiness: Arc::clone(readiness),
        build: BuildInfo { name: "hello".into(), version: "1.0".into() },
        tended: Box::new(move || tended.clone()),
        certificates: Box::new(move || vec![(vec!["hello.test".to_owned()], end)]),
    }
    .into_service()
}

async fn ask(service: &BoxService, method: &str, target: &str) -> Response {
    let request = http::Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
    service.answer(request).await.expect("an answer")
}

async fn get(service: &BoxService, target: &str) -> (u16, String) {
    let response = ask(service, "GET", target).await;
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let status = response.status().as_u16();
    let length = response.headers()[CONTENT_LENGTH].to_str().unwrap().parse();
    let bytes = response.into_body().try_into_bytes().expect("a whole body");
    assert_eq!(Ok(bytes.len()), length);
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn it_is_alive_also_while_it_is_not_ready() {
    let readiness = Arc::new(Readiness::new(["starting"]));
    let admin = admin(&readiness);
    assert_eq!(get(&admin, "/livez").await, (200, "ok\n".into()));
    assert_eq!(get(&admin, "/readyz").await, (503, "starting\n".into()));
    readiness.fails("draining");
    readiness.fails("draining");
    assert_eq!(get(&admin, "/readyz?verbose").await, (503, "starting\ndraining\n".into()));
    readiness.clear("starting");
    readiness.clear("unheard of");
    assert_eq!(get(&admin, "/readyz").await, (503, "draining\n".into()));
    readiness.clear("draining");
    assert_eq!(get(&admin, "/readyz").await, (200, "ready\n".into()));
}

#[tokio::test]
async fn metrics_are_for_prometheus() {
    let admin = admin(&Arc::default());
    let response = ask(&admin, "GET", "/metrics").await;
    let media_type = &response.headers()[CONTENT_TYPE];
    assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
    let (status, text) = get(&admin, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("holdall_build_info{name=\"hello\",version=\"1.0\"} 1\n"), "{text}");
    let end = "holdall_certificate_not_after_timestamp_seconds{name=\"hello.test\"} 2000000000\n";
    assert!(text.contains(end), "{text}");
}

#[tokio::test]
async fn the_list_names_what_there_is() {
    let admin = admin(&Arc::default());
    let (_, list) = get(&admin, "/").await;
    for line in list.lines() {
        let target = line.split(' ').next().unwrap();
        assert_eq!(get(&admin, target).await.0, 200, "{target}");
    }
    assert_eq!(list.lines().count(), 3);
    for target in ["/livez/", "/LIVEZ", "/metrics/x", "//", "/favicon.ico"] {
        assert_eq!(get(&admin, target).await.0, 404, "{target}");
    }
}

#[tokio::test]
async fn a_head_is_all_but_the_body() {
    let admin = admin(&Arc::default());
    for target in ["/livez", "/none"] {
        let (got, head) = (ask(&admin, "GET", target).await, ask(&admin, "HEAD", target).await);
        assert_eq!(head.status(), got.status());
        assert_eq!(head.headers(), got.headers());
        assert!(http_body::Body::is_end_stream(head.body()));
    }
}

#[tokio::test]
async fn nothing_can_be_sent_to_it() {
    let admin = admin(&Arc::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let response = ask(&admin, method, "/metrics").await;
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        assert_eq!(ask(&admin, method, "/none").await.status(), 404, "{method}");
    }
}

fn name(name: &str, is_valid: bool) -> TendedName {
    TendedName {
        name: name.into(),
        state: if is_valid { "live" } else { "backoff" }.into(),
        is_valid,
        next_attempt: Some(UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
        ordered: 5,
        issued: 3,
        failed: 2,
        limit_left: Some(4),
        error: (!is_valid).then(|| "no such host".into()),
    }
}

#[tokio::test]
async fn a_server_without_any_certificate_is_not_ready_and_says_why() {
    let readiness = Arc::default();
    let bare = Tended { names: vec![name("a.test", false), name("b.test", false)], restarts: 0 };
    let (status, text) = get(&admin_with(&readiness, Some(bare)), "/readyz").await;
    let line = |name| format!("no certificate for {name} (backoff): no such host\n");
    assert_eq!((status, text), (503, line("a.test") + &line("b.test")));

    let idle = admin_with(&readiness, Some(Tended::default()));
    assert_eq!(get(&idle, "/readyz").await, (503, "no certificate: no name is asked for\n".into()));

    let some = Tended { names: vec![name("a.test", true), name("b.test", false)], restarts: 0 };
    let (status, text) = get(&admin_with(&readiness, Some(some)), "/readyz").await;
    assert_eq!((status, text), (200, format!("ready\nnote: {}", line("b.test"))));
}

#[tokio::test]
async fn the_metrics_tell_of_each_name() {
    let tended = Tended { names: vec![name("a.test", true)], restarts: 1 };
    let (_, text) = get(&admin_with(&Arc::default(), Some(tended)), "/metrics").await;
    for line in [
        "holdall_acme_next_attempt_timestamp_seconds{name=\"a.test\"} 2000000000\n",
        "holdall_acme_certificates_total{name=\"a.test\"} 3\n",
        "holdall_acme_failures_total{name=\"a.test\"} 2\n",
        "holdall_acme_limit_left{name=\"a.test\"} 4\n",
        "holdall_acme_state{name=\"a.test\",state=\"live\"} 1\n",
        "holdall_acme_restarts_total 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
