//! What a server tells, in which form and where.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use holdall_tests::background::{wait_for_address, wait_for_text};
use holdall_tests::generations::Sweep;
use holdall_tests::process::wait_until;
use holdall_tests::{Background, FREE_PORT, Run, Scratch, Server, http, tools};
use rustix::process::Signal;
use serde_json::Value;

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");

/// A server whose standard output and standard error are the files `out` and `err`.
fn into_files(scratch: &Scratch, options: &[&str]) -> Background {
    let file = |name: &str| File::create(scratch.path(name)).unwrap();
    let mut command = Command::new(WITNESS);
    command.args(["--port", FREE_PORT]).args(options).stdin(Stdio::null());
    Background::start(command.stdout(file("out")).stderr(file("err")))
}

/// The lines of a file, each an event.
fn events(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn every_line_is_an_event_where_nobody_looks() {
    let server = Server::with(WITNESS, &["--log-level=debug", "--access-log"]);
    for path in ["/", "/fail", "/panic", "/a\"b\\c%0a"] {
        server.get(path);
    }
    server.signal(Signal::HUP);
    server.event("read again", |event| event["message"] == "certificates and log file read again");
    server.signal(Signal::TERM);
    server.event("the last", |event| event["message"] == "all requests were answered");
    for line in server.log().lines() {
        let event: Value = serde_json::from_str(&line).expect(&line);
        let time = event["time"].as_str().expect(&line);
        assert!(time.len() == 27 && time.ends_with('Z') && &time[10..11] == "T", "{line}");
        // A line of the access log is a request, with no message.
        if event.get("event.name").is_none() {
            let level = event["level"].as_str().expect(&line);
            assert!(["debug", "info", "warn", "error", "critical"].contains(&level), "{line}");
            assert_eq!(event["name"], "witness", "{line}");
            assert!(event["message"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
        }
    }
}

/// What the server writes on a terminal, up to an error of its service.
fn on_terminal(variables: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let (program, log) = (scratch.path("witness"), scratch.path("log"));
    fs::copy(WITNESS, &program).unwrap();
    // The end of its terminal is no reason for a server to end.
    let _sweep = Sweep::of(&scratch);
    let command = format!("exec {} --port {FREE_PORT}", program.display());
    let script = tools::tool("script").args(["-qefc", &command]).arg(&log);
    let script = variables.iter().fold(script, |run, (name, value)| run.env(name, value));
    let _script = Background::from(script.env("TERM", "xterm").spawn());
    http::get(wait_for_address(&log), "/fail");
    wait_for_text(&log, "the well is dry")
}

#[test]
fn a_terminal_gets_text() {
    let told = on_terminal(&[]);
    assert!(told.contains("witness: serving on http://127.0.0.1:"), "{told:?}");
    assert!(told.contains("witness: \u{1b}[1;31merror:\u{1b}[0m service failed "), "{told:?}");
    let plain = on_terminal(&[("NO_COLOR", "1")]);
    assert!(plain.contains("witness: error: service failed "), "{plain:?}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn the_form_can_be_chosen() {
    let server = Server::with(WITNESS, &["--log-format=text"]);
    server.get("/fail");
    let line = server.log().line("the error", |line| line.contains("the well is dry"));
    assert!(line.contains("witness: error: service failed method=GET url=/fail "), "{line}");
}

#[test]
fn what_matters_less_is_left_out() {
    let scratch = Scratch::new();
    let admin = scratch.path("admin");
    let admin = format!("--admin=unix:{}", admin.display());
    for (level, is_told) in [("info", true), ("warn", false), ("error", false)] {
        let mut server = into_files(&scratch, &["--log-level", level, &admin]);
        // It answers, so it has told all that it has to tell about its start.
        wait_until("it is ready", || is_ready(&scratch.path("admin")));
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(!events(&scratch.path("err")).is_empty(), is_told, "{level}");
    }
}

fn is_ready(socket: &Path) -> bool {
    let curl = tools::tool("curl").args(["-sf", "http://admin/readyz", "--unix-socket"]);
    curl.arg(socket).end().status.success()
}

#[test]
fn the_log_goes_where_it_is_told() {
    let scratch = Scratch::new();
    let (out, err) = (scratch.path("out"), scratch.path("err"));
    for (option, used, unused) in [("-", &out, &err), ("+", &err, &out)] {
        let _server = into_files(&scratch, &["--log-file", option]);
        wait_for_address(used);
        assert_eq!(fs::read_to_string(unused).unwrap(), "");
    }
    let log = scratch.path("log");
    let _server = into_files(&scratch, &["--log-file", log.to_str().unwrap()]);
    wait_for_address(&log);
    assert_eq!((fs::read(&out).unwrap(), fs::read(&err).unwrap()), (vec![], vec![]));
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_file_that_was_moved_is_made_anew() {
    let scratch = Scratch::new();
    let (log, moved) = (scratch.path("log"), scratch.path("log.1"));
    fs::write(&log, "what was there before\n").unwrap();
    let server = into_files(&scratch, &["--access-log", "--log-file", log.to_str().unwrap()]);
    let address = wait_for_address(&log);
    http::get(address, "/first");
    wait_for_text(&log, "/first");
    fs::rename(&log, &moved).unwrap();
    http::get(address, "/second");
    wait_for_text(&moved, "/second");
    server.signal(Signal::HUP);
    wait_for_text(&log, "certificates and log file read again");
    http::get(address, "/third");
    let new = wait_for_text(&log, "/third");
    let old = fs::read_to_string(&moved).unwrap();
    assert!(old.starts_with("what was there before\n{"), "{old}");
    assert!(!old.contains("/third") && !new.contains("/second"), "{old}\n{new}");
}

#[test]
fn a_file_that_can_not_be_opened_is_told() {
    let scratch = Scratch::new();
    for path in ["/nowhere/log", "/", "/proc/version/log"] {
        let run = Run::new(WITNESS).args(["--port", FREE_PORT, "--log-file", path]);
        let line = run.fails(74);
        assert!(line.starts_with("witness: ") && line.contains(path), "{line}");
    }
    assert!(scratch.names("").is_empty());
}

#[test]
fn each_request_is_a_line_of_the_access_log() {
    let scratch = Scratch::new();
    let headers = ["user-agent: a \"quoted\" agent", "referer: http://x/"];
    let server = Server::with(WITNESS, &["--access-log=combined"]);
    http::request(server.address, "GET", "/nothing?a=b", &headers);
    let line = server.log().line("the request", |line| line.contains("/nothing"));
    let (client, rest) = line.split_once(" - - [").expect(&line);
    let (time, rest) = rest.split_once("] ").expect(&line);
    assert_eq!((client, time.len(), &time[20..21]), ("127.0.0.1", 26, " "), "{line}");
    let expected = "\"GET /nothing?a=b HTTP/1.1\" 404 13 \"http://x/\" \"a \\\"quoted\\\" agent\"";
    let more = rest.strip_prefix(expected).expect(&line).split_whitespace().collect::<Vec<_>>();
    assert!(more.len() == 2 && more[0].parse::<f64>().is_ok(), "seconds and id: {line}");

    let server = Server::with(WITNESS, &["--access-log=json"]);
    http::request(server.address, "GET", "/nothing?a=b", &headers);
    let event = server.event("the request", |event| event["url.path"] == "/nothing");
    for (name, value) in [
        ("client.address", "127.0.0.1"),
        ("http.request.method", "GET"),
        ("url.query", "a=b"),
        ("network.protocol.version", "1.1"),
        ("http.request.header.referer", "http://x/"),
        ("user_agent.original", "a \"quoted\" agent"),
    ] {
        assert_eq!(event[name], value, "{event}");
    }
    assert_eq!(event["http.response.status_code"], 404);
    assert_eq!(event["http.response.body.size"], 13);
    assert!(event["http.server.request.duration"].as_f64().is_some_and(|time| time > 0.0));
    assert!(scratch.names("").is_empty());
}

#[test]
fn a_request_that_failed_is_found_in_the_log() {
    let server = Server::with(WITNESS, &["--access-log"]);
    for (path, error) in [("/fail", "the well is dry"), ("/panic", "it was asked to panic")] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.text()), (500, "internal server error\n"));
        let id = answer.header("x-request-id").expect("an id").to_owned();
        assert!(id.len() >= 8, "{id}");
        let failed = server.event(path, |event| {
            event["message"] == "service failed" && event["request_id"] == *id
        });
        assert!(failed["error"].as_str().unwrap().contains(error), "{failed}");
        let request = server.event(path, |event| event["url.path"] == path);
        assert_eq!(request["request_id"], *id);
    }
    assert_eq!(server.log().events_of("service failed").len(), 2, "one line each");
    let sent = ["x-request-id: of-the-proxy-17"];
    let answer = http::request(server.address, "GET", "/fail", &sent);
    assert_eq!(answer.header("x-request-id"), Some("of-the-proxy-17"));
    server.event("the same id", |event| event["request_id"] == "of-the-proxy-17");
}
