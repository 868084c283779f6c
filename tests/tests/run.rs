//! `holdall run`: what is served follows what is in the directory.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use holdall_tests::process::wait_until;
use holdall_tests::{Client, FREE_PORT, Log, Run, Scratch, http, run};
use rustix::process::{Pid, Signal, kill_process};

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");
const PAGE: &[&str] = &["accept: text/html"];

/// `holdall run` in a directory of its own, with its temporary files in another one.
struct Session {
    child: Child,
    log: Log,
    temporary: PathBuf,
}

impl Session {
    /// `holdall run` with these arguments, and with those for the server.
    fn start(scratch: &Scratch, arguments: &[&str], server: &[&str]) -> Self {
        let temporary = scratch.path("temporary");
        fs::create_dir_all(&temporary).unwrap();
        let run = scratch.holdall().arg("run").args(arguments).arg("--").args(server);
        let mut child = run.env("TMPDIR", &temporary).env("HOLDALL_LOG_FORMAT", "text").spawn();
        let log = Log::follow(child.stderr.take().unwrap());
        Self { child, log, temporary }
    }

    /// `holdall run site` on a free port, and where it serves.
    fn of_site(scratch: &Scratch) -> (Self, SocketAddr) {
        let session = Self::start(scratch, &["site"], &["--port", FREE_PORT]);
        let address = session.address();
        (session, address)
    }

    fn address(&self) -> SocketAddr {
        let line = self.log.line("where it serves", |line| line.contains("Serving http://"));
        line.split_once("http://").unwrap().1.trim().parse().unwrap()
    }

    fn says(&self, text: &str) -> String {
        self.log.line(text, |line| line.contains(text))
    }

    /// All processes that it has started, by what they have in their environment.
    fn processes(&self) -> Vec<Pid> {
        let own = format!("TMPDIR={}", self.temporary.display());
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let is_ours = environment.split(|byte| *byte == 0).any(|it| it == own.as_bytes());
            is_ours.then(|| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))?
        });
        processes.filter(|pid| *pid != Pid::from_child(&self.child)).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it; nothing of it is left.
    fn end(mut self, signal: Signal) {
        self.signal(signal);
        let status = run::wait(&mut self.child, Duration::from_secs(30)).expect("an end");
        assert!(status.success(), "{status}: {}", self.log.lines().join("\n"));
        assert_eq!(self.processes(), []);
        assert_eq!(fs::read_dir(&self.temporary).unwrap().count(), 0, "temporary files");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = run::wait(&mut self.child, Duration::from_secs(30));
    }
}

fn site() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("site/index.html", "<!doctype html><p>one");
    scratch
}

fn wait_for(address: SocketAddr, path: &str, content: &str) {
    wait_until(&format!("{path} is {content:?}"), || {
        http::get(address, path).body == content.as_bytes()
    });
}

/// Writes as many editors do: another file, and a rename.
fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let next = path.with_extension("next");
    fs::write(&next, content).unwrap();
    fs::set_permissions(&next, fs::metadata(path).unwrap().permissions()).unwrap();
    fs::rename(next, path).unwrap();
}

#[test]
fn what_is_served_follows_the_files() {
    let scratch = site();
    let (session, address) = Session::of_site(&scratch);
    assert_eq!(http::get(address, "/").text(), "<!doctype html><p>one");
    let page = scratch.write("site/index.html", "<p>two");
    wait_for(address, "/", "<p>two");
    replace(&page, "<p>three");
    wait_for(address, "/", "<p>three");
    scratch.write("site/new/directory/style.css", "p {}");
    wait_for(address, "/new/directory/style.css", "p {}");
    scratch.write("site/new/directory/style.css", "q {}");
    wait_for(address, "/new/directory/style.css", "q {}");
    fs::remove_dir_all(scratch.path("site")).unwrap();
    scratch.write("site/index.html", "<p>again");
    wait_for(address, "/", "<p>again");
    assert_eq!(http::get(address, "/new/directory/style.css").status, 404);
    session.end(Signal::INT);
}

/// The first event of a stream: which server it is.
fn server(stream: &mut Client) -> String {
    assert_eq!(stream.only_head().header("content-type"), Some("text/event-stream"));
    let length = usize::from_str_radix(&stream.line(), 16).unwrap();
    let event = String::from_utf8(stream.exactly(length + 2)).unwrap();
    let server = event.lines().find_map(|line| line.strip_prefix("data: "));
    server.expect("an event").to_owned()
}

#[test]
fn a_page_is_told_of_another_server() {
    const STREAM: &str = "GET /.holdall/reload HTTP/1.1\r\nhost: a\r\n\r\n";
    let scratch = site();
    scratch.write(
        "site/holdall.toml",
        "[[static.headers]]\nfor = \"/**\"\nset = \
         { Content-Security-Policy = \"default-src 'self'; connect-src a.example\" }\n",
    );
    let (session, address) = Session::of_site(&scratch);
    let mut stream = Client::sending(address, STREAM);
    let first = server(&mut stream);

    let page = http::request(address, "GET", "/", PAGE);
    let script = format!("<script src=\"/.holdall/reload.js?{first}\" async></script>");
    assert!(page.text().starts_with("<!doctype html><p>one\n"), "{}", page.text());
    assert!(page.text().contains(&script), "{}", page.text());
    assert_eq!(page.header("content-length"), Some(page.body.len().to_string().as_str()));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("etag"), None);
    let policy = page.header("content-security-policy").unwrap();
    let widened = format!(
        "connect-src a.example {address}/.holdall/reload; \
         script-src-elem 'self' {address}/.holdall/reload.js"
    );
    assert!(policy.ends_with(&widened), "{policy}");
    assert_eq!(http::get(address, "/.holdall/reload.js").status, 200);

    scratch.write("site/index.html", "<p>two");
    assert_eq!(stream.line(), "0", "the stream ends");
    let mut stream = Client::sending(address, STREAM);
    assert_ne!(server(&mut stream), first);
    assert!(http::request(address, "GET", "/", PAGE).text().starts_with("<p>two\n"));
    session.end(Signal::TERM);
}

#[test]
fn pages_stay_as_they_are_without_reload() {
    let scratch = site();
    let session = Session::start(&scratch, &["--no-reload", "site"], &["--port", FREE_PORT]);
    let address = session.address();
    assert_eq!(http::request(address, "GET", "/", PAGE).text(), "<!doctype html><p>one");
    assert_eq!(http::get(address, "/.holdall/reload").status, 404);
}

#[test]
fn a_mistake_in_the_manifest_is_told_and_changes_nothing() {
    let scratch = site();
    let (session, address) = Session::of_site(&scratch);
    scratch.write("site/holdall.toml", "[static]\nindx = \"main.html\"\n");
    let told = session.says("unknown field `indx`");
    assert!(told.contains("holdall.toml:2:1: "), "{told}");
    assert!(told.contains("did you mean `index`?"), "{told}");
    assert_eq!(http::get(address, "/").text(), "<!doctype html><p>one");
    scratch.write("site/main.html", "<p>main");
    scratch.write("site/holdall.toml", "[static]\nindex = \"main.html\"\n");
    wait_for(address, "/", "<p>main");
    fs::remove_file(scratch.path("site/holdall.toml")).unwrap();
    wait_for(address, "/", "<!doctype html><p>one");
    session.end(Signal::INT);
}

#[test]
fn hundreds_of_changes_at_once_are_served() {
    let scratch = site();
    let (session, address) = Session::of_site(&scratch);
    for round in ["a", "b"] {
        for number in 0..500 {
            scratch.write(format!("site/{}/{number}.txt", number % 20), round);
        }
        for number in [0, 250, 499] {
            wait_for(address, &format!("/{}/{number}.txt", number % 20), round);
        }
    }
    session.end(Signal::INT);
}

#[test]
fn a_service_that_does_not_start_leaves_the_old_one() {
    let scratch = Scratch::new();
    let program = scratch.path("witness");
    fs::copy(WITNESS, &program).unwrap();
    scratch.write("data/version", "1");
    let arguments = ["--path", "witness", "--root", "data"];
    let session = Session::start(&scratch, &arguments, &["--port", FREE_PORT]);
    let address = session.address();
    let version = || http::get(address, "/resource?version").text().to_owned();
    assert_eq!(version(), "1");
    scratch.write("data/start", "fail");
    session.says("it was asked to fail");
    assert_eq!(version(), "1");
    scratch.write("data/version", "2");
    fs::remove_file(scratch.path("data/start")).unwrap();
    wait_until("the next one starts", || version() == "2");

    // As cargo does it.
    let before = http::get(address, "/").text().to_owned();
    replace(&program, fs::read(WITNESS).unwrap());
    wait_until("the program is another one", || http::get(address, "/").text() != before);

    // The server that serves now is not the first one any more.
    let process = http::get(address, "/").text().split(' ').next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
    session.says("it is started again when something changes");
    scratch.write("data/version", "3");
    let again = || session.log.lines().iter().filter(|line| line.contains("Serving")).count() == 2;
    wait_until("it is started again", again);
    session.end(Signal::INT);
}

#[test]
fn a_script_is_started_again() {
    let scratch = Scratch::new();
    let script = |text: &str| format!("#!/bin/sh\necho {text} $1 >> told\nexec sleep 600\n");
    let path = scratch.write_program("serve.sh", script("first"));
    scratch.write("data/a", "a");
    let session = Session::start(&scratch, &["--path", "serve.sh", "--include", "data"], &["word"]);
    let told = || fs::read_to_string(scratch.path("told")).unwrap_or_default();
    wait_until("it runs", || told() == "first word\n");
    replace(&path, script("second"));
    wait_until("it runs again", || told() == "first word\nsecond word\n");
    scratch.write("data/a", "b");
    wait_until("a resource counts as well", || told() == "first word\nsecond word\nsecond word\n");
    replace(&path, "#!/bin/sh\nexit 3\n");
    session.says("ended with exit status: 3");
    replace(&path, script("third"));
    wait_until("it runs once more", || told().ends_with("third word\n"));
    session.end(Signal::INT);
}

#[test]
fn what_can_not_run_at_first_ends_it() {
    let scratch = site();
    let (session, address) = Session::of_site(&scratch);
    let taken = format!("tcp:{}:interface=127.0.0.1", address.port());
    let second = scratch.holdall().args(["run", "site", "--", "--port", &taken]).end();
    assert_eq!(second.code(), 69, "{}", second.stderr);
    assert!(second.stderr.contains("in use"), "{}", second.stderr);
    session.end(Signal::INT);

    let missing = scratch.holdall().args(["run", "nowhere"]).fails(66);
    assert!(missing.contains("nowhere"), "{missing}");
    scratch.write("site/holdall.toml", "nme = 1\n");
    let wrong = scratch.holdall().args(["run", "site"]).fails(78);
    assert!(wrong.contains("holdall.toml:1:1: unknown field `nme`"), "{wrong}");
    fs::remove_file(scratch.path("site/holdall.toml")).unwrap();
    let usage = scratch.holdall().args(["run", "site", "--", "--prot", "1"]).end();
    assert_eq!(usage.code(), 64, "{}", usage.stderr);
}

#[test]
fn a_download_holds_nothing_up_for_ever() {
    let scratch = site();
    let (session, address) = Session::of_site(&scratch);
    // A page that is open in a browser.
    let mut stream = Client::sending(address, "GET /.holdall/reload HTTP/1.1\r\nhost: a\r\n\r\n");
    server(&mut stream);
    session.signal(Signal::INT);
    wait_until("it is gone", || session.processes().is_empty());
}

#[test]
fn a_package_is_built_and_followed() {
    let scratch = Scratch::new();
    let manifest =
        "[package]\nname = \"tool\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
    scratch.write("tool/Cargo.toml", manifest);
    let source = |word: &str| {
        format!(
            "fn main() {{ std::fs::write(\"told\", {word:?}).unwrap(); \
             std::thread::sleep(std::time::Duration::from_secs(600)) }}\n"
        )
    };
    scratch.write("tool/src/main.rs", source("first"));
    let session = Session::start(&scratch, &["tool"], &[]);
    let told = |word: &str| {
        let told = || fs::read_to_string(scratch.path("told")).is_ok_and(|it| it == word);
        wait_until(word, told);
    };
    told("first");
    scratch.write("tool/src/main.rs", source("second"));
    let cargo = Run::new(env!("CARGO")).arg("build").current_dir(scratch.path("tool"));
    cargo.compiling().ok();
    told("second");
    session.end(Signal::INT);
}
