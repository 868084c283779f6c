//! Bundles that other zip tools have edited: they run, and say that they were edited.

use std::path::{Path, PathBuf};

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Run, Scratch, Server, tools};

/// The site under a name with a dot: to others, zip adds `.zip`.
fn site_bundle(scratch: &Scratch) -> PathBuf {
    let path = scratch.path("site.run");
    std::fs::rename(fixtures::site_bundle(scratch), &path).unwrap();
    path
}

fn zip(scratch: &Scratch, arguments: &[&str]) {
    tools::tool("zip").args(arguments).current_dir(scratch.path("www")).ok();
}

fn names(bundle: &Path) -> Vec<String> {
    let listed = Run::new(bundle).arg("--list-resources").ok();
    listed.lines().into_iter().map(str::to_owned).collect()
}

/// What every edited bundle does: it says so, does not vouch for itself, and serves.
fn check_edited(bundle: &PathBuf, page: &str) {
    let info = Run::new(bundle).arg("--bundle-info").ok();
    let index = info.lines().into_iter().find(|line| line.starts_with("index")).unwrap();
    assert!(index.contains("the archive was edited"), "{index}");
    let verified = Run::new(bundle).arg("--verify").end();
    assert_eq!(verified.code(), 65, "{}", verified.text());
    assert!(verified.stderr.contains("edited"), "{}", verified.stderr);
    let site = Server::start(bundle);
    assert_eq!(site.get("/").text(), page);
    assert_eq!(site.get("/data/noise.bin").body, fixtures::noise());
    assert!(site.stop().success());
}

#[test]
fn a_resource_is_updated_by_zip() {
    let scratch = Scratch::new();
    let site = site_bundle(&scratch);
    scratch.write("www/index.html", "edited\n");
    // zip compares times, and the bundle's are fixed in the past.
    zip(&scratch, &["-q", "-u", "../site.run", "index.html"]);
    check_edited(&site, "edited\n");
    assert_eq!(names(&site), SITE_NAMES);
}

#[test]
fn a_resource_is_deleted_by_zip() {
    let scratch = Scratch::new();
    let site = site_bundle(&scratch);
    zip(&scratch, &["-q", "-d", "../site.run", "text.txt"]);
    check_edited(&site, fixtures::INDEX);
    let left = SITE_NAMES.iter().filter(|name| **name != "text.txt");
    assert_eq!(names(&site), left.copied().collect::<Vec<_>>());
    Run::new(&site).args(["--cat-resource", "text.txt"]).fails(66);
}

#[test]
fn a_resource_is_added_by_python() {
    let scratch = Scratch::new();
    let site = site_bundle(&scratch);
    let script = "import sys, zipfile\n\
                  with zipfile.ZipFile(sys.argv[1], 'a') as z: z.writestr('added.txt', 'new')";
    tools::tool("python3").args(["-c", script]).arg(&site).ok();
    check_edited(&site, fixtures::INDEX);
    assert!(names(&site).contains(&"added.txt".to_owned()));
    let added = Run::new(&site).args(["--cat-resource", "added.txt"]).ok();
    assert_eq!(added.text(), "new");
}

#[test]
fn a_program_runs_from_an_edited_bundle() {
    let scratch = Scratch::new();
    let probe = scratch.path("probe.run");
    std::fs::rename(fixtures::probe_bundle(&scratch), &probe).unwrap();
    scratch.write("www/added.txt", "added\n");
    zip(&scratch, &["-q", "../probe.run", "added.txt"]);
    assert_eq!(Run::new(&probe).args(["exit", "3"]).end().code(), 3);
    let read = Run::new(&probe).args(["resource", "added.txt"]).ok();
    assert_eq!(read.text(), "added\n");
}

#[test]
fn an_archive_without_its_index_is_read_by_its_directory() {
    let scratch = Scratch::new();
    let site = site_bundle(&scratch);
    zip(&scratch, &["-q", "-d", "../site.run", ".holdall/index"]);
    let info = Run::new(&site).arg("--bundle-info=json").ok().json();
    assert!(info["file"]["index"].as_str().unwrap().starts_with("absent"), "{info}");
    assert_eq!(names(&site), SITE_NAMES);
    check_edited(&site, fixtures::INDEX);
}
