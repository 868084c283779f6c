//! `--health URL`: a bundle asks whether a server is well.

use std::net::TcpListener;

use holdall_tests::{Run, Scratch, Server, fixtures};

#[test]
fn a_server_that_answers_is_well() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let socket = scratch.path("admin.sock").display().to_string();
    let server = Server::with(&site, &["--admin", &format!("unix:{socket}")]);
    let health = |url: &str| Run::new(&site).args(["--health", url]);
    let root = format!("http://{}/", server.address);
    assert_eq!(health(&root).ok().text(), "healthy: 200 OK\n");
    assert_eq!(health(&format!("{root}missing")).ok().text(), "healthy: 404 Not Found\n");
    assert_eq!(health(&format!("unix:{socket}:/readyz")).ok().text(), "healthy: 200 OK\n");
    // With nothing of the environment, as a container has it.
    assert_eq!(health(&root).env_clear().ok().text(), "healthy: 200 OK\n");
    assert!(server.stop().success());
    let error = health(&root).fails(69);
    assert!(error.contains("unhealthy: no answer from"), "{error}");
    let error = health(&format!("unix:{socket}:/readyz")).fails(69);
    assert!(error.contains("unhealthy: no answer from unix:"), "{error}");
}

#[test]
fn a_server_that_fails_is_not() {
    use std::io::{Read, Write};
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let length = stream.read(&mut [0; 1024]).unwrap();
        assert!(length > 0);
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\nno").unwrap();
    });
    let error = Run::new(&site).args(["--health", &url]).fails(69);
    assert!(error.contains("answers 503 Service Unavailable"), "{error}");
    answering.join().unwrap();
}

#[test]
fn a_wrong_url_is_a_wrong_usage() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    for url in ["8080", "https://localhost/", "unix:"] {
        let error = Run::new(&site).args(["--health", url]).fails(64);
        assert!(error.contains("wanted http://HOST"), "{error}");
    }
}

#[test]
fn a_program_keeps_an_option_of_that_name() {
    let scratch = Scratch::new();
    let script = scratch.write_program("echo.sh", "#!/bin/sh\necho \"$*\"\n");
    let bundle = fixtures::exec_bundle(&scratch, &script, "echo", &[]);
    assert_eq!(Run::new(&bundle).args(["--health", "x"]).ok().text(), "--health x\n");
}
