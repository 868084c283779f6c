//! `cargo holdall`: packages of cargo, built and packed.

use std::fs;
use std::path::PathBuf;

use holdall_tests::{Run, Scratch, programs, tools};

/// A workspace of two packages without dependencies, so that cargo needs nothing from elsewhere.
fn workspace(scratch: &Scratch) {
    scratch.write("ws/Cargo.toml", "[workspace]\nmembers = ['one', 'two']\nresolver = '3'\n");
    let package = "edition = '2024'\nversion = '0.4.2'\n";
    let metadata = "[package.metadata.holdall]\narguments = ['from-metadata']\n\
                    [package.metadata.holdall.resources]\ninclude = ['/texts/**']\n";
    let one = format!("[package]\nname = 'one'\n{package}[features]\nloud = []\n{metadata}");
    scratch.write("ws/one/Cargo.toml", one);
    scratch.write("ws/one/src/main.rs", PROGRAM);
    scratch.write("ws/one/texts/a.txt", "a\n");
    scratch.write("ws/one/notes.txt", "not packed\n");
    scratch.write("ws/two/Cargo.toml", format!("[package]\nname = 'two'\n{package}"));
    scratch.write("ws/two/src/bin/left.rs", "fn main() { println!(\"left\") }\n");
    scratch.write("ws/two/src/bin/right.rs", "fn main() { println!(\"right\") }\n");
    scratch.write("ws/two/data/b.txt", "b\n");
}

const PROGRAM: &str = r#"
fn main() {
    let loud = if cfg!(feature = "loud") { "!" } else { "" };
    let debug = if cfg!(debug_assertions) { " debug" } else { "" };
    println!("{}{loud}{debug}", std::env::args().skip(1).collect::<Vec<_>>().join(" "));
}
"#;

/// `cargo holdall`, found by cargo as it finds every subcommand.
fn cargo(scratch: &Scratch, directory: &str) -> Run {
    let beside = programs::cargo_holdall().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(beside).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths.collect::<Vec<PathBuf>>()).unwrap();
    let run = Run::new(env!("CARGO")).env("PATH", path).current_dir(scratch.path(directory));
    run.env("CARGO_TARGET_DIR", scratch.path("target")).arg("holdall")
}

#[test]
fn a_package_is_built_and_packed() {
    let scratch = Scratch::new();
    workspace(&scratch);
    let told = cargo(&scratch, "ws/one").args(["bundle", "--offline"]).ok();
    assert_eq!(told.lines()[0], "one 0.4.2");
    let one = scratch.path("ws/one/one");
    assert_eq!(Run::new(&one).arg("mine").ok().text(), "from-metadata mine\n");
    assert_eq!(Run::new(&one).arg("--list-resources").ok().text(), "texts/a.txt\n");
    // It was stripped before it was packed, as that can't be done any more.
    let payload = tools::tool("unzip").arg("-p").arg(&one).arg(".holdall/bin/one").ok();
    assert!(!payload.stdout.windows(8).any(|window| window == b".symtab\0"));
}

#[test]
fn cargo_s_own_flags_are_handed_on() {
    let scratch = Scratch::new();
    workspace(&scratch);
    let run = cargo(&scratch, "ws/one").args(["bundle", "-q", "--offline", "-o", "out"]);
    run.args(["--features", "loud", "--profile", "dev"]).ok();
    assert_eq!(Run::new(scratch.path("ws/one/out")).ok().text(), "from-metadata! debug\n");
    let run = cargo(&scratch, "ws/one").args(["bundle", "-q", "-o", "out", "--no-build"]);
    run.args(["--profile", "dev"]).ok();
    assert_eq!(Run::new(scratch.path("ws/one/out")).ok().text(), "from-metadata! debug\n");
    let line = cargo(&scratch, "ws/one").args(["bundle", "-q", "--no-build"]).fails(66);
    assert!(line.contains("release/one") && line.contains("--no-build"), "{line}");
}

#[test]
fn a_package_of_a_workspace_is_chosen() {
    let scratch = Scratch::new();
    workspace(&scratch);
    let line = cargo(&scratch, "ws").args(["bundle", "--offline"]).fails(66);
    assert!(line.contains("--package") && line.contains("one, two"), "{line}");
    let line = cargo(&scratch, "ws").args(["bundle", "--offline", "-p", "three"]).fails(66);
    assert!(line.contains("three") && line.contains("one, two"), "{line}");
    let line = cargo(&scratch, "ws/two").args(["bundle", "--offline"]).fails(64);
    assert!(line.contains("--bin") && line.contains("left") && line.contains("right"), "{line}");
    let run = cargo(&scratch, "ws/two").args(["bundle", "-q", "--offline", "-o", "out"]);
    run.args(["--bin", "right"]).ok();
    assert_eq!(Run::new(scratch.path("ws/two/out")).ok().text(), "right\n");
    let line = cargo(&scratch, "ws/two").args(["bundle", "--offline", "--bin", "up"]).fails(66);
    assert!(line.contains("up") && line.contains("left"), "{line}");
}

#[test]
fn a_build_that_fails_leaves_the_old_file() {
    let scratch = Scratch::new();
    workspace(&scratch);
    scratch.write("ws/one/src/main.rs", "fn main() { broken }\n");
    scratch.write("ws/one/one", "the old file");
    let ended = cargo(&scratch, "ws/one").args(["bundle", "--offline"]).end();
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot find value `broken`"), "{}", ended.stderr);
    assert_eq!(fs::read(scratch.path("ws/one/one")).unwrap(), b"the old file");
}

#[test]
fn a_directory_of_a_package_is_enough_for_the_bundler() {
    let scratch = Scratch::new();
    workspace(&scratch);
    let run = scratch.bundler("out").args(["ws/two", "--bin", "left", "--offline"]);
    run.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", scratch.path("target")).ok();
    assert_eq!(Run::new(scratch.path("out")).ok().text(), "left\n");
    assert_eq!(Run::new(scratch.path("out")).arg("--list-resources").ok().text(), "data/b.txt\n");
}
