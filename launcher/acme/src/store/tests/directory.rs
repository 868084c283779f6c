//! The directory itself: how it is made, what is refused, which files are names.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use super::super::StoreError;
use super::*;

#[test]
fn it_is_made_private() {
    let site = Site::new();
    let deep = site.parent.path().join("one/two");
    Store::open(&deep).unwrap();
    assert_eq!(mode(&deep), 0o700);
    Store::open(&deep).unwrap();
    fs::write(site.parent.path().join("file"), "").unwrap();
    assert!(Store::open(&site.parent.path().join("file")).is_err());
}

#[test]
fn where_others_may_write_it_is_refused_and_where_they_may_read_it_is_told() {
    let site = Site::new();
    let directory = site.store.directory();
    for open in [0o777, 0o770, 0o702, 0o720] {
        fs::set_permissions(directory, Permissions::from_mode(open)).unwrap();
        let error = Store::open(directory).unwrap_err();
        assert!(matches!(error, StoreError::OpenToOthers { mode, .. } if mode == open));
        let text = error.to_string();
        assert!(text.ends_with(&format!("chmod 700 {}", directory.display())), "{text}");
    }
    for open in [0o755, 0o750, 0o711] {
        fs::set_permissions(directory, Permissions::from_mode(open)).unwrap();
        let told = events(|| drop(Store::open(directory).unwrap()));
        assert!(told.contains("WARN") && told.contains("chmod 700"), "{told}");
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(events(|| drop(Store::open(directory).unwrap())), "");
}

#[test]
fn names_are_the_files_that_are_called_so() {
    let site = Site::new();
    let names = ["*.c.example", "127.0.0.1", "2001:db8::1", "a.example", "b.example"];
    for name in names {
        site.write(&format!("{name}.pem"), "");
    }
    let others = ["client.key", "a.example.state", "a.example.pem.prev", "a.example.pem.bad-1"];
    for other in others.into_iter().chain(["DEFAULT.pem", ".hidden.pem", ".tmp-1.pem", "x.crt"]) {
        site.write(other, "x");
    }
    let strange = ["my certificate.pem", "A.example.pem", "a..b.pem", "::01.pem", "ü.pem"];
    for strange in strange {
        site.write(strange, "");
    }
    DirBuilder::new().mode(0o700).create(site.path("d.example.pem")).unwrap();
    let found = || site.store.names().unwrap();
    let told = events(|| {
        let found: Vec<_> = found().iter().map(Name::to_string).collect();
        assert_eq!(found, [&names[..], &["d.example"]].concat());
    });
    assert_eq!(told.matches("WARN").count(), strange.len(), "{told}");
    assert!(told.contains("write it in lower case"), "{told}");
    assert_eq!(events(|| drop(found())), "");
}

#[test]
fn a_request_is_made_once_and_only_where_there_is_nothing() {
    let site = Site::new();
    site.store.request(&name()).unwrap();
    assert_eq!(site.files(), ["a.example.pem"]);
    assert_eq!(mode(&site.path("a.example.pem")), 0o600);
    site.write("a.example.pem", "something");
    site.store.request(&name()).unwrap();
    assert_eq!(site.read("a.example.pem"), "something");
    assert_eq!(site.store.look(&named("b.example"), now()), Held::Gone);
}

#[test]
fn what_writers_left_behind_is_removed_once_it_is_old() {
    let site = Site::new();
    fs::write(site.path(".tmp-new"), "").unwrap();
    for (file, age) in [(".tmp-old", 120), (".tmp-future", -86_400), ("other.tmp-old", 120)] {
        let file = File::create(site.path(file)).unwrap();
        let now = SystemTime::now();
        let seconds = Duration::from_secs(i64::unsigned_abs(age));
        file.set_modified(if age > 0 { now - seconds } else { now + seconds }).unwrap();
    }
    Store::open(site.store.directory()).unwrap();
    assert_eq!(site.files(), [".tmp-new", "other.tmp-old"]);
}

#[test]
fn a_store_that_is_only_read_changes_nothing() {
    let site = Site::new();
    site.write("a.example.pem", "damage");
    let store = Store::existing(site.store.directory());
    let told = events(|| {
        assert_eq!(store.names().unwrap(), [name()]);
        let error = store.inspect(&name()).unwrap_err();
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(store.inspect(&named("b.example")).unwrap(), Held::Gone);
    });
    assert_eq!((told.as_str(), site.files()), ("", vec!["a.example.pem".to_owned()]));
    let nowhere = Store::existing(&site.path("nowhere"));
    assert!(nowhere.names().is_err());
    assert!(!site.path("nowhere").exists());
}
