//! Certificate files: renewed while they are served, and all that can be wrong with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use holdall_tests::certificates::{Authority, Issued, write_private};
use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{FREE_PORT, Run, Scratch, Server, TlsSettings, tools};
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
