//! `holdall bundle`: every kind of entry point, packed, inspected by other people's tools, run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use holdall_tests::fixtures::{self, INDEX, SITE_NAMES};
use holdall_tests::{Run, Scratch, Server, programs, tools};

#[test]
fn a_site_serves_its_files() {
    let scratch = Scratch::new();
    let site = Server::start(fixtures::site_bundle(&scratch));
    assert_eq!(site.get("/").text(), INDEX);
    assert_eq!(site.get("/data/noise.bin").body, fixtures::noise());
    assert_eq!(site.get("/text.txt").text(), fixtures::text());
    assert_eq!(site.get("/data/gr%C3%B6%C3%9Fe.txt").text(), "größe\n");
    assert_eq!(site.get("/data/empty.txt").body, b"");
    assert_eq!(site.get("/docs/").text(), "<p>Documents.\n");
    assert_eq!(site.get("/docs").header("location"), Some("/docs/"));
    assert_eq!(site.get("/nothing").status, 404);
    assert_eq!(site.get("/.holdall/manifest.json").status, 404);
    assert!(site.stop().success());
}

#[test]
fn what_was_packed_is_told() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let told = scratch.bundler("site").arg("www").ok();
    let length = fs::metadata(scratch.path("site")).unwrap().len();
    let lines = told.lines();
    assert_eq!(lines[0], "www 0.0.0");
    let has =
        |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["entry point", "site"]), "{lines:#?}");
    assert!(has(&["resources", "8 files"]), "{lines:#?}");
    assert!(has(&["largest", "data/noise.bin"]), "{lines:#?}");
    assert!(has(&["output", "site"]), "{lines:#?}");
    let digits: String = lines.last().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, length.to_string());
}

#[test]
fn quiet_says_nothing() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let told = scratch.bundler("site").args(["www", "--quiet"]).ok();
    assert_eq!((told.text(), told.stderr.as_str()), ("", ""));
}

#[test]
fn without_an_output_the_name_is_taken() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    // A directory of that name is not overwritten, nor is anything put into it.
    let line = scratch.holdall().args(["bundle", "www"]).fails(64);
    assert!(line.contains("www is a directory") && line.contains("-o FILE"), "{line}");
    scratch.holdall().args(["bundle", "www", "--name", "pages", "--quiet"]).ok();
    Run::new(scratch.path("pages")).arg("--verify").ok();
}

#[test]
fn other_zip_tools_read_a_bundle() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let listed = tools::tool("unzip").arg("-Z1").arg(&site).ok();
    for name in SITE_NAMES {
        assert!(listed.lines().contains(&name), "{name} is not in {}", listed.text());
    }
    assert!(listed.lines().contains(&"void/"), "the empty directory is lost");
    let tested = tools::tool("unzip").arg("-t").arg(&site).ok();
    assert_eq!(tested.stderr, "", "unzip has something to remark");
    tools::tool("7z").args(["t", "-tzip"]).arg(&site).ok();
    tools::tool("bsdtar").arg("-tf").arg(&site).ok();
    tools::tool("jar").arg("tf").arg(&site).ok();
    tools::tool("busybox").args(["unzip", "-t"]).arg(&site).ok();
    let script = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())";
    let python = tools::tool("python3").args(["-c", script]).arg(&site).ok();
    assert_eq!(python.text(), "None\n");
}

#[test]
fn a_c_program_reads_its_resource_with_unzip() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for how in ["resource", "resource-by-descriptor"] {
        let read = Run::new(&probe).args([how, "data/hello.txt"]).ok();
        assert_eq!(read.text(), "hello from the bundle\n", "{how}");
    }
}

#[test]
fn a_rust_program_reads_its_resource() {
    let scratch = Scratch::new();
    let program = Path::new(env!("CARGO_BIN_EXE_reader"));
    let reader = fixtures::exec_bundle(&scratch, program, "reader.bundle", &[]);
    let read = Run::new(&reader).arg("data/hello.txt").ok();
    assert_eq!(read.text(), "hello from the bundle\n");
    let missing = Run::new(&reader).arg("data/helo.txt").end();
    assert_eq!(missing.code(), 1);
    assert!(missing.stderr.contains("data/hello.txt"), "no suggestion: {}", missing.stderr);
}

#[test]
fn a_python_script_reads_its_resource_with_the_standard_library() {
    let scratch = Scratch::new();
    tools::tool("python3").arg("--version").ok();
    let script = fixtures::fixture("report.py");
    let report = fixtures::exec_bundle(&scratch, &script, "report", &[]);
    let read = Run::new(&report).arg("data/hello.txt").current_dir("/").ok();
    assert_eq!(read.text(), "hello from the bundle\n");
    assert_eq!(Run::new(&report).args(["data/hello.txt", "a", "b"]).end().code(), 2);
}

#[test]
fn a_shell_script_runs_and_reads_its_resource() {
    let scratch = Scratch::new();
    let script = "#!/bin/sh\nunzip -p \"$HOLDALL_BUNDLE\" data/hello.txt; echo \"$# $1\"; exit 7\n";
    let script = scratch.write_program("script.sh", script);
    let bundle = fixtures::exec_bundle(&scratch, &script, "script", &[]);
    let ended = Run::new(bundle).arg("a b").end();
    assert_eq!((ended.code(), ended.text()), (7, "hello from the bundle\n1 a b\n"));
}

#[test]
fn a_rust_plugin_serves() {
    let scratch = Scratch::new();
    scratch.write("files/data/index.html", "a page\n");
    let run = scratch.bundler("greeter").arg("files").arg("--path").arg(programs::greeter());
    run.ok();
    let mut greeter = Server::start(scratch.path("greeter"));
    assert_eq!(greeter.get("/hello/you").text(), "hello, you");
    assert_eq!(greeter.get("/resource/data/index.html").text(), "a page\n");
    assert_eq!(greeter.get("/resource/nothing").status, 404);
    assert_eq!(greeter.get("/panic").status, 500);
    assert_eq!(greeter.get("/hello/again").text(), "hello, again");
    greeter.signal(rustix::process::Signal::INT);
    assert!(greeter.wait().success());
}

#[test]
fn a_c_plugin_serves() {
    let scratch = Scratch::new();
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    fixtures::site(&scratch, "www");
    scratch.bundler("service").arg("www").arg("--path").arg(plugin).ok();
    let service = Server::start(scratch.path("service"));
    assert_eq!(service.get("/text.txt").text(), fixtures::text());
    assert_eq!(service.get("/data/noise.bin").body, fixtures::noise());
    assert_eq!(service.get("/nothing").status, 404);
    assert!(service.stop().success());
}

#[test]
fn a_linked_program_is_its_own_launcher() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let program = scratch.path("program");
    tools::tool("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_linked")).ok();
    scratch.bundler("linked").arg("www").arg("--path").arg(&program).ok();
    let info = Run::new(scratch.path("linked")).arg("--bundle-info=json").ok().json();
    assert_eq!(info["entry_point"]["kind"], "linked");
    let linked = Server::start(scratch.path("linked"));
    assert_eq!(linked.get("/text.txt").text(), fixtures::text());
    assert_eq!(linked.get("/nothing").status, 404);
    assert!(linked.stop().success());
}

#[test]
fn a_linked_program_runs_without_being_bundled() {
    let scratch = Scratch::new();
    scratch.write("page.html", "from the directory\n");
    let run = Run::new(env!("CARGO_BIN_EXE_linked")).env("HOLDALL_RESOURCES", scratch.dir());
    let linked = Server::from_run(run.args(["--port", "tcp:0:interface=127.0.0.1"]));
    assert_eq!(linked.get("/page.html").text(), "from the directory\n");
    assert!(linked.stop().success());
    let line = Run::new(env!("CARGO_BIN_EXE_linked")).arg("--list-resources").fails(78);
    assert!(line.contains("holdall bundle"), "{line}");
}

#[test]
fn the_kind_is_inferred_or_chosen() {
    let scratch = Scratch::new();
    let program = fixtures::c_program(&scratch, "probe.c", "build/probe");
    scratch.write("files/a.txt", "a");
    let kind = |arguments: &[&str]| {
        let run = scratch.bundler("out").arg("files").arg("--path").arg(&program);
        run.args(arguments).ok();
        let info = scratch.holdall().args(["info", "--json", "out"]).ok().json();
        info["entry_point"]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(&[]), "exec");
    assert_eq!(kind(&["--entry-point", "site"]), "site");
    assert_eq!(kind(&["--entry-point", "exec"]), "exec");
}

#[test]
fn unix_modes_are_kept() {
    let scratch = Scratch::new();
    scratch.write_program("www/run.sh", "#!/bin/sh\n");
    scratch.write("www/plain.txt", "plain\n");
    let mode = |path, mode| {
        fs::set_permissions(scratch.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("www/plain.txt", 0o640);
    scratch.bundle("www", "site", &[]);
    let list = Run::new(scratch.path("site")).arg("--list-resources=json").ok().json();
    assert_eq!(list[0]["mode"], "0640");
    assert_eq!(list[1]["mode"], "0755");
}

#[test]
fn default_arguments_come_before_those_of_the_user() {
    let scratch = Scratch::new();
    let program = fixtures::c_program(&scratch, "probe.c", "build/probe");
    scratch.write("files/a.txt", "a");
    let manifest = format!(
        "arguments = [\"arguments\", \"--verify\"]\n[entry-point]\npath = {:?}\n",
        program.display().to_string()
    );
    scratch.write("files/holdall.toml", manifest);
    let probe = scratch.bundle("files", "probe", &[]);
    let told = Run::new(&probe).arg("mine").ok();
    assert_eq!(told.lines()[1..], ["[arguments]", "[--verify]", "[mine]"]);
    let listed = Run::new(&probe).arg("--list-resources").ok();
    assert_eq!(listed.text(), "a.txt\n", "the manifest is no resource");
}
