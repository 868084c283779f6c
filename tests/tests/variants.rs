//! Variants of resources for HTTP, and media types: made, hidden, the same each time.

use std::fs;
use std::io::Read;
use std::path::Path;

use holdall_tests::fixtures::{self, SITE_NAMES};
use holdall_tests::{Run, Scratch, tools};

const BR: &str = ".holdall/variants/text.txt.br";
const ZST: &str = ".holdall/variants/text.txt.zst";

/// The variants in a bundle, by their names in the archive.
fn variants(bundle: &Path) -> Vec<String> {
    let listed = tools::tool("unzip").arg("-Z1").arg(bundle).ok();
    let is_variant = |name: &&str| name.starts_with(".holdall/variants/") && !name.ends_with('/');
    listed.lines().into_iter().filter(is_variant).map(str::to_owned).collect()
}

/// An entry of a bundle, as another zip tool reads it.
fn entry(bundle: &Path, name: &str) -> Vec<u8> {
    tools::tool("unzip").arg("-p").arg(bundle).arg(name).ok().stdout
}

/// Packs the site of the fixtures with more `arguments`.
fn site(scratch: &Scratch, arguments: &[&str]) -> std::path::PathBuf {
    fixtures::site(scratch, "www");
    scratch.bundle("www", "site", &[&["--quiet", "--name", "site"], arguments].concat())
}

#[test]
fn variants_decode_to_the_resource() {
    let scratch = Scratch::new();
    let site = site(&scratch, &["--variants", "br,zstd"]);
    assert_eq!(variants(&site), [BR, ZST]);
    let mut text = String::new();
    brotli::Decompressor::new(&*entry(&site, BR), 4096).read_to_string(&mut text).unwrap();
    assert_eq!(text, fixtures::text());
    let decoded = zstd::bulk::decompress(&entry(&site, ZST), fixtures::text().len()).unwrap();
    assert_eq!(decoded, fixtures::text().as_bytes());
    let list = Run::new(&site).arg("--list-resources=json").ok().json();
    let deflated = list.as_array().unwrap().iter().find(|row| row["name"] == "text.txt").unwrap();
    for name in [BR, ZST] {
        let length = entry(&site, name).len() as u64;
        assert!(length * 20 <= deflated["packed_size"].as_u64().unwrap() * 19, "{name}: {length}");
    }
}

#[test]
fn every_tool_is_content_and_no_list_shows_them() {
    let scratch = Scratch::new();
    let site = site(&scratch, &["--variants", "br,zstd"]);
    let verified = Run::new(&site).arg("--verify").ok();
    assert!(verified.text().contains(": ok, "), "{}", verified.text());
    scratch.holdall().args(["verify", "site"]).ok();
    assert_eq!(tools::tool("unzip").arg("-t").arg(&site).ok().stderr, "");
    let script = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())";
    let python = tools::tool("python3").args(["-c", script]).arg(&site).ok();
    assert_eq!(python.text(), "None\n");
    tools::tool("7z").args(["t", "-tzip"]).arg(&site).ok();
    assert_eq!(Run::new(&site).arg("--list-resources").ok().lines(), SITE_NAMES);
    Run::new(&site).args(["--cat-resource", BR]).fails(66);
    Run::new(&site).arg("--extract-resources").arg(scratch.path("all")).ok();
    assert_eq!(scratch.names("all"), scratch.names("www"));
    let info = Run::new(&site).arg("--bundle-info=json").ok().json();
    assert_eq!(info["resources"]["files"], SITE_NAMES.len());
    assert_eq!(info["variants"]["files"], 2);
    let size = entry(&site, BR).len() + entry(&site, ZST).len();
    assert_eq!(info["variants"]["size"], size);
    let told = Run::new(&site).arg("--bundle-info").ok();
    assert!(told.text().contains("\nvariants     2 files, "), "{}", told.text());
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let scratch = Scratch::new();
    let first = fs::read(site(&scratch, &["--variants", "br,zstd"])).unwrap();
    let elsewhere = Scratch::new();
    let second = fs::read(site(&elsewhere, &["--variants", "zstd,br"])).unwrap();
    assert!(first == second, "they differ");
}

#[test]
fn variants_are_chosen_by_option_manifest_and_release() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let made = |manifest: &str, arguments: &[&str]| {
        scratch.write("www/holdall.toml", format!("name = 'site'\n[resources]\n{manifest}\n"));
        variants(&scratch.bundle("www", "site", &[&["--quiet"], arguments].concat()))
    };
    let none: [&str; 0] = [];
    assert_eq!(made("", &[]), none);
    assert_eq!(made("", &["--release"]), [BR]);
    assert_eq!(made("", &["--release", "--variants=none"]), none);
    assert_eq!(made("variants = []", &["--release"]), none);
    assert_eq!(made("variants = ['zstd']", &["--release"]), [ZST]);
    assert_eq!(made("variants = ['zstd']", &["--variants", "br"]), [BR]);
    assert_eq!(made("variants = ['zstd']", &["--level", "0"]), none);
    for list in ["gzip", "none,br", ""] {
        let told = scratch.bundler("site").args(["www", "--variants", list]).end();
        assert_eq!(told.code(), 64, "{list}: {}", told.stderr);
        assert!(told.stderr.contains("neither br nor zstd"), "{list}: {}", told.stderr);
    }
}

#[test]
fn names_do_not_collide() {
    let scratch = Scratch::new();
    for name in ["a", "a.br/x.txt", "b", "b.br", "b.txt", "b.txt.br"] {
        scratch.write(Path::new("www").join(name), fixtures::text());
    }
    let site = scratch.bundle("www", "site", &["--variants", "br,zstd", "--quiet"]);
    let mut found = variants(&site);
    found.sort();
    let expected = ["a.br/x.txt.br", "a.br/x.txt.zst", "a.zst", "b.br", "b.txt.br"];
    let expected = expected.into_iter().chain(["b.txt.zst", "b.zst"]);
    let expected: Vec<_> = expected.map(|name| format!(".holdall/variants/{name}")).collect();
    assert_eq!(found, expected);
    Run::new(&site).arg("--verify").ok();
    let read = Run::new(&site).args(["--cat-resource", "b.txt.br"]).ok();
    assert_eq!(read.text(), fixtures::text());
}

#[test]
fn the_last_media_type_that_matches_counts() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    scratch.write("www/app.foo", fixtures::text());
    scratch.write("www/picture.png", fixtures::text());
    let manifest = "[resources.media-types]\n\
                    '*.txt' = 'image/x-own'\n\
                    '*.foo' = 'text/wrong'\n\
                    '/app.foo' = 'text/x-foo; charset=utf-8'\n\
                    '*.png' = 'text/x-none'\n";
    scratch.write("www/holdall.toml", manifest);
    let site = scratch.bundle("www", "site", &["--variants", "br", "--quiet"]);
    let list = Run::new(&site).arg("--list-resources=json").ok().json();
    let row = |name: &str| {
        let row = list.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
        (row["media_type"].as_str().unwrap().to_owned(), row["method"].as_str().unwrap().to_owned())
    };
    assert_eq!(row("app.foo"), ("text/x-foo; charset=utf-8".into(), "deflate".into()));
    assert_eq!(row("text.txt"), ("image/x-own".into(), "stored".into()));
    assert_eq!(row("picture.png"), ("text/x-none".into(), "deflate".into()));
    assert_eq!(row("index.html").0, "text/html; charset=utf-8");
    let expected = ["app.foo", "picture.png"].map(|name| format!(".holdall/variants/{name}.br"));
    assert_eq!(variants(&site), expected);
}

#[test]
fn what_is_served_is_in_the_manifest() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    let info = |manifest: &str| {
        scratch.write("www/holdall.toml", manifest);
        scratch.bundle("www", "site", &["--name", "site", "--quiet"]);
        scratch.holdall().args(["info", "--json", "site"]).ok().json()
    };
    assert!(info("").get("serving").is_none());
    let serving = &info("[static]\nfallback = 'index.html'\n")["serving"];
    assert_eq!(serving["mounts"], serde_json::json!({ "/": "" }));
    assert_eq!(serving["rules"]["fallback"], "index.html");
    let serving = &info("[serve]\n'/d' = 'docs'\n'/data/' = 'data/'\n")["serving"];
    assert_eq!(serving["mounts"], serde_json::json!({ "/d": "docs", "/data": "data" }));
    let told = scratch.holdall().args(["info", "site"]).ok();
    assert!(told.text().contains("served       docs/ at /d, data/ at /data"), "{}", told.text());
}
