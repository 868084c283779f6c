//! A site while it serves: whatever is done to its file, it sends the right bytes or an error.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{Run, Scratch, Server, http, tools};
use rustix::process::{Pid, Signal, kill_process};

fn check(site: &Server) {
    check_at(site.address);
}

fn check_at(address: SocketAddr) {
    assert_eq!(http::get(address, "/").text(), INDEX);
    assert_eq!(http::get(address, "/text.txt").text(), fixtures::text());
    assert_eq!(http::get(address, "/data/noise.bin").body, fixtures::noise());
}

#[test]
fn curl_gets_what_was_packed() {
    let scratch = Scratch::new();
    let site = Server::start(fixtures::site_bundle(&scratch));
    let format = "%{http_code} %{content_type}";
    let output = scratch.path("got");
    let curl = |path: &str| {
        let url = format!("http://{}{path}", site.address);
        let run = tools::tool("curl").args(["-sS", "-w", format, "-o"]).arg(&output).arg(url);
        run.ok().text().to_owned()
    };
    assert_eq!(curl("/style.css"), "200 text/css; charset=utf-8");
    assert_eq!(fs::read(&output).unwrap(), b"body { margin: 0 }\n");
    assert_eq!(curl("/data/noise.bin"), "200 application/octet-stream");
    assert_eq!(fs::read(&output).unwrap(), fixtures::noise());
    assert_eq!(curl("/nothing"), "404 text/plain; charset=utf-8");
}

#[test]
fn a_version_that_the_client_has_is_not_sent_again() {
    let scratch = Scratch::new();
    let site = Server::start(fixtures::site_bundle(&scratch));
    let first = site.get("/text.txt");
    let etag = first.header("etag").unwrap();
    let header = format!("if-none-match: {etag}");
    let again = http::request(site.address, "GET", "/text.txt", &[&header]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = http::request(site.address, "GET", "/style.css", &[&header]);
    assert_eq!(other.status, 200);
    let head = http::request(site.address, "HEAD", "/text.txt", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*fixtures::text().len().to_string()));
    assert_eq!(http::request(site.address, "POST", "/text.txt", &[]).status, 405);
}

#[test]
fn a_path_never_leads_out_of_the_bundle() {
    let scratch = Scratch::new();
    let site = Server::start(fixtures::site_bundle(&scratch));
    let paths = [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/data/../index.html",
        "/.holdall/index",
        "/%2eholdall/manifest.json",
        "/data//noise.bin",
        "/text.txt/",
        "/%00",
        "/%ff",
    ];
    for path in paths {
        let response = site.get(path);
        assert!(response.status >= 400, "{path}: {}", response.status);
        assert!(!response.text().contains("root:"), "{path}");
    }
}

#[test]
fn a_replaced_file_goes_on_serving_its_own_bytes() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let site = Server::start(&path);
    scratch.write("other/index.html", "the next version\n");
    scratch.bundle("other", "site", &[]);
    check(&site);
    let next = Server::start(&path);
    assert_eq!(next.get("/").text(), "the next version\n");
    check(&site);
    assert!(site.stop().success() && next.stop().success());
}

#[test]
fn a_deleted_file_goes_on_serving() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let site = Server::start(&path);
    fs::remove_file(&path).unwrap();
    check(&site);
    assert!(site.stop().success());
}

#[test]
fn a_running_file_can_not_be_overwritten() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let before = fs::read(&path).unwrap();
    let site = Server::start(&path);
    let busy = |result: std::io::Result<fs::File>| match result {
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ExecutableFileBusy),
        Ok(_) => panic!("a running file was opened for writing"),
    };
    busy(fs::File::options().write(true).open(&path));
    busy(fs::File::options().append(true).open(&path));
    busy(fs::File::create(&path));
    let refused = tools::tool("truncate").args(["-s", "4096"]).arg(&path).end();
    assert_ne!(refused.code(), 0);
    let refused = tools::tool("cp").arg("/bin/true").arg(&path).end();
    assert_ne!(refused.code(), 0);
    check(&site);
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
    assert!(site.stop().success());
}

/// A kernel without that protection is stood in for by a file on which the writer was first: the
/// bundle then reads by pread(2), as it does there.
#[test]
fn the_bundler_reads_a_file_that_shrinks_without_a_signal() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.set_len(length / 2).unwrap();
                file.set_len(length).unwrap();
            }
        });
        for _ in 0..50 {
            let ended = scratch.holdall().args(["verify", "site"]).end();
            assert_eq!(ended.code(), 65, "{}", ended.stderr);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_port_that_is_taken_is_told() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let line = Run::new(&path).arg(format!("--port=tcp:{port}:interface=127.0.0.1")).fails(69);
    assert!(line.starts_with("site: can't listen on 127.0.0.1:"), "{line}");
    assert!(line.contains(&port.to_string()) && line.contains("in use"), "{line}");
}

#[test]
fn a_port_that_is_not_allowed_is_told() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    // Ports below this bound need a capability: ip(7), ip_unprivileged_port_start.
    let script =
        "echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start; ip=$1; shift; exec \"$@\"";
    let run = tools::tool("unshare").args(["-n", "sh", "-euc", script, "sh", "-"]);
    let run = run.args(["setpriv", "--reuid=12345", "--clear-groups"]).arg(&path);
    let line = run.args(["--port", "tcp:80"]).fails(77);
    assert!(line.contains(":80"), "{line}");
}

#[test]
fn several_endpoints_are_served() {
    let scratch = Scratch::new();
    let run = Run::new(fixtures::site_bundle(&scratch));
    let endpoint = "tcp:0:interface=127.0.0.1";
    let site = Server::from_run(run.args(["--port", endpoint, "-p", endpoint]));
    check(&site);
    let second = site.line().unwrap();
    let (_, address) = second.split_once("http://").unwrap();
    assert_eq!(http::get(address.parse().unwrap(), "/").text(), INDEX);
    assert!(site.stop().success());
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let scratch = Scratch::new();
    let mut site = Server::start(fixtures::site_bundle(&scratch));
    let mut client = TcpStream::connect(site.address).unwrap();
    client.write_all(b"GET /text.txt HTTP/1.1\r\nhost: x\r\n").unwrap();
    // The server has seen the connection once it answers another one.
    check(&site);
    site.signal(Signal::TERM);
    wait_until_refused(&site);
    client.write_all(b"connection: close\r\n\r\n").unwrap();
    let mut response = Vec::new();
    client.read_to_end(&mut response).unwrap();
    assert_eq!(http::parse(&response).text(), fixtures::text());
    assert_eq!(site.wait().code(), Some(0));
}

fn wait_until_refused(site: &Server) {
    let start = Instant::now();
    while TcpStream::connect(site.address).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "it still accepts");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_idle_server_ends_at_once() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    for signal in [Signal::TERM, Signal::INT] {
        let mut site = Server::start(&path);
        let _idle = TcpStream::connect(site.address).unwrap();
        let start = Instant::now();
        site.signal(signal);
        assert_eq!(site.wait().code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn a_log_that_nobody_reads_is_no_reason_to_end() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let port = format!("--port=tcp:{}:interface=127.0.0.1", address.port());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut site = Command::new(&path).arg(port).stderr(writer).spawn().unwrap();
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not serve");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(http::get(address, "/").text(), INDEX);
    kill_process(Pid::from_child(&site), Signal::TERM).unwrap();
    assert_eq!(site.wait().unwrap().code(), Some(0));
}

#[test]
fn many_clients_get_right_bytes_at_once() {
    let scratch = Scratch::new();
    let site = Server::start(fixtures::site_bundle(&scratch));
    let address = site.address;
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(move || (0..10).for_each(|_| check_at(address)));
        }
    });
    assert!(site.stop().success());
}

#[test]
fn nothing_is_written_while_it_serves() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    let site = Server::start(&path);
    check(&site);
    let opened = fs::read_dir(Path::new("/proc").join(site.pid().to_string()).join("fd")).unwrap();
    for descriptor in opened.flatten() {
        let target = fs::read_link(descriptor.path()).unwrap();
        let target = target.to_string_lossy();
        // The metrics count what is open.
        let is_of_kernel = ["/dev/", "/proc/"].iter().any(|place| target.starts_with(place));
        let is_file = target.starts_with('/') && !is_of_kernel;
        assert!(!is_file || *target == *path.to_string_lossy(), "it has {target} open");
    }
}
