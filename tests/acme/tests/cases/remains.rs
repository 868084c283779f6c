//! What a crash leaves of each file, in the middle of a renewal; with all of it, the server goes on.

use std::fs;
use std::path::{Path, PathBuf};

use holdall_acme_tests::{Answer, Fault, Settings, Shown, Site, has_new_pebble};
use holdall_tests::process::wait_until;
use holdall_tests::tools;
use serde_json::Value;

use crate::crashes::overdue;
use crate::expect::{FINALIZE, RENEWAL};

/// What happens to a file of this name.
type Damage = (&'static str, fn(&Path));

/// Each file is damaged in all of these ways, each time that of another name.
const DAMAGES: [Damage; 5] = [
    ("gone.example.com", |file| fs::remove_file(file).expect("a file")),
    ("empty.example.com", |file| rewrite(file, |bytes| bytes.clear())),
    ("half.example.com", |file| rewrite(file, |bytes| bytes.truncate(bytes.len() / 2))),
    ("last.example.com", |file| rewrite(file, |bytes| bytes.truncate(bytes.len() - 1))),
    ("nul.example.com", |file| rewrite(file, |bytes| bytes.fill(0))),
];

fn rewrite(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    change(&mut bytes);
    fs::write(file, bytes).expect("a file of the server");
}

fn names() -> Vec<&'static str> {
    DAMAGES.iter().map(|(name, _)| *name).collect()
}

/// A directory in which all names are being renewed, one request away from the end.
fn site() -> Site {
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 0));
    let count = DAMAGES.len();
    site.proxy.add(Fault::always(RENEWAL, overdue()));
    site.proxy.add(Fault::always(FINALIZE, Answer::Hang).after(count));
    let server = site.start(&names());
    site.proxy.wait_for(FINALIZE, 2 * count);
    // Without being told to stop.
    drop(server);
    site.proxy.clear();
    for name in names() {
        let kept = site.directory().join(format!("{name}.pem.prev"));
        fs::copy(site.file(name), kept).expect("a copy");
    }
    site
}

/// The directory once more, for one damage.
fn copy(site: &Site, name: &str) -> PathBuf {
    let copy = site.scratch.path(name);
    tools::tool("cp").arg("-a").args([site.directory(), copy.clone()]).ok();
    copy
}

/// Starts the server: all of `names` are served, what is in the files is whole, and so many
/// certificates are issued. Gives how many it took.
fn goes_on(site: &Site, directory: &Path, names: &[&str], expected: usize) -> usize {
    let before = site.pebble.issued();
    let server = site.start_with(&site.endpoint().in_directory(directory), &[]);
    for name in names {
        site.wait_for(name);
        let file = |end: &str| directory.join(format!("{name}.{end}"));
        // Without it, nobody knows any more that the certificate is to be renewed.
        wait_until(&format!("an end of the order for {name}"), || {
            !file("order").exists() || is_no_renewal(&file("state"))
        });
        wait_until(&format!("what is shown for {name} in its file"), || {
            let pem = fs::read(file("pem")).expect("a file");
            !pem.is_empty() && Shown::in_pem(&pem) == site.wait_for(name)
        });
        site.browse(name);
    }
    // An order that is damaged is away before the new one is there.
    wait_until(&format!("{expected} certificates"), || site.pebble.issued() - before >= expected);
    let failures = server.log().events_of("certificate not issued");
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(server.stop().success());
    site.pebble.issued() - before
}

fn is_no_renewal(state: &Path) -> bool {
    let state = fs::read(state).unwrap_or_default();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    state["authority"].is_null()
}

#[test]
fn case_29_a_renewal_survives_damage_to_each_file_of_a_name() {
    if !has_new_pebble() {
        return;
    }
    let site = site();
    let count = DAMAGES.len();
    // The orders that were begun are finished the first time, and are so from then on.
    assert_eq!(goes_on(&site, &copy(&site, "whole"), &names(), count), count);
    // The file, and whether a certificate of a name may be ordered anew without it.
    for (file, orders) in [
        ("NAME.pem", false),
        ("NAME.pem.prev", false),
        ("NAME.state", false),
        ("NAME.order", true),
        (".lock/NAME", false),
    ] {
        let directory = copy(&site, &file.replace('/', "-"));
        let mut wanted = names();
        for (name, damage) in DAMAGES {
            damage(&directory.join(file.replace("NAME", name)));
        }
        if file == "NAME.pem" {
            // Who has no file is not wanted.
            wanted.remove(0);
        }
        let expected = if orders { count } else { 0 };
        assert_eq!(goes_on(&site, &directory, &wanted, expected), expected, "{file}");
    }
}

#[test]
fn case_29_a_renewal_survives_damage_to_what_all_names_share() {
    if !has_new_pebble() {
        return;
    }
    let site = site();
    let ledger = site.scratch.names("certificates");
    let ledger = ledger.into_iter().find(|file| file.starts_with(".ledger-")).expect("a ledger");
    for file in ["client.key", "client.key.json", &ledger] {
        for (what, damage) in DAMAGES {
            let directory = copy(&site, &format!("{what}-{file}"));
            damage(&directory.join(file));
            let issued = goes_on(&site, &directory, &names(), 0);
            assert!(issued <= DAMAGES.len(), "{file}, {what}: {issued} certificates");
        }
    }
}
