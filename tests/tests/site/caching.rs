//! How long answers are kept, and what browsers are told of them.

use crate::fixture::Site;

const FOREVER: &str = "max-age=31536000, immutable";
const ASK: &str = "no-cache";

/// Names with a hash of their content.
const HASHED: &str = "
    app.3f9a2c1b.js index-BXh4_6yx.css app-3f9a2c1b.js app_3f9a2c1b.js assets/deep/app.3f9a2c1b.css
    a.0123456789abcdef0123456789abcdef.js a.3f9a2c1b3.woff2 a-3f9a2c1b3f9a2c1b3f9a.png
    a.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.txt my-long.name-3f9a2c1b.svg
    a.min.3f9a2c1b.js chunk-dQw4w9Wg.js index-aB3dE5gH.js a.aB3dE5gH.mjs 1.3f9a2c1b.js
    a.b_3f9a2c1b.js index.html.3f9a2c1b.js app.3f9a2c1b.min.js index-BXh4_6yx.js.map";

/// Names that look a little like it.
const PLAIN: &str = "
    app.js style.css jquery-3.7.1.min.js app.12345678.js app.deadbeef.js app.3f9a2c1.js app.39fgcagf.js
    a.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0.txt
    notes-20240101.txt noext/app.3f9a2c1b 3f9a2c1b.js app3f9a2c1b.js app.3f9a2c1b/plain.js
    index-BXh4_6y.css index-BXh4_6yxx.css index-Abcdefgh.css index-ABCDefgh.css index-abcdefgh.css
    photo-DSC01234.jpg user-settings.js index-Settings.js my-document.pdf some-longname.css robots.txt
    app-v1.2.3.js a-2024Abcd.jpg release-notes.txt BXh4_6yx.css index.BXh4+6yx.css favicon.ico";

/// HTML is asked for each time.
const PAGES: &str = "
    index.html app.3f9a2c1b.html index-BXh4_6yx.html deep/app.3f9a2c1b.htm";

fn site(manifest: &str) -> Site {
    let names = [HASHED, PLAIN, PAGES].map(str::split_whitespace).into_iter().flatten();
    let files: Vec<_> = names.map(|name| (name, name)).collect();
    Site::of(&files, manifest)
}

fn policy(site: &Site, name: &str) -> (u16, Option<String>) {
    let answer = site.get(&format!("/{}", name.replace('+', "%2B")));
    (answer.status, answer.header("cache-control").map(str::to_owned))
}

#[test]
fn names_with_a_hash_are_kept_for_ever() {
    let site = site("");
    for (names, value) in [(HASHED, FOREVER), (PLAIN, ASK), (PAGES, ASK)] {
        for name in names.split_whitespace() {
            assert_eq!(policy(&site, name), (200, Some(value.to_owned())), "{name}");
        }
    }
}

#[test]
fn immutable_can_be_switched_off() {
    let site = site("[static]\nimmutable = false\n");
    for name in [HASHED, PLAIN, PAGES].map(str::split_whitespace).into_iter().flatten() {
        assert_eq!(policy(&site, name), (200, Some(ASK.to_owned())), "{name}");
    }
}

/// A name that will be there tomorrow must not be missing for a year.
#[test]
fn what_is_missing_is_asked_for_again() {
    let site = site("");
    for name in ["gone.3f9a2c1b.js", "gone-BXh4_6yx.css", "nothing", "deep/nothing.html"] {
        assert_eq!(policy(&site, name), (404, Some(ASK.to_owned())), "{name}");
    }
}

#[test]
fn every_answer_about_a_resource_has_its_policy() {
    let site = site("");
    for (target, value) in [("/app.3f9a2c1b.js", FOREVER), ("/app.js", ASK), ("/", ASK)] {
        for (fields, status) in [
            (&[][..], 200),
            (&["if-none-match: *"], 304),
            (&["range: bytes=0-0"], 206),
            (&["range: bytes=0-0,2-2"], 206),
            (&["accept-encoding: gzip"], 200),
        ] {
            let answer = site.get_with(target, fields);
            let told = (answer.status, answer.header("cache-control"));
            assert_eq!(told, (status, Some(value)), "{target} {fields:?}");
        }
    }
}

/// A directory that looks hashed says nothing of what is in it, and neither does a query.
#[test]
fn only_the_name_counts() {
    let site = site("");
    for target in ["/app.js?v=3f9a2c1b", "/app.3f9a2c1b/plain.js", "/app.js?app.3f9a2c1b.js"] {
        assert_eq!(site.get(target).header("cache-control"), Some(ASK), "{target}");
    }
    let target = "/app.3f9a2c1b.js?v=1";
    assert_eq!(site.get(target).header("cache-control"), Some(FOREVER), "{target}");
}

#[test]
fn browsers_are_told_not_to_guess() {
    let site = site("");
    for target in ["/", "/index.html", "/deep/app.3f9a2c1b.htm"] {
        let answer = site.get(target);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        let referrer = answer.header("referrer-policy");
        assert_eq!(referrer, Some("strict-origin-when-cross-origin"), "{target}");
        assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"), "{target}");
    }
    for target in ["/app.js", "/style.css", "/my-document.pdf"] {
        let answer = site.get(target);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.header("referrer-policy"), None, "{target}");
        assert_eq!(answer.header("x-frame-options"), None, "{target}");
    }
    for (method, target, fields, status) in [
        ("GET", "/nothing", &[][..], 404),
        ("GET", "/deep", &[], 404),
        ("GET", "/%zz", &[], 400),
        ("POST", "/", &[], 405),
        ("OPTIONS", "/", &[], 204),
        ("GET", "/app.js", &["if-match: \"x\""], 412),
        ("GET", "/app.js", &["range: bytes=9999-"], 416),
        ("GET", "/app.js", &["accept-encoding: *;q=0"], 406),
    ] {
        let answer = site.ask(method, target, fields);
        let told = (answer.status, answer.header("x-content-type-options"));
        assert_eq!(told, (status, Some("nosniff")), "{method} {target} {fields:?}");
    }
}
