//! Fifty thousand resources: each is found, and what clients do to a server costs it no more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdall_tests::fixtures::{self, CROWD, Random, crowd_content, crowd_names, noise_of};
use holdall_tests::h2::{Frame, Http2, reason, setting};
use holdall_tests::process::{descriptors, memory, processor_time, reset_on_close, wait_until};
use holdall_tests::{Client, Scratch, Server, tools};

use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

const LARGE: usize = 5 << 20;

/// The site, and the right to be alone with it: these tests measure.
fn site() -> (Arc<Site>, MutexGuard<'static, ()>) {
    static ONE: Mutex<()> = Mutex::new(());
    let site = SITE.get(make);
    (site, ONE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn make() -> Site {
    let scratch = Scratch::new();
    scratch.write("www/large.bin", noise_of(LARGE, 3));
    scratch.write("www/large.txt", "a line of a large text\n".repeat(LARGE / 23));
    scratch.write("www/index.html", "<p>start\n");
    fixtures::crowd(&scratch, "www");
    Site::of_directory(scratch)
}

/// The names in another order, so that neighbours are no neighbours.
fn shuffled() -> Vec<(usize, String)> {
    let mut names: Vec<_> = crowd_names().into_iter().enumerate().collect();
    let mut random = Random::new(7);
    for at in (1..names.len()).rev() {
        names.swap(at, random.below(at as u64 + 1) as usize);
    }
    names
}

#[test]
fn every_one_is_found() {
    let (site, _alone) = site();
    let before = memory(site.server.pid());
    let mut client = Client::connect(site.address());
    for names in shuffled().chunks(100) {
        let request =
            |(_, name): &(usize, String)| format!("GET /{name} HTTP/1.1\r\nhost: test\r\n\r\n");
        client.send(names.iter().map(request).collect::<String>());
        for (number, name) in names {
            let answer = client.response();
            assert_eq!((answer.status, answer.text()), (200, &*crowd_content(*number)), "{name}");
        }
    }
    // What is prepared for each answer is kept within a limit.
    let used = memory(site.server.pid()).saturating_sub(before);
    assert!(used < 96 << 20, "{used} bytes for {CROWD} resources");
    for (number, name) in crowd_names().iter().enumerate().step_by(501) {
        assert_eq!(site.get(&format!("/{name}")).text(), crowd_content(number));
        assert_eq!(site.get(&format!("/{name}x")).status, 404);
        let (directory, _) = name.rsplit_once('/').expect("a directory");
        assert_eq!(site.get(&format!("/{directory}/")).status, 404, "{directory}");
    }
}

/// Asks for large contents, reads a little of them, and no more.
fn slow_readers(server: &Server, count: usize) -> Vec<Client> {
    let reader = |number: usize| {
        let target = ["/large.bin", "/large.txt"][number % 2];
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        let mut client = Client::sending(server.address, request);
        assert_eq!(client.only_head().status, 200);
        client.exactly(1_000);
        client
    };
    (0..count).map(reader).collect()
}

#[test]
fn slow_readers_take_little_memory() {
    let (site, _alone) = site();
    let server = &site.server;
    assert_eq!(server.get("/").status, 200);
    let before = memory(server.pid());
    let readers = slow_readers(server, 200);
    let used = memory(server.pid()).saturating_sub(before);
    // A fraction of the gigabyte that they have asked for.
    assert!(used < 64 << 20, "{used} bytes for 200 readers");
    assert_eq!(server.get("/").status, 200);
    let expected = noise_of(LARGE, 3);
    for mut reader in readers.into_iter().step_by(50) {
        assert!(reader.exactly(LARGE - 1_000) == expected[1_000..]);
    }
}

#[test]
fn clients_that_vanish_amid_a_content_leave_nothing_behind() {
    let (site, _alone) = site();
    let server = &site.server;
    let before = descriptors(server.pid());
    let ranges = ["", "range: bytes=100-\r\n", "range: bytes=0-99,1000000-2000000\r\n"];
    for round in 0..60 {
        let target = ["/large.bin", "/large.txt"][round % 2];
        let fields = [ranges[round % 3], "accept-encoding: gzip\r\n"][round / 2 % 2];
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
        let mut client = Client::sending(server.address, request);
        client.exactly(200);
        if round % 4 < 2 {
            reset_on_close(client.stream());
        }
    }
    wait_until("their descriptors are free", || descriptors(server.pid()) <= before);
    assert_eq!(server.get("/").status, 200);
    let told = server.log().lines().join("\n");
    assert!(!told.contains("\"error\"") && !told.contains("\"warn\""), "{told}");
}

/// Every answer to every kind of request, again and again, leaves the memory as it is.
#[test]
fn requests_leave_no_memory_behind() {
    let (site, _alone) = site();
    let server = &site.server;
    let fields = [
        "if-none-match: *\r\n",
        "range: bytes=0-99\r\n",
        "range: bytes=0-9,20-29,40-49\r\n",
        "range: bytes=99999999-\r\n",
        "accept-encoding: *;q=0\r\n",
    ];
    let targets = ["/large.txt", "/large.bin", "/", "/nothing", "/d1"];
    let round = || {
        let mut client = Client::connect(server.address);
        for target in targets {
            for fields in fields {
                let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
                client.send(request.repeat(20));
                for _ in 0..20 {
                    assert!(client.response().status >= 200);
                }
            }
        }
    };
    round();
    // The allocator keeps what one round needed; what is never given back is missing after each.
    let kept = (0..6).map(|_| {
        let before = memory(server.pid());
        round();
        memory(server.pid()).saturating_sub(before)
    });
    let kept: Vec<_> = kept.take_while(|&more| more > 256 << 10).collect();
    assert!(kept.len() < 6, "{kept:?} bytes more after each round");
}

/// What has no end of segments takes no longer than its bytes.
#[test]
fn paths_without_end_cost_little() {
    let (site, _alone) = site();
    let server = &site.server;
    let paths =
        ["a/".repeat(30_000), "%61/".repeat(15_000), "/".repeat(60_000), "a".repeat(60_000)];
    let before = processor_time(server.pid());
    for path in &paths {
        let mut client = Client::connect(server.address);
        for _ in 0..20 {
            assert_eq!(client.get(&format!("/{path}")).status, 404);
            assert_eq!(client.get(&format!("/d1/e1/{path}")).status, 404);
        }
    }
    let used = processor_time(server.pid()) - before;
    assert!(used < Duration::from_secs(5), "{used:?} for 160 requests");
}

/// What a client may make the server hold with one connection.
const BOUND: u64 = 32 << 20;

/// Requests for resources that are taken back at once, and answers that nobody makes room for.
#[test]
fn requests_that_are_taken_back_leave_nothing_behind() {
    let (site, _alone) = site();
    let (server, names) = (&site.server, crowd_names());
    let others = |moment: &str| {
        let answer = Http2::connect(server.address).get(1, &format!("/{}", names[5]));
        assert_eq!(answer, (200, crowd_content(5).into_bytes()), "{moment}");
        assert_eq!(server.get("/").status, 200, "{moment}");
    };
    others("before");
    let before = memory(server.pid());
    type Flood = (&'static str, fn(u32) -> Frame);
    let floods: [Flood; 3] = [
        ("resets", |stream| Frame::reset(stream, reason::CANCEL)),
        // A grant beyond 31 bits is an error for which the server resets the stream.
        ("errors", |stream| Frame::window_update(stream, 0x7fff_ffff)),
        ("no room", |stream| Frame::get(stream + 2, "/large.txt")),
    ];
    for (flood, second) in floods {
        let mut client = Http2::connect_with(server.address, &[(setting::INITIAL_WINDOW_SIZE, 0)]);
        let patience = Some(Duration::from_secs(1));
        client.stream().set_write_timeout(patience).expect("a socket");
        for (number, name) in (0..10_000).zip(&names) {
            let stream = number * 4 + 1;
            let first = Frame::get(stream, &format!("/{name}"));
            // It ends the connection, or takes no more because its answers are not read.
            if client.send_bytes(&[first.bytes(), second(stream).bytes()].concat()).is_err() {
                break;
            }
        }
        let used = memory(server.pid()).saturating_sub(before);
        assert!(used < BOUND, "{flood}: {used} bytes");
        others(flood);
    }
}

/// Many clients at once, over HTTP/2 as well.
#[test]
fn a_crowd_is_served() {
    let (site, _alone) = site();
    let name = &crowd_names()[4_711];
    for arguments in
        [&["-n", "3000", "-c", "20", "--h1"][..], &["-n", "3000", "-c", "5", "-m", "20"]]
    {
        let url = format!("http://{}/{name}", site.address());
        let ended = tools::tool("h2load").args(arguments).arg(url).ok();
        let told = ended.text();
        assert!(told.contains("3000 succeeded") && told.contains("3000 2xx"), "{told}");
    }
}
