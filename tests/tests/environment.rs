//! Wherever a bundle is started: it needs nothing, and it leaves nothing.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use holdall_tests::fixtures::{self, INDEX, Random};
use holdall_tests::{Run, Scratch, Server, programs, tools};

const PORT: &str = "--port=tcp:0:interface=127.0.0.1";

#[test]
fn an_empty_environment_and_any_directory_will_do() {
    let scratch = Scratch::new();
    let path = fixtures::site_bundle(&scratch);
    for directory in ["/", "/proc", "/usr"] {
        let site = Server::from_run(Run::new(&path).env_clear().current_dir(directory).arg(PORT));
        assert_eq!(site.get("/").text(), INDEX);
        assert!(site.stop().success());
    }
    let probe = fixtures::probe_bundle(&scratch);
    let told = Run::new(&probe).env_clear().current_dir("/").arg("environment").ok();
    assert!(told.lines().iter().all(|line| line.starts_with("HOLDALL_BUNDLE")), "{}", told.text());
}

#[test]
fn a_relative_path_and_a_link_will_do() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    std::os::unix::fs::symlink("site", scratch.path("link")).unwrap();
    for name in ["./site", "./link"] {
        let listed = Run::new(name).current_dir(scratch.dir()).arg("--list-resources").ok();
        assert!(listed.text().contains("index.html"));
    }
    let path = format!("{}:/usr/bin:/bin", scratch.dir().display());
    let listed = tools::tool("sh").args(["-c", "site --list-resources"]).env("PATH", path).ok();
    assert!(listed.text().contains("index.html"));
}

/// Every file system read-only, no /tmp, no HOME, and nothing to execute but where the bundle is.
const BARE: &str = "
    mount -t tmpfs tmpfs /mnt
    cp \"$1\" /mnt/bundle
    mount -o remount,bind,ro /mnt
    for at in /tmp /var/tmp /dev/shm; do
        if [ -d $at ]; then mount -t tmpfs -o size=4k,nr_inodes=2,ro,noexec tmpfs $at; fi
    done
    mount -o remount,bind,ro /
    for at in /new /mnt/new /tmp/new /dev/shm/new; do
        if touch $at 2>/dev/null; then echo \"$at can be written\" >&2; exit 1; fi
    done
    unset HOME TMPDIR
    shift
    exec \"$@\"
";

fn bare(bundle: &Path) -> Run {
    tools::in_mount_namespace(BARE, [bundle]).arg("/mnt/bundle")
}

#[test]
fn a_machine_where_nothing_can_be_written_will_do() {
    let scratch = Scratch::new();
    let site = Server::from_run(bare(&fixtures::site_bundle(&scratch)).arg(PORT));
    assert_eq!(site.get("/").text(), INDEX);
    assert_eq!(site.get("/text.txt").text(), fixtures::text());
    assert!(site.stop().success());
    let told = bare(&fixtures::probe_bundle(&scratch)).args(["exit", "3"]).end();
    assert_eq!(told.code(), 3, "{}", told.stderr);
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    scratch.bundler("service").arg("www").arg("--path").arg(plugin).ok();
    let service = Server::from_run(bare(&scratch.path("service")).arg(PORT));
    assert_eq!(service.get("/text.txt").text(), fixtures::text());
    assert!(service.stop().success());
}

#[test]
fn a_user_without_a_name_will_do() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let site = Server::from_run(tools::as_nobody(&site).arg(PORT));
    assert_eq!(site.get("/").text(), INDEX);
    assert!(site.stop().success());
    let probe = fixtures::probe_bundle(&scratch);
    let told = tools::as_nobody(&probe).args(["status", "Uid:"]).ok();
    assert_eq!(told.text(), "Uid:\t12345\t12345\t12345\t12345\n");
}

#[test]
fn a_hundred_starts_at_once_do_not_meet() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let site = fixtures::site_bundle(&scratch);
    let started: Vec<_> = (0..100)
        .map(|number| match number % 2 {
            0 => Run::new(&probe).args(["exit", "7"]).spawn(),
            _ => Run::new(&site).args(["--cat-resource", "text.txt"]).spawn(),
        })
        .collect();
    // All of them run before the first is waited for; a pipe holds what each has to say, or it waits.
    for (number, child) in started.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        match number % 2 {
            0 => assert_eq!(output.status.code(), Some(7), "{errors}"),
            _ => assert!(output.stdout == fixtures::text().as_bytes(), "{errors}"),
        }
    }
}

#[test]
fn a_start_that_was_killed_does_not_affect_the_next() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let before = scratch.names("");
    let mut random = Random::new(99);
    let mut killed = 0;
    for _ in 0..100 {
        let mut child = Run::new(&probe).args(["exit", "5"]).spawn();
        std::thread::sleep(Duration::from_micros(random.below(4_000)));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
        if killed % 10 == 1 {
            assert_eq!(Run::new(&probe).args(["exit", "3"]).end().code(), 3);
        }
    }
    assert!(killed > 10, "only {killed} of them still ran when they were killed");
    assert_eq!(Run::new(&probe).args(["exit", "3"]).end().code(), 3);
    assert_eq!(scratch.names(""), before, "something was left behind");
}

/// The system calls of a run that have to do with files, one a line.
fn calls(scratch: &Scratch, run: Run) -> Vec<String> {
    let log = scratch.path("strace.log");
    let _ = fs::remove_file(&log);
    let traced = run.arg(log.as_os_str());
    traced.end();
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("execve("), "strace saw nothing: {log}");
    log.lines().map(str::to_owned).collect()
}

/// The script of `strace -f` over what is given after the script's name; `$1` at the end is the log.
fn strace(program: &Path, arguments: &[&str]) -> Run {
    let words: Vec<_> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "timeout -s TERM 2 strace -f -qq -e trace=file,desc -o \"$1\" '{}' {}",
        program.display(),
        words.join(" ")
    );
    tools::tool("strace").arg("-V").ok();
    tools::tool("sh").args(["-c", &script, "sh"])
}

#[test]
fn no_file_is_created_not_even_the_first_time() {
    let scratch = Scratch::new();
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    let site = fixtures::site_bundle(&scratch);
    let probe = fixtures::probe_bundle(&scratch);
    scratch.bundler("service").arg("www").arg("--path").arg(plugin).ok();
    let port = [PORT];
    let starts = [
        (&site, &port[..]),
        (&scratch.path("service"), &port[..]),
        (&probe, &["exit", "0"][..]),
        (&site, &["--verify"][..]),
    ];
    for (bundle, arguments) in starts {
        let runs = [(); 2].map(|()| calls(&scratch, strace(bundle, arguments)));
        for call in &runs[0] {
            assert!(!makes_a_file(call), "{}: {call}", bundle.display());
        }
        let [first, later] = runs.map(|run| opened(&run));
        assert_eq!(first, later, "{}: the first run does something else", bundle.display());
    }
}

/// Whether a line of strace is a call that makes, renames, removes or changes a file with a name.
fn makes_a_file(line: &str) -> bool {
    let call = line.split_once('(').map_or("", |(before, _)| before);
    let call = call.rsplit(' ').next().unwrap_or_default();
    let opens = call.starts_with("open") || call == "creat";
    let to_write = ["O_CREAT", "O_TMPFILE", "O_WRONLY", "O_RDWR"];
    let is_device = line.contains("\"/dev/");
    opens && !is_device && to_write.iter().any(|flag| line.contains(flag))
        || ["mkdir", "rename", "unlink", "link", "symlink", "mknod", "rmdir"]
            .iter()
            .any(|name| call.strip_suffix("at").unwrap_or(call).trim_end_matches("at2") == *name)
        || call == "truncate"
}

/// The files that were opened, sorted: threads do their work in any order.
fn opened(calls: &[String]) -> Vec<String> {
    let path = |call: &String| Some(call.split_once("openat(")?.1.split('"').nth(1)?.to_owned());
    let mut paths: Vec<String> = calls.iter().filter_map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn a_bundle_that_may_only_be_executed_says_why_it_can_not() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    fs::set_permissions(&site, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let line = tools::as_nobody(&site).arg(PORT).fails(77);
    assert!(line.contains("site") && line.to_lowercase().contains("permission"), "{line}");
}

#[test]
fn without_proc_the_reason_is_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let script = "mount -t tmpfs tmpfs /proc; exec \"$1\" --list-resources";
    let line = tools::in_mount_namespace(script, [&site]).fails(66);
    assert!(line.contains("/proc"), "{line}");
    assert!(programs::holdall().is_file());
}
