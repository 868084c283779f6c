//! What a bundle tells of itself, and the bundler of it: the same, by two ways.

use std::fs;
use std::path::Path;

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Ended, Run, Scratch, tools};
use sha2::{Digest, Sha256};
use snapbox::{assert_data_eq, str};

/// Asks the bundle `site` by its own option, and the bundler by its command: both say the same.
fn ask(scratch: &Scratch, option: &[&str], command: &[&str]) -> Ended {
    let own = Run::new(scratch.path("site")).args(option).current_dir(scratch.dir()).ok();
    let [name, rest @ ..] = command else { panic!("a command") };
    let other = scratch.holdall().args([name, &"site"]).args(rest).ok();
    let path = scratch.path("site").display().to_string();
    // A running bundle knows where it is, the bundler what it was told; and what closes it in.
    let is_told_by_both = |line: &&str| !line.starts_with("sandbox ");
    let told: Vec<_> = own.text().lines().filter(is_told_by_both).collect();
    let told = told.join("\n").replace(&path, "site");
    assert_eq!(told.trim_end(), other.text().trim_end(), "{option:?} and {command:?}");
    own
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn resources_are_listed_by_name() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let listed = ask(&scratch, &["--list-resources"], &["list"]);
    assert_eq!(listed.lines(), SITE_NAMES);
    assert_eq!(listed.stderr, "");
}

#[test]
fn the_long_list_is_a_table() {
    let scratch = Scratch::new();
    scratch.write("www/index.html", "hello\n");
    scratch.write("www/data/words.txt", "all work and no play\n".repeat(1_000));
    scratch.bundle("www", "site", &[]);
    let listed = ask(&scratch, &["--list-resources=long"], &["list", "--long"]);
    assert_data_eq!(
        listed.text().to_owned(),
        str![[r#"
mode   size  packed  method   type                       sha256[..]  name
0644  21000  [..]  deflate  text/plain; charset=utf-8  [..]  data/words.txt
0644      6  [..]  stored   text/html; charset=utf-8   [..]  index.html

"#]]
    );
}

#[test]
fn the_json_list_has_every_property() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let list = ask(&scratch, &["--list-resources=json"], &["list", "--json"]).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), SITE_NAMES.len());
    for (resource, name) in list.iter().zip(SITE_NAMES) {
        let content = fs::read(scratch.path("www").join(name)).unwrap();
        assert_eq!(resource["name"], name);
        assert_eq!(resource["size"], content.len());
        assert_eq!(resource["sha256"], sha256(&content), "{name}");
        let packed = resource["packed_size"].as_u64().unwrap();
        assert_eq!(resource["method"] == "deflate", packed < content.len() as u64, "{name}");
    }
    assert_eq!(list[2]["media_type"], "application/octet-stream");
    assert_eq!(list[6]["media_type"], "text/css; charset=utf-8");
}

#[test]
fn every_resource_is_written_out() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    for name in SITE_NAMES {
        let own = Run::new(scratch.path("site")).args(["--cat-resource", name]).ok();
        assert_eq!(own.stdout, fs::read(scratch.path("www").join(name)).unwrap(), "{name}");
        let joined = Run::new(scratch.path("site")).arg(format!("--cat-resource={name}")).ok();
        assert_eq!(joined.stdout, own.stdout);
        let other = scratch.holdall().args(["cat", "site", name]).ok();
        assert_eq!(other.stdout, own.stdout);
    }
}

#[test]
fn a_name_that_is_not_there_is_told_with_the_nearest() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    for run in [
        Run::new(&site).args(["--cat-resource", "data/nose.bin"]),
        scratch.holdall().args(["cat", "site", "data/nose.bin"]),
    ] {
        let line = run.fails(66);
        assert!(
            line.contains("\"data/nose.bin\"") && line.contains("\"data/noise.bin\""),
            "{line}"
        );
    }
    let refused = [
        ("data", "is a directory"),
        ("", ""),
        (".holdall/manifest.json", "no resource"),
        ("/index.html", "no resource"),
        ("../site", "no resource"),
        ("index.html/", "no resource"),
    ];
    for (name, reason) in refused {
        let line = Run::new(&site).args(["--cat-resource", name]).fails(66);
        assert!(line.starts_with("site: ") && line.contains(reason), "{name:?}: {line}");
    }
}

#[test]
fn everything_is_told_of_a_bundle() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let info = ask(&scratch, &["--bundle-info"], &["info"]);
    assert_data_eq!(
        info.text().to_owned(),
        str![[r#"
name         site
version      1.2.3
entry point  site
built by     holdall [..] for [..]-unknown-linux-gnu
needs        nothing of the host
file         [..]/site, [..] bytes
executable   [..] bytes, sha256 [..]
content      8 files, [..] bytes, sha256 [..]
resources    8 files, [..] bytes, packed [..]
served       all resources at /
index        used, [..] entries
sandbox      [..]

"#]]
    );
}

#[test]
fn the_json_of_a_bundle_holds_sizes_and_digests() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let info = Run::new(&site).arg("--bundle-info=json").ok().json();
    let mut other = scratch.holdall().args(["info", "site", "--json"]).ok().json();
    (other["file"]["path"], other["sandbox"]) =
        (info["file"]["path"].clone(), info["sandbox"].clone());
    assert_eq!(info, other);
    assert!(info["sandbox"].is_string());
    assert_eq!(info["name"], "site");
    assert_eq!(info["version"], "1.2.3");
    assert_eq!(info["entry_point"]["kind"], "site");
    assert_eq!(info["file"]["size"], fs::metadata(&site).unwrap().len());
    assert_eq!(info["resources"]["files"], SITE_NAMES.len());
    let size: u64 = SITE_NAMES
        .iter()
        .map(|name| fs::metadata(scratch.path("www").join(name)).unwrap().len())
        .sum();
    assert_eq!(info["resources"]["size"], size);
    assert_eq!(info["content"]["size"], size);
    assert_eq!(info["file"]["index"], "used");
    assert_eq!(info["prefix"]["size"], info["file"]["archive_offset"]);
    assert!(info["built"]["by"].as_str().unwrap().starts_with("holdall "));
    assert_eq!(info["prefix"]["sha256"].as_str().unwrap().len(), 64);
    assert!(info["content"]["digest"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn a_whole_bundle_is_verified() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let verified = ask(&scratch, &["--verify"], &["verify"]);
    assert_eq!(verified.stderr, "");
    let length = fs::metadata(&site).unwrap().len().to_string();
    let text = verified.text();
    assert!(text.starts_with("site: ok, ") && text.ends_with(" bytes\n"), "{text}");
    assert!(text.replace(',', "").contains(&length), "{text}");
}

#[test]
fn resources_are_extracted() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    Run::new(&site).args(["--extract-resources", "own/deep"]).current_dir(scratch.dir()).ok();
    scratch.holdall().args(["extract", "site", "other"]).ok();
    for directory in ["own/deep", "other"] {
        tools::tool("diff").arg("-r").args([scratch.path("www"), scratch.path(directory)]).ok();
        let mode = |name: &str| {
            let metadata = fs::metadata(scratch.path(directory).join(name)).unwrap();
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
        };
        assert_eq!((mode("data/run.sh"), mode("index.html")), (0o755, 0o644));
        assert_eq!(scratch.names(Path::new(directory).join("void")), [""; 0]);
    }
}

#[test]
fn nothing_is_overwritten_by_extraction() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    scratch.write("there/style.css", "mine\n");
    let there = scratch.path("there");
    let line = Run::new(&site).arg("--extract-resources").arg(&there).fails(73);
    assert!(line.contains("there/style.css"), "{line}");
    assert_eq!(scratch.names("there"), ["style.css"]);
    assert_eq!(fs::read_to_string(there.join("style.css")).unwrap(), "mine\n");
}

#[test]
fn extraction_follows_no_link_out_of_its_directory() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    fs::create_dir(scratch.path("outside")).unwrap();
    fs::create_dir(scratch.path("there")).unwrap();
    std::os::unix::fs::symlink(scratch.path("outside"), scratch.path("there/docs")).unwrap();
    let ended = scratch.holdall().args(["extract", "site", "there"]).end();
    assert_eq!(ended.code(), 73, "{}", ended.stderr);
    assert!(ended.stderr.contains("docs"), "{}", ended.stderr);
    assert_eq!(scratch.names("outside"), [""; 0]);
    assert!(site.is_file());
}

#[test]
fn a_program_s_bundle_answers_the_first_argument() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let answered = Run::new(&probe).arg("--list-resources").ok();
    assert_eq!(answered.text(), "data/hello.txt\n");
    let answered = Run::new(&probe).args(["--cat-resource", "data/hello.txt"]).ok();
    assert_eq!(answered.text(), "hello from the bundle\n");
    assert!(Run::new(&probe).arg("--verify").ok().text().contains(": ok, "));
    let info = Run::new(&probe).arg("--bundle-info=json").ok().json();
    assert_eq!(info["entry_point"]["payload"], ".holdall/bin/probe");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let scratch = Scratch::new();
    for number in 0..3_000 {
        scratch.write(format!("www/a-directory-with-a-long-name/{number}.txt"), "x");
    }
    scratch.write("www/noise.bin", fixtures::noise());
    let site = scratch.bundle("www", "site", &[]);
    for question in ["--list-resources=json", "--cat-resource=noise.bin"] {
        let script = "set -o pipefail; \"$@\" | head -c 10 >/dev/null";
        let ended = tools::tool("bash").args(["-c", script, "bash"]).arg(&site).arg(question).end();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{question}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    for question in ["--list-resources", "--bundle-info", "--verify", "--cat-resource=text.txt"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let script = "exec \"$@\" >/dev/full";
        drop(full);
        let run = tools::tool("sh").args(["-c", script, "sh"]).arg(&site).arg(question);
        let ended = run.end();
        assert_eq!(ended.code(), 74, "{question}: {}", ended.stderr);
    }
}
