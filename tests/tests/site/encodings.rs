//! Representations: which one Accept-Encoding gets, that each is the same content, what they say.

use std::sync::Arc;

use holdall_tests::{fixtures, tools};

use crate::answer::Answer;
use crate::fixture::{Shared, Site, gunzip};

static SITE: Shared = Shared::new();

/// A text that has gzip, noise that has nothing but itself, a text too short to be worth it.
fn site() -> Arc<Site> {
    SITE.get(|| {
        let files = [
            ("text.txt", fixtures::text().into_bytes()),
            ("noise.bin", fixtures::noise()),
            ("short.txt", b"short\n".to_vec()),
            ("empty.txt", Vec::new()),
        ];
        Site::of(&files, "")
    })
}

/// The encoding that was chosen, `-` for none, or the status.
fn choice(answer: &Answer) -> String {
    match answer.status {
        200 => answer.header("content-encoding").unwrap_or("-").to_owned(),
        status => status.to_string(),
    }
}

/// Lines of the head, and what is chosen of gzip and the thing itself.
const CHOICES: [(&[&str], &str); 50] = [
    (&[], "-"),
    (&["accept-encoding:"], "-"),
    (&["accept-encoding: gzip"], "gzip"),
    (&["accept-encoding: GZIP"], "gzip"),
    (&["Accept-Encoding: GZip"], "gzip"),
    (&["accept-encoding: x-gzip"], "gzip"),
    (&["accept-encoding: identity"], "-"),
    (&["accept-encoding: identity;q=1"], "-"),
    (&["accept-encoding: deflate"], "-"),
    (&["accept-encoding: compress, deflate"], "-"),
    (&["accept-encoding: br"], "-"),
    (&["accept-encoding: zstd"], "-"),
    (&["accept-encoding: gzipped"], "-"),
    (&["accept-encoding: gzi"], "-"),
    (&["accept-encoding: gzip, deflate, br, zstd"], "gzip"),
    (&["accept-encoding: br, zstd, deflate,gzip"], "gzip"),
    (&["accept-encoding: gzip, identity"], "gzip"),
    (&["accept-encoding: identity, gzip"], "gzip"),
    (&["accept-encoding: *"], "gzip"),
    (&["accept-encoding: gzip, *;q=0"], "gzip"),
    (&["accept-encoding: *;q=0, gzip"], "gzip"),
    (&["accept-encoding: identity, *;q=0"], "-"),
    (&["accept-encoding: gzip;q=0"], "-"),
    (&["accept-encoding: gzip;q=0.0"], "-"),
    (&["accept-encoding: gzip;q=0.000"], "-"),
    (&["accept-encoding: gzip;Q=0"], "-"),
    (&["accept-encoding: gzip; q=0"], "-"),
    (&["accept-encoding: gzip ; q=0"], "-"),
    (&["accept-encoding: gzip;q=0, *"], "-"),
    (&["accept-encoding: *, gzip;q=0"], "-"),
    (&["accept-encoding: gzip;q=0.001"], "gzip"),
    (&["accept-encoding: gzip;q=0.5"], "gzip"),
    (&["accept-encoding: gzip;q=1.000"], "gzip"),
    (&["accept-encoding: gzip;q=1."], "gzip"),
    (&["accept-encoding: gzip;q=0.5, identity"], "-"),
    (&["accept-encoding: gzip;q=0.5, identity;q=0.6"], "-"),
    (&["accept-encoding: gzip;q=0.6, identity;q=0.5"], "gzip"),
    (&["accept-encoding: gzip;q=0.5, identity;q=0.5"], "gzip"),
    (&["accept-encoding: br;q=0.5, gzip;q=1"], "gzip"),
    (&["accept-encoding: br;q=1.0, gzip;q=0.8, *;q=0.1"], "gzip"),
    (&["accept-encoding: identity;q=0, gzip"], "gzip"),
    (&["accept-encoding: identity;q=0, *"], "gzip"),
    (&["accept-encoding: identity;q=0, *;q=0.5"], "gzip"),
    (&["accept-encoding: br", "accept-encoding: gzip"], "gzip"),
    (&["accept-encoding: gzip;q=0", "accept-encoding: br"], "-"),
    (&["accept-encoding: ,gzip,"], "gzip"),
    (&["accept-encoding: gzip\t,\tdeflate"], "gzip"),
    (&["accept-encoding: *;q=0"], "406"),
    (&["accept-encoding: identity;q=0"], "406"),
    (&["accept-encoding: gzip;q=0, identity;q=0"], "406"),
];

#[test]
fn accept_encoding_decides() {
    let (site, text) = (site(), fixtures::text());
    for (fields, chosen) in CHOICES {
        let answer = site.get_with("/text.txt", fields);
        assert_eq!(choice(&answer), chosen, "{fields:?}");
        assert!(answer.lists("vary", "accept-encoding"), "{fields:?}: {answer:?}");
        match chosen {
            "-" => assert!(answer.text() == text, "{fields:?}"),
            "gzip" => assert!(answer.body.starts_with(b"\x1f\x8b\x08"), "{fields:?}"),
            _ => assert!(answer.body.len() < 1_000, "{fields:?}"),
        }
    }
}

/// The same lines where there is nothing but the thing itself.
#[test]
fn what_has_one_representation_gets_it_or_nothing() {
    let (site, noise) = (site(), fixtures::noise());
    for (fields, _) in CHOICES {
        // What ends in a weight of nothing for all, or for the thing itself.
        let all = format!("{},", fields.concat());
        let refuses = ["identity;q=0,", "*;q=0,"].iter().any(|it| all.contains(it));
        let is_refused = refuses && !all.contains("identity, *;q=0,");
        for target in ["/noise.bin", "/short.txt", "/empty.txt"] {
            let answer = site.get_with(target, fields);
            let expected = if is_refused { "406" } else { "-" };
            assert_eq!(choice(&answer), expected, "{target} {fields:?}");
            assert!(!answer.lists("vary", "accept-encoding"), "{target}: {answer:?}");
            assert!(is_refused || target != "/noise.bin" || answer.body == noise, "{fields:?}");
        }
    }
}

/// What is wrong in the field is no reason to send anything but a whole representation.
#[test]
fn malformed_weights_do_no_harm() {
    let (site, text) = (site(), fixtures::text());
    for value in [
        "gzip;q=2",
        "gzip;q=abc",
        "gzip;q=",
        "gzip;q",
        "gzip;",
        "gzip;q=-1",
        "gzip;q=0.0001",
        "gzip;q=1.1",
        "gzip;q=.5",
        "gzip;q=0,5",
        "gzip;q=1e3",
        "gzip;q=NaN",
        "gzip;q=inf",
        "gzip;q=\"1\"",
        ";q=1",
        ",,,",
        "gzip;level=9",
        "gzip;q=1;x=y",
        "gzip q=1",
        "gzip/1",
        "\"gzip\"",
        "q=0",
        "*/*",
        "gzip;q=0;q=1",
        "gzip;q=99999999999999999999999",
        "gzip;q=0.99999999999999999999",
        "=",
        "\u{fc}",
    ] {
        let answer = site.get_with("/text.txt", &[&format!("accept-encoding: {value}")]);
        match &*choice(&answer) {
            "-" => assert!(answer.text() == text, "{value}"),
            "gzip" => assert!(gunzip(&answer.body) == text.as_bytes(), "{value}"),
            other => panic!("{value}: {other}"),
        }
    }
    let many = format!("accept-encoding: {}gzip", "br, ".repeat(10_000));
    assert_eq!(choice(&site.get_with("/text.txt", &[&many])), "gzip");
}

#[test]
fn tags_and_lengths_tell_them_apart() {
    let site = site();
    let (plain, gzip) = (site.get("/text.txt"), site.gzip("/text.txt"));
    let digest = plain.etag().trim_matches('"').to_owned();
    assert_eq!(gzip.etag(), format!("\"{digest}-gzip\""));
    let sum = tools::tool("sha256sum").input(fixtures::text()).ok();
    assert_eq!(&sum.text()[..32], digest);
    assert!(gzip.body.len() < plain.body.len() / 4, "{gzip:?}");
    for name in ["content-type", "cache-control", "vary", "accept-ranges"] {
        assert_eq!(gzip.header(name), plain.header(name), "{name}");
    }
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(plain.header("content-length"), Some(&*plain.body.len().to_string()));
    assert_eq!(gzip.header("content-length"), Some(&*gzip.body.len().to_string()));
}

/// Other people's programs read it.
#[test]
fn gzip_is_gzip() {
    let (site, text) = (site(), fixtures::text());
    let gzip = site.gzip("/text.txt").body;
    assert!(gunzip(&gzip) == text.as_bytes());
    let script =
        "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
    let python = tools::tool("python3").args(["-c", script]).input(gzip.clone()).ok();
    assert!(python.stdout == text.as_bytes());
    // Strictly: a whole member, its sum and its length, and nothing behind it (RFC 1952).
    tools::tool("gzip").arg("-t").input(gzip.clone()).ok();
    assert_eq!(gzip[gzip.len() - 4..], (text.len() as u32).to_le_bytes());
    for version in ["--http1.0", "--http1.1", "--http2-prior-knowledge"] {
        let url = format!("http://{}/text.txt", site.address());
        let curl = tools::tool("curl").args(["-sS", "--compressed", version, &url]).ok();
        assert!(curl.text() == text, "{version}");
    }
}

/// Whatever is offered as gzip is no larger than the thing itself.
#[test]
fn the_smallest_wins() {
    let texts: Vec<_> = (1..120).map(|length| (length, "ab".repeat(length))).collect();
    let files: Vec<_> = texts.iter().map(|(n, text)| (format!("{n}.txt"), text)).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text)).collect();
    let site = Site::of(&files, "");
    for (length, text) in &texts {
        let answer = site.get_with(&format!("/{length}.txt"), &["accept-encoding: gzip, identity"]);
        match &*choice(&answer) {
            "gzip" => assert!(answer.body.len() <= text.len(), "{length}: {answer:?}"),
            _ => assert!(answer.text() == text, "{length}"),
        }
    }
    assert_eq!(choice(&site.gzip("/119.txt")), "gzip");
}
