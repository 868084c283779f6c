//! `holdall set`: other defaults for a bundle that is there.

use std::fs;
use std::path::Path;

use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::{Run, Scratch, Server, tools};
use serde_json::Value;

fn manifest(bundle: &Path) -> Value {
    Run::new(bundle).arg("--bundle-info=json").ok().json()
}

#[test]
fn defaults_are_set_and_the_user_comes_before_them() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let before = fs::read(&site).unwrap();
    let set = scratch.holdall().args(["set", "site", "-o", "prod", "--arg", "--log-level=warn"]);
    set.args(["--arg=--grace-period", "--arg=3", "--env", "GREETING=hello=you"]).ok();
    assert!(fs::read(&site).unwrap() == before, "the old one is untouched");
    let prod = scratch.path("prod");
    let told = manifest(&prod);
    assert_eq!(told["arguments"], serde_json::json!(["--log-level=warn", "--grace-period", "3"]));
    assert_eq!(told["environment"]["GREETING"], "hello=you");
    assert!(Run::new(&prod).arg("--verify").ok().text().contains("prod: ok"));
    tools::tool("unzip").arg("-tq").arg(&prod).ok();
    let check = Run::new(&prod).args(["--check", "--grace-period", "5"]).ok();
    assert!(check.text().contains("after 5s at most"), "{}", check.text());
    let server = Server::with(&prod, &["--log-level", "info"]);
    assert_eq!(server.get("/").text(), INDEX);
    assert!(server.stop().success());
}

#[test]
fn the_same_settings_give_the_same_bytes_and_back_again() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let original = fs::read(&site).unwrap();
    let set = |arguments: &[&str]| scratch.holdall().args(["set", "site"]).args(arguments).ok();
    set(&["-o", "a", "--env", "A=1", "--name", "other"]);
    set(&["-o", "b", "--env", "A=1", "--name", "other"]);
    assert!(fs::read(scratch.path("a")).unwrap() == fs::read(scratch.path("b")).unwrap());
    assert_eq!(manifest(&scratch.path("a"))["name"], "other");
    let back = ["set", "a", "--no-env", "A", "--name", "site", "-o", "back"];
    scratch.holdall().args(back).ok();
    let back = manifest(&scratch.path("back"));
    let site = manifest(&site);
    for key in ["name", "version", "arguments", "entry_point", "content", "prefix"] {
        assert_eq!(back[key], site[key], "{key}");
    }
    assert!(original == fs::read(scratch.path("site")).unwrap());
}

#[test]
fn programs_see_the_variables_unless_they_have_them() {
    let scratch = Scratch::new();
    let script = scratch.write_program("show.sh", "#!/bin/sh\necho \"$GREETING $*\"\n");
    let bundle = fixtures::exec_bundle(&scratch, &script, "show", &[]);
    scratch.holdall().args(["set", "show", "--env", "GREETING=hello", "--arg", "a"]).ok();
    assert_eq!(Run::new(&bundle).arg("b").ok().text(), "hello a b\n");
    assert_eq!(Run::new(&bundle).env("GREETING", "mine").ok().text(), "mine a\n");
    scratch.holdall().args(["set", "show", "--no-args", "--no-env", "GREETING"]).ok();
    assert_eq!(Run::new(&bundle).arg("b").ok().text(), " b\n");
}

#[test]
fn a_server_sees_the_variables_as_well() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    scratch.holdall().args(["set", "site", "--env", "PORT=1"]).ok();
    let check = Run::new(&site).arg("--check").ok();
    assert!(check.text().contains("tcp:1"), "{}", check.text());
    let check = Run::new(&site).arg("--check").env("PORT", "2").ok();
    assert!(check.text().contains("tcp:2"), "{}", check.text());
}

#[test]
fn an_edited_bundle_becomes_whole() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    fs::rename(&site, scratch.path("site.run")).unwrap();
    scratch.write("www/index.html", "edited\n");
    let zip = tools::tool("zip").args(["-q", "-u", "../site.run", "index.html"]);
    zip.current_dir(scratch.path("www")).ok();
    let site = scratch.path("site.run");
    assert_eq!(Run::new(&site).arg("--verify").end().code(), 65);
    scratch.holdall().args(["set", "site.run", "--bundle-version", "1.2.4"]).ok();
    Run::new(&site).arg("--verify").ok();
    let server = Server::start(&site);
    assert_eq!(server.get("/").text(), "edited\n");
    assert!(server.stop().success());
}

#[test]
fn what_can_not_be_set_is_refused_and_nothing_changes() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let before = fs::read(&site).unwrap();
    let set = |arguments: &[&str]| scratch.holdall().args(["set", "site"]).args(arguments);
    for (arguments, code, said) in [
        (&[][..], 64, "nothing to set"),
        (&["--env", "A"], 64, "\"A\" is no NAME=VALUE"),
        (&["--no-env", "B"], 64, "the bundle sets no variables"),
        (&["--env", "HOLDALL_PORT=1"], 65, "variables of the launcher are no defaults"),
        (&["--name", "a/b"], 65, "file name"),
        (&["--bundle-version", ""], 65, "can't be empty"),
        (&["--name", "x", "-o", "/nowhere/x"], 73, "/nowhere/x"),
    ] {
        let error = set(arguments).fails(code);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    assert!(fs::read(&site).unwrap() == before);
    scratch.write("text", "no bundle");
    scratch.holdall().args(["set", "text", "--name", "x"]).fails(65);
    scratch.holdall().args(["set", "missing", "--name", "x"]).fails(66);
}
