//! Users and groups, assumed by real processes.

#[path = "child/process.rs"]
mod child;

use std::fs::{self, File};
use std::sync::mpsc;
use std::thread;

use child::Case;
use holdall_process::identity::{AccountKind, Identity, IdentityError};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities, set_thread_res_gid,
    set_thread_res_uid, set_thread_uid,
};

fn main() {
    child::main(&[
        as_root("by_name", by_name),
        as_root("by_number", by_number),
        as_root("with_another_group", with_another_group),
        as_root("a_group_alone", a_group_alone),
        as_root("root_stays_root", root_stays_root),
        as_root("a_saved_root_is_given_up", a_saved_root_is_given_up),
        as_root("a_way_back_is_found", a_way_back_is_found),
        as_root("several_threads_are_refused", several_threads_are_refused),
        always("only_root_may", only_root_may),
        always("nothing_is_asked_for", nothing_is_asked_for),
        always("unknown_names", unknown_names),
        always("numbers_out_of_range", numbers_out_of_range),
    ]);
}

fn as_root(name: &'static str, run: fn()) -> Case {
    Case { name, run, is_possible: || geteuid().is_root() }
}

fn always(name: &'static str, run: fn()) -> Case {
    Case { name, run, is_possible: || true }
}

fn by_name() {
    let nobody = line_of("/etc/passwd", "nobody");
    File::open("/etc/shadow").unwrap();
    find(Some("nobody"), None).assume().unwrap();
    assert_eq!(status("Uid"), four(&nobody[2]));
    assert_eq!(status("Gid"), four(&nobody[3]));
    assert_eq!(status("Groups")[0], nobody[3]);
    for set in ["CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(set), ["0000000000000000"], "{set}");
    }
    File::open("/etc/shadow").unwrap_err();
    set_thread_uid(Uid::ROOT).unwrap_err();
    // A second time, as after an upgrade: nothing to do, and no right needed.
    find(Some("nobody"), None).assume().unwrap();
}

fn by_number() {
    find(Some("54321"), None).assume().unwrap();
    assert_eq!((status("Uid"), status("Gid")), (four("54321"), four("54321")));
    assert_eq!(status("Groups"), ["54321"]);
}

fn with_another_group() {
    let identity = find(Some("54321"), Some("4711"));
    assert_eq!(identity.to_string(), "user 54321, group 4711");
    identity.assume().unwrap();
    assert_eq!((status("Uid"), status("Gid")), (four("54321"), four("4711")));
    assert_eq!(status("Groups"), ["4711"]);
}

fn a_group_alone() {
    let identity = find(None, Some("4711"));
    assert_eq!(identity.to_string(), "group 4711");
    identity.assume().unwrap();
    assert_eq!((status("Uid"), status("Gid")), (four("0"), four("4711")));
    assert_eq!(status("Groups"), ["4711"]);
}

fn root_stays_root() {
    find(Some("root"), None).assume().unwrap();
    assert_eq!((status("Uid"), status("Gid")), (four("0"), four("0")));
}

fn a_saved_root_is_given_up() {
    set_thread_res_gid(Gid::from_raw(4711), Gid::from_raw(4711), Gid::ROOT).unwrap();
    set_thread_res_uid(Uid::from_raw(4711), Uid::from_raw(4711), Uid::ROOT).unwrap();
    find(Some("4711"), None).assume().unwrap();
    assert_eq!((status("Uid"), status("Gid")), (four("4711"), four("4711")));
}

/// A capability survives where the service manager keeps it.
fn a_way_back_is_found() {
    let user = Uid::from_raw(4711);
    set_thread_res_gid(Gid::from_raw(4711), Gid::from_raw(4711), Gid::from_raw(4711)).unwrap();
    set_keep_capabilities(true).unwrap();
    set_thread_res_uid(user, user, user).unwrap();
    let set = CapabilitySet::SETUID;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable: none })
        .unwrap();
    let error = find(Some("4711"), None).assume().unwrap_err();
    assert!(matches!(error, IdentityError::RootAgain { .. }), "{error:?}");
    assert!(!error.is_not_permitted());
}

fn several_threads_are_refused() {
    let (end, ended) = mpsc::channel::<()>();
    let other = thread::spawn(move || ended.recv().unwrap_err());
    let error = find(Some("54321"), None).assume().unwrap_err();
    assert!(matches!(error, IdentityError::Threads(_)), "{error:?}");
    assert!(geteuid().is_root(), "nothing is changed");
    drop(end);
    other.join().unwrap();
}

fn only_root_may() {
    if geteuid().is_root() {
        find(Some("54321"), None).assume().unwrap();
    }
    for (user, group) in [(Some("root"), None), (Some("4712"), None), (None, Some("4712"))] {
        let error = find(user, group).assume().unwrap_err();
        assert!(error.is_not_permitted(), "{error:?}");
    }
    let text = find(Some("4712"), None).assume().unwrap_err().to_string();
    assert_eq!(
        text,
        "only root can become user 4712, group 4712; start it as root, or as that user"
    );
}

fn nothing_is_asked_for() {
    let before = (status("Uid"), status("Gid"), status("Groups"));
    find(None, None).assume().unwrap();
    assert_eq!((status("Uid"), status("Gid"), status("Groups")), before);
}

fn unknown_names() {
    let error = Identity::find(Some("no-such-user"), None).unwrap_err();
    let text = r#"no user "no-such-user" in /etc/passwd; a number needs no entry there"#;
    assert_eq!(error.to_string(), text);
    assert!(!error.is_not_permitted());
    let error = Identity::find(Some("root"), Some("no-such-group")).unwrap_err();
    let text = r#"no group "no-such-group" in /etc/group; a number needs no entry there"#;
    assert_eq!(error.to_string(), text);
    let error = Identity::find(Some(""), None).unwrap_err();
    assert!(matches!(error, IdentityError::Unknown { kind: AccountKind::User, .. }), "{error:?}");
}

fn numbers_out_of_range() {
    for number in ["4294967295", "4294967296", "99999999999999999999"] {
        let error = Identity::find(Some(number), None).unwrap_err();
        let text = format!("user {number} is out of range; the highest is 4294967294");
        assert_eq!(error.to_string(), text);
        let error = Identity::find(None, Some(number)).unwrap_err();
        assert!(matches!(error, IdentityError::OutOfRange { kind: AccountKind::Group, .. }));
    }
    Identity::find(Some("4294967294"), Some("0")).unwrap();
}

fn find(user: Option<&str>, group: Option<&str>) -> Identity {
    Identity::find(user, group).unwrap()
}

/// A field of what the kernel says of this process: for `Uid` real, effective, saved, file system.
fn status(field: &str) -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap().split_whitespace().map(str::to_owned).collect()
}

fn four(number: &str) -> Vec<String> {
    vec![number.to_owned(); 4]
}

/// The fields of an entry in a file of accounts.
fn line_of(path: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    text.lines().map(fields).find(|fields| fields[0] == name).unwrap()
}
