//! Damaged bundles: each is told in a clear line, and none of it is ever served.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use holdall_tests::fixtures::{self, Random, SITE_NAMES};
use holdall_tests::{Run, Scratch, Server, tools};

/// Writes a copy of a bundle that can be run.
fn copy(scratch: &Scratch, bytes: &[u8]) -> PathBuf {
    scratch.write_program("copy", bytes)
}

fn grouped(number: usize) -> String {
    let digits: Vec<char> = number.to_string().chars().rev().collect();
    let groups = digits.chunks(3).map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join(",").chars().rev().collect()
}

fn archive_offset(bundle: &Path) -> usize {
    let info = Run::new(bundle).arg("--bundle-info=json").ok().json();
    info["file"]["archive_offset"].as_u64().unwrap() as usize
}

#[test]
fn a_truncated_file_is_found_at_every_length() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let whole = fs::read(&site).unwrap();
    let copy = copy(&scratch, &whole);
    let file = fs::File::options().write(true).open(&copy).unwrap();
    // From the end, so that one copy does for all lengths.
    let mut lengths: Vec<usize> = (0..whole.len()).step_by(4096).collect();
    lengths.extend([1, 63, 64, whole.len() - 1, whole.len() - 22]);
    lengths.sort_by(|a, b| b.cmp(a));
    for length in lengths {
        file.set_len(length as u64).unwrap();
        let line = scratch.holdall().args(["verify", "copy"]).fails(65);
        assert!(line.contains("copy"), "{length}: {line}");
        // What is shorter than its headers says less of itself.
        if length > 64 << 10 {
            let counts = format!("{} of {} bytes", grouped(length), grouped(whole.len()));
            assert!(line.contains(&counts), "{length}: {line}");
        }
    }
}

#[test]
fn a_truncated_bundle_says_so_itself() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let (whole, offset) = (fs::read(&site).unwrap(), archive_offset(&site));
    for length in (offset + 1..whole.len()).step_by(4096).chain([offset + 1, whole.len() - 1]) {
        let path = copy(&scratch, &whole[..length]);
        let counts = format!("{} of {} bytes", grouped(length), grouped(whole.len()));
        for arguments in [&["--verify"][..], &["--list-resources"], &[]] {
            let line = Run::new(&path).args(arguments).fails(65);
            assert!(line.contains("copy is truncated: ") && line.contains(&counts), "{line}");
        }
    }
}

#[test]
fn a_truncated_program_is_not_run() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let whole = fs::read(&probe).unwrap();
    let path = copy(&scratch, &whole[..whole.len() - 100]);
    let line = Run::new(&path).args(["exit", "0"]).fails(65);
    assert!(line.contains("is truncated"), "{line}");
}

/// Flips a byte of the file, at a thousand random places, and puts it right again after each.
#[test]
fn every_flipped_byte_is_found() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let whole = fs::read(&site).unwrap();
    let offset = archive_offset(&site) as u64;
    let copy = copy(&scratch, &whole);
    let file = fs::File::options().write(true).open(&copy).unwrap();
    let mut random = Random::new(20_261_122);
    let places: Vec<(u64, u8)> = (0..1_000)
        .map(|round| {
            // Most of the file is executable; half of the places are in the archive.
            let start = if round % 2 == 0 { 0 } else { offset };
            let place = start + random.below(whole.len() as u64 - start);
            (place, 1 << random.below(8))
        })
        .collect();
    for (place, bit) in places {
        let was = whole[place as usize];
        std::os::unix::fs::FileExt::write_all_at(&file, &[was ^ bit], place).unwrap();
        let ended = scratch.holdall().args(["verify", "copy"]).end();
        assert_eq!(ended.code(), 65, "bit {bit:#x} at {place}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "bit {bit:#x} at {place}: {}", ended.text());
        assert!(!ended.stderr.is_empty() && ended.stderr.lines().all(|line| line.contains("copy")));
        std::os::unix::fs::FileExt::write_all_at(&file, &[was], place).unwrap();
    }
    scratch.holdall().args(["verify", "copy"]).ok();
}

/// Reads every resource of a bundle with a flipped bit: right bytes or an error, never others.
#[test]
fn wrong_bytes_are_never_written_out() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let (whole, offset) = (fs::read(&site).unwrap(), archive_offset(&site));
    let contents = SITE_NAMES.map(|name| fs::read(scratch.path("www").join(name)).unwrap());
    let mut random = Random::new(7);
    let mut refused = 0;
    for _ in 0..150 {
        let mut bytes = whole.clone();
        let place = offset + random.below((whole.len() - offset) as u64) as usize;
        bytes[place] ^= 1 << random.below(8);
        let path = copy(&scratch, &bytes);
        for (name, content) in SITE_NAMES.iter().zip(&contents) {
            let ended = Run::new(&path).args(["--cat-resource", name]).end();
            if ended.code() == 0 {
                assert!(ended.stdout == *content, "{name} is wrong with a flip at {place}");
            } else {
                refused += 1;
                assert!(ended.stdout.is_empty(), "{name}, flip at {place}");
                assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
            }
        }
    }
    assert!(refused > 50, "only {refused} reads met the damage");
}

/// The same over HTTP, with many bits flipped at once.
#[test]
fn wrong_bytes_are_never_served() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let (whole, offset) = (fs::read(&site).unwrap(), archive_offset(&site));
    let contents = SITE_NAMES.map(|name| fs::read(scratch.path("www").join(name)).unwrap());
    let mut random = Random::new(11);
    let mut failed = 0;
    for _ in 0..40 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            let place = offset + random.below((whole.len() - offset) as u64) as usize;
            bytes[place] ^= 1 << random.below(8);
        }
        let run = Run::new(copy(&scratch, &bytes)).arg("--port=tcp:0:interface=127.0.0.1");
        let Ok(site) = Server::try_from_run(run) else { continue };
        for (name, content) in SITE_NAMES.iter().zip(&contents) {
            let response = site.get(&format!("/{}", name.replace("öß", "%C3%B6%C3%9F")));
            match response.status {
                200 => assert!(response.body == *content, "{name} is wrong"),
                500 => failed += 1,
                status => assert_eq!(status, 404, "{name}"),
            }
        }
    }
    assert!(failed > 20, "only {failed} requests met the damage");
}

#[test]
fn a_damaged_resource_is_not_served_and_the_others_are() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let mut bytes = fs::read(&site).unwrap();
    let noise = fixtures::noise();
    let at = bytes.windows(64).position(|window| window == &noise[..64]).unwrap();
    bytes[at + 50_000] ^= 1;
    let site = Server::start(copy(&scratch, &bytes));
    let response = site.get("/data/noise.bin");
    assert_eq!((response.status, response.text()), (500, "internal server error\n"));
    let line = site.line().unwrap();
    assert!(line.contains("data/noise.bin") && line.contains("CRC-32"), "{line}");
    assert_eq!(site.get("/text.txt").text(), fixtures::text());
    assert!(site.stop().success());
    let line = Run::new(scratch.path("copy")).args(["--cat-resource", "data/noise.bin"]).end();
    assert_eq!(line.code(), 65, "{}", line.stderr);
}

#[test]
fn a_damaged_program_is_not_run() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let program = fs::read(scratch.path("build/probe")).unwrap();
    let mut bytes = fs::read(&probe).unwrap();
    let offset = archive_offset(&probe);
    let found = bytes[offset..].windows(64).position(|window| window == &program[..64]).unwrap();
    bytes[offset + found + program.len() / 2] ^= 1;
    let line = Run::new(copy(&scratch, &bytes)).args(["exit", "0"]).end();
    assert_ne!(line.code(), 0);
    assert!(line.stderr.contains(".holdall/bin/probe"), "{}", line.stderr);
}

#[test]
fn a_launcher_without_an_archive_says_what_it_is() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let whole = fs::read(&site).unwrap();
    let prefix = copy(&scratch, &whole[..archive_offset(&site)]);
    let line = Run::new(&prefix).fails(65);
    assert!(line.contains(&grouped(whole.len())) || line.contains("lost its archive"), "{line}");
    for other in ["/bin/true", "text"] {
        scratch.write("text", "no bundle\n");
        let line = scratch.holdall().args(["info", other]).fails(65);
        assert!(line.contains(other) && line.contains("no archive"), "{line}");
    }
    scratch.write("empty", "");
    scratch.holdall().args(["verify", "empty"]).fails(65);
}

#[test]
fn a_stripped_bundle_says_what_happened() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    for strip in [&["strip"][..], &["strip", "-g"], &["objcopy"]] {
        let stripped = scratch.path("stripped");
        let [program, options @ ..] = strip else { panic!("a program") };
        let run = tools::tool(program).args(options);
        let run = if *program == "strip" { run.arg("-o").arg(&stripped) } else { run };
        let run = run.arg(&site);
        if *program == "strip" { run } else { run.arg(&stripped) }.ok();
        fs::set_permissions(&stripped, fs::Permissions::from_mode(0o755)).unwrap();
        for run in [
            Run::new(&stripped),
            Run::new(&stripped).arg("--verify"),
            scratch.holdall().args(["verify", "stripped"]),
        ] {
            let line = run.fails(65);
            assert!(line.contains("strip first, then bundle"), "{strip:?}: {line}");
        }
    }
}

#[test]
fn what_is_appended_is_refused() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let whole = fs::read(&site).unwrap();
    let archive = whole[archive_offset(&site)..].to_vec();
    let tails = [b"\n".to_vec(), vec![0; 10_000], archive, whole.clone()];
    for tail in tails {
        let path = copy(&scratch, &[&whole[..], &tail].concat());
        for run in [
            scratch.holdall().args(["verify", "copy"]),
            Run::new(&path).arg("--verify"),
            Run::new(&path).arg("--list-resources"),
            Run::new(&path),
        ] {
            let line = run.fails(65);
            assert!(line.contains("copy"), "{} bytes appended: {line}", tail.len());
        }
    }
}

/// Names that no bundler writes, put into the archive by another tool.
#[test]
fn hostile_names_in_an_archive_are_refused() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let script = "import sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1], 'a')\n\
                  i = zipfile.ZipInfo('x'); i.filename = eval(sys.argv[2]); z.writestr(i, 'evil')\n\
                  z.close()";
    let names = [
        "'index.html'",
        "'../evil'",
        "'/etc/evil'",
        "'a\\\\b'",
        "'data/./evil'",
        "'data//evil'",
        "'C:/evil'",
        "'a\\nb'",
        "'index.html/evil'",
        "'x' * 5000",
    ];
    for name in names {
        fs::copy(&site, scratch.path("copy")).unwrap();
        let python = tools::tool("python3").args(["-W", "ignore", "-c", script]);
        python.arg(scratch.path("copy")).arg(name).ok();
        for run in [
            scratch.holdall().args(["list", "copy"]),
            scratch.holdall().args(["extract", "copy", "out"]),
            Run::new(scratch.path("copy")).arg("--list-resources"),
        ] {
            let line = run.fails(65);
            assert!(line.contains("copy: damaged archive at offset "), "{name}: {line}");
        }
        let ended = scratch.holdall().args(["verify", "copy"]).end();
        assert_eq!(ended.code(), 65, "{name}");
        assert!(!scratch.path("out/x").exists());
    }
}

#[test]
fn what_is_no_bundle_is_told() {
    let scratch = Scratch::new();
    scratch.write("www/a.txt", "a");
    tools::tool("zip").args(["-q", "plain.zip", "www/a.txt"]).current_dir(scratch.dir()).ok();
    for command in ["info", "list"] {
        let line = scratch.holdall().args([command, "plain.zip"]).fails(65);
        assert!(line.contains("plain.zip"), "{line}");
    }
    let line = scratch.holdall().args(["list", "nowhere"]).fails(66);
    assert!(line.contains("nowhere"), "{line}");
    scratch.holdall().args(["verify", "www"]).fails(66);
}

/// What is done to a manifest.
type Change<'a> = &'a dyn Fn(&mut serde_json::Value);

/// A manifest that another bundler wrote: put into the archive by `zip`.
#[test]
fn a_manifest_of_a_later_format_is_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let manifest = tools::tool("unzip").arg("-p").arg(&site).arg(".holdall/manifest.json").ok();
    let mutate = |change: Change| {
        let mut manifest = manifest.json();
        change(&mut manifest);
        // To a name without a dot, zip adds `.zip`.
        fs::copy(&site, scratch.path("copy.run")).unwrap();
        scratch.write(".holdall/manifest.json", manifest.to_string());
        let zip = tools::tool("zip").args(["-q", "copy.run", ".holdall/manifest.json"]);
        zip.current_dir(scratch.dir()).ok();
        scratch.path("copy.run")
    };
    let cases: [(Change, &str); 4] = [
        (&|manifest| manifest["format"] = 9.into(), "format 9"),
        (&|manifest| manifest["colour"] = "red".into(), "colour"),
        (&|manifest| manifest["entry_point"]["kind"] = "wasm".into(), "wasm"),
        (
            &|manifest| {
                manifest["entry_point"] =
                    serde_json::json!({"kind": "exec", "payload": ".holdall/bin/gone"});
            },
            ".holdall/bin/gone",
        ),
    ];
    for (change, word) in cases {
        let path = mutate(change);
        for run in [Run::new(&path), scratch.holdall().args(["info", "copy.run"])] {
            let line = run.fails(65);
            assert!(line.contains("copy.run") && line.contains(word), "{word}: {line}");
        }
    }
}

#[test]
fn a_file_that_can_not_be_read_is_not_called_damaged() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    fs::set_permissions(&site, fs::Permissions::from_mode(0o711)).unwrap();
    let holdall =
        scratch.write_program("holdall", fs::read(holdall_tests::programs::holdall()).unwrap());
    let line = tools::as_nobody(&holdall).arg("verify").arg(&site).fails(77);
    assert!(line.contains("site"), "{line}");
    let line = tools::as_nobody(&site).arg("--list-resources").fails(77);
    assert!(line.contains("site"), "{line}");
}
