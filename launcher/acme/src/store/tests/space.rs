//! Disks that are full or read-only, in a mount namespace of their own.

use std::path::Path;
use std::process::Command;

use super::super::StoreError;
use super::*;

const DISK: &str = "HOLDALL_TEST_DISK";

/// Runs a test of this file again, with a small disk to itself.
fn with_disk(test: &str) -> bool {
    if std::env::var_os(DISK).is_some() {
        return true;
    }
    let parent = tempfile::tempdir().unwrap();
    let again = child(&format!("store::tests::space::{test}"), DISK, parent.path());
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    let script = "mount -t tmpfs -o size=64k,nr_inodes=40,mode=700 tmpfs \"$0\" && exec \"$@\"";
    unshare.args(["sh", "-c", script]).arg(parent.path());
    unshare.arg(again.get_program()).args(again.get_args()).env(DISK, parent.path());
    let output = unshare.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    false
}

/// A site whose directory is the small disk.
fn site() -> Site {
    let disk = std::env::var_os(DISK).unwrap();
    Site { store: Store::open(Path::new(&disk)).unwrap(), ..Site::new() }
}

fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
}

/// Fills the disk to the last byte.
fn fill(site: &Site) {
    let mut file = File::create(site.path("ballast")).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    if !with_disk("a_full_disk_leaves_what_was_there") {
        return;
    }
    let site = site();
    let [first, second] = site.two_generations();
    let version = site.store.version(&name()).unwrap();
    let third = site.issue("a.example");
    fill(&site);
    assert!(is_full(&site.store.writable().unwrap_err()));
    assert!(is_full(&site.store.save(&name(), &third, &version).unwrap_err()));
    assert!(is_full(&site.store.write_json("a.example.state", &"x".repeat(5000)).unwrap_err()));
    let files = ["a.example.pem", "a.example.pem.prev", "ballast"];
    assert_eq!(site.files(), files);
    assert_eq!(site.store.look(&name(), now()), held(&second));
    // Damage is mended all the same.
    site.write("a.example.pem", &first[..first.len() / 2]);
    fill(&site);
    assert_eq!(site.store.look(&name(), now()), held(&first));
    fs::remove_file(site.path("ballast")).unwrap();
    site.store.writable().unwrap();
    let version = site.store.version(&name()).unwrap();
    site.store.save(&name(), &third, &version).unwrap();
    assert_eq!(site.store.look(&name(), now()), held(&third));
}

#[test]
fn a_disk_without_a_free_file_leaves_what_was_there() {
    if !with_disk("a_disk_without_a_free_file_leaves_what_was_there") {
        return;
    }
    let site = site();
    let [_, second] = site.two_generations();
    let version = site.store.version(&name()).unwrap();
    let mut count = 0;
    while File::create(site.path(&format!("ballast{count}"))).is_ok() {
        count += 1;
    }
    assert!(is_full(&site.store.writable().unwrap_err()));
    let third = site.issue("a.example");
    assert!(is_full(&site.store.save(&name(), &third, &version).unwrap_err()));
    assert_eq!(site.store.look(&name(), now()), held(&second));
    // The temporary file and its entry, and the one for the certificate before.
    (0..2).for_each(|one| fs::remove_file(site.path(&format!("ballast{one}"))).unwrap());
    site.store.save(&name(), &third, &version).unwrap();
    assert_eq!(site.store.look(&name(), now()), held(&third));
}

#[test]
fn a_read_only_disk_is_looked_at_and_left_alone() {
    if !with_disk("a_read_only_disk_is_looked_at_and_left_alone") {
        return;
    }
    let site = site();
    let [_, second] = site.two_generations();
    site.write("b.example.pem", "damage");
    let mount = |options: &str| {
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", options]).arg(site.store.directory()).status();
        assert!(status.unwrap().success());
    };
    mount("remount,ro");
    let store = Store::open(site.store.directory()).unwrap();
    assert_eq!(store.names().unwrap(), [name(), named("b.example")]);
    assert_eq!(store.look(&name(), now()), held(&second));
    let told = events(|| {
        for _ in 0..3 {
            assert_eq!(store.look(&named("b.example"), now()), Held::Requested);
        }
    });
    assert_eq!(told.matches("Read-only").count(), 1, "{told}");
    assert!(matches!(store.writable(), Err(StoreError::Io { .. })));
    assert!(store.lease(&name(), now()).is_err());
    let version = store.version(&name()).unwrap();
    let third = site.issue("a.example");
    store.save(&name(), &third, &version).unwrap_err();
    mount("remount,rw");
    store.save(&name(), &third, &version).unwrap();
    assert_eq!(store.look(&named("b.example"), now()), Held::Requested);
    assert_eq!(site.read("b.example.pem"), "");
}
