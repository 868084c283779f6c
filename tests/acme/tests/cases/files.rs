//! Files that come and go, and files that are damaged.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use holdall_acme_tests::{Answer, Fault, Shown, Site};
use holdall_tests::Server;
use holdall_tests::certificates::Authority;
use holdall_tests::process::wait_until;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, renameat_with};

use crate::expect::{AUTHORIZATION, NAME, event, text};
use crate::served::Served;

/// Something that happens to a file.
struct Damage {
    /// Its name is `NAME.pem`.
    name: &'static str,
    /// Of what it holds, makes something else.
    happens: fn(&Path, &str),
    /// What the log says then; an empty file is a request, and needs no words.
    words: Option<&'static str>,
}

const DAMAGES: [Damage; 11] = [
    Damage { name: "empty.example.com", happens: |file, _| put(file, ""), words: None },
    Damage {
        name: "cut.example.com",
        happens: |file, pem| put(file, &pem[..pem.len() / 2]),
        words: Some("damaged"),
    },
    Damage {
        name: "short.example.com",
        happens: |file, pem| put(file, &pem[..pem.rfind("-----BEGIN").expect("a chain")]),
        words: Some("1 of its 2 certificates"),
    },
    Damage {
        name: "nul.example.com",
        happens: |file, pem| put(file, &"\0".repeat(pem.len())),
        words: Some("NUL"),
    },
    Damage {
        name: "key.example.com",
        happens: |file, pem| {
            let begin = pem.find("-----BEGIN CERTIFICATE").expect("a certificate");
            put(file, &(Authority::new().issue(&["key.example.com"]).key + &pem[begin..]));
        },
        words: Some("no certificate in it belongs to the private key"),
    },
    Damage {
        name: "other.example.com",
        happens: |file, _| put(file, &Authority::new().issue(&["else.example.com"]).pem()),
        words: Some("not for other.example.com"),
    },
    Damage {
        name: "huge.example.com",
        happens: |file, pem| put(file, &pem.repeat(1 << 10)),
        words: Some("larger than"),
    },
    Damage {
        name: "directory.example.com",
        happens: |file, pem| {
            replace(file, |new| {
                fs::create_dir(new).expect("a directory");
                put(&new.join("copy.pem"), pem);
            })
        },
        words: Some("directory"),
    },
    Damage {
        name: "loop.example.com",
        happens: |file, _| replace(file, |new| symlink(file, new).expect("a link")),
        words: Some("can't be read"),
    },
    Damage {
        name: "nowhere.example.com",
        happens: |file, _| replace(file, |new| symlink("not-there", new).expect("a link")),
        words: Some("can't be read"),
    },
    Damage {
        name: "pipe.example.com",
        happens: |file, _| {
            replace(file, |new| {
                let (kind, mode) = (FileType::Fifo, Mode::RUSR | Mode::WUSR);
                rustix::fs::mknodat(CWD, new, kind, mode, 0).expect("a pipe");
            })
        },
        words: Some("not a regular file"),
    },
];

fn put(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// Puts something else in the place of a file; there is no moment without one.
fn replace(file: &Path, make: impl FnOnce(&Path)) {
    let new = file.with_extension("new");
    make(&new);
    renameat_with(CWD, &new, CWD, file, RenameFlags::EXCHANGE).expect("both are there");
    fs::remove_file(new).expect("the file that was there");
}

fn names() -> Vec<&'static str> {
    DAMAGES.iter().map(|damage| damage.name).collect()
}

/// Waits until each of them is shown.
fn all(site: &Site) -> Vec<Shown> {
    DAMAGES.iter().map(|damage| site.wait_for(damage.name)).collect()
}

fn happen(site: &Site) {
    for damage in &DAMAGES {
        (damage.happens)(&site.file(damage.name), &site.pem(damage.name));
    }
}

/// The log tells of each damage, and there is what it was.
fn is_told(server: &Server, site: &Site, is_restored: bool) {
    for Damage { name, words, .. } in &DAMAGES {
        let Some(words) = words else { continue };
        let told = server.event(name, |event| {
            event["domain"] == *name && event["message"] == "damaged file set aside"
        });
        assert!(text(&told, "damage").contains(words), "{told}");
        assert_eq!(told["is_restored"], is_restored, "{told}");
        let aside = Path::new(text(&told, "path"));
        assert!(aside.symlink_metadata().is_ok(), "{told}");
        let beginning = site.directory().join(format!("{name}.pem.bad-"));
        assert!(
            aside
                .as_os_str()
                .as_encoded_bytes()
                .starts_with(beginning.as_os_str().as_encoded_bytes())
        );
    }
}

/// Waits until each file holds what is shown; only the owner may read it.
fn is_whole(site: &Site) {
    for Damage { name, .. } in &DAMAGES {
        let file = site.file(name);
        wait_until(&format!("what is shown for {name} in its file"), || {
            let pem = site.pem(name);
            !pem.is_empty() && Shown::in_pem(pem.as_bytes()) == site.wait_for(name)
        });
        assert_eq!(fs::metadata(&file).expect(name).mode() & 0o7777, 0o600, "{name}");
    }
}

#[test]
fn case_27_damaged_files_are_replaced_while_their_certificates_are_served() {
    let site = Site::new();
    let server = site.start(&names());
    let old = all(&site);
    let clients = Served::watch(&site, &names());
    happen(&site);
    let new = names().into_iter().zip(&old);
    let new: Vec<_> = new.map(|(name, old)| site.wait_for_another(name, Some(old))).collect();
    is_told(&server, &site, false);
    let seen = clients.end();
    assert!(seen.iter().all(|shown| old.contains(shown) || new.contains(shown)), "{seen:?}");
    is_whole(&site);
    assert_eq!(site.pebble.issued(), 2 * DAMAGES.len());
    assert!(server.log().events_of("certificate not issued").is_empty());
}

#[test]
fn case_27_damaged_files_are_replaced_at_the_start() {
    let site = Site::new();
    let server = site.start(&names());
    all(&site);
    assert!(server.stop().success());
    happen(&site);
    let server = site.start(&[]);
    all(&site);
    is_told(&server, &site, false);
    is_whole(&site);
    assert_eq!(site.pebble.issued(), 2 * DAMAGES.len());
}

#[test]
fn case_27_the_last_good_certificate_takes_the_place_of_damage() {
    let site = Site::new();
    let server = site.start(&names());
    let old = all(&site);
    assert!(server.stop().success());
    for name in names() {
        let kept = site.directory().join(format!("{name}.pem.prev"));
        fs::copy(site.file(name), kept).expect("a copy");
    }
    happen(&site);
    let server = site.start(&[]);
    is_told(&server, &site, true);
    // The empty one is a request.
    let (old, restored) = (&old[1..], &all(&site)[1..]);
    assert_eq!(old, restored);
    is_whole(&site);
    assert_eq!(site.pebble.issued(), DAMAGES.len() + 1);
}

#[test]
fn case_27_a_file_that_others_may_read_is_made_private() {
    let site = Site::new();
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    fs::set_permissions(site.file(NAME), Permissions::from_mode(0o644)).expect("a file");
    let told = event(&server, "its key was open to others, now it is private");
    assert_eq!(text(&told, "mode"), "0644");
    let mode = fs::metadata(site.file(NAME)).expect("a file").mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(site.shown(NAME).expect("a certificate"), old);
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_27_a_directory_that_others_may_write_to_is_not_used() {
    let site = Site::new();
    fs::create_dir(site.directory()).expect("a directory");
    let mode = |mode| fs::set_permissions(site.directory(), Permissions::from_mode(mode));
    mode(0o777).expect("a directory of ours");
    let said = site.run(&site.endpoint()).end();
    assert!(!said.status.success() && said.stderr.contains("0777"), "{}", said.stderr);
    mode(0o755).expect("a directory of ours");
    let server = site.start(&[NAME]);
    let told = event(&server, "others can see which certificates there are: chmod 700");
    assert_eq!(text(&told, "mode"), "0755");
    site.wait_for(NAME);
}

#[test]
fn case_39_a_file_that_appears_is_a_request() {
    let site = Site::new();
    let server = site.start(&[]);
    assert!(site.shown(NAME).is_err());
    site.ask_for(NAME);
    site.wait_for(NAME);
    site.browse(NAME);
    let issued = server.log().events_of("certificate issued");
    assert_eq!((issued.len(), site.pebble.orders()), (1, 1), "{issued:#?}");
}

#[test]
fn case_39_a_name_whose_file_is_gone_is_not_served_any_more() {
    let site = Site::new();
    let server = site.start(&[NAME, "www.example.com"]);
    let old = site.wait_for(NAME);
    let other = site.wait_for("www.example.com");
    fs::remove_file(site.file(NAME)).expect("a file of the server");
    let told = event(&server, "certificate not wanted any more, its file is gone");
    assert_eq!(text(&told, "domain"), NAME);
    wait_until("an unknown name", || {
        site.shown(NAME).is_err_and(|error| error.to_string().contains("UnrecognisedName"))
    });
    assert_eq!(site.shown("www.example.com").expect("the other one"), other);
    assert!(!site.file(NAME).exists());
    // It was one that the operator had, and may have again.
    site.ask_for(NAME);
    assert_ne!(site.wait_for(NAME), old);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (3, 3));
}

#[test]
fn case_39_an_order_ends_with_the_file_that_asks_for_it() {
    let site = Site::new();
    site.proxy.add(Fault::always(AUTHORIZATION, Answer::Hang));
    let server = site.start(&[NAME]);
    site.proxy.wait_for(AUTHORIZATION, 1);
    let order = site.directory().join(format!("{NAME}.order"));
    assert!(order.exists());
    fs::remove_file(site.file(NAME)).expect("a file of the server");
    event(&server, "certificate not wanted any more, its file is gone");
    site.proxy.clear();
    wait_until("an order that is forgotten", || !order.exists());
    // What another name takes, the first would have had time for.
    site.ask_for("www.example.com");
    site.wait_for("www.example.com");
    assert!(!site.file(NAME).exists() && site.shown(NAME).is_err());
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (2, 1));
    let lease = site.directory().join(".lock").join(NAME);
    assert!(!lease.exists(), "the lease is given back");
}
