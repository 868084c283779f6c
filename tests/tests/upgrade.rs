//! Upgrades of running servers: no request is lost, whatever the new file is like.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdall_tests::certificates::{Authority, write_private};
use holdall_tests::generations::{Packer, replace};
use holdall_tests::load::{self, Count, Load};
use holdall_tests::process::{descriptors, wait_until};
use holdall_tests::{Client, Generations, Run, Scratch, http, tools};
use rustix::process::{Signal, kill_process};

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");
const PORT: &str = "--port=tcp:0:interface=127.0.0.1";

/// The file `server`, of version 1, and the one of version 2 that may take its place.
struct Versions<'a> {
    packer: Packer<'a>,
    file: PathBuf,
    next: PathBuf,
}

impl<'a> Versions<'a> {
    fn pack(scratch: &'a Scratch) -> Self {
        let packer = Packer::new(scratch, WITNESS);
        let file = packer.pack("server", "1", "");
        let next = packer.pack("second", "2", "");
        Self { packer, file, next }
    }

    fn run(&self, options: &[&str]) -> Run {
        Run::new(&self.file).arg(PORT).args(options)
    }
}

fn identity(address: SocketAddr) -> String {
    http::get(address, "/").text().to_owned()
}

/// What the process answers that serves now.
fn expected(server: &Generations, version: &str) -> String {
    format!("{} {version}", server.current())
}

/// Waits until the process answers that serves now: the one before it may still accept what came
/// in the moment of the change.
fn wait_for_version(server: &Generations, version: &str) {
    let expected = expected(server, version);
    wait_until(&expected, || identity(server.server().address) == expected);
}

/// How many sockets listen on a port.
fn listening(address: SocketAddr) -> usize {
    // The table of proc_net(5): the local address and port in hexadecimal, 0A is LISTEN.
    let table = fs::read_to_string("/proc/net/tcp").expect("a /proc");
    let port = format!(":{:04X} 00000000:0000 0A ", address.port());
    table.lines().filter(|line| line.contains(&port)).count()
}

/// Where the server listens in clear text and with TLS.
fn addresses(server: &Generations) -> Vec<SocketAddr> {
    let address = |url: &String| url.split_once("://").unwrap().1.parse().unwrap();
    server.server().urls(2).iter().map(address).collect()
}

/// Ends the load, of which nothing may have been lost.
fn no_loss(load: Load) -> Vec<(&'static str, Count)> {
    let counts = load.stop();
    for (name, count) in &counts {
        println!("{name}: {count}");
        assert!(count.answered > 0 && count.lost.is_empty(), "{name}: {count}: {:#?}", count.lost);
    }
    counts
}

#[test]
fn twenty_upgrades_lose_no_request() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let first = scratch.path("first");
    fs::hard_link(&versions.file, &first).unwrap();
    let authority = Authority::new();
    let secure = authority.issue(&[load::NAME]).endpoint(&scratch, "server");
    let mut server = Generations::start(&scratch, versions.run(&["--port", &secure]));
    let addresses = addresses(&server);
    let before = descriptors(server.current());

    let load = Load::start(addresses[0], addresses[1], &authority.root());
    load.wait_for(&expected(&server, "1"));
    for number in 0..20 {
        let (next, version) = if number % 2 == 0 { (&versions.next, "2") } else { (&first, "1") };
        replace(&versions.file, next);
        server.upgrade();
        load.wait_for(&expected(&server, version));
    }
    for (name, count) in no_loss(load) {
        assert_eq!(count.contents.len(), 21, "{name}: each of the servers has answered");
    }

    wait_until("only the last server is left, and its helper", || server.processes().len() == 2);
    wait_until("it has as much open as the first", || descriptors(server.current()) <= before);
    assert_eq!(addresses.iter().map(|address| listening(*address)).sum::<usize>(), 2);
    server.signal(Signal::TERM);
    server.wait_until_gone();
}

/// Upgrades to this, which has to fail for this reason; the old server serves on, and can be
/// upgraded to what is good.
fn refused(server: &mut Generations, file: &Path, next: &Path, reason: &str) {
    let address = server.server().address;
    replace(file, next);
    let told = server.fail_to_upgrade();
    assert!(told.contains(reason), "{}: {told}", next.display());
    assert_eq!(identity(address), expected(server, "1"));
    wait_until("the new process is gone", || server.processes().len() == 2);
}

#[test]
fn a_file_that_can_not_serve_changes_nothing() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let file = &versions.file;
    let mut server = Generations::start(&scratch, versions.run(&["--upgrade-timeout=1s"]));
    let whole = fs::read(file).unwrap();
    let text = scratch.write_program("text", "not a program\n");
    let closed = scratch.write("closed", &whole);
    let cut_early = scratch.write_program("cut-early", &whole[..4_000]);
    let cut_late = scratch.write_program("cut-late", &whole[..whole.len() - 100]);
    let other = scratch.write_program("other", "#!/nowhere/interpreter\n");
    let failing = versions.packer.pack("failing", "2", "fail");
    let leaving = versions.packer.pack("leaving", "2", "exit");
    let hanging = versions.packer.pack("hanging", "2", "hang");
    for (next, reason) in [
        (&text, "can't be executed"),
        (&closed, "Permission denied"),
        (&cut_early, ""),
        (&cut_late, ""),
        (&other, "can't be executed"),
        (&failing, "did not start: the service did not start: it was asked to fail"),
        (&leaving, "ended before it served"),
        (&hanging, "did not serve within 1s, and was stopped"),
    ] {
        refused(&mut server, file, next, reason);
    }
    fs::remove_file(file).unwrap();
    assert!(server.fail_to_upgrade().contains("No such file"), "a file that is missing");

    replace(file, &versions.next);
    server.upgrade();
    wait_for_version(&server, "2");
}

#[test]
fn a_certificate_that_can_not_be_used_changes_nothing() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let issued = Authority::new().issue(&[load::NAME]);
    let secure = issued.endpoint(&scratch, "server");
    let mut server = Generations::start(&scratch, versions.run(&["--port", &secure]));
    write_private(&scratch, "server.crt", "no certificate\n");
    refused(&mut server, &versions.file, &versions.next, "server.crt");
    write_private(&scratch, "server.crt", [&*issued.certificate, &issued.chain].concat());
    server.upgrade();
    wait_for_version(&server, "2");
}

#[test]
fn a_server_that_gave_up_its_rights_is_upgraded() {
    if !tools::root_for("may become somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    // Nobody else may read the key, nor write the log.
    let secure = Authority::new().issue(&[load::NAME]).endpoint(&scratch, "server");
    let options = ["--user=12345", "--port", &secure];
    let mut server = Generations::start(&scratch, versions.run(&options));
    let address = server.server().address;
    for version in ["2", "3", "4"] {
        replace(&versions.file, &versions.packer.pack("next", version, ""));
        let process = server.upgrade();
        wait_for_version(&server, version);
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        assert!(status.contains("\nUid:\t12345\t12345\t12345\t12345\n"), "{status}");
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
        assert_ne!(http::get(address, "/execute?/bin/true").text(), "done");
        assert_ne!(http::get(address, "/read?/etc/passwd").text(), "done");
    }
}

#[test]
fn the_first_process_of_a_container_is_upgraded() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let authority = Authority::new();
    let secure = authority.issue(&[load::NAME]).endpoint(&scratch, "server");
    let run = in_container(&versions.file).args([PORT, "--port", &secure]);
    let mut server = Generations::start_as_init(&scratch, run);
    let addresses = addresses(&server);
    let load = Load::start(addresses[0], addresses[1], &authority.root());
    load.wait_for("");
    for version in ["2", "3", "4", "5"] {
        replace(&versions.file, &versions.packer.pack("next", version, ""));
        // One after the other, whoever has been answered by then.
        server.upgrade();
    }
    load.wait_for(&expected(&server, "5"));
    no_loss(load);
    wait_until("init and one server are left", || server.processes().len() == 2);
    server.signal(Signal::TERM);
    server.wait_until_gone();
}

/// The program as the first process of namespaces of its own.
fn in_container(program: &Path) -> Run {
    let unshare = tools::tool("unshare").args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    let unshare = if tools::is_root() { unshare } else { unshare.arg("--map-root-user") };
    unshare.arg(program)
}

#[test]
fn a_symbolic_link_may_lead_to_the_next_version() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let link = scratch.path("current");
    symlink(&versions.file, &link).unwrap();
    let mut server = Generations::start(&scratch, Run::new(&link).arg(PORT));
    symlink(&versions.next, scratch.path("current.new")).unwrap();
    fs::rename(scratch.path("current.new"), &link).unwrap();
    server.upgrade();
    wait_for_version(&server, "2");
}

#[test]
fn the_path_of_a_socket_goes_to_the_next() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let socket = scratch.path("socket");
    let endpoint = format!("unix:{}", socket.display());
    let options = ["--no-sandbox", "--port", &endpoint];
    let mut server = Generations::start(&scratch, versions.run(&options));
    let first = server.current();
    for _ in 0..2 {
        server.upgrade();
    }
    wait_until("the first is gone", || !server.processes().contains(&first));
    let curl = tools::tool("curl").args(["-sSf", "http://server/", "--unix-socket"]);
    assert_eq!(curl.arg(&socket).ok().text(), expected(&server, "1"));
    server.signal(Signal::TERM);
    server.wait_until_gone();
    assert!(!socket.exists(), "the last removes it");
}

#[test]
fn a_download_goes_on_across_the_upgrade() {
    const MEGABYTES: usize = 64;
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let mut server = Generations::start(&scratch, versions.run(&[]));
    let (address, old) = (server.server().address, server.current());
    let request = format!("GET /megabytes?{MEGABYTES} HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut client = Client::sending(address, request);
    let head = client.only_head();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    replace(&versions.file, &versions.next);
    server.upgrade();
    wait_for_version(&server, "2");
    assert!(server.processes().contains(&old), "it has something to finish");
    let mut length = 0;
    loop {
        let chunk = usize::from_str_radix(&client.line(), 16).unwrap();
        assert!(client.exactly(chunk + 2)[..chunk].iter().all(|byte| *byte == b'm'));
        length += chunk;
        if chunk == 0 {
            break;
        }
    }
    assert_eq!(length, MEGABYTES << 20);
    wait_until("the old server is gone", || !server.processes().contains(&old));
}

#[test]
fn one_upgrade_at_a_time() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let mut server = Generations::start(&scratch, versions.run(&["--upgrade-timeout=2s"]));
    replace(&versions.file, &versions.packer.pack("hanging", "2", "hang"));
    server.signal(Signal::USR2);
    server.server().event("it begins", |event| event["message"] == "upgrading");
    server.signal(Signal::USR2);
    let told = server.outcome().unwrap_err();
    assert!(told.contains("did not serve within 2s"), "{told}");
    let warnings = server.log().events_of("an upgrade is under way already");
    assert_eq!(warnings.len(), 1, "{:?}", server.log().lines());
    assert_eq!(warnings[0]["level"], "warn");

    replace(&versions.file, &versions.next);
    server.upgrade();
    assert_eq!(server.log().events_of("upgrading").len(), 2);
}

#[test]
fn a_server_that_ends_has_no_successor() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let mut server = Generations::start(&scratch, versions.run(&["--grace-period=10m"]));
    let (address, first) = (server.server().address, server.current());
    let request = "GET /megabytes?64 HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut clients = [(); 2].map(|()| Client::sending(address, request));
    clients.iter_mut().for_each(|client| assert_eq!(client.only_head().status, 200));
    server.upgrade();
    // The first still has these two downloads to finish.
    kill_process(first, Signal::USR2).unwrap();
    let refused = "no upgrade: this process is about to end";
    wait_until("it says so", || server.log().events_of(refused).len() == 1);
    let mut client = Client::sending(address, request);
    assert_eq!(client.only_head().status, 200);
    server.signal(Signal::TERM);
    wait_until("it drains", || server.log().events_of("draining").len() == 1);
    server.signal(Signal::USR2);
    wait_until("it says so", || server.log().events_of(refused).len() == 2);
    drop((client, clients));
    server.wait_until_gone();
}

#[test]
fn a_stop_during_an_upgrade_stops_both() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let server = Generations::start(&scratch, versions.run(&[]));
    let hanging = versions.packer.pack("hanging", "2", "hang");
    replace(&versions.file, &hanging);
    server.signal(Signal::USR2);
    wait_until("a third process starts", || server.processes().len() >= 3);
    server.signal(Signal::TERM);
    server.wait_until_gone();

    // At any moment of a start that would succeed.
    replace(&versions.file, &versions.next);
    for pause in 0..8 {
        let mut server = Generations::start(&scratch, versions.run(&[]));
        let first = server.current();
        server.signal(Signal::USR2);
        std::thread::sleep(Duration::from_millis(pause * 2));
        server.signal(Signal::TERM);
        wait_until("the first is gone", || !server.processes().contains(&first));
        if !server.log().events_of("handed over to the new process").is_empty() {
            // It was too late: this was not the server any more.
            server.outcome().unwrap();
            server.signal(Signal::TERM);
        }
        server.wait_until_gone();
    }
}

#[test]
fn the_next_version_has_defaults_of_its_own() {
    let scratch = Scratch::new();
    let versions = Versions::pack(&scratch);
    let set = |file: &str, word: &str| {
        scratch.holdall().args(["set", file, "--env", word, "--env", "KEPT=bundle"]).ok();
    };
    set("server", "WORD=first");
    set("second", "WORD=second");
    let mut server = Generations::start(&scratch, versions.run(&[]).env("KEPT", "user"));
    let address = server.server().address;
    let variable = |name: &str| http::get(address, &format!("/variable?{name}")).text().to_owned();
    assert_eq!((variable("WORD"), variable("KEPT")), ("first".into(), "user".into()));
    replace(&versions.file, &versions.next);
    server.upgrade();
    wait_for_version(&server, "2");
    assert_eq!((variable("WORD"), variable("KEPT")), ("second".into(), "user".into()));
}
