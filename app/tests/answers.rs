//! What the service answers, asked as its hosts ask it, with the real resources.

use std::path::Path;

use holdall_plugin::ServiceOptions;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use sayhello::SayHello;
use tower_service::Service;

type Answer = Response<Full<bytes::Bytes>>;

fn service(options: &ServiceOptions) -> SayHello {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("resources");
    SayHello::new(holdall_resources::Resources::from_directory(directory).unwrap(), options)
}

fn ask(request: Request<()>) -> Answer {
    service(&ServiceOptions::from(sayhello::OPTIONS)).call(request).into_inner().unwrap()
}

fn get(path: &str) -> Answer {
    ask(Request::get(path).body(()).unwrap())
}

fn head_of<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn text(answer: Answer) -> String {
    let mut body = answer.into_body();
    let frame = std::pin::pin!(body.frame());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(frame) = Future::poll(frame, &mut context) else {
        panic!("a whole body is there at once");
    };
    let bytes = frame.map_or_else(Default::default, |frame| frame.unwrap().into_data().unwrap());
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_page_greets_the_world_and_lists_every_resource() {
    let answer = get("/");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(head_of(&answer, "content-type"), "text/html; charset=utf-8");
    let page = text(answer);
    assert!(page.contains("<h1>Hello, <bdi>world</bdi>.</h1>"), "{page}");
    for name in ["404.html", "holdall.svg", "icon.svg", "index.html", "resource.html", "style.css"]
    {
        assert!(page.contains(&format!("<code>data/{name}</code>")), "{name} in {page}");
    }
    assert!(!page.contains("{{"), "{page}");
}

#[test]
fn the_greeting_is_an_option() {
    let options = ServiceOptions::from_iter([("greeting", "<Grüß Gott>")]);
    let request = Request::get("/hello/Ada").body(()).unwrap();
    let page = text(service(&options).call(request).into_inner().unwrap());
    assert!(page.contains("<h1>&lt;Grüß Gott&gt;, <bdi>Ada</bdi>.</h1>"), "{page}");
}

#[test]
fn names_are_decoded_once_and_escaped() {
    for (path, name) in [
        ("/hello/Ada", "Ada"),
        ("/hello/Zo%C3%AB%20%F0%9F%A7%B3", "Zoë 🧳"),
        ("/hello/%3Cscript%3E%22%26%27", "&lt;script&gt;&quot;&amp;&#39;"),
        ("/hello/%2541", "%41"),
        ("/hello/a%2Fb+c", "a/b+c"),
        ("/hello/%7B%7Brows%7D%7D", "{{rows}}"),
    ] {
        let page = text(get(path));
        assert!(page.contains(&format!("<bdi>{name}</bdi>")), "{path}: {page}");
    }
}

#[test]
fn what_is_no_name_is_refused() {
    for path in ["/hello/%FF", "/hello/%C3", "/hello/a%00b", "/hello/a%0Ab"] {
        assert_eq!(get(path).status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[test]
fn the_form_leads_to_the_greeting() {
    for (path, location) in [
        ("/hello?name=Ada+Lovelace", "/hello/Ada%20Lovelace"),
        ("/hello?x=1&name=%C3%A9%26", "/hello/%C3%A9%26"),
        ("/hello?name=", "/"),
        ("/hello", "/"),
        ("/hello/", "/"),
    ] {
        let answer = get(path);
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(head_of(&answer, "location"), location, "{path}");
    }
}

#[test]
fn nothing_else_is_there() {
    for path in ["/nix", "/index.html", "/data/style.css", "/..", "/style.css/", "/hello/a/b"] {
        let answer = get(path);
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let page = text(answer);
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}: {page}");
    }
}

#[test]
fn files_have_their_types_and_a_validator() {
    for (path, media_type) in
        [("/style.css", "text/css; charset=utf-8"), ("/holdall.svg", "image/svg+xml")]
    {
        let answer = get(path);
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(head_of(&answer, "content-type"), media_type, "{path}");
        let etag = head_of(&answer, "etag").to_owned();
        assert_eq!(etag.len(), 66, "{etag}: a quoted SHA-256");

        for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let request = Request::get(path).header(header::IF_NONE_MATCH, &tags).body(()).unwrap();
            let answer = ask(request);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{path} {tags}");
            assert_eq!(head_of(&answer, "etag"), etag);
            assert_eq!(text(answer), "");
        }
        let request = Request::get(path).header(header::IF_NONE_MATCH, "\"x\"").body(()).unwrap();
        assert_eq!(ask(request).status(), StatusCode::OK, "{path}");
    }
}

#[test]
fn head_is_get_without_the_content() {
    for path in ["/", "/style.css", "/nix"] {
        let get = get(path);
        let head = ask(Request::head(path).body(()).unwrap());
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head_of(&head, "content-type"), head_of(&get, "content-type"));
        assert_eq!(head_of(&head, "etag"), head_of(&get, "etag"));
        let length = head_of(&head, "content-length").to_owned();
        assert_eq!(text(head), "");
        assert_eq!(length, text(get).len().to_string(), "{path}");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(Request::builder().method(&method).uri("/").body(()).unwrap());
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(head_of(&answer, "allow"), "GET, HEAD");
    }
}

#[test]
fn every_response_forbids_requests_to_elsewhere() {
    for path in ["/", "/nix", "/style.css", "/hello/%FF"] {
        let answer = get(path);
        let policy = head_of(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'self'"), "{path}: {policy}");
        assert_eq!(head_of(&answer, "x-content-type-options"), "nosniff", "{path}");
    }
}
