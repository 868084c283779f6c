//! What a service can open: its resources, its certificates, and what it was allowed.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use holdall_tests::background::{wait_for_address, wait_for_text};
use holdall_tests::certificates::{Authority, Issued};
use holdall_tests::generations::Packer;
use holdall_tests::process::wait_until;
use holdall_tests::{Background, FREE_PORT, Run, Scratch, Server, fixtures, http, tools};
use rustix::process::Signal;

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");

/// A bundle of a service that tells what it can open, and files around it that it might.
fn bundle(scratch: &Scratch) -> PathBuf {
    scratch.write("around/secret", "nobody's business\n");
    scratch.write("around/data/table", "a row\n");
    scratch.write_program("around/program", "#!/bin/sh\nexit 0\n");
    Packer::new(scratch, WITNESS).pack("bundle", "1", "")
}

/// What came of it when the service does this with a path.
fn told(server: &Server, what: &str, path: impl AsRef<std::path::Path>) -> String {
    server.get(&format!("/{what}?{}", path.as_ref().display())).text().to_owned()
}

const DENIED: &str = "Permission denied (os error 13)";

#[test]
fn nothing_can_be_opened_that_was_not_allowed() {
    let scratch = Scratch::new();
    let server = Server::start(bundle(&scratch));
    let around = scratch.path("around");
    for (what, path) in [
        ("read", "/etc/passwd".into()),
        ("read", around.join("secret")),
        ("list", "/".into()),
        ("list", around.clone()),
        ("write", around.join("secret")),
        ("create", around.join("new")),
        ("create", "/tmp/holdall-test-new".into()),
        ("remove", around.join("secret")),
        ("execute", "/bin/true".into()),
        ("execute", around.join("program")),
        ("execute", scratch.path("bundle")),
        ("read", format!("/proc/{}/environ", server.pid()).into()),
    ] {
        assert_eq!(told(&server, what, &path), DENIED, "{what} {}", path.display());
    }
    assert_eq!(scratch.names("around"), ["data", "program", "secret"]);
    assert_eq!(server.get("/resource?version").text(), "1");
    assert_eq!(told(&server, "read", "/dev/null"), "done");
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
}

#[test]
fn what_is_allowed_can_be_read() {
    let scratch = Scratch::new();
    let (bundle, around) = (bundle(&scratch), scratch.path("around"));
    let data = around.join("data");
    let allowed = ["--allow-path=/etc/passwd", "--allow-path", data.to_str().unwrap()];
    let server = Server::with(bundle, &allowed);
    for (what, path) in
        [("read", "/etc/passwd".into()), ("read", data.join("table")), ("list", data.clone())]
    {
        assert_eq!(told(&server, what, &path), "done", "{what} {}", path.display());
    }
    for (what, path) in [
        ("read", "/etc/group".into()),
        ("read", around.join("secret")),
        ("read", data.join("../secret")),
        ("list", around),
        ("write", data.join("table")),
        ("create", data.join("new")),
        ("remove", data.join("table")),
    ] {
        assert_eq!(told(&server, what, &path), DENIED, "{what} {}", path.display());
    }
}

#[test]
fn what_is_allowed_can_be_written_but_not_executed() {
    let scratch = Scratch::new();
    let (bundle, around) = (bundle(&scratch), scratch.path("around"));
    let server = Server::with(bundle, &["--allow-write", around.to_str().unwrap()]);
    let new = around.join("data/new");
    for (what, path) in [
        ("create", &new),
        ("write", &new),
        ("read", &new),
        ("list", &around),
        ("remove", &around.join("secret")),
    ] {
        assert_eq!(told(&server, what, path), "done", "{what} {}", path.display());
    }
    assert_eq!(fs::read_to_string(new).unwrap(), "written by the service\n");
    assert_eq!(told(&server, "execute", around.join("program")), DENIED);
    assert_eq!(told(&server, "create", scratch.path("new")), DENIED);
}

#[test]
fn the_directories_that_systemd_makes_are_allowed() {
    let scratch = Scratch::new();
    let (bundle, around) = (bundle(&scratch), scratch.path("around"));
    let run = Run::new(bundle).args(["--port", FREE_PORT]);
    let run = run.env("STATE_DIRECTORY", around.join("data")).env("CREDENTIALS_DIRECTORY", &around);
    let server = Server::from_run(run);
    assert_eq!(told(&server, "create", around.join("data/new")), "done");
    assert_eq!(told(&server, "read", around.join("secret")), "done");
    assert_eq!(told(&server, "create", around.join("new")), DENIED);
}

#[test]
fn without_the_sandbox_everything_is_open() {
    let scratch = Scratch::new();
    let (bundle, around) = (bundle(&scratch), scratch.path("around"));
    let server = Server::with(bundle, &["--no-sandbox"]);
    for (what, path) in [
        ("read", "/etc/passwd".into()),
        ("list", "/".into()),
        ("create", around.join("new")),
        ("execute", around.join("program")),
    ] {
        assert_eq!(told(&server, what, &path), "done", "{what} {}", path.display());
    }
    server.event("it is said", |event| {
        event["message"] == "not confined: the service may open what its user may"
    });
}

#[test]
fn every_kind_of_bundle_says_what_confines_it() {
    let scratch = Scratch::new();
    let linked = bundle(&scratch);
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    let site = fixtures::site_bundle(&scratch);
    scratch.bundler("plugin").arg("www").arg("--path").arg(plugin).ok();
    for bundle in [linked, site, scratch.path("plugin")] {
        let information = Run::new(&bundle).arg("--bundle-info").ok();
        let text = information.text().to_owned();
        let abi = text.split_once("Landlock ABI ").expect("the sandbox in --bundle-info").1;
        let abi: u32 = abi.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        assert!(abi > 0, "{text}");
        let server = Server::with(&bundle, &["--allow-path=/etc", "--allow-write=/tmp"]);
        let event = server.event("what confines it", |event| {
            event["message"] == format!("confined by Landlock ABI {abi}")
        });
        assert_eq!((&event["readable"], &event["writable"]), (&"/etc".into(), &"/tmp".into()));
    }
}

#[test]
fn a_path_that_is_not_there_can_not_be_allowed() {
    let scratch = Scratch::new();
    let bundle = bundle(&scratch);
    for option in ["--allow-path", "--allow-write"] {
        let ended = Run::new(&bundle).args(["--port", FREE_PORT, option, "/nowhere"]).end();
        assert_eq!(ended.code(), 78, "{}", ended.stderr);
        assert!(ended.stderr.contains("/nowhere can't be allowed"), "{}", ended.stderr);
    }
}

/// Whether a client that trusts only this authority gets an answer.
fn is_trusted(scratch: &Scratch, address: SocketAddr, root: &str) -> bool {
    let url = format!("https://localhost:{}/", address.port());
    let curl = tools::tool("curl").args(["-sS", "--max-time", "20", "--noproxy", "*", "--cacert"]);
    curl.arg(scratch.path(root)).arg(url).end().status.success()
}

#[test]
fn certificates_are_read_again_inside() {
    let scratch = Scratch::new();
    let authorities = [Authority::new(), Authority::new(), Authority::new()];
    let issue = |authority: &Authority| authority.issue(&["localhost"]);
    let [first, second, third] = authorities.each_ref().map(issue);
    for (authority, name) in authorities.iter().zip(["root1", "root2", "root3"]) {
        authority.write_root(&scratch, name);
    }
    let bundle = bundle(&scratch);
    first.write(&scratch, "certificates/server.pem");
    let endpoint =
        format!("tls:0:interface=127.0.0.1:path={}", scratch.path("certificates").display());
    let server = Server::from_run(Run::new(bundle).args(["--port", &endpoint]));
    assert!(is_trusted(&scratch, server.address, "root1"));
    assert!(!is_trusted(&scratch, server.address, "root2"));
    renewed(&scratch, &server, &second, "root2");
    renewed(&scratch, &server, &third, "root3");
}

/// Puts a certificate in place of the one there is, which is soon in use.
fn renewed(scratch: &Scratch, server: &Server, issued: &Issued, root: &str) {
    issued.write(scratch, "certificates/server.pem");
    let start = Instant::now();
    wait_until("the new certificate is in use", || is_trusted(scratch, server.address, root));
    assert!(start.elapsed() < Duration::from_secs(10), "only after {:?}", start.elapsed());
}

#[test]
fn the_log_file_is_made_anew_inside() {
    let scratch = Scratch::new();
    let (log, moved) = (scratch.path("logs/log"), scratch.path("logs/log.1"));
    fs::create_dir(scratch.path("logs")).unwrap();
    let mut command = std::process::Command::new(bundle(&scratch));
    let server = Background::start(command.args(["--port", FREE_PORT, "--log-file"]).arg(&log));
    let address = wait_for_address(&log);
    fs::rename(&log, &moved).unwrap();
    server.signal(Signal::HUP);
    wait_for_text(&log, "certificates and log file read again");
    let denied = http::get(address, &format!("/create?{}", scratch.path("new").display()));
    assert_eq!(denied.text(), DENIED);
}
