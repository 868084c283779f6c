//! The command lines: of the bundler, and of every bundle.

use std::fs;

use holdall_tests::fixtures;
use holdall_tests::{Run, Scratch, programs, tools};
use snapbox::{assert_data_eq, str};

#[test]
fn wrong_flags_are_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let wrong: [&[&str]; 8] = [
        &["--prot", "8080"],
        &["--list-resources=xml"],
        &["--verify", "--list-resources"],
        &["--cat-resource"],
        &["stray"],
        &["--port", "tcp:http"],
        &["--port", ""],
        &["--port", "carrier:pigeon"],
    ];
    for arguments in wrong {
        let ended = Run::new(&site).args(arguments).end();
        assert_eq!((ended.code(), ended.text()), (64, ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("site: "), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let wrong: [&[&str]; 6] = [
        &[],
        &["bundel"],
        &["bundle", "--level", "13"],
        &["list"],
        &["info", "a", "--xml"],
        &["bundle", "a", "b"],
    ];
    for arguments in wrong {
        let ended = scratch.holdall().args(arguments).end();
        assert_eq!((ended.code(), ended.text()), (64, ""), "{arguments:?}: {}", ended.stderr);
    }
    let ended = scratch.holdall().arg("bundel").end();
    assert!(ended.stderr.contains("'bundle'"), "no suggestion: {}", ended.stderr);
}

#[test]
fn a_bundle_explains_its_options() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let help = Run::new(&site).arg("--help").ok();
    assert_eq!(help.stderr, "");
    let options = [
        "--port",
        "--list-resources",
        "--cat-resource",
        "--extract-resources",
        "--bundle-info",
        "--verify",
    ];
    for option in options {
        assert!(help.text().contains(option), "{option} is not in the help");
    }
    assert!(help.text().contains("site --port 8080"), "no example: {}", help.text());
    assert!(help.text().contains("Exit codes"), "{}", help.text());
    assert_eq!(Run::new(&site).arg("--version").ok().text(), "site 1.2.3\n");
}

#[test]
fn the_bundler_explains_its_commands() {
    let scratch = Scratch::new();
    let help = scratch.holdall().arg("--help").ok();
    let commands = [
        "bundle",
        "run",
        "init",
        "list",
        "info",
        "inspect",
        "cat",
        "extract",
        "verify",
        "sign",
        "set",
        "diff",
        "sbom",
        "image",
        "deploy",
        "completions",
        "man",
    ];
    for command in commands {
        assert!(help.text().contains(&format!("\n  {command} ")), "{command}: {}", help.text());
        let own = scratch.holdall().args([command, "--help"]).ok();
        assert!(own.text().contains("Usage: holdall "), "{}", own.text());
    }
    for code in ["64", "65", "66", "69", "70", "73", "74", "77", "78"] {
        assert!(help.text().contains(code), "exit code {code} is not explained");
    }
    let version = scratch.holdall().arg("--version").ok();
    assert_data_eq!(version.text().to_owned(), str!["holdall [..]\n"]);
}

#[test]
fn completions_are_understood_by_their_shell() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scratch.holdall().args(["completions", shell]).ok();
        assert!(script.text().contains("holdall") && script.text().contains("extract"), "{shell}");
        if shell == "bash" {
            let path = scratch.write("completions", script.text());
            tools::tool("bash")
                .args(["-euc", ". \"$1\"; complete -p holdall", "bash"])
                .arg(path)
                .ok();
        }
    }
    assert_eq!(scratch.holdall().args(["completions", "cmd"]).end().code(), 64);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let scratch = Scratch::new();
    scratch.holdall().args(["man", "pages", "--quiet"]).ok();
    let pages = scratch.names("pages");
    assert!(pages.contains(&"holdall.1".to_owned()), "{pages:?}");
    assert!(pages.contains(&"holdall-bundle.1".to_owned()), "{pages:?}");
    for page in pages {
        let text = fs::read_to_string(scratch.path("pages").join(&page)).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH NAME"), "{page} is no manual page");
    }
    assert!(scratch.holdall().arg("man").ok().text().contains(".TH "));
}

#[test]
fn init_writes_a_manifest_that_works() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let told = scratch.holdall().args(["init", "www"]).ok();
    assert!(told.stderr.contains("www/holdall.toml"), "{}", told.stderr);
    let manifest = fs::read_to_string(scratch.path("www/holdall.toml")).unwrap();
    assert!(manifest.lines().filter(|line| line.starts_with('#')).count() > 5, "{manifest}");
    let site = scratch.bundle("www", "site", &[]);
    let listed = Run::new(&site).arg("--list-resources").ok();
    assert_eq!(listed.lines(), fixtures::SITE_NAMES);
    let line = scratch.holdall().args(["init", "www"]).fails(73);
    assert!(line.contains("www/holdall.toml"), "{line}");
    assert_eq!(fs::read_to_string(scratch.path("www/holdall.toml")).unwrap(), manifest);
}

#[test]
fn init_finds_a_program() {
    let scratch = Scratch::new();
    scratch.write_program("files/run.sh", "#!/bin/sh\nexit 9\n");
    scratch.write("files/a.txt", "a");
    scratch.holdall().args(["init", "files"]).ok();
    let bundle = scratch.bundle("files", "out", &[]);
    assert_eq!(Run::new(bundle).end().code(), 9);
}

#[test]
fn globs_and_gitignore_choose_the_resources() {
    let scratch = Scratch::new();
    for name in ["a.html", "a.map", "sub/b.html", "sub/b.map", "drop.log", "node/x.html"] {
        scratch.write(format!("www/{name}"), name);
    }
    scratch.write("www/.gitignore", "*.log\n/node\n");
    let names = |arguments: &[&str]| {
        scratch.bundle("www", "out", arguments);
        scratch.holdall().args(["list", "out"]).ok().text().replace('\n', " ")
    };
    assert_eq!(names(&[]), ".gitignore a.html a.map sub/b.html sub/b.map ");
    assert_eq!(names(&["--exclude", "*.map"]), ".gitignore a.html sub/b.html ");
    assert_eq!(names(&["--include", "*.html"]), "a.html sub/b.html ");
    assert_eq!(names(&["--include", "sub", "--exclude", "*.map"]), "sub/b.html ");
    assert_eq!(
        names(&["--no-gitignore", "--include", "*.html", "--include", "*.log"]),
        "a.html drop.log node/x.html sub/b.html "
    );
}

#[test]
fn colour_is_for_terminals() {
    let scratch = Scratch::new();
    scratch.write("www/a.txt", "a");
    let stderr = |arguments: &[&str]| scratch.bundler("out").arg("www").args(arguments).ok().stderr;
    assert!(!stderr(&[]).contains('\x1b'));
    assert!(stderr(&["--color", "always"]).contains('\x1b'));
    // On a terminal, which script(1) makes.
    let on_terminal = |environment: &str| {
        let command = format!("{environment} {} bundle www -o out", programs::holdall().display());
        let run = tools::tool("script").args(["-qec", &command, "/dev/null"]);
        run.env("TERM", "xterm").current_dir(scratch.dir()).ok().text().contains('\x1b')
    };
    assert!(on_terminal(""));
    assert!(!on_terminal("NO_COLOR=1"));
}
