//! Certificate files: renewed while they are served, and all that can be wrong with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use holdall_tests::certificates::{Authority, Issued, write_private};
use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{FREE_PORT, Run, Scratch, Server, TlsSettings, process, tools};
use rustix::process::Signal;

/// A site behind TLS with all certificates of the directory `certificates`.
struct Site {
    scratch: Scratch,
    authority: Authority,
    server: Server,
}

impl Site {
    /// Starts with a certificate for each of these names, in `NAME.pem`.
    fn start(names: &[&str]) -> Self {
        let scratch = Scratch::new();
        let authority = Authority::new();
        for name in names {
            authority.issue(&[name]).write(&scratch, format!("certificates/{name}.pem"));
        }
        let site = fixtures::site_bundle(&scratch);
        let path = scratch.path("certificates");
        let endpoint = format!("tls:path={}:{FREE_PORT}", path.display());
        let server = Server::from_run(Run::new(site).args(["--port", &endpoint]));
        Self { scratch, authority, server }
    }

    /// Puts a new certificate in the place of the old one.
    fn renew(&self, name: &str) -> Issued {
        let issued = self.authority.issue(&[name]);
        issued.write(&self.scratch, format!("certificates/{name}.pem"));
        issued
    }

    fn client(&self) -> TlsSettings {
        TlsSettings::new(&self.authority.root())
    }

    fn shows(&self, name: &str, issued: &Issued) -> bool {
        let client = self.client().try_connect(self.server.address, name);
        client.is_ok_and(|client| client.was_shown(issued))
    }

    /// How long it takes until the certificate is shown.
    fn time_until_shown(&self, name: &str, issued: &Issued) -> Duration {
        let start = Instant::now();
        while !self.shows(name, issued) {
            assert!(start.elapsed() < Duration::from_secs(30), "{name} is not shown");
            thread::sleep(Duration::from_millis(5));
        }
        start.elapsed()
    }

    /// Waits until a fault in this file has been told `times` times, with these words.
    fn fault(&self, file: &Path, words: &str, times: usize) {
        const MESSAGE: &str = "certificate not loaded, what was there before stays";
        let is_it = |event: &serde_json::Value| {
            event["message"] == MESSAGE
                && event["level"] == "error"
                && event["path"].as_str().is_some_and(|path| Path::new(path) == file)
                && event["error"].as_str().is_some_and(|error| error.contains(words))
        };
        self.server.event(words, is_it);
        let start = Instant::now();
        while self.server.log().events_of(MESSAGE).iter().filter(|event| is_it(event)).count()
            < times
        {
            assert!(start.elapsed() < Duration::from_secs(30), "{words} is not told again");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_renewed_certificate_is_live_within_a_second() {
    let site = Site::start(&["a.test", "b.test"]);
    let mut open = site.client().connect(site.server.address, "a.test");
    assert_eq!(open.get("/").text(), INDEX);
    let times = [(); 3].map(|()| site.time_until_shown("a.test", &site.renew("a.test")));
    // One of three: the machine may be busy with something else.
    assert!(times.iter().any(|time| *time < Duration::from_secs(1)), "{times:?}");
    assert_eq!(open.get("/style.css").text(), "body { margin: 0 }\n");
    let mut other = site.client().connect(site.server.address, "b.test");
    assert_eq!(other.get("/").text(), INDEX);
}

/// Replaces a symbolic link in one step.
fn relink(target: &str, link: &Path) {
    let new = link.with_file_name("new");
    symlink(target, &new).unwrap_or_else(|error| panic!("{}: {error}", new.display()));
    fs::rename(new, link).unwrap();
}

#[test]
fn links_are_followed_as_certbot_and_kubernetes_change_them() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let authority = Authority::new();
    let issue = |name: &str, file: &str| {
        let issued = authority.issue(&[name]);
        issued.write(&scratch, file);
        issued
    };
    // Certbot: each version has a name of its own, and the link leads to another one.
    issue("a.test", "archive/a1.pem");
    fs::create_dir(scratch.path("live")).unwrap();
    relink("../archive/a1.pem", &scratch.path("live/a.pem"));
    // Kubernetes: all files lead through one link to the directory of their version.
    issue("b.test", "mounted/..1/b.pem");
    relink("..1", &scratch.path("mounted/..data"));
    relink("..data/b.pem", &scratch.path("mounted/b.pem"));
    let file = format!("tls:privateKey={}:{FREE_PORT}", scratch.path("live/a.pem").display());
    let directory = format!("tls:path={}:{FREE_PORT}", scratch.path("mounted").display());
    let server = Server::from_run(Run::new(site).args(["--port", &file, "--port", &directory]));
    let addresses = server.urls(2).into_iter().map(|url| url.replace("https://", ""));
    let addresses: Vec<_> = addresses.map(|address| address.parse().unwrap()).collect();
    let client = TlsSettings::new(&authority.root());
    let shown = |address, name, issued: &Issued| {
        let is_shown = || client.connect(address, name).was_shown(issued);
        process::wait_until("the new certificate", is_shown);
    };
    let next = issue("a.test", "archive/a2.pem");
    relink("../archive/a2.pem", &scratch.path("live/a.pem"));
    shown(addresses[0], "a.test", &next);
    let next = issue("b.test", "mounted/..2/b.pem");
    relink("..2", &scratch.path("mounted/..data"));
    fs::remove_dir_all(scratch.path("mounted/..1")).unwrap();
    shown(addresses[1], "b.test", &next);
}

#[test]
fn certificates_come_and_go_with_their_files() {
    let site = Site::start(&["a.test", "b.test"]);
    let client = site.client();
    assert!(client.try_connect(site.server.address, "new.test").is_err());
    site.time_until_shown("new.test", &site.renew("new.test"));
    let mut open = client.connect(site.server.address, "b.test");
    fs::remove_file(site.scratch.path("certificates/b.test.pem")).unwrap();
    site.server.event("the file that went", |event| {
        event["message"] == "certificate removed with its file"
    });
    let start = Instant::now();
    while client.try_connect(site.server.address, "b.test").is_ok() {
        assert!(start.elapsed() < Duration::from_secs(30), "b.test is still served");
    }
    assert_eq!(open.get("/").text(), INDEX);
}

#[test]
fn a_directory_that_vanishes_changes_nothing() {
    let site = Site::start(&["a.test"]);
    let old = site.renew("a.test");
    site.time_until_shown("a.test", &old);
    let path = site.scratch.path("certificates");
    fs::rename(&path, site.scratch.path("elsewhere")).unwrap();
    site.fault(&path, "No such file or directory", 1);
    // From memory: what is known, and what is not.
    assert!(site.shows("a.test", &old));
    let refused = site.client().try_connect(site.server.address, "b.test").unwrap_err();
    assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
    fs::rename(site.scratch.path("elsewhere"), &path).unwrap();
    let new = site.renew("b.test");
    site.server.signal(Signal::HUP);
    site.time_until_shown("b.test", &new);
}

#[test]
fn a_signal_reads_them_again() {
    let site = Site::start(&["a.test"]);
    let mut open = site.client().connect(site.server.address, "a.test");
    let next = site.renew("a.test");
    site.server.signal(Signal::HUP);
    site.time_until_shown("a.test", &next);
    assert_eq!(open.get("/").text(), INDEX);
    let path = write_private(&site.scratch, "certificates/bad.pem", "nonsense");
    site.fault(&path, "it has no certificate", 1);
    site.server.signal(Signal::HUP);
    site.fault(&path, "it has no certificate", 2);
    assert!(site.shows("a.test", &next));
}

#[test]
fn a_bad_file_is_named_and_the_old_certificate_stays() {
    let site = Site::start(&["a.test", "b.test"]);
    let old = site.renew("a.test");
    site.time_until_shown("a.test", &old);
    let path = site.scratch.path("certificates/a.test.pem");
    let next = site.authority.issue(&["a.test"]);
    let other_key = [&*site.authority.issue(&["a.test"]).key, &next.certificate].concat();
    let cut = &next.pem()[..next.key.len() + 200];
    for (content, words) in [
        ("", "it is empty"),
        ("nonsense", "it has no certificate"),
        (cut, "is damaged"),
        (&other_key, "no certificate in it belongs to the private key"),
    ] {
        write_private(&site.scratch, "certificates/a.test.pem", content);
        site.fault(&path, words, 1);
        assert!(site.shows("a.test", &old), "{words}");
    }
    let open = site.scratch.write("open.pem", next.pem());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
    fs::rename(&open, &path).unwrap();
    site.fault(&path, &format!("chmod 600 {}", path.display()), 1);
    assert!(site.shows("a.test", &old));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    site.time_until_shown("a.test", &next);
}

#[test]
fn files_that_can_not_be_served_are_told_with_what_to_do() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let authority = Authority::new();
    let issued = authority.issue(&["a.test"]);
    let pair = issued.write_pair(&scratch, "a");
    let (key, certificate) = (pair.0.to_str().unwrap(), pair.1.to_str().unwrap());
    let other = authority.issue(&["a.test"]).write_pair(&scratch, "other").0;
    let open = write_private(&scratch, "open.key", &issued.key);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
    let empty = write_private(&scratch, "empty.pem", "");
    let encrypted = write_private(&scratch, "encrypted.key", "");
    let pkey = tools::tool("openssl").args(["pkey", "-in", key, "-aes256", "-passout", "pass:x"]);
    pkey.arg("-out").arg(&encrypted).ok();
    fs::create_dir(scratch.path("directory")).unwrap();
    let shown = |name: &str| scratch.path(name).display().to_string();
    let (gone, directory) = (shown("gone.pem"), shown("directory"));
    let [other, open, empty, encrypted] =
        [other, open, empty, encrypted].map(|path| path.display().to_string());
    let chmod = format!("chmod 600 {open}");
    let cases = [
        (&*open, certificate, 78, &*chmod),
        (&other, certificate, 78, "no certificate in it belongs to the private key in"),
        (key, &empty, 78, "it is empty"),
        (&empty, certificate, 78, "it is empty"),
        (&encrypted, certificate, 78, "openssl pkey -in ENCRYPTED -out PLAIN"),
        (certificate, certificate, 78, "it has no private key"),
        (key, key, 78, "it has no certificate"),
        (&directory, certificate, 66, "it is a directory, not a file"),
        (key, &directory, 66, "it is a directory, not a file"),
        (&gone, certificate, 66, "No such file"),
        (key, &gone, 66, "No such file"),
    ];
    for (key, certificate, code, words) in cases {
        let port = format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
        for check in [&["--check"][..], &[]] {
            let line = Run::new(&site).args(["--port", &port]).args(check).fails(code);
            assert!(line.starts_with("site: can't use /") && line.contains(words), "{line}");
        }
    }
    for (path, code, words) in
        [(&directory, 78, "it has no usable certificate"), (&gone, 66, "No such file")]
    {
        let line = Run::new(&site).arg(format!("--port=tls:path={path}:{FREE_PORT}")).fails(code);
        assert!(line.contains(path) && line.contains(words), "{line}");
    }
}

#[test]
fn a_key_of_somebody_else_is_no_permission() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let endpoint = Authority::new().issue(&["a.test"]).endpoint(&scratch, "a");
    let line = tools::as_nobody(&site).args(["--port", &endpoint]).fails(77);
    assert!(line.contains("a.key") && line.contains("Permission denied"), "{line}");
}

#[test]
fn what_has_expired_is_served_with_a_warning() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let authority = Authority::new();
    let expired = authority.order(&["a.test"]).years(2020, 2021).issue();
    let endpoint = expired.endpoint(&scratch, "a");
    let server = Server::from_run(Run::new(&site).args(["--port", &endpoint]));
    let warnings = server.log().events_of("certificate has expired, clients will refuse it");
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!(
        (&warning["level"], &warning["not_after"]),
        (&"warn".into(), &"2021-12-31T00:00:00Z".into())
    );
    assert!(warning["path"].as_str().unwrap().ends_with("/a.crt"), "{warning}");
    let url = format!("https://{}/", server.address);
    assert_eq!(tools::tool("curl").args(["-sSk", &url]).ok().text(), INDEX);
    let refused = TlsSettings::new(&authority.root()).try_connect(server.address, "a.test");
    assert!(refused.unwrap_err().to_string().contains("expired"));
    let told = Run::new(&site).args(["--port", &endpoint, "--check"]).ok();
    assert!(told.text().contains("for a.test: expired ") && told.text().contains(" days ago"));
}
