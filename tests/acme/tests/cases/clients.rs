//! Clients that want something unusual: names that nobody has, proofs, all of the server's time.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use holdall_acme_tests::{
    Address, Answer, Fault, Gate, HTTP_PORT, Settings, Shown, Site, TLS_PORT, has_new_pebble,
};
use holdall_tests::process::{self, wait_until, wait_within};
use holdall_tests::{Ended, Server, TlsSettings, http, tools};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::expect::{NAME, RENEWAL};
use crate::renewal::window;

/// Where the authority hears that it may look.
const CHALLENGE: &str = "/chalZ/";

/// So that each request comes once.
const NO_BAD_NONCES: (&str, u8) = ("PEBBLE_WFE_NONCEREJECT", 0);

/// The protocol in which authorities look.
const PROOF: &str = "acme-tls/1";

/// The message of rustls for the alert of which RFC 6066 says that it is for this.
const UNKNOWN: &str = "UnrecognisedName";

/// A hello of a client for a name of any bytes; none without some.
fn hello(name: &[u8]) -> Vec<u8> {
    const PLACE: &str = "place.example";
    let mut hello =
        TlsSettings::new(&holdall_tests::certificates::Authority::new().root()).client_hello(PLACE);
    let at = hello.windows(PLACE.len()).position(|it| it == PLACE.as_bytes()).expect("its name");
    let short = |length: usize| u16::try_from(length).expect("a short name").to_be_bytes();
    let (end, length) = (at + PLACE.len(), name.len());
    // The extension server_name (RFC 6066, section 3): its number, and four lengths around a name.
    let list = [&short(length + 5)[..], &short(length + 3), &[0], &short(length), name].concat();
    let extension = if name.is_empty() { Vec::new() } else { [&[0, 0], &list[..]].concat() };
    hello.splice(at - 9..end, extension);
    // Record, message, and after the version, the random number, the session, the ciphers and
    // the compression, the extensions (RFC 8446, section 4.1.2).
    let mut place = 9 + 2 + 32;
    place += 1 + usize::from(hello[place]);
    place += 2 + usize::from(u16::from_be_bytes([hello[place], hello[place + 1]]));
    place += 1 + usize::from(hello[place]);
    for (from, to) in [(place, place + 2), (7, 9), (3, 5)] {
        let length = short(hello.len() - to);
        hello[from..to].copy_from_slice(&length);
    }
    hello
}

/// Sends bytes, and reads a little of what comes back.
fn answered(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream.write_all(bytes).expect("a server that reads");
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).expect("an answer");
    process::reset_on_close(&stream);
    answer[..length].to_vec()
}

/// Whether it is an alert and nothing else (RFC 8446, section 6), and which.
fn alert(answer: &[u8]) -> Option<u8> {
    match answer {
        [21, 3, _, 0, 2, 2, alert] => Some(*alert),
        _ => None,
    }
}

/// A server with a certificate, that has nothing more to do.
pub fn idle(site: &Site, names: &[&str]) -> Server {
    let server = site.start(names);
    for name in names {
        site.wait_for(name);
        wait_until("an answer about its renewal", || site.state(name)["poll_after"].is_string());
    }
    server
}

/// Sees when somebody opens a file.
struct Opened(OwnedFd);

impl Opened {
    /// Begins when the server has seen all that it did itself.
    fn watch(site: &Site) -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK).expect("a watch");
        for directory in [site.directory(), site.directory().join(".chal/tls-alpn-01")] {
            inotify::add_watch(&inotify, directory, WatchFlags::OPEN).expect("a directory");
        }
        let opened = Self(inotify);
        let mut quiet = Instant::now();
        wait_until("a server that opens nothing", || {
            if !opened.names().is_empty() {
                quiet = Instant::now();
            }
            quiet.elapsed() > Duration::from_secs(1)
        });
        opened
    }

    /// Each time a file, or a directory without a name.
    fn names(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        let mut names = Vec::new();
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::OPEN) {
                let name = event.file_name().unwrap_or_default();
                names.push(name.to_string_lossy().into_owned());
            }
        }
        names
    }
}

#[test]
fn case_36_whatever_a_client_asks_for_it_is_answered() {
    let site = Site::new();
    let address = site.address.port(TLS_PORT);
    let _server = idle(&site, &[NAME, "xn--mnchen-3ya.example"]);
    let long = [b"a".repeat(63), b"b".repeat(63), b"c".repeat(63), b"d".repeat(63)].join(&b'.');
    assert_eq!(long.len(), 255);
    let names: [&[u8]; 11] = [
        b"",
        b"a",
        b".",
        b"nobody.example.com",
        b"xn--nobody-3ya.example",
        b"xn--",
        &long,
        b"hello.example.com\0.evil.example",
        b"\xff\xfe",
        b"127.0.0.1",
        b"../client.key",
    ];
    for name in names {
        let answer = answered(address, &hello(name));
        let alert = alert(&answer);
        assert!(alert.is_some_and(|alert| [112, 50, 47].contains(&alert)), "{name:?}: {answer:?}");
    }
    // Those that somebody has, in any case and also as an absolute name.
    for name in ["hello.example.com", "HELLO.example.COM", "xn--mnchen-3ya.example"] {
        let shown = Shown::at(address, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(shown.names, [name.to_ascii_lowercase()]);
    }
    site.browse(NAME);
}

#[test]
fn case_36_a_flood_of_unknown_names_costs_little_and_opens_no_file() {
    const FLOOD: usize = 2000;
    let site = Site::new();
    let address = site.address.port(TLS_PORT);
    let server = idle(&site, &[NAME]);
    let (asked, files) = (site.proxy.seen().len(), site.scratch.names("certificates"));
    let opened = Opened::watch(&site);
    let template = hello(b"00000000.example.com");
    let at = template.windows(8).position(|it| it == b"00000000").expect("its name");
    let cost = |name: &dyn Fn(usize) -> Vec<u8>| {
        let before = process::processor_time(server.pid());
        (0..FLOOD).for_each(|number| drop(answered(address, &name(number))));
        process::processor_time(server.pid()) - before
    };
    let known = hello(NAME.as_bytes());
    let known = cost(&|_| known.clone());
    let memory = process::memory(server.pid());
    let unknown = cost(&|number| {
        let mut hello = template.clone();
        hello[at..at + 8].copy_from_slice(format!("{number:08}").as_bytes());
        hello
    });
    let grown = process::memory(server.pid()).saturating_sub(memory);
    assert!(unknown < known, "{unknown:?} for unknown names, {known:?} for one that is there");
    assert!(grown < 4 << 20, "{grown} bytes");
    assert_eq!(opened.names(), [""; 0], "files were opened");
    assert_eq!(site.proxy.seen().len(), asked, "the authority was asked");
    assert_eq!(site.scratch.names("certificates"), files);
    site.browse(NAME);
}

/// What a client is shown that knows what a proof is.
fn proof(site: &Site, name: &str) -> Ended {
    let run = tools::tool("openssl").args(["s_client", "-connect"]);
    let run = run.arg(site.address.port(TLS_PORT).to_string());
    run.args(["-servername", name, "-alpn", PROOF]).end()
}

#[test]
fn case_37_only_who_asks_for_a_proof_and_nothing_else_gets_one_that_is_under_way() {
    let site = Site::new();
    let address = site.address.port(TLS_PORT);
    let _server = idle(&site, &["www.example.com"]);
    let shown = |name, protocols: &[&str]| Shown::speaking(address, name, protocols);
    let is_unknown = |name, protocols: &[&str]| {
        let shown = shown(name, protocols);
        let is_it = shown.as_ref().is_err_and(|error| error.to_string().contains(UNKNOWN));
        assert!(is_it, "{name} {protocols:?}: {shown:?}");
    };
    is_unknown(NAME, &[PROOF]);
    let before = site.proxy.count(CHALLENGE);
    site.proxy.add(Fault::always(CHALLENGE, Answer::Hang));
    site.ask_for(NAME);
    site.proxy.wait_for(CHALLENGE, before + 1);
    let shown_proof = proof(&site, NAME);
    assert!(shown_proof.text().contains("ALPN protocol: acme-tls/1"), "{}", shown_proof.stderr);
    let text = tools::tool("openssl").args(["x509", "-noout", "-text"]);
    let text = text.input(shown_proof.stdout).ok();
    // id-pe-acmeIdentifier (RFC 8737, section 6.1)
    assert!(text.text().contains("1.3.6.1.5.5.7.1.31: critical"), "{}", text.text());
    for (name, protocols) in [
        (NAME, &[][..]),
        (NAME, &["http/1.1"]),
        (NAME, &[PROOF, "http/1.1"]),
        (NAME, &["h2", PROOF]),
        ("www.example.com", &[PROOF]),
        ("nobody.example.com", &[PROOF]),
    ] {
        is_unknown(name, protocols);
    }
    let other = shown("www.example.com", &["http/1.1", PROOF]).expect("its certificate");
    assert_eq!(other.names, ["www.example.com"]);
}

#[test]
fn case_37_a_certificate_that_is_renewed_is_shown_to_all_who_do_not_ask_for_the_proof() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::with(&Settings::default().variable(NO_BAD_NONCES.0, NO_BAD_NONCES.1));
    site.proxy.add(Fault::once(RENEWAL, window(-7200, -3600)));
    let gate = Gate::default();
    site.proxy.add(Fault::always(CHALLENGE, Answer::Held(gate.clone())).after(1));
    let _server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    site.proxy.wait_for(CHALLENGE, 2);
    let shown = |protocols: &[&str]| {
        Shown::speaking(site.address.port(TLS_PORT), NAME, protocols).expect("a certificate")
    };
    assert!(proof(&site, NAME).text().contains("ALPN protocol: acme-tls/1"));
    for protocols in [&[][..], &["http/1.1"], &[PROOF, "http/1.1"], &["h2", PROOF]] {
        assert_eq!(shown(protocols), old, "{protocols:?}");
    }
    gate.open();
    site.wait_for_another(NAME, Some(&old));
    wait_until("an end of the proof", || proof(&site, NAME).stderr.contains("alert number 112"));
}

#[test]
fn case_37_a_flood_of_requests_for_proofs_opens_few_files() {
    const FLOOD: usize = 1000;
    let site = Site::new();
    let address = site.address.port(TLS_PORT);
    let server = idle(&site, &[NAME]);
    let opened = Opened::watch(&site);
    let begin = Instant::now();
    for number in 0..FLOOD {
        let shown = Shown::speaking(address, &format!("n{number}.example.com"), &[PROOF]);
        assert!(shown.is_err_and(|error| error.to_string().contains(UNKNOWN)));
    }
    let seconds = usize::try_from(begin.elapsed().as_secs()).expect("some seconds") + 1;
    let count = opened.names().len();
    assert!(count <= 20 * seconds, "{count} files in {seconds} s");
    site.browse(NAME);
    assert!(server.stop().success());
}

#[test]
fn case_38_half_a_hello_keeps_nobody_out_and_ends() {
    let site = Site::new();
    let limit = process::raise_file_limit();
    let run = site.run(&site.endpoint().with("domains", NAME));
    let server = Server::from_run(run.args(["--handshake-timeout=4s"]));
    site.wait_for(NAME);
    let address = site.address.port(TLS_PORT);
    let (descriptors, memory) = (process::descriptors(server.pid()), process::memory(server.pid()));
    let hello = hello(NAME.as_bytes());
    let count = usize::try_from(limit / 2).map_or(10_000, |half| half.min(10_000));
    let begin = Instant::now();
    let mut half: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("room for another connection");
            stream.write_all(&hello[..hello.len() / 2]).expect("a server that reads");
            stream
        })
        .collect();
    for _ in 0..10 {
        let asked = Instant::now();
        site.browse(NAME);
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }
    let most = process::memory(server.pid()).saturating_sub(memory);
    assert!(most < (32 << 10) * count as u64, "{most} bytes for {count} connections");
    // Those that go on slowly are not better off.
    let slow = &mut half[count - 50..];
    let ended = wait_within(Duration::from_secs(20), || {
        slow.iter_mut().for_each(|stream| drop(stream.write_all(&[0])));
        std::thread::sleep(Duration::from_millis(100));
        process::descriptors(server.pid()) <= descriptors
    });
    assert!(ended, "{} are open", process::descriptors(server.pid()) - descriptors);
    eprintln!("{count} half-open connections were gone after {:?}", begin.elapsed());
    site.browse(NAME);
}

/// A server that proves its names over HTTP, on this endpoint.
fn over_http(site: &Site, endpoint: &str, tls: &Address) -> Server {
    let http = format!("{endpoint}:{HTTP_PORT}:interface={}", site.address);
    let tls = site.endpoint().at(tls).with("domains", NAME);
    Server::from_run(site.run(&tls).args(["--port", &http]))
}

#[test]
fn case_42_a_token_is_served_before_the_redirect() {
    let site = Site::with(&Settings::default().variable(NO_BAD_NONCES.0, NO_BAD_NONCES.1));
    let other = Address::new();
    for endpoint in ["redirect:tcp", "tcp"] {
        let gate = Gate::default();
        site.proxy.add(Fault::once(CHALLENGE, Answer::Held(gate.clone())).after(1));
        let server = over_http(&site, endpoint, &other);
        // The authority does not find the server by TLS, and then by HTTP.
        let tokens = site.directory().join(".chal/http-01");
        let mut token = None;
        wait_until("a token", || {
            let files = std::fs::read_dir(&tokens).into_iter().flatten().flatten();
            let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
            token = names.find(|name| !name.starts_with('.'));
            token.is_some()
        });
        let token = token.expect("what was waited for");
        let get = |path: &str| http::get(site.address.port(HTTP_PORT), path);
        let answer = get(&format!("/.well-known/acme-challenge/{token}"));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(answer.text().starts_with(&format!("{token}.")), "{}", answer.text());
        gate.open();
        wait_until("a certificate", || Shown::at(other.port(TLS_PORT), NAME).is_ok());
        let path = "/.well-known/acme-challenge/not-there";
        for path in [path, "/.well-known/acme-challenge/../client.key", "/hello"] {
            let answer = get(path);
            let is_redirected = answer.header("location").is_some_and(|it| it.starts_with("https"));
            assert_eq!(is_redirected, endpoint.starts_with("redirect"), "{}", answer.head);
        }
        assert!(server.stop().success());
        std::fs::remove_dir_all(site.directory()).expect("the directory of the server");
        site.proxy.clear();
    }
}
