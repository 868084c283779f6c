//! What a bundle needs of its host: what it says, and that it is true in a directory with nothing else.
//!
//! `HOLDALL_GLIBC` is the version of the GNU C library that was promised for the programs under test:
//! `make release` sets it. The oracle is readelf.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::process::wait_until;
use holdall_tests::{FREE_PORT, Run, Scratch, Server, programs, tools};

/// What `readelf` and the bundler say that the GNU C library must be: `(2, 17)`.
type Version = (u32, u32);

/// Runs `$2` and what follows with the directory `$1` as the root; there is nothing in it but what the
/// test put there, and `/proc`.
const ALONE: &str = "
    mkdir -p \"$1/proc\"
    mount --rbind /proc \"$1/proc\"
    exec chroot \"$@\"
";

fn alone(root: &Path, program: &str) -> Run {
    tools::in_mount_namespace(ALONE, [root.to_str().unwrap(), program])
        .env_clear()
        .env("PATH", PATH)
}

/// For mount and chroot.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A directory that holds a bundle, under the name `bundle`, and nothing else.
fn root_of(scratch: &Scratch, bundle: &Path) -> PathBuf {
    let root = scratch.path("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::rename(bundle, root.join("bundle")).unwrap();
    root
}

fn needs(scratch: &Scratch, bundle: &str) -> serde_json::Value {
    scratch.holdall().args(["info", "--json", bundle]).ok().json()["needs"].clone()
}

fn told(scratch: &Scratch, bundle: &str) -> String {
    let text = scratch.holdall().args(["info", bundle]).ok();
    let line = text.lines().into_iter().find_map(|line| line.strip_prefix("needs "));
    line.expect("a line of the table").trim().to_owned()
}

fn version(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// The newest version of the GNU C library that a file asks for, as readelf finds it.
fn readelf(file: &Path) -> Option<Version> {
    let told = tools::tool("readelf").args(["--wide", "--version-info"]).arg(file).ok();
    let words = told.text().split_whitespace();
    words.filter_map(|word| version(word.strip_prefix("GLIBC_")?)).max()
}

#[test]
fn a_site_serves_in_an_empty_directory() {
    let scratch = Scratch::new();
    let bundle = fixtures::site_bundle(&scratch);
    assert_eq!(told(&scratch, "site"), "nothing of the host");
    let root = root_of(&scratch, &bundle);
    let site = Server::from_run(alone(&root, "/bundle").args(["--port", FREE_PORT]));
    assert_eq!(site.get("/").text(), INDEX);
    assert_eq!(site.get("/text.txt").text(), fixtures::text());
    assert!(site.stop().success());
    let verified = alone(&root, "/bundle").arg("--verify").ok();
    assert!(verified.text().starts_with("bundle: ok"), "{}", verified.text());
}

#[test]
fn a_static_program_runs_in_an_empty_directory() {
    let scratch = Scratch::new();
    let program = fixtures::static_c_program(&scratch, "probe.c", "build/probe");
    let bundle = fixtures::exec_bundle(&scratch, &program, "probe", &[]);
    assert_eq!(told(&scratch, "probe"), "nothing of the host");
    let root = root_of(&scratch, &bundle);
    let ended = alone(&root, "/bundle").args(["arguments", "one"]).ok();
    assert_eq!(ended.text(), "[/bundle]\n[arguments]\n[one]\n");
    assert_eq!(alone(&root, "/bundle").args(["exit", "3"]).end().code(), 3);
}

#[test]
fn what_is_missing_is_named() {
    let scratch = Scratch::new();
    let bundle = fixtures::probe_bundle(&scratch);
    let root = root_of(&scratch, &bundle);
    let line = alone(&root, "/bundle").arg("arguments").fails(69);
    assert!(
        line.contains("the interpreter or dynamic loader that it asks for is not here"),
        "{line}"
    );
}

#[test]
fn hosts_are_found_without_the_modules_of_the_host() {
    let scratch = Scratch::new();
    let bundle = fixtures::site_bundle(&scratch);
    let root = root_of(&scratch, &bundle);
    let module = fixtures::c_module(&scratch, "nss_trap.c", "root/lib/libnss_trap.so.2");
    assert!(module.is_file());
    scratch.write("root/etc/nsswitch.conf", "hosts: trap files dns\n");
    scratch.write("root/etc/hosts", "127.0.0.1 authority.test\n");
    let authority = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = authority.local_addr().unwrap().port();
    let endpoint = format!(
        "acme:/certs:directory=https\\://authority.test\\:{port}/:domains=site.test:{FREE_PORT}"
    );
    let options = ["--no-sandbox", "--log-format", "json", "--port", &endpoint];
    let site = Server::from_run(alone(&root, "/bundle").args(options));
    // It connects: the name was found. What it meets there is another matter.
    authority.set_nonblocking(true).unwrap();
    wait_until("the authority is asked", || authority.accept().is_ok());
    drop(authority);
    assert!(site.stop().success());
}

#[test]
fn a_bundle_tells_what_it_needs() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let script = scratch.write_program("run", "#!/bin/sh -eu\n");
    fixtures::exec_bundle(&scratch, &script, "script", &[]);
    assert_eq!(told(&scratch, "script"), "/bin/sh");
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &["-lz"]);
    let packed = scratch.bundler("service").arg("www").arg("--path").arg(&plugin).ok();
    let newest = readelf(&scratch.path("service")).max(readelf(&plugin)).unwrap();
    let expected = format!("glibc {}.{}", newest.0, newest.1);
    assert!(told(&scratch, "service").starts_with(&expected), "{}", told(&scratch, "service"));
    assert!(packed.text().contains(&format!("\n  needs        {expected}")), "{}", packed.text());
    let own = Run::new(scratch.path("service")).args(["--bundle-info=json"]).ok().json();
    assert_eq!(own["needs"], needs(&scratch, "service"));
    assert_eq!(version(own["needs"]["glibc"].as_str().unwrap()), Some(newest));
}

#[test]
fn no_newer_c_library_is_needed_than_was_promised() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &["-nostdlib"]);
    scratch.bundler("service").arg("www").arg("--path").arg(&plugin).ok();
    let needs = needs(&scratch, "service");
    let promised = match std::env::var("HOLDALL_GLIBC") {
        Ok(text) => version(&text).expect("HOLDALL_GLIBC is a version"),
        Err(_) => built_with(),
    };
    let of_launcher = version(needs["glibc"].as_str().unwrap()).unwrap();
    assert!(of_launcher <= promised, "the launcher needs {of_launcher:?}, not {promised:?}");
    assert!(readelf(programs::holdall()) <= Some(promised), "{:?}", readelf(programs::holdall()));
    // Nothing but the C library and, with the system's linker, the unwinder that GCC has.
    let libraries = needs["libraries"].as_array().unwrap();
    let names: Vec<_> = libraries.iter().map(|name| name.as_str().unwrap()).collect();
    let known = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1"];
    let is_known = |name: &&str| known.contains(name) || name.starts_with("ld-linux");
    assert!(names.iter().all(is_known), "{names:?}");
}

/// The C library of this system.
fn built_with() -> Version {
    let told = tools::tool("getconf").arg("GNU_LIBC_VERSION").ok();
    version(told.text().trim().trim_start_matches("glibc ")).unwrap()
}
