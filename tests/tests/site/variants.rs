//! Brotli and zstd, where the bundler has made them.

use std::sync::Arc;

use holdall_tests::{fixtures, tools};

use crate::answer::Answer;
use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

const MANIFEST: &str = "[resources]\nvariants = [\"br\", \"zstd\"]\n";

fn site() -> Arc<Site> {
    SITE.get(|| {
        let files = [
            ("text.txt", fixtures::text().into_bytes()),
            ("noise.bin", fixtures::noise()),
            ("short.txt", b"short\n".to_vec()),
        ];
        Site::of(&files, MANIFEST)
    })
}

fn with(site: &Site, encodings: &str) -> Answer {
    site.get_with("/text.txt", &[&format!("accept-encoding: {encodings}")])
}

fn encoding(answer: &Answer) -> &str {
    answer.header("content-encoding").unwrap_or("-")
}

/// The name of the smallest of these representations.
fn smallest<'a>(site: &Site, names: &[&'a str]) -> &'a str {
    let size = |name: &&&str| with(site, &format!("{name}, *;q=0")).body.len();
    names.iter().min_by_key(size).expect("one of them")
}

#[test]
fn each_is_the_same_content() {
    let (site, text) = (site(), fixtures::text());
    let plain = with(&site, "identity");
    for name in ["gzip", "br", "zstd"] {
        let answer = with(&site, name);
        assert_eq!(encoding(&answer), name);
        let id = plain.etag().trim_matches('"');
        assert_eq!(answer.etag(), format!("\"{id}-{name}\""));
        assert_eq!(answer.header("content-type"), plain.header("content-type"));
        assert!(answer.body.len() < text.len() / 4, "{answer:?}");
        let url = format!("http://{}/text.txt", site.address());
        let accept = format!("accept-encoding: {name}");
        let curl = tools::tool("curl").args(["-sS", "--compressed", "-H", &accept, &url]).ok();
        assert!(curl.text() == text, "{name}");
    }
}

#[test]
fn weights_decide_and_then_the_size() {
    let site = site();
    let all = ["gzip", "br", "zstd"];
    for (encodings, expected) in [
        ("gzip, br, zstd", smallest(&site, &all)),
        ("zstd, br, gzip", smallest(&site, &all)),
        ("gzip, deflate, br, zstd", smallest(&site, &all)),
        ("*", smallest(&site, &all)),
        ("br, *;q=0.9", "br"),
        ("br;q=0.5, gzip;q=1", "gzip"),
        ("br;q=0.8, zstd;q=0.9, gzip;q=0.7", "zstd"),
        ("br;q=0, *", smallest(&site, &["gzip", "zstd"])),
        ("gzip;q=0, zstd;q=0, *", "br"),
        ("gzip;q=0, br;q=0, zstd;q=0, *", "-"),
        ("gzip, br", smallest(&site, &["gzip", "br"])),
        ("BR", "br"),
        ("identity, br;q=0.5", "-"),
        ("identity;q=0.5, br;q=0.5", "br"),
        ("identity;q=0, br", "br"),
        ("", "-"),
        ("deflate", "-"),
    ] {
        assert_eq!(encoding(&with(&site, encodings)), expected, "{encodings}");
    }
}

#[test]
fn what_is_not_smaller_is_not_there() {
    let site = site();
    for target in ["/noise.bin", "/short.txt"] {
        for name in ["br", "zstd", "br, zstd, gzip"] {
            let answer = site.get_with(target, &[&format!("accept-encoding: {name}")]);
            assert_eq!((encoding(&answer), answer.header("vary")), ("-", None), "{target}: {name}");
        }
    }
    // Smaller than gzip, wherever it is there.
    let gzip = with(&site, "gzip").body.len();
    for name in ["br", "zstd"] {
        assert!(with(&site, name).body.len() < gzip, "{name}");
    }
}

#[test]
fn conditions_and_ranges_hold_for_them() {
    let site = site();
    for name in ["br", "zstd"] {
        let accept = format!("accept-encoding: {name}");
        let whole = with(&site, name);
        let known = format!("if-none-match: {}", whole.etag());
        assert_eq!(site.get_with("/text.txt", &[&accept, &known]).status, 304, "{name}");
        assert_eq!(site.get_with("/text.txt", &[&known]).status, 200, "{name}");
        let part = site.get_with("/text.txt", &[&accept, "range: bytes=10-99"]);
        assert!(part.status == 206 && part.body == whole.body[10..100], "{name}: {part:?}");
        let head = site.ask("HEAD", "/text.txt", &[&accept]);
        assert_eq!(head.lasting_fields(), whole.lasting_fields(), "{name}");
    }
}

/// They lie in the archive, but are no resources.
#[test]
fn they_have_no_paths_of_their_own() {
    let site = Site::of(
        &[("text.txt", fixtures::text())],
        &format!("{MANIFEST}[static]\nlisting = true\n"),
    );
    for target in [
        "/.holdall/variants/text.txt.br",
        "/.holdall/variants/text.txt.zst",
        "/.holdall/variants/",
        "/text.txt.br",
        "/text.txt.gz",
        "/text.txt.zst",
        "/.holdall/",
    ] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    let page = site.get("/");
    assert!(!page.text().contains(".br") && !page.text().contains(".zst"), "{}", page.text());
}
