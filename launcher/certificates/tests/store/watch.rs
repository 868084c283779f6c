//! What changes on disk is served without being asked.
//!
//! The watcher also looks every minute by itself: what is seen within half of that was noticed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;
use std::time::{Duration, Instant};

use holdall_certificates::{Certificates, Source};

use crate::authority::{Issued, Site, write_private};
use crate::client::shown;

const LIMIT: Duration = Duration::from_secs(30);

/// Waits until a client is shown this certificate.
fn becomes(site: &Site, certificates: &Certificates, issued: &Issued) -> Duration {
    let begin = Instant::now();
    while shown(&site.authority, certificates, "a.example.com").ok().as_ref() != Some(&issued.der) {
        assert!(begin.elapsed() < LIMIT, "the old certificate is still served");
        thread::sleep(Duration::from_millis(10));
    }
    begin.elapsed()
}

/// Waits until the watcher has seen a new file, and so all that was there before.
fn wait_for_a_look(site: &Site, certificates: &Certificates) {
    site.add("look.pem", &["look.example.com"]);
    let begin = Instant::now();
    while !certificates.knows(Some("look.example.com")) {
        assert!(begin.elapsed() < LIMIT, "the new file is not seen");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn files_that_are_written_in_place_and_by_rename() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    let _watcher = certificates.watch().unwrap();
    let mut fastest = LIMIT;
    for _ in 0..3 {
        let written = site.add("a.pem", &["a.example.com"]);
        fastest = fastest.min(becomes(&site, &certificates, &written));
        let renamed = site.add("a.pem.new", &["a.example.com"]);
        fs::rename(site.path("a.pem.new"), site.path("a.pem")).unwrap();
        fastest = fastest.min(becomes(&site, &certificates, &renamed));
    }
    // Of several, so that a busy machine does not count.
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

#[test]
fn a_change_between_loading_and_watching() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    let new = site.add("a.pem", &["a.example.com"]);
    let _watcher = certificates.watch().unwrap();
    becomes(&site, &certificates, &new);
}

#[test]
fn a_file_that_is_half_written_for_a_while() {
    let site = Site::new();
    let old = site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    let _watcher = certificates.watch().unwrap();
    let new = site.authority.issue(&["a.example.com"]);
    let text = site.authority.pem(&new);
    let (first, second) = text.split_at(text.len() / 2);
    site.write("a.pem", first);
    wait_for_a_look(&site, &certificates);
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), old.der);
    site.write("a.pem", [first, second].concat());
    becomes(&site, &certificates, &new);
}

/// A Kubernetes secret: the files are links through `..data`, which is swapped as a whole.
#[test]
fn a_secret_whose_data_link_is_swapped() {
    let site = Site::new();
    let version = |name: &str| {
        let issued = site.authority.issue(&["a.example.com"]);
        fs::create_dir(site.path(name)).unwrap();
        site.write(&format!("{name}/tls.key"), &issued.key);
        let chain = issued.certificate.clone() + &site.authority.intermediate.pem();
        site.write(&format!("{name}/tls.crt"), chain);
        symlink(name, site.path("..data_tmp")).unwrap();
        fs::rename(site.path("..data_tmp"), site.path("..data")).unwrap();
        issued
    };
    let old = version("..2026_01_01");
    for name in ["tls.key", "tls.crt"] {
        symlink(format!("..data/{name}"), site.path(name)).unwrap();
    }
    let files = Source::Files {
        private_key: site.path("tls.key"),
        certificate: site.path("tls.crt"),
        chain: None,
    };
    let stores = [site.load(), Certificates::load(files).unwrap()];
    let _watchers = stores.each_ref().map(|store| store.watch().unwrap());
    for store in &stores {
        becomes(&site, store, &old);
    }
    for name in ["..2026_02_02", "..2026_03_03"] {
        let new = version(name);
        for store in &stores {
            becomes(&site, store, &new);
        }
    }
}

#[test]
fn a_link_in_the_middle_of_the_path_that_is_swapped() {
    let site = Site::new();
    let release = |name: &str| {
        fs::create_dir(site.path(name)).unwrap();
        let issued = site.add(&format!("{name}/a.pem"), &["a.example.com"]);
        symlink(site.path(name), site.path("next")).unwrap();
        fs::rename(site.path("next"), site.path("current")).unwrap();
        issued
    };
    release("one");
    let certificates = Certificates::load(Source::Directory(site.path("current"))).unwrap();
    let _watcher = certificates.watch().unwrap();
    let two = release("two");
    becomes(&site, &certificates, &two);
    let renewed = site.add("two/a.pem", &["a.example.com"]);
    becomes(&site, &certificates, &renewed);
}

#[test]
fn a_link_to_a_file_of_another_directory_that_is_written() {
    let (site, elsewhere) = (Site::new(), tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("real.pem");
    let write = || {
        let issued = site.authority.issue(&["a.example.com"]);
        write_private(&target, site.authority.pem(&issued));
        issued
    };
    write();
    symlink(&target, site.path("a.pem")).unwrap();
    let certificates = site.load();
    let _watcher = certificates.watch().unwrap();
    wait_for_a_look(&site, &certificates);
    let new = write();
    becomes(&site, &certificates, &new);
    assert!(certificates.paths().contains(&fs::canonicalize(elsewhere.path()).unwrap()));
}

#[test]
fn permissions_that_are_mended() {
    let site = Site::new();
    site.add("b.pem", &["b.example.com"]);
    let new = site.add("a.pem", &["a.example.com"]);
    let mode = |mode| fs::set_permissions(site.path("a.pem"), fs::Permissions::from_mode(mode));
    mode(0o644).unwrap();
    let certificates = site.load();
    let _watcher = certificates.watch().unwrap();
    wait_for_a_look(&site, &certificates);
    assert!(!certificates.knows(Some("a.example.com")));
    mode(0o600).unwrap();
    becomes(&site, &certificates, &new);
}

#[test]
fn what_an_acme_client_keeps_for_itself_is_no_change_and_hides_none() {
    let site = Site::new();
    let certificates = Certificates::awaiting(site.root().to_owned()).unwrap();
    let _watcher = certificates.watch().unwrap();
    for round in 0..3 {
        for file in [".tmp-1", "a.example.com.state", "a.example.com.order", "client.key.json"] {
            site.write(file, round.to_string());
        }
        // As it is written: under another name, which is changed.
        let new = site.add(".tmp-2", &["a.example.com"]);
        fs::rename(site.path(".tmp-2"), site.path("a.example.com.pem")).unwrap();
        becomes(&site, &certificates, &new);
    }
}
