//! Plug-ins in C.

use std::io::{Read, Write};

use holdall_service::Ended;

use crate::build;
use crate::client::{connect, get, post, read_reply};
use crate::host::{Running, sealed};

#[test]
fn the_documented_example_works() {
    let running = Running::start(&build::documented_example());
    let reply = get(&running.authority, "/");
    assert_eq!((reply.status, reply.text()), (200, "Salve"));
    assert!(reply.head.contains("content-type: text/plain; charset=utf-8"), "{}", reply.head);
    assert_eq!(post(&running.authority, "/echo", b"echo this").text(), "echo this");
    assert_eq!(post(&running.authority, "/echo", b"").text(), "");
    assert_eq!(running.log.lines(), ["3: hello is ready"]);
    assert_eq!(running.stop(), Ended::Drained);
}

#[test]
fn the_documented_example_echoes_50_mb_in_bounded_memory() {
    crate::rust::echo_50_mb(&Running::start(&build::documented_example()));
}

#[test]
fn right_answers() {
    let running = Running::start(&build::misbehave(&[]));
    let cases = [
        ("/", 200, "plain"),
        ("/thread", 202, "from another thread"),
        ("/owned", 200, "an owned body"),
        ("/resource", 200, "<h1>hello</h1>"),
        ("/no-resource", 200, "status 4"),
    ];
    for (target, status, body) in cases {
        let reply = get(&running.authority, target);
        assert_eq!((reply.status, reply.text()), (status, body), "{target}");
    }
    running.log.wait_for("body released");
    let log = running.log.clone();
    assert_eq!(running.stop(), Ended::Drained);
    log.wait_for("stopped");
}

#[test]
fn wrong_answers_are_500_and_the_host_lives() {
    let running = Running::start(&build::misbehave(&[]));
    for target in ["/nothing", "/dropped", "/owned-invalid"] {
        assert_eq!(get(&running.authority, target).status, 500, "{target}");
    }
    running.log.wait_for("body released");
    // What is refused may be answered once more: here with the status that the host returned.
    assert_eq!(get(&running.authority, "/status-101").text(), "status 6");
    assert_eq!(get(&running.authority, "/bad-header").text(), "status 6");
    assert_eq!(get(&running.authority, "/twice").text(), "first");
    assert_eq!(running.log.wait_for("twice"), "3: twice: 0 5 5");
    assert_eq!(get(&running.authority, "/").text(), "plain");
}

#[test]
fn a_writer_learns_that_the_client_is_gone() {
    let running = Running::start(&build::misbehave(&[]));
    let mut stream = connect(&running.authority);
    stream.write_all(b"GET /flood HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1 << 20]).unwrap();
    drop(stream);
    running.log.wait_for("flood: closed");
    assert_eq!(running.stop(), Ended::Drained);
}

#[test]
fn many_threads_at_once() {
    let running = Running::start(&build::misbehave(&[]));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(get(&running.authority, "/thread").status, 202);
                    assert_eq!(get(&running.authority, "/").status, 200);
                }
            });
        }
    });
}

#[test]
fn requests_in_one_connection_stay_in_order() {
    let running = Running::start(&build::misbehave(&[]));
    let mut stream = connect(&running.authority);
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
    let last = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let pipeline = format!("{}{}{last}", request("/thread"), request("/owned"));
    stream.write_all(pipeline.as_bytes()).unwrap();
    let all = String::from_utf8(read_reply(stream).body).unwrap();
    let places = ["from another thread", "an owned body", "plain"].map(|body| all.find(body));
    assert!(places.is_sorted() && places[0].is_some(), "{all}");
}

#[test]
fn a_memory_file_is_sealed() {
    let path = sealed(b"object");
    assert!(
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"x"))
            .is_err()
    );
}
