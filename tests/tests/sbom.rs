//! `holdall sbom`: what a bundle is made of.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Ended, Scratch, tools};
use serde_json::{Value, json};

fn sbom(scratch: &Scratch, arguments: &[&str]) -> Ended {
    scratch.holdall().arg("sbom").args(arguments).ok()
}

/// The components of a CycloneDX document by their references.
fn components(document: &Value) -> BTreeMap<String, Value> {
    let components = document["components"].as_array().unwrap().iter();
    let reference = |component: &Value| component["bom-ref"].as_str().unwrap().to_owned();
    let found: BTreeMap<_, _> = components.clone().map(|c| (reference(c), c.clone())).collect();
    assert_eq!(found.len(), components.len(), "a reference is there twice");
    found
}

/// What `reference` depends on.
fn needed(document: &Value, reference: &str) -> Vec<String> {
    let mut all = document["dependencies"].as_array().unwrap().iter();
    let own = all.find(|one| one["ref"] == reference).unwrap();
    let texts = own["dependsOn"].as_array().map(Vec::as_slice).unwrap_or_default();
    texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn sum(tool: &str, path: impl AsRef<Path>) -> String {
    let told = tools::tool(tool).arg(path.as_ref()).ok();
    told.text().split(' ').next().unwrap().to_owned()
}

/// What other people's tools find in the section `.dep-v0` of `file`.
fn section(scratch: &Scratch, file: &Path) -> Value {
    let raw = scratch.path("section");
    let dump = format!(".dep-v0={}", raw.display());
    tools::tool("objcopy")
        .args(["-O", "binary", "--dump-section", &dump])
        .arg(file)
        .arg("/dev/null")
        .ok();
    let script =
        "import sys, zlib; print(zlib.decompress(open(sys.argv[1], 'rb').read()).decode())";
    tools::tool("python3").args(["-c", script]).arg(raw).ok().json()
}

/// A shell program whose section `.dep-v0` holds `data`.
fn with_section(scratch: &Scratch, data: &[u8]) -> PathBuf {
    let program = fixtures::c_program(scratch, "probe.c", "build/probe");
    let data = scratch.write("data", data);
    let add = format!(".dep-v0={}", data.display());
    tools::tool("objcopy")
        .args(["--add-section", &add])
        .arg(program)
        .arg(scratch.path("listed"))
        .ok();
    scratch.path("listed")
}

fn compressed(scratch: &Scratch, script: &str) -> Vec<u8> {
    let script = format!("import sys, zlib; sys.stdout.buffer.write(zlib.compress({script}))");
    tools::tool("python3").args(["-c", &script]).current_dir(scratch.dir()).ok().stdout
}

#[test]
fn crates_of_the_launcher_and_resources_are_listed() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let told = sbom(&scratch, &["site"]);
    assert_eq!(told.stderr, "");
    let document = told.json();
    assert_eq!(
        (&document["bomFormat"], &document["specVersion"]),
        (&"CycloneDX".into(), &"1.6".into())
    );
    let bundle = &document["metadata"]["component"];
    assert_eq!((&bundle["name"], &bundle["version"]), (&"site".into(), &"1.2.3".into()));
    assert_eq!(bundle["hashes"][0]["content"], sum("sha256sum", scratch.path("site")));

    let components = components(&document);
    let launcher = &components["executable"];
    assert_eq!(launcher["name"], "holdall-launcher");
    let direct = needed(&document, "executable");
    let hyper = components.keys().find(|key| key.starts_with("pkg:cargo/hyper@")).unwrap();
    assert!(direct.contains(&"crate:local:holdall-service@0.1.0".to_owned()), "{direct:?}");
    assert!(needed(&document, "crate:local:holdall-service@0.1.0").contains(hyper));
    assert_eq!(
        (&components[hyper]["scope"], &components[hyper]["purl"]),
        (&"required".into(), &json!(hyper))
    );
    let derive = components.keys().find(|key| key.starts_with("pkg:cargo/serde_derive@")).unwrap();
    assert_eq!(components[derive]["scope"], "excluded");
    assert!(!components.keys().any(|key| key.contains("snapbox")), "what tests need is in it");

    for name in SITE_NAMES {
        let resource = &components[&format!("resource:{name}")];
        assert_eq!(
            resource["hashes"][0]["content"],
            sum("sha256sum", scratch.path("www").join(name))
        );
    }
    assert_eq!(components["resource:index.html"]["mime-type"], "text/html");
    let mode = json!({ "name": "holdall:mode", "value": "0755" });
    assert!(components["resource:data/run.sh"]["properties"].as_array().unwrap().contains(&mode));
}

#[test]
fn every_reference_leads_somewhere() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let document = sbom(&scratch, &["site"]).json();
    let components = components(&document);
    for dependency in document["dependencies"].as_array().unwrap() {
        let of = dependency["ref"].as_str().unwrap();
        for reference in needed(&document, of) {
            assert!(components.contains_key(&reference), "{of} needs {reference}");
        }
    }
    assert_eq!(needed(&document, "bundle"), ["executable"]);
}

#[test]
fn the_section_survives_packing() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let list = section(&scratch, &site);
    let packages = list["packages"].as_array().unwrap();
    let root = packages.iter().find(|package| package["root"] == true).unwrap();
    assert_eq!((&root["name"], &root["source"]), (&"holdall-launcher".into(), &"local".into()));
    assert!(packages.iter().any(|package| package["name"] == "rustls"), "{list}");
    assert!(packages.len() > 50 && packages.len() < 500, "{}", packages.len());
}

/// A package that is built upon another one, without any from a registry.
fn workspace(scratch: &Scratch) {
    scratch
        .write("ws/Cargo.toml", "[workspace]\nmembers = ['app', 'part', 'tool']\nresolver = '3'\n");
    let package = |name: &str, rest: &str| {
        format!("[package]\nname = '{name}'\nedition = '2024'\nversion = '0.4.2'\n{rest}")
    };
    let needs = "[dependencies]\npart = { path = '../part', optional = true }\n\
                 [build-dependencies]\ntool = { path = '../tool' }\n\
                 [features]\nparts = ['dep:part']\n";
    scratch.write("ws/app/Cargo.toml", package("app", needs));
    scratch.write("ws/app/build.rs", "fn main() {}\n");
    scratch.write("ws/app/src/main.rs", "fn main() { println!(\"runs\") }\n");
    scratch.write("ws/part/Cargo.toml", package("part", ""));
    scratch.write("ws/part/src/lib.rs", "");
    scratch.write("ws/tool/Cargo.toml", package("tool", ""));
    scratch.write("ws/tool/src/lib.rs", "");
}

#[test]
fn what_cargo_builds_gets_a_list() {
    let scratch = Scratch::new();
    workspace(&scratch);
    let bundle = |arguments: &[&str]| {
        let run = scratch.bundler("app").args(["ws/app", "--quiet", "--offline"]).args(arguments);
        let run = run.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", scratch.path("target"));
        run.compiling().ok();
        let document = sbom(&scratch, &["app"]).json();
        let payload = components(&document)["payload"].clone();
        assert_eq!((&payload["name"], &payload["version"]), (&"app".into(), &"0.4.2".into()));
        needed(&document, "payload")
    };
    assert_eq!(bundle(&[]), ["crate:local:tool@0.4.2"]);
    let both = ["crate:local:part@0.4.2", "crate:local:tool@0.4.2"];
    assert_eq!(bundle(&["--features", "parts"]), both);
    assert_eq!(holdall_tests::Run::new(scratch.path("app")).ok().text(), "runs\n");
    // What was built before is packed as it is: nobody knows with which features.
    assert!(fs::metadata(scratch.path("target/release/app")).unwrap().is_file());
    let run = scratch.bundler("app").args(["ws/app", "--quiet", "--offline", "--no-build"]);
    run.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", scratch.path("target")).ok();
    let told = sbom(&scratch, &["app"]);
    assert!(told.stderr.contains("payload .holdall/bin/app carries no list"), "{}", told.stderr);
}

#[test]
fn what_is_not_known_is_said() {
    let scratch = Scratch::new();
    scratch.write_program("files/run.sh", "#!/bin/sh\n");
    scratch.bundle("files", "script", &["--path", "files/run.sh"]);
    let told = sbom(&scratch, &["script"]);
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    assert!(told.stderr.contains(".holdall/bin/run.sh is no ELF file"), "{}", told.stderr);
    let document = told.json();
    let unknown = json!({ "aggregate": "unknown", "dependencies": ["payload"] });
    assert!(document["compositions"].as_array().unwrap().contains(&unknown), "{document}");
    let payload = &components(&document)["payload"];
    assert_eq!(payload["hashes"][0]["content"], sum("sha256sum", scratch.path("files/run.sh")));
    assert!(payload.to_string().contains("not known"), "{payload}");

    let document = sbom(&scratch, &["script", "--format", "spdx"]).json();
    let unknown = json!({
        "spdxElementId": "SPDXRef-payload", "relationshipType": "DEPENDS_ON",
        "relatedSpdxElement": "NOASSERTION",
    });
    assert!(document["relationships"].as_array().unwrap().contains(&unknown), "{document}");
}

#[test]
fn spdx_has_the_sums_that_it_demands() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let document = sbom(&scratch, &["site", "--format", "spdx"]).json();
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    let files = document["files"].as_array().unwrap();
    let mut sums = Vec::new();
    for (file, name) in files.iter().zip(SITE_NAMES) {
        assert_eq!(file["fileName"], format!("./{name}"));
        let path = scratch.path("www").join(name);
        assert_eq!(file["checksums"][0]["checksumValue"], sum("sha1sum", &path));
        assert_eq!(file["checksums"][1]["checksumValue"], sum("sha256sum", &path));
        sums.push(sum("sha1sum", path));
    }
    assert_eq!(files.len(), SITE_NAMES.len());
    sums.sort();
    let code = sum("sha1sum", scratch.write("sums", sums.concat()));
    let bundle = &document["packages"][0];
    assert_eq!(bundle["packageVerificationCode"]["packageVerificationCodeValue"], code);
    let purls = document["packages"].as_array().unwrap().iter();
    let purls = purls.filter(|package| package["externalRefs"][0]["referenceType"] == "purl");
    assert!(purls.count() > 50, "{document}");
}

#[test]
fn the_same_bundle_gives_the_same_document() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    fs::copy(scratch.path("site"), scratch.path("elsewhere/site")).unwrap();
    for format in ["cyclonedx", "spdx"] {
        let one = sbom(&scratch, &["site", "--format", format]).stdout;
        assert!(one == sbom(&scratch, &["elsewhere/site", "--format", format]).stdout, "{format}");
        let text = String::from_utf8(one.clone()).unwrap();
        assert!(
            !text.contains(&*scratch.dir().to_string_lossy()) && !text.contains("/root/"),
            "{text}"
        );
        let run = scratch.holdall().args(["sbom", "site", "--format", format]);
        let later = run.env("SOURCE_DATE_EPOCH", "1714979290").ok();
        assert!(later.text().contains("\"2024-05-06T07:08:10Z\""), "{format}");
    }
    let serial = |name: &str| sbom(&scratch, &[name]).json()["serialNumber"].clone();
    let before = serial("site");
    scratch.write("www/index.html", "another\n");
    scratch.bundle("www", "site", &["--name", "site", "--bundle-version", "1.2.3"]);
    assert_ne!(serial("site"), before);
    for value in ["yesterday", "99999999999999"] {
        let run = scratch.holdall().args(["sbom", "site"]).env("SOURCE_DATE_EPOCH", value);
        assert!(run.fails(78).contains(value));
    }
}

#[test]
fn an_edited_bundle_has_the_sums_of_what_is_in_it() {
    let scratch = Scratch::new();
    fs::rename(fixtures::site_bundle(&scratch), scratch.path("site.run")).unwrap();
    scratch.write("www/index.html", "edited\n");
    let run = tools::tool("zip").args(["-q", "-u", "../site.run", "index.html"]);
    run.current_dir(scratch.path("www")).ok();
    let components = components(&sbom(&scratch, &["site.run"]).json());
    let page = &components["resource:index.html"];
    assert_eq!(page["hashes"][0]["content"], sum("sha256sum", scratch.path("www/index.html")));
    assert_eq!(components["executable"]["name"], "holdall-launcher");
}

#[test]
fn a_list_of_cargo_auditable_is_read() {
    let scratch = Scratch::new();
    let list = r#"b'{"packages":[
        {"name":"tool","version":"0.1.0","source":"local","root":true,"dependencies":[1,2]},
        {"name":"from-git","version":"1.0.0","source":"git"},
        {"name":"libc","version":"0.2.1+x","source":"crates.io","dependencies":[1]}]}'"#;
    let list = compressed(&scratch, &list.replace('\n', " "));
    let program = with_section(&scratch, &list);
    fixtures::exec_bundle(&scratch, &program, "tool", &[]);
    let document = sbom(&scratch, &["tool"]).json();
    let direct = ["crate:git:from-git@1.0.0", "pkg:cargo/libc@0.2.1%2Bx"];
    assert_eq!(needed(&document, "payload"), direct);
    assert_eq!(needed(&document, direct[1]), [direct[0]]);
}

#[test]
fn hostile_lists_are_refused() {
    let scratch = Scratch::new();
    let bomb = compressed(&scratch, "b' ' * (64 << 20)");
    let deep = compressed(&scratch, "b'[' * (4 << 20)");
    let cycle =
        br#"b'{"packages":[{"name":"a","version":"1.0.0","source":"x","dependencies":[0]}]}'"#;
    let cycle = compressed(&scratch, std::str::from_utf8(cycle).unwrap());
    let garbage = compressed(&scratch, "b'garbage'");
    for data in [&bomb[..], &deep, &cycle, &garbage, b"no zlib at all", b""] {
        let program = with_section(&scratch, data);
        fixtures::exec_bundle(&scratch, &program, "hostile", &[]);
        let line = scratch.holdall().args(["sbom", "hostile"]).fails(65);
        assert!(line.contains("payload .holdall/bin/listed") && line.contains(".dep-v0"), "{line}");
    }
}

#[test]
fn the_file_is_written_whole_or_not_at_all() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let told = sbom(&scratch, &["site", "-o", "site.json"]);
    assert_eq!((told.text(), &*told.stderr), ("", ""));
    assert_eq!(fs::read(scratch.path("site.json")).unwrap(), sbom(&scratch, &["site"]).stdout);
    let mode = fs::metadata(scratch.path("site.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o133, 0, "{mode:o}");
    scratch.write("old.json", "old");
    for (output, code) in [("www", 73), ("nowhere/x.json", 73), ("/dev/full", 73), ("site/x", 73)] {
        let line = scratch.holdall().args(["sbom", "site", "-o", output]).fails(code);
        assert!(line.contains(output), "{line}");
    }
    scratch.holdall().args(["sbom", "www/index.html", "-o", "old.json"]).fails(65);
    scratch.holdall().args(["sbom", "nowhere", "-o", "old.json"]).fails(66);
    assert_eq!(fs::read(scratch.path("old.json")).unwrap(), b"old");
    let wrong = scratch.holdall().args(["sbom", "site", "--format", "xml"]).end();
    assert_eq!((wrong.code(), wrong.text()), (64, ""), "{}", wrong.stderr);
    let left = scratch.names(".").into_iter().filter(|name| name.starts_with(".holdall")).count();
    assert_eq!(left, 0);
}

#[test]
fn damaged_bundles_are_told() {
    let scratch = Scratch::new();
    let site = fs::read(fixtures::site_bundle(&scratch)).unwrap();
    scratch.write("short", &site[..site.len() / 2]);
    scratch.holdall().args(["sbom", "short"]).fails(65);
    let noise = fixtures::noise();
    let at = site.windows(64).position(|window| window == &noise[..64]).unwrap();
    let mut damaged = site;
    damaged[at] ^= 1;
    scratch.write("damaged", damaged);
    let line = scratch.holdall().args(["sbom", "damaged", "--format", "spdx"]).fails(65);
    assert!(line.contains("data/noise.bin"), "{line}");
}
