//! The same inputs give the same bytes, whatever is around them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Run, Scratch, tools};

fn touch(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// The same files as the site in `www`, made in the opposite order, with other times.
fn copy_backwards(scratch: &Scratch, to: &str) {
    fs::create_dir_all(scratch.path(to).join("void")).unwrap();
    for (position, name) in SITE_NAMES.iter().enumerate().rev() {
        let from = scratch.path("www").join(name);
        let copy = scratch.write(Path::new(to).join(name), fs::read(&from).unwrap());
        fs::set_permissions(&copy, from.metadata().unwrap().permissions()).unwrap();
        touch(&copy, 1_000_000_000 + position as u64 * 86_400);
    }
}

#[test]
fn two_directories_give_the_same_bytes() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    copy_backwards(&scratch, "deep/in/another/place");
    let one = scratch.bundle("www", "one", &["--name", "site"]);
    let other = scratch.bundle("deep/in/another/place", "other", &["--name", "site"]);
    assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap(), "they differ");
    let sums = tools::tool("sha256sum").args([&one, &other]).ok();
    let sums: Vec<_> = sums.lines().iter().map(|line| line[..64].to_owned()).collect();
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn the_user_and_the_number_of_threads_do_not_matter() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let one = fs::read(scratch.bundle("www", "one", &["--name", "site"])).unwrap();
    let run = scratch.bundler("other").args(["www", "--name", "site"]);
    let run = run.env("RAYON_NUM_THREADS", "1").env("TZ", "Asia/Tokyo").env("LANG", "tr_TR.UTF-8");
    run.env("HOME", "/nowhere").env("USER", "somebody").ok();
    assert!(one == fs::read(scratch.path("other")).unwrap(), "they differ");
    if !tools::root_for("may be somebody else") {
        return;
    }
    let open = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    };
    fs::create_dir(scratch.path("theirs")).unwrap();
    open(&scratch.path("theirs"));
    let program = fs::read(holdall_tests::programs::holdall()).unwrap();
    let holdall = scratch.write_program("holdall", program);
    let theirs = scratch.path("theirs/site");
    let run = tools::as_nobody(&holdall).args(["bundle", "--name", "site", "-o"]).arg(&theirs);
    run.arg(scratch.path("www")).ok();
    assert!(one == fs::read(theirs).unwrap(), "they differ");
}

#[test]
fn a_payload_is_reproducible_too() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let one = fs::read(&probe).unwrap();
    let copy = scratch.path("elsewhere/probe");
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    fs::copy(scratch.path("build/probe"), &copy).unwrap();
    touch(&copy, 1_000_000_000);
    fixtures::exec_bundle(&scratch, &copy, "probe", &[]);
    assert!(one == fs::read(&probe).unwrap(), "they differ");
}

#[test]
fn source_date_epoch_is_the_time_of_all_entries() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    // 2024-05-06 07:08:10 UTC.
    let run = scratch.bundler("site").arg("www").env("SOURCE_DATE_EPOCH", "1714979290");
    run.env("TZ", "Asia/Tokyo").ok();
    let script = "import sys, zipfile\n\
                  print({i.date_time for i in zipfile.ZipFile(sys.argv[1]).infolist()})";
    let python = tools::tool("python3").args(["-c", script]).arg(scratch.path("site")).ok();
    assert_eq!(python.text(), "{(2024, 5, 6, 7, 8, 10)}\n");
    let again = fs::read(scratch.path("site")).unwrap();
    scratch.bundler("site").arg("www").env("SOURCE_DATE_EPOCH", "1714979290").ok();
    assert!(again == fs::read(scratch.path("site")).unwrap(), "they differ");
}

#[test]
fn a_wrong_source_date_epoch_is_told() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    for value in ["yesterday", "-1x", "1.5", ""] {
        let run = scratch.bundler("site").arg("www").env("SOURCE_DATE_EPOCH", value);
        let line = run.fails(78);
        assert!(line.contains("SOURCE_DATE_EPOCH") && line.contains(value), "{line}");
    }
    assert!(!scratch.path("site").exists());
}

#[test]
fn levels_change_the_size_and_not_the_content() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let sizes = ["--level=0", "--level=1", "--level=6", "--level=12"].map(|level| {
        let site = scratch.bundle("www", "site", &["--name", "site", level]);
        let text = Run::new(&site).args(["--cat-resource", "text.txt"]).ok();
        assert_eq!(text.text(), fixtures::text(), "{level}");
        fs::metadata(site).unwrap().len()
    });
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2] && sizes[2] >= sizes[3], "{sizes:?}");
}
