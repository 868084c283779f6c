//! What answers say that they are.

use crate::fixture::Site;

/// Names, and what browsers have to be told; `text` types are UTF-8.
const TYPES: [(&str, &str); 46] = [
    ("index.html", "text/html; charset=utf-8"),
    ("a.htm", "text/html; charset=utf-8"),
    ("a.HTML", "text/html; charset=utf-8"),
    ("a.css", "text/css; charset=utf-8"),
    ("a.js", "text/javascript; charset=utf-8"),
    ("a.mjs", "text/javascript; charset=utf-8"),
    ("a.cjs", "text/javascript; charset=utf-8"),
    ("a.json", "application/json"),
    ("a.map", "application/json"),
    ("a.webmanifest", "application/manifest+json"),
    ("a.jsonld", "application/ld+json"),
    ("a.geojson", "application/geo+json"),
    ("a.xml", "text/xml; charset=utf-8"),
    ("a.txt", "text/plain; charset=utf-8"),
    ("a.md", "text/markdown; charset=utf-8"),
    ("a.csv", "text/csv; charset=utf-8"),
    ("a.vtt", "text/vtt; charset=utf-8"),
    ("a.ics", "text/calendar; charset=utf-8"),
    ("a.svg", "image/svg+xml"),
    ("a.png", "image/png"),
    ("a.jpg", "image/jpeg"),
    ("a.jpeg", "image/jpeg"),
    ("a.JPG", "image/jpeg"),
    ("a.gif", "image/gif"),
    ("a.webp", "image/webp"),
    ("a.avif", "image/avif"),
    ("a.jxl", "image/jxl"),
    ("favicon.ico", "image/x-icon"),
    ("a.woff", "font/woff"),
    ("a.woff2", "font/woff2"),
    ("a.ttf", "font/ttf"),
    ("a.otf", "font/otf"),
    ("a.wasm", "application/wasm"),
    ("a.pdf", "application/pdf"),
    ("a.zip", "application/zip"),
    ("a.gz", "application/gzip"),
    ("a.tar.gz", "application/gzip"),
    ("a.mp4", "video/mp4"),
    ("a.webm", "video/webm"),
    ("a.mp3", "audio/mpeg"),
    ("a.opus", "audio/ogg"),
    ("LICENSE", "application/octet-stream"),
    ("a.unheardof", "application/octet-stream"),
    ("a.", "application/octet-stream"),
    ("html", "application/octet-stream"),
    ("dir.html/plain", "application/octet-stream"),
];

/// Registered names that say the same.
fn is_same(found: &str, expected: &str) -> bool {
    const SAME: [[&str; 2]; 3] = [
        ["image/x-icon", "image/vnd.microsoft.icon"],
        ["text/xml; charset=utf-8", "application/xml"],
        ["audio/ogg", "audio/opus"],
    ];
    let is_pair = |pair: &[&str; 2]| pair.contains(&found) && pair.contains(&expected);
    found == expected || SAME.iter().any(is_pair)
}

#[test]
fn extensions_tell_what_it_is() {
    let files: Vec<_> = TYPES.iter().map(|(name, _)| (*name, "x\n")).collect();
    let site = Site::of(&files, "");
    let mut wrong = Vec::new();
    for (name, expected) in TYPES {
        let answer = site.get(&format!("/{name}"));
        let found = answer.header("content-type").unwrap_or_default().to_owned();
        if !is_same(&found, expected) {
            wrong.push((name, found, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_manifest_knows_better() {
    let manifest = r#"
[resources.media-types]
"*.foo" = "text/x-foo; charset=utf-8"
"data/*.txt" = "application/x-data"
"LICENSE" = "text/plain; charset=utf-8"
"*.html" = "application/xhtml+xml"
"#;
    let long = "a line that is worth packing\n".repeat(100);
    let files = [
        ("a.foo", &*long),
        ("deep/er/b.foo", "b\n"),
        ("data/c.txt", "c\n"),
        ("d.txt", "d\n"),
        ("LICENSE", "license\n"),
        ("page.html", "<p>page\n"),
        ("e.bar", "e\n"),
    ];
    let site = Site::of(&files, manifest);
    for (target, expected) in [
        ("/a.foo", "text/x-foo; charset=utf-8"),
        ("/deep/er/b.foo", "text/x-foo; charset=utf-8"),
        ("/data/c.txt", "application/x-data"),
        ("/d.txt", "text/plain; charset=utf-8"),
        ("/LICENSE", "text/plain; charset=utf-8"),
        ("/page.html", "application/xhtml+xml"),
        ("/page", "application/xhtml+xml"),
        ("/e.bar", "application/octet-stream"),
    ] {
        assert_eq!(site.get(target).header("content-type"), Some(expected), "{target}");
        assert_eq!(site.gzip(target).header("content-type"), Some(expected), "{target} as gzip");
        let part = site.get_with(target, &["range: bytes=0-0"]);
        assert_eq!(part.header("content-type"), Some(expected), "a range of {target}");
    }
}
