//! TLS as clients of every kind meet it: versions, names, handshakes that never end.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use holdall_tests::certificates::{Authority, Issued, Key, write_private};
use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{
    Client, Ended, FREE_PORT, Run, Scratch, Server, TlsSettings, http, process, tools,
};
use rustix::process::Signal;
use tokio_rustls::rustls::NamedGroup;
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// A site behind TLS, and the authority that its clients trust.
struct Site {
    scratch: Scratch,
    authority: Authority,
    root: PathBuf,
}

impl Site {
    fn new() -> Self {
        let scratch = Scratch::new();
        fixtures::site_bundle(&scratch);
        let authority = Authority::new();
        let root = authority.write_root(&scratch, "root.pem");
        Self { scratch, authority, root }
    }

    /// Serves with a certificate for `a.test`, and more options.
    fn serve(&self, options: &[&str]) -> Server {
        let endpoint = self.authority.issue(&["a.test"]).endpoint(&self.scratch, "a");
        self.serve_on(&endpoint, options)
    }

    fn serve_on(&self, endpoint: &str, options: &[&str]) -> Server {
        let run = Run::new(self.scratch.path("site")).args(["--port", endpoint]);
        Server::from_run(run.args(options))
    }

    /// Serves all certificates of the directory `certificates`.
    fn serve_directory(&self, options: &[&str]) -> Server {
        let path = self.scratch.path("certificates");
        let endpoint = format!("tls:path={}:{FREE_PORT}", path.display());
        self.serve_on(&endpoint, options)
    }

    fn issue_into(&self, file: &str, names: &[&str]) -> Issued {
        let issued = self.authority.issue(names);
        issued.write(&self.scratch, format!("certificates/{file}"));
        issued
    }

    /// What trusts the authority.
    fn client(&self) -> TlsSettings {
        TlsSettings::new(&self.authority.root())
    }

    /// `curl` that asks for the page of `host`, which is the server at `address`.
    fn curl(&self, address: SocketAddr, host: &str, options: &[&str]) -> Ended {
        let port = address.port();
        let connect = format!("{host}:{port}:{}:{port}", address.ip());
        let run = tools::tool("curl").args(["-sS", "--max-time", "60", "--connect-to", &connect]);
        let run = run.arg("--cacert").arg(&self.root).args(options);
        run.arg(format!("https://{host}:{port}/")).end()
    }
}

/// `openssl s_client`, which shakes hands and closes.
fn s_client(address: SocketAddr, options: &[&str]) -> Ended {
    let address = address.to_string();
    tools::tool("openssl").args(["s_client", "-connect", &address]).args(options).end()
}

/// What openssl says, which shows bytes of tickets as they are.
fn told(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

/// Whether openssl was shown this certificate.
fn was_shown(ended: &Ended, issued: &Issued) -> bool {
    let joined = |text: &str| text.split_whitespace().collect::<String>();
    joined(&told(ended)).contains(&joined(&issued.certificate))
}

#[test]
fn curl_speaks_every_version_of_both() {
    let site = Site::new();
    let server = site.serve(&[]);
    for http in [["--http1.1", " 1.1"], ["--http2", " 2"]] {
        for tls in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            let options = [&[http[0], "-w", " %{http_version}"], tls].concat();
            let got = site.curl(server.address, "a.test", &options);
            assert_eq!(got.text(), format!("{INDEX}{}", http[1]), "{tls:?}: {}", got.stderr);
        }
    }
    // 60: the certificate is for another name; 35: no handshake.
    let connect = ["--insecure", "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "ALL@SECLEVEL=0"];
    assert_eq!(site.curl(server.address, "a.test", &connect).code(), 35);
    let by_address = format!("https://{}/", server.address);
    let run = tools::tool("curl").args(["-sS", "--cacert"]).arg(&site.root).arg(by_address);
    assert_eq!(run.end().code(), 60);
}

#[test]
fn files_are_named_in_every_way() {
    let site = Site::new();
    for (number, key) in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa2048].into_iter().enumerate()
    {
        let issued = site.authority.order(&["a.test"]).key(key).issue();
        let scratch = &site.scratch;
        let (private, chained) = issued.write_pair(scratch, &format!("{number}"));
        let one = issued.write(scratch, "one.pem");
        let alone = write_private(scratch, "alone.crt", &issued.certificate);
        let chain = write_private(scratch, "chain.crt", &issued.chain);
        let (private, chained) = (private.display(), chained.display());
        let (one, alone, chain) = (one.display(), alone.display(), chain.display());
        let options = [
            format!("tls:0:interface=127.0.0.1:privateKey={private}:certKey={chained}"),
            format!("ssl:0:{private}:{alone}:{chain}:127.0.0.1"),
            format!("tls:privateKey={one}:{FREE_PORT}"),
        ];
        for endpoint in options {
            let server = site.serve_on(&endpoint, &[]);
            assert!(server.urls(1)[0].starts_with("https://127.0.0.1:"), "{endpoint}");
            let mut client = site.client().connect(server.address, "a.test");
            assert!(client.was_shown(&issued), "{endpoint}");
            assert_eq!(client.get("/").text(), INDEX);
        }
    }
}

#[test]
fn the_key_exchange_is_the_one_that_quantum_computers_do_not_break() {
    let site = Site::new();
    let server = site.serve(&[]);
    let root = site.authority.root();
    let agreed = |groups: &[NamedGroup]| {
        let settings = TlsSettings::with(&root, &[&TLS13], groups);
        settings.connect(server.address, "a.test").key_exchange()
    };
    assert_eq!(agreed(&[]), NamedGroup::X25519MLKEM768);
    assert_eq!(agreed(&[NamedGroup::X25519, NamedGroup::secp256r1]), NamedGroup::X25519);
    assert_eq!(agreed(&[NamedGroup::secp256r1]), NamedGroup::secp256r1);
    let told = told(&s_client(server.address, &["-servername", "a.test", "-groups", "P-384"]));
    assert!(told.contains("Server Temp Key: ECDH, secp384r1"), "{told}");
}

#[test]
fn sessions_are_resumed_and_never_with_early_data() {
    let site = Site::new();
    let server = site.serve(&[]);
    for version in [&TLS13, &TLS12] {
        let settings = TlsSettings::with(&site.authority.root(), &[version], &[]);
        let mut first = settings.connect(server.address, "a.test");
        assert!(!first.is_resumed());
        // The answer comes behind the tickets.
        assert_eq!(first.get("/").text(), INDEX);
        let mut second = settings.connect(server.address, "a.test");
        assert!(second.is_resumed() && !second.took_early_data(), "{version:?}");
        assert_eq!(second.get("/").text(), INDEX);
    }
}

#[test]
fn the_protocol_is_chosen_in_the_handshake() {
    let site = Site::new();
    let server = site.serve(&[]);
    let ask =
        |alpn: &[&str]| s_client(server.address, &[&["-servername", "a.test"], alpn].concat());
    for (offered, chosen) in
        [("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"), ("http/1.1", "http/1.1")]
    {
        let told = told(&ask(&["-alpn", offered]));
        assert!(told.contains(&format!("ALPN protocol: {chosen}\n")), "{told}");
    }
    assert!(told(&ask(&[])).contains("No ALPN negotiated\n"));
    let refused = ask(&["-alpn", "smtp"]);
    assert!(refused.stderr.contains("no application protocol"), "{}", refused.stderr);
    assert!(!refused.status.success());
}

#[test]
fn the_name_chooses_the_certificate() {
    let site = Site::new();
    let exact = site.issue_into("a.pem", &["a.test", "second.test"]);
    let wildcard = site.issue_into("wild.pem", &["*.wild.test"]);
    let within = site.issue_into("b.pem", &["b.wild.test"]);
    let server = site.serve_directory(&["--log-level=debug"]);
    for (name, issued) in [
        ("a.test", &exact),
        ("A.Test", &exact),
        ("second.test", &exact),
        ("any.wild.test", &wildcard),
        ("b.wild.test", &within),
    ] {
        let client = site.client().connect(server.address, name);
        assert!(client.was_shown(issued), "{name}");
        assert_eq!(site.curl(server.address, name, &[]).text(), INDEX);
    }
    for unknown in ["c.test", "wild.test", "too.deep.wild.test", "xa.test", "test"] {
        let told = s_client(server.address, &["-servername", unknown]);
        assert!(told.stderr.contains("unrecognized name"), "{unknown}: {}", told.stderr);
        assert!(!told.status.success());
        let error = format!("no certificate for {unknown:?}");
        server.event("the name in the log", |event| event["error"] == error);
    }
    let told = s_client(server.address, &["-noservername"]);
    assert!(told.stderr.contains("unrecognized name"), "{}", told.stderr);
}

#[test]
fn a_default_answers_whoever_asks_for_something_else() {
    let site = Site::new();
    let other = site.issue_into("DEFAULT.pem", &["other.test"]);
    let exact = site.issue_into("a.pem", &["a.test"]);
    let server = site.serve_directory(&[]);
    for (options, issued) in [
        (&["-servername", "a.test"][..], &exact),
        (&["-servername", "other.test"], &other),
        (&["-servername", "unknown.test"], &other),
        (&["-noservername"], &other),
    ] {
        assert!(was_shown(&s_client(server.address, options), issued), "{options:?}");
    }
}

#[test]
fn whoever_speaks_something_else_is_told() {
    let site = Site::new();
    let endpoint = site.authority.issue(&["a.test"]).endpoint(&site.scratch, "a");
    let server = site.serve_on(&endpoint, &["--port", FREE_PORT]);
    for request in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = http::parse(&Client::sending(server.address, request).rest());
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("use https://"), "{}", answer.text());
    }
    for garbage in [&b"\x80\x46\x01\x03\x01"[..], b"\0", b"ssh", b"\xff\xff\xff\xff"] {
        assert_eq!(Client::sending(server.address, garbage).rest(), b"", "{garbage:?}");
    }
    // A handshake record that holds none: 21 begins an alert, and nothing follows it.
    let garbage = [b"\x16\x03\x01\x00\x20".as_slice(), &[b'x'; 0x20]].concat();
    let answer = Client::sending(server.address, garbage).rest();
    assert!(answer.is_empty() || (answer[0], answer.len()) == (21, 7), "{answer:?}");
    let url = &server.urls(2)[1];
    let clear = url.strip_prefix("http://").unwrap().parse().unwrap();
    let answer = Client::sending(clear, site.client().client_hello("a.test")).rest();
    let answer = http::parse(&answer);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("use http://"), "{}", answer.text());
    assert_eq!(site.client().connect(server.address, "a.test").get("/").text(), INDEX);
}

#[test]
fn a_proxy_header_comes_before_tls() {
    let site = Site::new();
    let issued = site.authority.issue(&["a.test"]);
    let pem = issued.write(&site.scratch, "a.pem");
    let tls = format!("tls:privateKey={}", pem.display());
    for endpoint in [format!("haproxy:{tls}:{FREE_PORT}"), format!("{tls}:haproxy:{FREE_PORT}")] {
        let server = site.serve_on(&endpoint, &["--access-log=json"]);
        let format = ["--haproxy-protocol", "-w", "%{local_port}"];
        let got = site.curl(server.address, "a.test", &format);
        let port = got.text().strip_prefix(INDEX).expect("the page").parse::<u16>().unwrap();
        server.event("the client in the access log", |event| {
            event["client.port"] == port && event["tls.client.server_name"] == "a.test"
        });
        assert!(!site.curl(server.address, "a.test", &[]).status.success());
    }
}

#[test]
fn handshakes_that_never_end_do_not_keep_others_out() {
    let site = Site::new();
    let limits = ["--handshake-timeout=1", "--max-handshakes=4"];
    let server = site.serve(&limits);
    let hello = site.client().client_hello("a.test");
    let halves = [&hello[..1], &hello[..hello.len() / 2], &hello];
    let start = Instant::now();
    let half_open = halves.iter().cycle().take(12).map(|half| {
        let client = Client::sending(server.address, half);
        thread::spawn(move || {
            let mut client = client;
            client.rest();
            start.elapsed()
        })
    });
    let half_open: Vec<_> = half_open.collect();
    let mut others = 0;
    while half_open.iter().any(|client| !client.is_finished()) || others == 0 {
        let got = site.curl(server.address, "a.test", &["--retry", "9", "--retry-all-errors"]);
        assert_eq!(got.text(), INDEX, "{}", got.stderr);
        others += 1;
        assert!(start.elapsed() < Duration::from_secs(30), "half-open ones are not cut");
    }
    for client in half_open {
        assert!(client.join().unwrap() >= Duration::from_millis(900));
    }
}

#[test]
fn whoever_stalls_within_its_first_message_delays_nobody() {
    let site = Site::new();
    let server = site.serve(&["--handshake-timeout=60", "--max-handshakes=1"]);
    let hello = site.client().client_hello("a.test");
    let halves = [1, 5, hello.len() / 2, hello.len() - 1].map(|length| &hello[..length]);
    let mut stalled = halves.map(|half| Client::sending(server.address, half));
    let start = Instant::now();
    assert_eq!(site.curl(server.address, "a.test", &[]).text(), INDEX);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(stalled.iter_mut().all(|client| !client.is_closed()));
}

#[test]
fn an_unknown_name_reaches_no_disk() {
    let site = Site::new();
    site.issue_into("a.pem", &["a.test"]);
    let (trace, path) = (site.scratch.path("trace"), site.scratch.path("certificates"));
    let run =
        tools::tool("strace").args(["-D", "-f", "-qq", "-e", "trace=%file", "-o"]).arg(&trace);
    let run = run.arg(site.scratch.path("site"));
    let server =
        Server::from_run(run.arg(format!("--port=tls:path={}:{FREE_PORT}", path.display())));
    let traced = || fs::read_to_string(&trace).unwrap().lines().count();
    let before = traced();
    for _ in 0..100 {
        assert!(site.client().try_connect(server.address, "b.test").is_err());
    }
    let meanwhile = traced() - before;
    // The watch on the directory may look once more after the start.
    assert!(meanwhile < 50, "{meanwhile} calls for files");
    server.signal(Signal::HUP);
    process::wait_until("a reload that strace sees", || traced() > before + meanwhile);
}

#[test]
fn ten_thousand_certificates_are_served() {
    let site = Site::new();
    fs::create_dir(site.scratch.path("certificates")).unwrap();
    for number in 0..10_000 {
        let name = format!("n{number}.test");
        let path = site.scratch.path(format!("certificates/{name}.pem"));
        let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
        file.unwrap().write_all(site.authority.issue(&[&name]).pem().as_bytes()).unwrap();
    }
    let server = site.serve_directory(&[]);
    for number in [0, 5_000, 9_999] {
        let name = format!("n{number}.test");
        assert_eq!(site.client().connect(server.address, &name).get("/").text(), INDEX);
    }
    let renewed = site.issue_into("n7777.test.pem", &["n7777.test"]);
    let start = Instant::now();
    while !site.client().connect(server.address, "n7777.test").was_shown(&renewed) {
        assert!(start.elapsed() < Duration::from_secs(30), "it is not renewed");
        thread::sleep(Duration::from_millis(10));
    }
}
