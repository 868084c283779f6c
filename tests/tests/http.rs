//! HTTP/1.1 as RFC 9112 has it, and what is no HTTP/1.1: one answer that says so, and the end.

use holdall_tests::{Client, Server, http::Response, tools};

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");

/// A server that soon closes what has nothing to say, so that the end of an answer is seen.
fn impatient() -> Server {
    let options = ["--idle-timeout=500ms", "--header-timeout=500ms", "--body-timeout=500ms"];
    Server::with(STREAMS, &options)
}

/// All answers to these bytes until the connection is closed.
fn answers(server: &Server, bytes: impl AsRef<[u8]>) -> Vec<Response> {
    Client::sending(server.address, bytes).responses()
}

/// What would be a request of its own, were the one before it taken to end where it does not.
const SECOND: &str = "GET /target HTTP/1.1\r\nhost: test\r\n\r\n";

/// Each request is refused: by one answer, whatever follows it, or by the end of the connection.
fn check_refused<'a>(server: &Server, requests: impl IntoIterator<Item = (&'a str, Vec<u8>)>) {
    let mut taken = Vec::new();
    for (name, bytes) in requests {
        let answers = answers(server, [&bytes, SECOND.as_bytes()].concat());
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        if !matches!(statuses[..], [] | [400] | [501]) {
            taken.push((name, statuses));
        }
    }
    assert!(taken.is_empty(), "not refused: {taken:?}");
}

/// A POST to be refused, with these header fields and this content.
fn post(fields: &str, content: &str) -> Vec<u8> {
    format!("POST /length HTTP/1.1\r\nhost: test\r\n{fields}\r\n{content}").into_bytes()
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = impatient();
    let answer = answers(&server, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!((answer.len(), answer[0].status, answer[0].text()), (1, 200, "hello\n"));
    // Without chunks, which HTTP/1.0 does not know: the end of the connection is that of the answer.
    let answer = answers(&server, "GET /quiet/1 HTTP/1.0\r\n\r\n");
    assert_eq!(answer[0].header("transfer-encoding"), None);
    assert_eq!(answer[0].text(), "data: first\n\ndata: second\n\n");
    let mut client = Client::connect(server.address);
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        assert_eq!(client.response().text(), "hello\n");
    }
}

#[test]
fn a_target_may_be_a_whole_url() {
    let server = impatient();
    let mut client = Client::connect(server.address);
    client.send("GET http://elsewhere.example/target?a=b HTTP/1.1\r\nhost: test\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status, answer.text()), (200, "http://elsewhere.example/target?a=b"));
    assert_eq!(client.get("/").status, 200);
    let odd =
        ["OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"];
    for request in odd {
        // What these mean is for the service to say.
        assert!(Client::sending(server.address, request).response().status >= 200, "{request}");
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn head_has_the_head_alone() {
    let server = impatient();
    let mut client = Client::connect(server.address);
    client.send("HEAD / HTTP/1.1\r\nhost: test\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.header("content-length")), (200, Some("6")));
    client.send("HEAD /endless HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(client.head().status, 200);
    // Whatever had followed would be taken for this answer.
    assert_eq!(client.get("/").text(), "hello\n");
}

#[test]
fn a_client_that_waits_for_100_gets_it_once_the_body_is_wanted() {
    let server = impatient();
    let head = "POST /length HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 3";
    let mut client = Client::sending(server.address, format!("{head}\r\n\r\n"));
    assert_eq!(client.response().status, 100);
    client.send("abc");
    assert_eq!(client.response().text(), "3");
    let ignored = format!("{head}\r\n\r\n").replace("/length", "/ignore");
    let mut client = Client::sending(server.address, ignored);
    assert_eq!(client.response().status, 200);
    let body = "x".repeat(2 << 20);
    let url = format!("http://{}/length", server.address);
    let curl = tools::tool("curl").args(["-sS", "-H", "Expect: 100-continue", "-d", "@-", &url]);
    assert_eq!(curl.input(body).ok().text(), (2 << 20).to_string());
}

#[test]
fn requests_in_one_piece_are_answered_in_their_order() {
    let server = impatient();
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    let paths = ["/late/200", "/", "/zeros/100000", "/nothing", "/target"];
    let all: String = paths.iter().map(|path| request(path)).collect();
    let statuses = |answers: Vec<Response>| {
        answers.iter().map(|answer| (answer.status, answer.body.len())).collect::<Vec<_>>()
    };
    let expected = [(200, 5), (200, 6), (200, 100_000), (404, 13), (200, 7)];
    assert_eq!(statuses(answers(&server, &all)), expected);
    // One byte a time is the same to a server.
    let mut client = Client::connect(server.address);
    for byte in request("/target").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "/target");
}

#[test]
fn a_length_that_is_told_twice_or_wrong_is_refused() {
    let server = impatient();
    let lengths = [
        ("two lengths", "content-length: 3\r\ncontent-length: 4\r\n"),
        ("a list of lengths", "content-length: 3, 4\r\n"),
        ("a sign", "content-length: +3\r\n"),
        ("a negative one", "content-length: -3\r\n"),
        ("a hexadecimal one", "content-length: 0x3\r\n"),
        ("an empty one", "content-length:\r\n"),
        ("more than 64 bits", "content-length: 18446744073709551619\r\n"),
        ("identity", "transfer-encoding: identity\r\n"),
        ("an unknown coding", "transfer-encoding: chunky\r\n"),
        ("chunked not last", "transfer-encoding: chunked, identity\r\n"),
        ("chunked twice", "transfer-encoding: chunked, chunked\r\n"),
        ("chunked in two lines", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        ("a coding that is not undone", "transfer-encoding: gzip, chunked\r\n"),
    ];
    check_refused(&server, lengths.map(|(name, fields)| (name, post(fields, "0\r\n\r\n"))));
    let chunked = b"POST /length HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    check_refused(&server, [("chunked in HTTP/1.0", chunked.to_vec())]);
}

/// RFC 9112, section 6.3: such a request may be read by its chunks, but is the last one.
#[test]
fn a_request_with_both_lengths_is_the_last_one() {
    let server = impatient();
    for fields in [
        "content-length: 40\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 40\r\n",
    ] {
        let request = [&post(fields, "1\r\na\r\n0\r\n\r\n")[..], SECOND.as_bytes()].concat();
        let answers = answers(&server, request);
        assert_eq!(answers.len(), 1, "{fields}: {answers:?}");
        assert!(answers[0].status == 400 || answers[0].text() == "1", "{answers:?}");
    }
}

#[test]
fn chunks_that_are_none_are_refused() {
    let server = impatient();
    let chunks = [
        ("no size", "\r\na\r\n0\r\n\r\n"),
        ("no number", "x\r\na\r\n0\r\n\r\n"),
        ("a sign", "+1\r\na\r\n0\r\n\r\n"),
        ("a negative one", "-1\r\na\r\n0\r\n\r\n"),
        ("a prefix", "0x1\r\na\r\n0\r\n\r\n"),
        ("more than 64 bits", "10000000000000001\r\na\r\n0\r\n\r\n"),
        ("a size that wraps", "ffffffffffffffff1\r\na\r\n0\r\n\r\n"),
        ("a size too small", "1\r\nabc\r\n0\r\n\r\n"),
        ("no CR behind the data", "1\r\na\n0\r\n\r\n"),
        ("no CR behind the size", "1\na\r\n0\r\n\r\n"),
        ("a CR alone behind the size", "1\ra\r\n0\r\n\r\n"),
        ("a LF in the extension", "1;a\nb\r\na\r\n0\r\n\r\n"),
    ];
    let fields = "transfer-encoding: chunked\r\n";
    check_refused(&server, chunks.map(|(name, content)| (name, post(fields, content))));
    // Extensions and trailers are no error.
    let content = "1;name=value\r\na\r\n0\r\nx-trailer: 1\r\n\r\n";
    let mut client =
        Client::sending(server.address, post("transfer-encoding: chunked\r\n", content));
    assert_eq!(client.response().text(), "1");
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_chunk_of_any_size_takes_no_memory_before_it_comes() {
    let server = impatient();
    let before = holdall_tests::process::memory(server.pid());
    let head = post("transfer-encoding: chunked\r\n", "fffffffffffffff\r\nabc");
    let clients: Vec<_> = (0..20).map(|_| Client::sending(server.address, &head)).collect();
    assert_eq!(server.get("/").status, 200);
    let used = holdall_tests::process::memory(server.pid()).saturating_sub(before);
    assert!(used < 8 << 20, "{used} bytes");
    drop(clients);
}

#[test]
fn heads_that_are_none_are_refused() {
    let server = impatient();
    let lines = [
        ("a folded line", "x: a\r\n b: c\r\n"),
        ("a folded line by a tab", "x: a\r\n\tcontent-length: 3\r\n"),
        ("a CR alone", "x: a\rcontent-length: 3\r\n"),
        ("a CR twice", "x: a\r\r\n"),
        ("a NUL", "x: a\0b\r\n"),
        ("a NUL in the name", "x\0y: a\r\n"),
        ("a space before the colon", "content-length : 3\r\n"),
        ("a tab before the colon", "content-length\t: 3\r\n"),
        ("a space before the name", " content-length: 3\r\n"),
        ("no name", ": 3\r\n"),
        ("no colon", "content-length\r\n"),
        ("DEL in a value", "x: a\u{7f}b\r\n"),
        ("more hosts than one", "host: other\r\n"),
    ];
    check_refused(&server, lines.map(|(name, line)| (name, post(line, "abc"))));
    let requests = [
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("no version", "GET /\r\n\r\n"),
        ("no target", "GET HTTP/1.1\r\nhost: test\r\n\r\n"),
        ("a NUL in the target", "GET /\0 HTTP/1.1\r\nhost: test\r\n\r\n"),
        ("a CR in the target", "GET /\r HTTP/1.1\r\nhost: test\r\n\r\n"),
        ("two spaces", "GET  / HTTP/1.1\r\nhost: test\r\n\r\n"),
        ("a method that is none", "G(T / HTTP/1.1\r\nhost: test\r\n\r\n"),
        ("another protocol", "GET / FTP/1.1\r\nhost: test\r\n\r\n"),
        ("another version", "GET / HTTP/3.0\r\nhost: test\r\n\r\n"),
        ("garbage", "\x01\x02\x03\x04\r\n\r\n"),
        ("an answer", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ];
    check_refused(&server, requests.map(|(name, request)| (name, request.into())));
}

/// RFC 9112, section 2.2: a LF alone may end a line, and an empty line may come before a request.
#[test]
fn what_a_server_may_be_lenient_about() {
    let server = impatient();
    assert_eq!(answers(&server, "GET / HTTP/1.1\nhost: test\n\n")[0].status, 200);
    assert_eq!(answers(&server, "\r\nGET / HTTP/1.1\r\nhost: test\r\n\r\n")[0].status, 200);
}

#[test]
fn heads_have_a_limit() {
    let server = impatient();
    let many: String = (0..2_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = "x".repeat(1 << 20);
    let cases = [
        ("one field of 1 MB", format!("GET / HTTP/1.1\r\nhost: test\r\nx: {long}\r\n\r\n"), 431),
        ("many fields", format!("GET / HTTP/1.1\r\nhost: test\r\n{many}\r\n"), 431),
        ("a target of 1 MB", format!("GET /{long} HTTP/1.1\r\nhost: test\r\n\r\n"), 414),
        ("no end of a line", long.clone(), 400),
    ];
    for (name, request, expected) in cases {
        let mut client = Client::connect(server.address);
        // It may be closed before all was sent: RFC 9112, section 9.6, lets it.
        let _ = client.try_send(request);
        let status = client.response().status;
        assert!(status == expected || status == 431, "{name}: {status}");
        client.rest();
    }
    let nearly = "x".repeat(60 << 10);
    let answer = answers(&server, format!("GET / HTTP/1.1\r\nhost: test\r\nx: {nearly}\r\n\r\n"));
    assert_eq!(answer[0].status, 200);
    let strict = Server::with(STREAMS, &["--max-header-bytes=8k", "--idle-timeout=500ms"]);
    let head = format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "x".repeat(9 << 10));
    assert_eq!(answers(&strict, head)[0].status, 431);
    assert_eq!(strict.get("/").status, 200);
}

#[test]
fn what_fails_in_a_service_is_one_answer_and_one_line() {
    let server = impatient();
    let faults = [
        ("/panic", "asked to"),
        ("/panic-later", "asked to, later"),
        ("/error", "the well is dry"),
        ("/late/soon", "invalid digit"),
    ];
    for (path, reason) in faults {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.text()), (500, "internal server error\n"), "{path}");
        let id = answer.header("x-request-id").expect("the name of the request").to_owned();
        let event = server.event(path, |event| event["request_id"] == id.as_str());
        assert_eq!(event["level"], "error", "{event}");
        assert!(event["method"] == "GET" && event.to_string().contains(path), "{event}");
        assert!(event["error"].as_str().is_some_and(|error| error.contains(reason)), "{event}");
        assert!(event["client"].as_str().is_some_and(|it| it.starts_with("127.0.0.1")), "{event}");
    }
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.log().lines().len(), 1 + faults.len(), "{:#?}", server.log().lines());
    assert!(server.stop().success());
}

#[test]
fn an_answer_that_breaks_off_never_looks_whole() {
    let server = impatient();
    let url = format!("http://{}/broken", server.address);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let ended = tools::tool("curl").args(["-sS", version, &url]).end();
        assert_ne!(ended.code(), 0, "{version}");
    }
    server.event("the report", |event| event.to_string().contains("/broken"));
    assert_eq!(server.log().lines().len(), 3, "{:#?}", server.log().lines());
}

#[test]
fn every_request_has_its_line_in_the_access_log() {
    let server = Server::with(STREAMS, &["--access-log=json"]);
    // Method, target, status, bytes received, bytes sent.
    let requests = [
        ("GET", "/?a=b", 200, 0, 6),
        ("HEAD", "/", 200, 0, 0),
        ("POST", "/length", 200, 3, 1),
        ("GET", "/zeros/100000", 200, 0, 100_000),
        ("GET", "/quiet/1", 200, 0, 27),
        ("GET", "/nothing", 404, 0, 13),
        ("GET", "/error", 500, 0, 22),
    ];
    for (number, (method, target, status, received, sent)) in requests.into_iter().enumerate() {
        let id = format!("request-{number}");
        let names = format!("host: test\r\nx-request-id: {id}\r\nuser-agent: tests");
        let head = format!("{method} {target} HTTP/1.1\r\n{names}\r\ncontent-length: {received}");
        let mut client = Client::sending(server.address, format!("{head}\r\n\r\n"));
        client.send("x".repeat(received));
        client.finish();
        client.rest();
        let is_line = |event: &serde_json::Value| {
            event["request_id"] == id.as_str() && event["event.name"] == "http.server.request"
        };
        let line = server.event(target, is_line);
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        assert_eq!(line["http.request.method"], method, "{line}");
        assert_eq!((line["url.path"].as_str(), line["url.query"].as_str()), (Some(path), query));
        assert_eq!(line["http.response.status_code"], status, "{line}");
        assert_eq!(line["http.request.body.size"], received, "{line}");
        assert_eq!(line["http.response.body.size"], sent, "{line}");
        assert_eq!(line["client.address"], "127.0.0.1", "{line}");
        assert_eq!(line["user_agent.original"], "tests", "{line}");
    }
}

#[test]
fn clients_that_leave_are_in_the_access_log() {
    let server = Server::with(STREAMS, &["--access-log=json"]);
    let status = |path: &str| {
        let line = server.event(path, |event| event["url.path"] == path);
        (line["http.response.status_code"].as_u64(), line["http.response.body.size"].as_u64())
    };
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut client = Client::sending(server.address, request("/endless"));
    client.exactly(100_000);
    drop(client);
    let (ended, sent) = status("/endless");
    assert_eq!(ended, Some(200));
    assert!(sent.is_some_and(|sent| sent >= 90_000), "{sent:?}");
    let late = Client::sending(server.address, request("/late/300"));
    holdall_tests::process::reset_on_close(late.stream());
    drop(late);
    // As nginx calls a client that has closed its request, unless the answer was faster.
    assert!(matches!(status("/late/300"), (Some(499 | 200), _)));
}

#[test]
fn the_combined_format_is_that_of_apache() {
    let server = Server::with(STREAMS, &["--access-log=combined"]);
    let agent = r#"an "agent""#;
    let request = format!("GET /?a=b HTTP/1.1\r\nhost: test\r\nuser-agent: {agent}\r\n\r\n");
    assert_eq!(Client::sending(server.address, request).response().status, 200);
    let line = server.log().line("of the request", |line| line.starts_with("127.0.0.1 - - ["));
    let (_, rest) = line.split_once("] ").expect("a time");
    let expected = r#""GET /?a=b HTTP/1.1" 200 6 "-" "an \"agent\"" 0."#;
    assert!(rest.starts_with(expected), "{line}");
}

#[test]
fn a_client_s_name_for_its_request_is_kept_if_it_is_a_word() {
    let server = Server::with(STREAMS, &["--access-log=json"]);
    let sent = ["of-client.1", "with \"quotes\"", "with\ttab", &"long".repeat(100)];
    for (number, id) in sent.iter().enumerate() {
        let header = format!("x-request-id: {id}");
        let answer = holdall_tests::http::request(server.address, "GET", "/error", &[&header]);
        let answered = answer.header("x-request-id").expect("the name of the request");
        assert_eq!(answered == *id, number == 0, "{answered}");
    }
}
