//! The cases that the tests of tower-http's `ServeDir` name, as they are here.
//!
//! What is different, or has no counterpart:
//!
//! | case there | here |
//! |---|---|
//! | `with_custom_chunk_size` | there is no such setting; the content is the same, see `transports` |
//! | `precompressed_deflate` | deflate is what HTTP calls the zlib format, which nobody needs: as it is |
//! | `only_precompressed_variant_existing` | a bundle has no representation without the resource itself |
//! | `precompressed_br`, `fallbacks_to_different_precompressed_variant_if_not_found` | in `variants` |
//! | `read_partial_empty` | a range of nothing is 416: no `Content-Range` could say what was sent |
//! | `read_partial_errs_on_garbage_header`, `…_on_bad_range` | what is no range is ignored (RFC 9110, section 14.2) |
//! | `last_modified` | there are no dates: the conditions are ignored |
//! | `with_fallback_serve_file` | `fallback`, for paths without a dot and clients that take HTML |
//! | `with_fallback_svc`, `calls_fallback_on_*`, `…_with_fallback` | a service behind `[serve]`: `beside_service` |
//! | `test_is_reserved_dos_name` and its like | nothing is opened by name: `CON` is a name like others |

use std::sync::Arc;

use holdall_tests::fixtures;

use crate::fixture::{Shared, Site, gunzip};

static SITE: Shared = Shared::new();

const HTML: &str = "<b>HTML!</b>\n";

fn site() -> Arc<Site> {
    let packed = packed();
    let files = [
        ("index.html", HTML),
        ("README.md", &packed),
        ("foo/index.html", HTML),
        ("nested/Cargo.toml", "[package]\n"),
        ("precompressed.txt", &packed),
        ("missing_precompressed.txt", "Test file!"),
        ("extensionless_precompressed", &packed),
        ("extensionless_precompressed_missing", "Test file!"),
        ("empty.txt", ""),
        ("你好世界.txt", "hello\n"),
        ("filename with space.txt", "spaced\n"),
        ("bare/file.txt", "a directory without an index\n"),
        ("CON", "a device elsewhere\n"),
    ];
    SITE.get(|| Site::of(&files, ""))
}

fn packed() -> String {
    format!("Test file\n{}", fixtures::text())
}

#[test]
fn basic() {
    let answer = site().get("/README.md");
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert!(answer.status == 200 && answer.text() == packed());
}

#[test]
fn basic_with_index() {
    let answer = site().get("/");
    assert_eq!((answer.status, answer.text()), (200, HTML));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn head_request() {
    let head = site().ask("HEAD", "/missing_precompressed.txt", &[]);
    assert_eq!(head.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((head.header("content-length"), head.body.len()), (Some("10"), 0));
}

#[test]
fn precompressed_head_request() {
    let site = site();
    let head = site.ask("HEAD", "/precompressed.txt", &["accept-encoding: gzip"]);
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let length = site.gzip("/precompressed.txt").body.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*length));
}

#[test]
fn precompressed_gzip() {
    let answer = site().gzip("/precompressed.txt");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(gunzip(&answer.body) == packed().as_bytes());
}

#[test]
fn unsupported_precompression_alogrithm_fallbacks_to_uncompressed() {
    for encodings in ["br", "deflate,br", "compress"] {
        let accept = format!("accept-encoding: {encodings}");
        let answer = site().get_with("/precompressed.txt", &[&accept]);
        assert_eq!(answer.header("content-encoding"), None, "{encodings}");
        assert!(answer.text() == packed(), "{encodings}");
    }
}

#[test]
fn missing_precompressed_variant_fallbacks_to_uncompressed() {
    let site = site();
    for method in ["GET", "HEAD"] {
        let fields = ["accept-encoding: gzip"];
        let answer = site.ask(method, "/missing_precompressed.txt", &fields);
        assert_eq!(answer.header("content-encoding"), None, "{method}");
        assert_eq!(answer.header("content-length"), Some("10"), "{method}");
    }
}

#[test]
fn precompressed_without_extension() {
    let answer = site().gzip("/extensionless_precompressed");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert!(gunzip(&answer.body) == packed().as_bytes());
}

#[test]
fn missing_precompressed_without_extension_fallbacks_to_uncompressed() {
    let answer = site().gzip("/extensionless_precompressed_missing");
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.text(), "Test file!");
}

#[test]
fn access_to_sub_dirs() {
    let answer = site().get("/nested/Cargo.toml");
    assert_eq!((answer.status, answer.text()), (200, "[package]\n"));
    let media_type = answer.header("content-type").unwrap_or_default();
    assert!(media_type.contains("toml"), "{media_type}");
}

#[test]
fn not_found() {
    let site = site();
    for target in ["/not-found", "/index.html/some_file", "/index.html/"] {
        for fields in [&[][..], &["accept-encoding: gzip"]] {
            assert_eq!(site.get_with(target, fields).status, 404, "{target}");
        }
    }
}

#[test]
fn redirect_to_trailing_slash_on_dir() {
    let answer = site().get("/foo");
    assert_eq!((answer.status, answer.header("location")), (308, Some("/foo/")));
}

#[test]
fn directory_with_trailing_slash_appends_index_html() {
    let answer = site().get("/foo/");
    assert_eq!((answer.status, answer.text()), (200, HTML));
}

#[test]
fn empty_directory_without_index_no_information_leak() {
    let site = site();
    let answer = site.get("/bare/");
    assert_eq!(answer.status, 404);
    assert!(!answer.text().contains("file.txt"), "{answer:?}");
}

#[test]
fn access_percent_encoded_uri_path() {
    let site = site();
    assert_eq!(site.get("/%E4%BD%A0%E5%A5%BD%E4%B8%96%E7%95%8C.txt").text(), "hello\n");
    assert_eq!(site.get("/filename%20with%20space.txt").text(), "spaced\n");
}

#[test]
fn read_partial_empty() {
    let answer = site().get_with("/empty.txt", &["range: bytes=0-"]);
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */0")));
}

#[test]
fn read_partial_in_bounds() {
    let answer = site().get_with("/README.md", &["range: bytes=9-1023"]);
    let range = format!("bytes 9-1023/{}", packed().len());
    assert_eq!((answer.status, answer.header("content-range")), (206, Some(&*range)));
    assert_eq!(answer.header("content-length"), Some("1015"));
    assert!(answer.text() == &packed()[9..1024]);
}

#[test]
fn read_partial_accepts_out_of_bounds_range() {
    let answer = site().get_with("/README.md", &["range: bytes=0-9999998"]);
    let length = packed().len();
    let range = format!("bytes 0-{}/{length}", length - 1);
    assert_eq!((answer.status, answer.header("content-range")), (206, Some(&*range)));
}

#[test]
fn read_partial_ignores_what_is_no_range() {
    for range in ["bad_format", "bytes=-1-15"] {
        let answer = site().get_with("/README.md", &[&format!("range: {range}")]);
        assert!(answer.status == 200 && answer.text() == packed(), "{range}: {answer:?}");
    }
}

#[test]
fn accept_encoding_identity() {
    let answer = site().get_with("/README.md", &["accept-encoding: identity"]);
    assert_eq!((answer.status, answer.header("content-encoding")), (200, None));
}

#[test]
fn identity_encoding_does_not_strip_extension() {
    let site = site();
    for method in ["GET", "HEAD"] {
        let fields = ["accept-encoding: identity"];
        let answer = site.ask(method, "/extensionless_precompressed.foobar", &fields);
        assert_eq!(answer.status, 404, "{method}");
    }
}

#[test]
fn last_modified() {
    let site = site();
    assert_eq!(site.get("/README.md").header("last-modified"), None);
    for field in ["if-modified-since", "if-unmodified-since"] {
        for date in ["Fri, 09 Aug 1996 14:21:40 GMT", "Fri, 09 Aug 2075 14:21:40 GMT"] {
            let answer = site.get_with("/README.md", &[&format!("{field}: {date}")]);
            assert!(answer.status == 200 && answer.text() == packed(), "{field}: {date}");
        }
    }
}

#[test]
fn method_not_allowed() {
    let answer = site().ask("POST", "/README.md", &["content-length: 0"]);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn invalid_paths_are_not_found() {
    let site = site();
    for target in ["/weird_%c3%28_path", "/invalid|path", "/invalid-path%00"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
}

#[test]
fn reserved_dos_names_are_names() {
    let site = site();
    assert_eq!(site.get("/CON").text(), "a device elsewhere\n");
    for target in ["/con", "/NUL", "/COM1", "/aux.txt", "/LPT%C2%B9", "/CONIN$"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
}
