//! `holdall diff`: what changed from one bundle to another.

use std::fs;
use std::path::PathBuf;

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Run, Scratch, tools};
use serde_json::Value;
use snapbox::{assert_data_eq, str};

/// A site and another one, in which everything differs that can.
fn old_and_new(scratch: &Scratch) {
    fixtures::site_bundle(scratch);
    fs::rename(scratch.path("site"), scratch.path("old")).unwrap();
    scratch.write("www/index.html", fixtures::INDEX.replace("works", "still works"));
    scratch.write("www/new.css", "a { color: teal }\n");
    scratch.write_program("www/style.css", "body { margin: 0 }\n");
    fs::remove_file(scratch.path("www/docs/index.html")).unwrap();
    fs::remove_dir(scratch.path("www/docs")).unwrap();
    fs::rename(scratch.path("www/void"), scratch.path("www/vast")).unwrap();
    scratch.write("www/holdall.toml", "arguments = ['--port', '80']\n");
    scratch.bundle("www", "new", &["--name", "site", "--bundle-version", "1.3.0"]);
}

fn json(scratch: &Scratch, old: &str, new: &str) -> Value {
    scratch.holdall().args(["diff", "--json", old, new]).ok().json()
}

/// `status name` of everything that differs.
fn changes(diff: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shown = |change: &Value| format!("{} {}", text(&change["status"]), text(&change["name"]));
    diff["resources"].as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn everything_that_differs_is_told() {
    let scratch = Scratch::new();
    old_and_new(&scratch);
    let told = scratch.holdall().args(["diff", "old", "new"]).ok();
    assert_eq!(told.stderr, "");
    assert_data_eq!(
        told.text().to_owned(),
        str![[r#"
site 1.2.3 (old) -> site 1.3.0 (new)

manifest
  ~ arguments [] -> ["--port","80"]
  ~ version "1.2.3" -> "1.3.0"

digests
  ~ content     [..]… -> [..]…

resources
  - -14  docs/index.html
  ~  +6  index.html       [..] -> [..]
  + +18  new.css
  ~   0  style.css        mode 0644 -> 0755
  +   0  vast/
  -   0  void/

sizes
[..]old  [..]new  [..]change
  file        [..]
  executable  [..]  0
  resources   [..]  +10
    packed    [..]  +10
    files  [..]8  [..]8  [..]0

resources: 2 added, 2 removed, 2 changed, 5 the same

"#]]
    );
}

#[test]
fn json_has_both_sides_of_what_differs() {
    let scratch = Scratch::new();
    old_and_new(&scratch);
    let diff = json(&scratch, "old", "new");
    assert_eq!(diff["verdict"], "different");
    let expected = [
        "removed docs/index.html",
        "changed index.html",
        "added new.css",
        "changed style.css",
        "added vast/",
        "removed void/",
    ];
    assert_eq!(changes(&diff), expected);
    let style = &diff["resources"][3];
    assert_eq!(style["differences"], serde_json::json!(["mode"]));
    assert_eq!((&style["old"]["mode"], &style["new"]["mode"]), (&"0644".into(), &"0755".into()));
    assert_eq!(style["old"]["sha256"], style["new"]["sha256"]);
    let page = &diff["resources"][1];
    let sum = tools::tool("sha256sum").arg(scratch.path("www/index.html")).ok();
    assert_eq!(page["new"]["sha256"], sum.text()[..64]);
    assert_eq!(diff["counts"]["same"], 5);
    assert_eq!(diff["old"]["resources"]["files"], SITE_NAMES.len());
    assert_eq!(diff["executable_differs"], false);
}

#[test]
fn what_is_the_same_is_called_so() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    fs::copy(scratch.path("site"), scratch.path("copy")).unwrap();
    let exit_code = |other: &str| {
        let ended = scratch.holdall().args(["diff", "--exit-code", "site", other]).end();
        (ended.code(), ended.text().lines().last().unwrap_or_default().to_owned())
    };
    assert_eq!(exit_code("copy"), (0, "identical, byte for byte".to_owned()));
    assert_eq!(json(&scratch, "site", "copy")["verdict"], "identical");

    let run = scratch.bundler("later").args(["www", "--name", "site", "--bundle-version", "1.2.3"]);
    run.env("SOURCE_DATE_EPOCH", "1714979290").ok();
    let (code, line) = exit_code("later");
    assert_eq!((code, line.starts_with("the same content; ")), (1, true), "{line}");

    let arguments = ["--name", "site", "--bundle-version", "1.2.3", "--level", "1"];
    scratch.bundle("www", "fast", &arguments);
    let (code, line) = exit_code("fast");
    assert_eq!((code, &*line), (1, "resources: 1 packed differently, 7 the same"));
    let diff = json(&scratch, "site", "fast");
    assert_eq!(diff["verdict"], "same-content");
    assert_eq!(changes(&diff), ["repacked text.txt"]);
}

#[test]
fn without_exit_code_a_difference_is_no_failure() {
    let scratch = Scratch::new();
    old_and_new(&scratch);
    scratch.holdall().args(["diff", "old", "new"]).ok();
    let ended = scratch.holdall().args(["diff", "--exit-code", "--quiet", "old", "new"]).end();
    assert_eq!((ended.code(), ended.text(), &*ended.stderr), (1, "", ""));
    let stat = scratch.holdall().args(["diff", "--stat", "old", "new"]).ok();
    assert!(!stat.text().contains("index.html") && stat.text().contains("executable"), "{stat:?}");
}

#[test]
fn variants_are_told_with_their_resource() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let arguments = ["--name", "site", "--bundle-version", "1.2.3", "--variants", "br,zstd"];
    scratch.bundle("www", "variants", &arguments);
    let diff = json(&scratch, "site", "variants");
    assert_eq!(changes(&diff), ["changed text.txt"]);
    assert_eq!(diff["resources"][0]["differences"], serde_json::json!(["variants"]));
    let codings = [0, 1].map(|at| &diff["resources"][0]["variants"][at]["coding"]);
    assert_eq!(codings, ["br", "zst"]);
    assert_eq!(diff["own"], serde_json::json!([]));
    let told = scratch.holdall().args(["diff", "site", "variants"]).ok();
    let line = told.lines().into_iter().find(|line| line.contains("text.txt")).unwrap();
    assert!(line.contains("+br ") && line.contains("+zst "), "{line}");
    assert!(told.lines().iter().any(|line| line.starts_with("  variants")), "{}", told.text());
}

#[test]
fn payload_and_executable_are_told() {
    let scratch = Scratch::new();
    scratch.write_program("one/run.sh", "#!/bin/sh\necho one\n");
    scratch.write_program("other/run.sh", "#!/bin/sh\necho other\n");
    for name in ["one", "other"] {
        let path = format!("{name}/run.sh");
        let arguments = ["--path", &path, "--exclude", "run.sh", "--name", "run"];
        scratch.bundle(name, &format!("{name}.run"), &arguments);
    }
    let diff = json(&scratch, "one.run", "other.run");
    assert_eq!(diff["payload"][0]["name"], ".holdall/bin/run.sh");
    assert_eq!(diff["payload"][0]["status"], "changed");
    assert_eq!(diff["payload"].as_array().unwrap().len(), 1);
    fixtures::site(&scratch, "www");
    scratch.bundle("www", "site", &["--name", "run"]);
    let diff = json(&scratch, "one.run", "site");
    assert_eq!(diff["payload"][0]["status"], "removed");
    let keys = diff["manifest"].as_array().unwrap().iter().map(|change| &change["key"]);
    assert_eq!(keys.collect::<Vec<_>>(), ["entry_point.kind", "entry_point.payload"]);
}

/// The site, with `file` in it updated by zip, under the name `site.run`.
fn edited(scratch: &Scratch, file: &str, content: &str) -> PathBuf {
    let path = scratch.path("site.run");
    fs::copy(fixtures::site_bundle(scratch), &path).unwrap();
    scratch.write(format!("www/{file}"), content);
    let run = tools::tool("zip").args(["-q", "-u", "../site.run", file]);
    run.current_dir(scratch.path("www")).ok();
    path
}

#[test]
fn an_edited_bundle_is_read() {
    let scratch = Scratch::new();
    edited(&scratch, "index.html", "edited\n");
    let told = scratch.holdall().args(["diff", "--json", "site", "site.run"]).ok();
    assert!(told.stderr.contains("site.run was edited"), "{}", told.stderr);
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    let diff = told.json();
    assert_eq!(changes(&diff), ["changed index.html"]);
    assert_eq!(diff["counts"]["same"], SITE_NAMES.len() - 1);
    let sides = ["old", "new"].map(|side| &diff[side]["digests_recorded"]);
    assert_eq!(sides, [true, false]);
}

#[test]
fn damage_in_an_edited_bundle_is_found() {
    let scratch = Scratch::new();
    let path = edited(&scratch, "index.html", "edited\n");
    let mut bytes = fs::read(&path).unwrap();
    let noise = fixtures::noise();
    let at = bytes.windows(64).position(|window| window == &noise[..64]).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ended = scratch.holdall().args(["diff", "site", "site.run"]).end();
    assert_eq!((ended.code(), ended.text()), (65, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("data/noise.bin"), "{}", ended.stderr);
}

#[test]
fn names_can_t_drive_a_terminal() {
    let scratch = Scratch::new();
    scratch.write("a/x", "");
    scratch.bundle("a", "old", &["--name", "site"]);
    scratch.write("a/\u{202e}evil", "");
    scratch.write("a/holdall.toml", "arguments = ['\u{202e}', \"\\u001b[2J\"]\n");
    scratch.bundle("a", "new", &["--name", "site"]);
    let told = scratch.holdall().args(["diff", "old", "new"]).ok();
    assert!(!told.text().contains(['\u{1b}', '\u{202e}']), "{}", told.text());
    assert!(told.text().contains(r"+ 0  \u{202e}evil"), "{}", told.text());
    assert!(told.text().contains(r#"["\u{202e}","\u001b[2J"]"#), "{}", told.text());
}

#[test]
fn colour_is_for_terminals() {
    let scratch = Scratch::new();
    old_and_new(&scratch);
    let diff = |color: &str| scratch.holdall().args(["diff", "old", "new", "--color", color]).ok();
    assert!(!diff("auto").text().contains('\x1b'));
    assert!(diff("always").text().contains("\x1b[32m+"));
}

#[test]
fn what_is_no_bundle_is_told() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let fails = |arguments: &[&str], code| {
        scratch.holdall().arg("diff").args(arguments).fails(code);
    };
    fails(&["site", "www/index.html"], 65);
    fails(&["www/noise.bin", "site"], 66);
    fails(&["site", "nowhere"], 66);
    let short = fs::read(scratch.path("site")).unwrap();
    scratch.write("short", &short[..short.len() / 2]);
    fails(&["site", "short"], 65);
    for arguments in [&["site"][..], &["site", "site", "site"], &["--stat", "--json", "a", "b"]] {
        assert_eq!(scratch.holdall().arg("diff").args(arguments).end().code(), 64);
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let scratch = Scratch::new();
    (0..3_000).for_each(|number| drop(scratch.write(format!("many/{number:0100}"), "")));
    scratch.write("few/a", "");
    scratch.bundle("many", "old", &["--name", "site"]);
    scratch.bundle("few", "new", &["--name", "site"]);
    let script = "\"$1\" diff old new | head -n 1; echo ${PIPESTATUS[0]}";
    let run = tools::tool("bash").args(["-c", script, "bash"]);
    let ended = run.arg(holdall_tests::programs::holdall()).current_dir(scratch.dir()).ok();
    assert_eq!(ended.lines()[1..], ["0"], "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
}

#[test]
fn digests_are_believed_and_verify_is_not() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let mut bytes = fs::read(scratch.path("site")).unwrap();
    let noise = fixtures::noise();
    let at = bytes.windows(64).position(|window| window == &noise[..64]).unwrap();
    bytes[at] ^= 1;
    scratch.write("damaged", bytes);
    // Nothing but directories is read: the damage is seen as a byte that differs somewhere.
    let diff = json(&scratch, "site", "damaged");
    assert_eq!(diff["verdict"], "same-content");
    assert_eq!(
        Run::new(holdall_tests::programs::holdall())
            .arg("verify")
            .arg(scratch.path("damaged"))
            .end()
            .code(),
        65
    );
}
