//! Inputs that can't be packed as they are: one clear line, and the file that was there stays.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use holdall_tests::fixtures;
use holdall_tests::{Run, Scratch, programs, tools};

/// A scratch directory with the site `www` of one page, and an older bundle `out`.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("www/index.html", "a page\n");
    scratch.write("out", "the old file");
    scratch
}

/// Packs `www`, which has to fail with `code` and leave everything as it was.
fn refused(scratch: &Scratch, code: i32, arguments: &[&str]) -> String {
    let before = scratch.names("");
    let line = scratch.bundler("out").arg("www").args(arguments).arg("--quiet").fails(code);
    assert!(line.starts_with("holdall: "), "{line}");
    assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file", "the old file is gone");
    assert_eq!(scratch.names(""), before, "something was left behind");
    line
}

#[test]
fn names_that_are_not_portable_are_refused() {
    let long = "n".repeat(250);
    let cases: [(&[u8], &str); 6] = [
        (b"a\\b.txt", "backslash"),
        (b"a\nb.txt", "control"),
        (b"a\x1b[2Jb.txt", "control"),
        (b"a\x7fb.txt", "control"),
        (b"\xff\xfe.txt", "not UTF-8"),
        (b"C:x.txt", "drive"),
    ];
    for (name, reason) in cases {
        let scratch = scratch();
        scratch.write(Path::new("www").join(OsStr::from_bytes(name)), "x");
        let line = refused(&scratch, 65, &[]);
        assert!(line.contains(reason), "{}: {line}", name.escape_ascii());
        assert!(!line.contains('\x1b'), "the line drives the terminal: {line:?}");
    }
    // Twenty directories deep: more than 5,000 characters, which no path in one piece can have.
    let scratch = scratch();
    let script = "cd \"$1\"; for i in $(seq 20); do mkdir \"$2\"; cd \"$2\"; done; echo x >file";
    let deep = tools::tool("bash").args(["-euc", script, "bash"]);
    deep.arg(scratch.path("www")).arg(&long).ok();
    let ended = scratch.bundler("out").arg("www").end();
    assert!([65, 74].contains(&ended.code()), "{}", ended.stderr);
    assert!(ended.stderr.contains(&long[..200]), "{}", ended.stderr);
    assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file");
    tools::tool("rm").arg("-rf").arg(scratch.path("www")).ok();
}

#[test]
fn our_own_directory_is_reserved() {
    let scratch = scratch();
    scratch.write("www/.holdall/x", "x");
    let line = refused(&scratch, 65, &[]);
    assert!(line.contains(".holdall") && line.contains("reserved"), "{line}");
    scratch.write("www/sub/.holdall/x", "x");
    scratch.bundle("www", "out", &["--exclude", "/.holdall"]);
    let listed = Run::new(scratch.path("out")).arg("--list-resources").ok();
    assert_eq!(listed.lines(), ["index.html", "sub/.holdall/x"]);
}

#[test]
fn links_are_refused_or_followed() {
    let scratch = scratch();
    symlink("index.html", scratch.path("www/link.html")).unwrap();
    let line = refused(&scratch, 65, &[]);
    assert!(line.contains("www/link.html") && line.contains("--follow-symlinks"), "{line}");
    scratch.bundle("www", "out", &["--follow-symlinks"]);
    let read = Run::new(scratch.path("out")).args(["--cat-resource", "link.html"]).ok();
    assert_eq!(read.text(), "a page\n");
    scratch.write("out", "the old file");
    for (target, code, word) in
        [("/etc/passwd", 65, "leads out"), ("nowhere", 66, "link.html"), ("link.html", 74, "link")]
    {
        fs::remove_file(scratch.path("www/link.html")).unwrap();
        symlink(target, scratch.path("www/link.html")).unwrap();
        let line = scratch.bundler("out").args(["www", "--follow-symlinks"]).end();
        assert!(line.stderr.contains(word), "{target}: {}", line.stderr);
        assert!([code, 74, 65].contains(&line.code()), "{target}: {}", line.code());
        assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = scratch();
    tools::tool("mkfifo").arg(scratch.path("www/pipe")).ok();
    let line = refused(&scratch, 65, &[]);
    assert!(line.contains("www/pipe") && line.contains("neither a file"), "{line}");
}

#[test]
fn a_missing_input_is_named() {
    let scratch = scratch();
    let line = scratch.bundler("out").arg("nowhere").fails(66);
    assert!(line.contains("nowhere"), "{line}");
    let line = scratch.bundler("out").args(["www", "--path", "nowhere"]).fails(66);
    assert!(line.contains("nowhere"), "{line}");
    let line = scratch.bundler("out").args(["www", "--root", "nowhere"]).fails(66);
    assert!(line.contains("nowhere"), "{line}");
    let line = scratch.bundler("out").arg("www/index.html").fails(66);
    assert!(line.contains("www/index.html"), "{line}");
}

#[test]
fn an_input_that_can_not_be_read_is_named() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = scratch();
    let secret = scratch.write("www/secret.txt", "x");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(scratch.dir(), fs::Permissions::from_mode(0o777)).unwrap();
    let holdall = scratch.write_program("holdall", fs::read(programs::holdall()).unwrap());
    let run = tools::as_nobody(&holdall).args(["bundle", "--quiet", "-o"]).arg(scratch.path("new"));
    let line = run.arg(scratch.path("www")).fails(77);
    assert!(line.contains("www/secret.txt"), "{line}");
    assert!(!scratch.path("new").exists());
}

#[test]
fn an_output_that_can_not_be_made_is_told() {
    let scratch = scratch();
    let bundle = |output: &str| scratch.bundler(output).args(["www", "--quiet"]);
    let line = bundle("nowhere/out").fails(73);
    assert!(line.contains("nowhere/out"), "{line}");
    let line = bundle("www").fails(64);
    assert!(line.contains("www is a directory"), "{line}");
    let line = bundle("/dev/null").fails(73);
    assert!(line.contains("/dev/null"), "{line}");
    let script = "mkdir /tmp/ro; mount -t tmpfs -o ro tmpfs /tmp/ro; \"$@\"";
    let script = format!("mount -t tmpfs tmpfs /tmp; {script}");
    let kept = scratch.write_program("holdall", fs::read(programs::holdall()).unwrap());
    // The scratch directory is below /tmp, and has to be seen in the namespace.
    let script = format!("mkdir -p /mnt; mount --bind \"$1\" /mnt; shift; {script}");
    let run = tools::in_mount_namespace(&script, [scratch.dir()]);
    let line =
        run.args(["/mnt/holdall", "bundle", "-q", "-o", "/tmp/ro/out", "/mnt/www"]).fails(73);
    assert!(line.contains("/tmp/ro/out") && line.contains("Read-only"), "{line}");
    assert!(kept.is_file());
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let scratch = scratch();
    scratch.write("www/noise.bin", fixtures::noise_of(3 << 20, 5));
    scratch.write_program("holdall", fs::read(programs::holdall()).unwrap());
    let script = "
        mount --bind \"$1\" /mnt
        mount -t tmpfs -o size=2m tmpfs /tmp
        echo old >/tmp/out
        code=0
        /mnt/holdall bundle -q -o /tmp/out /mnt/www || code=$?
        [ \"$(ls -A /tmp)\" = out ] && [ \"$(cat /tmp/out)\" = old ] || echo 'not as before' >&2
        exit $code";
    let line = tools::in_mount_namespace(script, [scratch.dir()]).fails(74);
    assert!(line.contains("/tmp/out") && line.contains("No space left"), "{line}");
}

#[test]
fn a_resource_that_changes_meanwhile_is_named() {
    let scratch = scratch();
    let changing = scratch.write("www/changing.bin", fixtures::noise_of(8 << 20, 3));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::File::options().append(true).open(&changing).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::io::Write::write_all(&mut &file, b"more").unwrap();
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        });
        let ended = scratch.bundler("out").args(["www", "--quiet"]).end();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(ended.code(), 74, "{}", ended.stderr);
        assert!(ended.stderr.contains("www/changing.bin changed"), "{}", ended.stderr);
    });
    assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file");
}

#[test]
fn nothing_and_next_to_nothing_can_be_packed() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("none")).unwrap();
    let told = scratch.bundler("out").arg("none").ok();
    assert!(told.stderr.contains("no resources"), "{}", told.stderr);
    let none = scratch.path("out");
    assert_eq!(Run::new(&none).arg("--list-resources").ok().text(), "");
    assert_eq!(Run::new(&none).arg("--list-resources=json").ok().text(), "[]\n");
    Run::new(&none).arg("--verify").ok();
    scratch.write("empty/empty.txt", "");
    let empty = scratch.bundle("empty", "out", &[]);
    assert_eq!(Run::new(&empty).args(["--cat-resource", "empty.txt"]).ok().stdout, b"");
    Run::new(&empty).arg("--verify").ok();
    let listed = Run::new(&empty).arg("--list-resources=json").ok().json();
    assert_eq!(listed[0]["size"], 0);
}

/// Runs what follows, and all that it starts, with no more than 256 MiB of memory of its own: the
/// kernel refuses more (setrlimit(2), RLIMIT_DATA). Pages of a mapped file are not counted, as they
/// need not stay.
fn with_little_memory(scratch: &Scratch, script: &str) -> Run {
    let script = format!("ulimit -d 262144; {script}");
    tools::tool("sh")
        .args(["-euc", &script, "sh"])
        .arg(programs::holdall())
        .current_dir(scratch.dir())
}

#[test]
fn five_gibibytes_are_packed_and_read_in_bounded_memory() {
    const SIZE: u64 = 5 << 30;
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("www")).unwrap();
    let large = fs::File::create(scratch.path("www/large.bin")).unwrap();
    large.set_len(SIZE).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&large, b"the end", SIZE - 7).unwrap();
    with_little_memory(&scratch, "\"$1\" bundle www -q -o out").ok();
    let listed = Run::new(scratch.path("out")).arg("--list-resources=json").ok().json();
    assert_eq!(listed[0]["size"], SIZE);
    let end = with_little_memory(&scratch, "./out --cat-resource large.bin | tail -c 7").ok();
    assert_eq!(end.text(), "the end");
}

#[test]
fn an_interrupted_build_leaves_the_old_file_and_nothing_else() {
    let scratch = scratch();
    for number in 0..200 {
        let content = fixtures::noise_of(100_000, number + 1);
        scratch.write(format!("www/{number}.bin"), content);
    }
    let before = scratch.names("");
    for signal in ["INT", "TERM", "KILL"] {
        let mut interrupted = 0;
        for delay in ["0.02", "0.05", "0.1", "0.15"] {
            let run = tools::tool("timeout").args(["--preserve-status", "-s", signal, delay]);
            let run = run.arg(programs::holdall()).args(["bundle", "-q", "-o"]);
            let ended = run.arg(scratch.path("out")).arg(scratch.path("www")).end();
            if ended.status.success() {
                scratch.write("out", "the old file");
                continue;
            }
            interrupted += 1;
            assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file");
            assert_eq!(scratch.names(""), before, "SIG{signal} after {delay} s left something");
        }
        assert!(interrupted > 0, "SIG{signal} never came in time");
    }
}

#[test]
fn a_wrong_manifest_is_told_with_its_place() {
    let scratch = scratch();
    let cases = [
        ("nmae = 'x'\n", "holdall.toml:1:1: unknown field `nmae`", 78),
        ("[resources]\nexlude = []\n", "did you mean `exclude`?", 78),
        ("[entry-point]\nkind = 'wasm'\n", "holdall.toml:2:8", 78),
        ("name = \n", "holdall.toml:1:", 78),
        ("name = 7\n", "holdall.toml:1:8", 78),
        ("[entry-point]\npath = 'a'\nlib = true\n", "only one can run", 78),
        ("[entry-point]\npath = 'bin/gone'\n", "bin/gone", 66),
        ("[entry-point]\nkind = 'exec'\n", "--path", 64),
        ("[entry-point]\nbin = 'server'\n", "no Cargo.toml", 66),
        ("[entry-point]\nkind = 'plugin'\npath = 'index.html'\n", "index.html", 65),
        ("[resources]\ninclude = ['[']\n", "glob", 78),
        ("[resources]\nroot = 'gone'\n", "www/gone", 66),
        ("[resources]\nvariants = ['gzip']\n", "holdall.toml:2:13: unknown variant", 78),
        ("[resources.media-types]\n'*.x' = 'foo'\n", "holdall.toml:2:9: \"foo\" is no media", 78),
        ("[resources.media-types]\n'[' = 'a/b'\n", "holdall.toml:2:1: the glob", 78),
        ("[serve]\n'/a' = 'gone'\n", "holdall.toml:2:8: no resource is packed in", 78),
        ("[serve]\n'a' = ''\n", "holdall.toml:2:1: [serve] has \"a\"", 78),
        ("[serve]\n'/a' = ''\n'/a/' = ''\n", "holdall.toml:3:1: [serve] has \"/a\" twice", 78),
        ("[static]\nfallback = 'a.html'\n", "holdall.toml:1:1: no resource is packed for", 78),
        ("[static]\nindex = 'a/b'\n", "holdall.toml:1:1: [static] index", 78),
        ("[static]\nlistin = true\n", "did you mean `listing`?", 78),
        ("[[static.headers]]\nfor = 'x'\nset = {}\n", "begins with a slash", 78),
        ("[[static.redirects]]\nfrom = '/x'\n", "needs a `to`", 78),
    ];
    for (manifest, words, code) in cases {
        scratch.write("www/holdall.toml", manifest);
        let ended = scratch.bundler("out").args(["www", "-q"]).end();
        let line = &ended.stderr;
        assert!(line.contains(words) && line.lines().count() == 1, "{manifest}: {line}");
        assert_eq!(ended.code(), code, "{manifest}: {line}");
        assert_eq!(fs::read(scratch.path("out")).unwrap(), b"the old file");
    }
}

#[test]
fn who_serves_what_is_settled_before_anything_is_packed() {
    let scratch = scratch();
    scratch.write_program("www/run.sh", "#!/bin/sh\n");
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    let plugin = plugin.to_str().unwrap();
    let linked = env!("CARGO_BIN_EXE_linked");
    let serve = "[serve]\n'/' = ''\n";
    let rules = "[static]\nlisting = true\n";
    for (code, manifest, words) in [
        ("www/run.sh", serve, "holdall.toml:2:7: an exec entry point serves itself"),
        ("www/run.sh", rules, "holdall.toml:1:1: an exec entry point serves itself"),
        (plugin, rules, "holdall.toml:1:1: [static] without [serve]: a plugin"),
        (linked, rules, "holdall.toml:1:1: [static] without [serve]: a linked"),
    ] {
        scratch.write("www/holdall.toml", manifest);
        let line = refused(&scratch, 78, &["--path", code]);
        assert!(line.contains(words), "{code}: {line}");
    }
    scratch.write("www/holdall.toml", format!("{serve}{rules}"));
    scratch.bundle("www", "out", &["--path", plugin]);
}

#[test]
fn a_name_that_is_no_file_name_is_a_mistake_of_the_manifest() {
    let scratch = scratch();
    refused(&scratch, 64, &["--name", "a/b"]);
    scratch.write("www/holdall.toml", "name = 'a/b'\n");
    let line = refused(&scratch, 78, &[]);
    assert!(line.contains("holdall.toml") && line.contains("a/b"), "{line}");
}

#[test]
fn a_plugin_that_is_none_is_refused_before_it_is_packed() {
    let scratch = scratch();
    let cases = [
        ("-DNO_SYMBOL", "does not export holdall_plugin_v1"),
        ("-DLATER_SYMBOL", "holdall_plugin_v2"),
    ];
    for (flag, words) in cases {
        let plugin = fixtures::c_plugin(&scratch, "service.c", "build/wrong.so", &[flag]);
        let line = refused(&scratch, 65, &["--path", plugin.to_str().unwrap()]);
        assert!(line.contains("wrong.so") && line.contains(words), "{line}");
    }
    let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    let mut bytes = fs::read(&plugin).unwrap();
    // e_machine (elf(5)): IBM S/390, or x86-64 where this is one.
    bytes[18] = if bytes[18] == 22 { 62 } else { 22 };
    let foreign = scratch.write("build/foreign.so", &bytes);
    let line = refused(&scratch, 65, &["--path", foreign.to_str().unwrap()]);
    assert!(line.contains("foreign.so") && line.contains("--launcher"), "{line}");
    let cut = scratch.write("build/cut.so", &bytes[..200]);
    let line = refused(&scratch, 65, &["--path", cut.to_str().unwrap()]);
    assert!(line.contains("cut.so"), "{line}");
}

#[test]
fn a_plugin_that_does_not_start_ends_the_program() {
    let scratch = scratch();
    let cases =
        [("-DSTATED_ABI=7", &["version", "7"][..]), ("-DFAIL_IN_START", &["the moon is not full"])];
    for (flag, words) in cases {
        let plugin = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[flag]);
        scratch.bundle("www", "service", &["--path", plugin.to_str().unwrap()]);
        // What comes before the failure is no part of it.
        let run = Run::new(scratch.path("service")).arg("--log-level=warn");
        let line = run.arg("--port=tcp:0:interface=127.0.0.1").fails(69);
        assert!(words.iter().all(|word| line.contains(word)), "{flag}: {line}");
    }
    scratch.write("www/mode", "panic in start");
    scratch.bundle("www", "greeter", &["--path", programs::greeter().to_str().unwrap()]);
    let run = Run::new(scratch.path("greeter")).arg("--port=tcp:0:interface=127.0.0.1");
    let ended = run.end();
    assert_eq!(ended.code(), 69, "{}", ended.stderr);
    assert!(ended.stderr.contains("no luck today"), "{}", ended.stderr);
}
