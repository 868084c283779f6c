//! Endpoints of every kind, as clients, proxies and service managers meet them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{Client, Ended, FREE_PORT, Run, Scratch, Server, http, programs, tools};

const REQUEST: &str = "GET /client HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

/// PROXY headers (proxy-protocol.txt, sections 2.1 and 2.2), and the clients that they name.
const PROXY_HEADERS: [(&[u8], &str); 4] = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.9 5000 443\r\n", "192.0.2.1:5000"),
    (b"PROXY TCP6 2001:db8::1 2001:db8::9 5000 443\r\n", "[2001:db8::1]:5000"),
    (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\x13\x88\x01\xbb",
        "192.0.2.1:5000",
    ),
    (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x29\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\
        \x13\x88\x01\xbb\x04\0\x02xx",
        "[2001:db8::1]:5000",
    ),
];

/// A bundle of the plug-in that tells who its client is.
fn greeter(scratch: &Scratch) -> PathBuf {
    scratch.write("files/index.html", "a page\n");
    scratch.bundler("greeter").arg("files").arg("--path").arg(programs::greeter()).ok();
    scratch.path("greeter")
}

fn serve<'a>(program: &Path, ports: impl IntoIterator<Item = &'a str>) -> Server {
    let ports = ports.into_iter().flat_map(|port| ["--port", port]);
    Server::from_run(Run::new(program).args(ports).args(["--access-log=json", "--log-level=debug"]))
}

fn curl<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Run {
    tools::tool("curl").args(["-sS", "--max-time", "60"]).args(arguments)
}

/// A port that was free a moment ago, for programs that can't take any free one.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn many_endpoints_serve_at_once() {
    let scratch = Scratch::new();
    let path = scratch.path("web.sock");
    let unix = format!("unix:{}:mode=600", path.display());
    let name = format!("holdall-test-{}", std::process::id());
    let site = serve(
        &fixtures::site_bundle(&scratch),
        [
            FREE_PORT,
            r"tcp:0:interface=\:\:1",
            "tcp6:0:interface=[::1]",
            "TCP:port=0:interface=127.0.0.1:backlog=7",
            &unix,
            &format!("unix:@{name}"),
        ],
    );
    let urls = site.urls(6);
    let starts = ["http://127.0.0.1:", "http://[::1]:", "http://[::1]:", "http://127.0.0.1:"];
    for (url, start) in urls.iter().zip(starts) {
        assert!(url.starts_with(start) && !url.ends_with(":0"), "{url}");
        assert_eq!(curl([&**url]).ok().text(), INDEX);
    }
    assert_eq!(urls[4..], [format!("unix:{}", path.display()), format!("unix:@{name}")]);
    let socket = fs::metadata(&path).unwrap();
    assert!(socket.file_type().is_socket() && socket.permissions().mode() & 0o777 == 0o600);
    let at = path.to_str().unwrap();
    assert_eq!(curl(["--unix-socket", at, "http://x/"]).ok().text(), INDEX);
    assert_eq!(curl(["--abstract-unix-socket", &name, "http://x/"]).ok().text(), INDEX);
    assert!(site.stop().success());
}

#[test]
fn a_tcp6_endpoint_serves_both_families_or_only_its_own() {
    let scratch = Scratch::new();
    let site = serve(&fixtures::site_bundle(&scratch), ["tcp6:0", "tcp6:0:v6only=1"]);
    let port = |url: &String| url.rsplit_once(':').unwrap().1.to_owned();
    let ports: Vec<_> = site.urls(2).iter().map(port).collect();
    let [both, one] = ports.as_slice() else { panic!("{ports:?}") };
    for url in [
        format!("http://127.0.0.1:{both}"),
        format!("http://[::1]:{both}"),
        format!("http://[::1]:{one}"),
    ] {
        assert_eq!(curl([&*url]).ok().text(), INDEX);
    }
    // 7: it could not connect.
    assert_eq!(curl([&*format!("http://127.0.0.1:{one}")]).end().code(), 7);
}

#[test]
fn a_proxy_names_the_client() {
    let scratch = Scratch::new();
    let greeter = serve(&greeter(&scratch), ["haproxy:tcp:0:interface=127.0.0.1"]);
    for (header, name) in PROXY_HEADERS {
        let request = [header, REQUEST.as_bytes()].concat();
        let mut client = Client::sending(greeter.address, &request);
        assert_eq!(client.response().text(), name);
        let (ip, port) = name.rsplit_once(':').unwrap();
        let (ip, port) = (ip.trim_matches(['[', ']']), port.parse::<u16>().unwrap());
        greeter.event("the access log", |event| {
            event["client.address"] == ip && event["client.port"] == port
        });
    }
    let command = ["--haproxy-protocol", "-w", " %{local_ip}:%{local_port}"];
    let told = curl(command).arg(format!("http://{}/client", greeter.address)).ok();
    let (client, local) = told.text().split_once(' ').unwrap();
    assert_eq!(client, local);
}

#[test]
fn a_proxy_header_may_come_in_pieces() {
    let scratch = Scratch::new();
    let greeter = serve(&greeter(&scratch), ["haproxy:tcp:0:interface=127.0.0.1"]);
    let ask = |header: &[u8], pieces: &mut dyn Iterator<Item = usize>| {
        let request = [header, REQUEST.as_bytes()].concat();
        let mut client = Client::connect(greeter.address);
        let mut sent = 0;
        for end in pieces {
            client.send(&request[sent..end]);
            thread::sleep(Duration::from_millis(1));
            sent = end;
        }
        client.send(&request[sent..]);
        client.response().text().to_owned()
    };
    for (header, name) in PROXY_HEADERS {
        for end in 1..=header.len() {
            assert_eq!(ask(header, &mut std::iter::once(end)), name, "cut at {end}");
        }
        assert_eq!(ask(header, &mut (1..=header.len() + 3)), name);
    }
}

#[test]
fn without_a_proxy_header_nobody_is_served() {
    let scratch = Scratch::new();
    let site =
        serve(&fixtures::site_bundle(&scratch), ["haproxy:timeout=0.2:tcp:0:interface=127.0.0.1"]);
    for garbage in [REQUEST, "PROXY TCP4 a b c d\r\n", "PROXY TCP4 192.0.2.1\n", "\r\n\r\nGET / "] {
        let mut client = Client::sending(site.address, garbage);
        assert_eq!(client.rest(), b"", "{garbage:?}");
    }
    let refused = site
        .event("a connection without a header", |event| event["message"] == "connection refused");
    assert!(refused["error"].as_str().unwrap().starts_with("no PROXY header: "), "{refused}");
    for late in ["", "P", "PROXY TCP4 192.0.2.1 192.0.2.9 5000 44"] {
        let start = Instant::now();
        let mut client = Client::sending(site.address, late);
        assert_eq!(client.rest(), b"", "{late:?}");
        // Well before the ten seconds of an ordinary first byte.
        let waited = start.elapsed();
        assert!((0.19..5.0).contains(&waited.as_secs_f64()), "{late:?}: {waited:?}");
    }
    assert_eq!(site.log().lines().iter().filter(|line| line.contains("url.path")).count(), 0);
}

#[test]
fn only_trusted_proxies_are_believed() {
    let scratch = Scratch::new();
    let endpoint = "haproxy:trust=127.0.0.2/31,[2001:db8::]/32:tcp:0:interface=127.0.0.1";
    let greeter = serve(&greeter(&scratch), [endpoint]);
    let url = format!("http://{}/client", greeter.address);
    let from = |address| curl(["--haproxy-protocol", "--interface", address, &url]).end();
    for trusted in ["127.0.0.2", "127.0.0.3"] {
        let told = from(trusted);
        assert!(told.text().starts_with(&format!("{trusted}:")), "{}", told.stderr);
    }
    let refused = from("127.0.0.4");
    assert!(!refused.status.success() && refused.text().is_empty(), "{refused:?}");
    greeter.event("the proxy that is not trusted", |event| {
        let error = event["error"].as_str().unwrap_or_default();
        error.starts_with("127.0.0.4:") && error.ends_with(" may not send a PROXY header")
    });
}

#[test]
fn clients_are_sent_to_https() {
    let scratch = Scratch::new();
    let other = "redirect:port=8443:tcp:0:interface=127.0.0.1";
    let endpoints = ["redirect:tcp:0:interface=127.0.0.1", other];
    let site = serve(&fixtures::site_bundle(&scratch), endpoints);
    let location = |url: &str, path: &str, host: &str, more: &[&str]| {
        let header = format!("host: {host}");
        let told = curl(["-H", &header, "-o", "/dev/null", "-w", "%{http_code} %header{location}"]);
        told.args(more).arg(format!("{url}{path}")).ok().text().to_owned()
    };
    let urls = site.urls(2);
    let [usual, other] = urls.as_slice() else { panic!("two endpoints") };
    let is = |told: String, wanted: &str| assert_eq!(told, format!("308 https://{wanted}"));
    is(location(usual, "/a%20b?c=d&e", "example.com", &[]), "example.com/a%20b?c=d&e");
    is(location(usual, "/", "example.com:8080", &["-d", "x"]), "example.com/");
    is(location(usual, "/text.txt", "[::1]:80", &["-I"]), "[::1]/text.txt");
    is(location(other, "/x?y", "example.com:8080", &[]), "example.com:8443/x?y");
    is(location(other, "/", "127.0.0.1", &["--http2-prior-knowledge"]), "127.0.0.1:8443/");
    let without_host = http::parse(&raw(usual, "GET / HTTP/1.0\r\n\r\n"));
    assert_eq!(without_host.status, 400);
}

fn raw(url: &str, request: &str) -> Vec<u8> {
    let (_, authority) = url.split_once("://").unwrap();
    Client::sending(authority.parse().unwrap(), request).rest()
}

#[test]
fn standard_input_and_output_are_a_connection() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let ask = |request: &str| Run::new(&site).args(["--port", "stdio:"]).input(request).ok();
    let head = "GET /style.css HTTP/1.1\r\nhost: x\r\n";
    for end in ["connection: close\r\n\r\n", "\r\n"] {
        let answer = http::parse(&ask(&format!("{head}{end}")).stdout);
        assert_eq!((answer.status, answer.text()), (200, "body { margin: 0 }\n"));
    }
    let two = ask(&format!("{head}\r\n{head}connection: close\r\n\r\n"));
    assert_eq!(two.text().matches("HTTP/1.1 200 OK\r\n").count(), 2, "{}", two.text());
    assert_eq!(ask("").text(), "");
    let broken = http::parse(&ask("nonsense\r\n\r\n").stdout);
    assert_eq!(broken.status, 400);
}

#[test]
fn a_descriptor_of_the_parent_is_served() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let parent = "import os, socket, sys\n\
        listener = socket.create_server(('127.0.0.1', 0))\n\
        os.dup2(listener.fileno(), 7)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let run = tools::tool("python3").args(["-c", parent]).arg(&site);
    let server = Server::from_run(run.args(["--port", "fd:7"]));
    assert_eq!(server.get("/").text(), INDEX);
    assert!(server.stop().success());
}

/// Has systemd-socket-activate listen on `listen`, and start the site for the first connection,
/// which is that of `client`.
fn activated(
    site: &Path,
    listen: &[&str],
    port: &[&str],
    client: impl Fn() -> Ended + Sync,
) -> Server {
    let run = tools::tool("systemd-socket-activate").args(listen).arg(site).args(port);
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(client().text(), INDEX));
        Server::from_run(run)
    })
}

const RETRY: [&str; 7] =
    ["-sS", "--retry", "300", "--retry-delay", "1", "--retry-connrefused", "--retry-all-errors"];

#[test]
fn a_service_manager_passes_sockets_by_name_and_by_place() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}/");
    let client = || tools::tool("curl").args(RETRY).arg(&url).end();
    for (options, endpoint) in [
        (&["--fdname=web"][..], "systemd:web"),
        (&["--fdname=web"], "systemd:domain=INET:index=0"),
        (&[], "systemd:0"),
        (&[], "fd:3"),
    ] {
        let options = [options, &["-l", &listen]].concat();
        let server = activated(&site, &options, &["--port", endpoint], client);
        assert_eq!(client().text(), INDEX);
        assert!(server.stop().success());
    }
}

#[test]
fn a_socket_of_the_right_name_is_taken_over() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let path = scratch.path("passed.sock");
    let path = path.to_str().unwrap();
    let port = free_port();
    let tcp = format!("127.0.0.1:{port}");
    let names = format!("--fdname=tcp.{port}.127.0.0.1:web:spare");
    let listen = ["-l", &tcp, "-l", path, "-l", &format!("{path}-2"), &names];
    let endpoint = format!("tcp:{port}:interface=127.0.0.1");
    let ports = ["--port", &endpoint, "--port", "systemd:web"];
    let url = format!("http://{tcp}/");
    let client = || tools::tool("curl").args(RETRY).arg(&url).end();
    let server = activated(&site, &listen, &ports, client);
    assert_eq!(curl(["--unix-socket", path, "http://x/"]).ok().text(), INDEX);
    server.event("what nobody asked for", |event| event["names"] == "spare");
    assert!(server.stop().success());
    assert!(Path::new(path).exists(), "the path is the service manager's");
}

#[test]
fn what_has_the_path_of_a_unix_socket_decides() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let path = scratch.path("web.sock");
    let endpoint = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a stale socket");
    let server = serve(&site, [&*endpoint]);
    let at = path.to_str().unwrap();
    assert_eq!(curl(["--unix-socket", at, "http://x/"]).ok().text(), INDEX);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let second = Run::new(&site).args(["--port", &endpoint]).fails(69);
    assert!(second.contains("another program does"), "{second}");
    assert_eq!(curl(["--unix-socket", at, "http://x/"]).ok().text(), INDEX);
    drop(server);
    fs::remove_file(&path).unwrap();
    scratch.write("web.sock", "a file");
    let refused = Run::new(&site).args(["--port", &endpoint]).fails(73);
    assert!(refused.contains("not a socket"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"a file");
}
