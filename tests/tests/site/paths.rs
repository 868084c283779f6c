//! From a path to a resource: decoding, names of every kind, directories, and what must not be found.

use std::sync::Arc;

use crate::answer::Answer;
use crate::fixture::{Shared, Site, encoded};

static SITE: Shared = Shared::new();

const FILES: [(&str, &str); 12] = [
    ("index.html", "<p>start\n"),
    ("text.txt", "text\n"),
    ("style.css", "p { margin: 0 }\n"),
    ("docs/index.html", "<p>docs\n"),
    ("docs/page.html", "<p>page\n"),
    ("docs/deep/er/still/index.html", "<p>deep\n"),
    ("empty/file.txt", "no index here\n"),
    ("evil.example/index.html", "<p>not another host\n"),
    ("a+b.txt", "plus\n"),
    ("100%.txt", "once\n"),
    ("100%25.txt", "twice\n"),
    ("CAPITALS.TXT", "capitals\n"),
];

fn site() -> Arc<Site> {
    SITE.get(|| Site::of(&FILES, ""))
}

#[test]
fn paths_name_resources() {
    let site = site();
    for (target, body) in [
        ("/", "<p>start\n"),
        ("/index.html", "<p>start\n"),
        ("/text.txt", "text\n"),
        ("/docs/", "<p>docs\n"),
        ("/docs/index.html", "<p>docs\n"),
        ("/docs/page.html", "<p>page\n"),
        ("/docs/deep/er/still/", "<p>deep\n"),
        ("/CAPITALS.TXT", "capitals\n"),
        // The query is for programs.
        ("/text.txt?", "text\n"),
        ("/text.txt?a=b&c", "text\n"),
        ("/text.txt?/../%zz%00", "text\n"),
        ("/?", "<p>start\n"),
        ("/docs/?a=b", "<p>docs\n"),
        // Encoded or not, in capitals or not, a character is the same (RFC 3986, section 6.2.2).
        ("/%74%65%78%74.txt", "text\n"),
        ("/text%2etxt", "text\n"),
        ("/text%2Etxt", "text\n"),
        ("/d%6fcs/", "<p>docs\n"),
        ("/%7e/%2e%2e%2e", ""),
        // A plus is a plus.
        ("/a+b.txt", "plus\n"),
        ("/a%2bb.txt", "plus\n"),
        ("/a%2Bb.txt", "plus\n"),
        // Decoded once.
        ("/100%25.txt", "once\n"),
        ("/100%2525.txt", "twice\n"),
    ] {
        let answer = site.get(target);
        let status = if body.is_empty() { 404 } else { 200 };
        assert_eq!(answer.status, status, "{target}");
        assert!(body.is_empty() || answer.text() == body, "{target}: {answer:?}");
    }
}

const BAD_ESCAPES: &str = r"
    /a% /%zz /% /%4 /%g0 /%0g /%% /%%35 /text%2 /text.txt% /%u0041 /docs%/ /docs/%x/page.html
    /%-1 /%+1 /%2 /docs/a%
";

#[test]
fn escapes_that_are_none_are_bad_requests() {
    let site = site();
    for target in BAD_ESCAPES.split_whitespace() {
        assert_eq!(site.sending_get(target), 400, "{target}");
    }
}

const NO_NAMES: &str = r"
    /.. /../ /../text.txt /./text.txt /. /./ /docs/.. /docs/../text.txt /docs/./page.html
    /docs/. /%2e%2e/text.txt /%2e%2e%2ftext.txt /.%2e/text.txt /%2e/text.txt /%2E%2E/
    /docs/%2e%2e/text.txt /../../../../../../etc/passwd /%2e%2e/%2e%2e/%2e%2e/etc/passwd
    /..%2f..%2f..%2fetc/passwd /..;/text.txt // /// //text.txt /docs//page.html /docs//
    /text.txt// //docs/ //evil.example //evil.example/ //evil.example/.. //evil.example/%2e%2e
    ///evil.example //evil.example// /docs///page.html /docs%2fpage.html /docs%2Fpage.html
    /docs%2f /%2f /%2ftext.txt /text.txt%2f /%2f%2fevil.example /%2fevil.example
    /docs%5cpage.html /docs%5Cpage.html /%5cevil.example /%5c%5cevil.example/.. /..%5ctext.txt
    /%5c /%00 /text.txt%00 /text.txt%00.png /%00/text.txt /text.txt%0a /text.txt%0d
    /docs%0d%0ax-evil:%201 /%09 /%1b /%7f /text.txt%7f /%c2%80 /%c2%9f /%ff /text%fftxt
    /%c0%af /%c0%ae%c0%ae/text.txt /%e0%80%af /%ed%a0%80 /%c3 /%f4%90%80%80 /%80
";

#[test]
fn what_can_not_be_a_name_is_not_found() {
    let site = site();
    for target in NO_NAMES.split_whitespace() {
        let answer = site.get(target);
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{target}");
        assert_eq!(answer.header("x-evil"), None, "{target}");
    }
}

const NOT_THERE: &str = r"
    /nothing /nothing/ /docs/nothing /TEXT.TXT /Text.txt /capitals.txt /DOCS/ /text.txt%20
    /text.txt. /%20text.txt /text /text.tx /text.txt~ /text.txt;v=1 /text.txt%3f
    /text.txt%3Fa=b /text.txt%23 /a%20b.txt /index.htm /style.css/ /text.txt/ /index.html/
    /docs/page.html/ /text.txt/?a=b /text.txt/x /index.html/index.html /style.css/style.css
    /empty/ /docs/deep/ /docs/deep/er/ /empty/?a=b /.holdall /.holdall/
    /.holdall/manifest.json /.holdall/index /.holdall/bin/ /.holdall/variants/text.txt.br
    /%2eholdall/manifest.json /holdall.toml
";

#[test]
fn what_is_not_there_is_not_found() {
    let site = site();
    for target in NOT_THERE.split_whitespace() {
        let answer = site.get(target);
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{target}");
    }
}

#[test]
fn a_directory_has_a_slash() {
    let site = site();
    for (target, location) in [
        ("/docs", "/docs/"),
        ("/docs?a=b", "/docs/?a=b"),
        ("/docs?a=b&c=%20d?e/f", "/docs/?a=b&c=%20d?e/f"),
        ("/docs?//evil.example", "/docs/?//evil.example"),
        ("/d%6fcs", "/docs/"),
        ("/docs/deep/er/still", "/docs/deep/er/still/"),
        ("/evil.example", "/evil.example/"),
        ("/evil%2eexample?x", "/evil.example/?x"),
    ] {
        let answer = site.get(target);
        // The path may stay encoded as it came.
        let kept = target.replacen('?', "/?", 1);
        let kept = if target.contains('?') { kept } else { format!("{target}/") };
        let place = answer.header("location").unwrap_or_default();
        assert_eq!(answer.status, 308, "{target}: {answer:?}");
        assert!(place == location || place == kept, "{target}: {place}");
        assert_eq!(site.get(place).status, 200, "{target}");
    }
    let place = site.get("/docs?").header("location").map(str::to_owned);
    assert!(["/docs/", "/docs/?"].contains(&&*place.unwrap_or_default()));
}

#[test]
fn paths_may_be_long_and_deep() {
    let site = site();
    let (long, name) = ("a".repeat(10 << 10), "n".repeat(255));
    let targets = [
        format!("/{long}"),
        format!("/{long}/"),
        format!("/docs/{long}.html"),
        format!("/{}", "a/".repeat(5_000)),
        format!("/docs/{}", "../".repeat(3_000)),
        "/".repeat(10_000),
        format!("/{}", "%61".repeat(3_500)),
        format!("/{}", "%2e%2e%2f".repeat(1_000)),
        format!("/{name}"),
    ];
    for target in targets {
        assert_eq!(site.get(&target).status, 404, "{}", &target[..20]);
    }
    let answer = site.get(&format!("/docs?{long}"));
    let place = format!("/docs/?{long}");
    assert_eq!((answer.status, answer.header("location")), (308, Some(&*place)));
}

/// Names that mean something to URLs, to HTML or to header fields.
const ODD: &str = "with space· leading·trailing ·grün·gru\u{308}n·ÅÄÖ·\"quoted\"·it's·what?·a#b·100%·\
    100%25·%2e%2e·%·a&b=c·a+b·a;b=c·a,b·[x]·{y}·<i>·a|b·a^b·`tick`·~tilde·$dollar·@at·a=b·\
    (paren)·!bang·*star*·ab:cd·-dash·.hidden·..twodots·...·你好世界·😀·é\u{200b}é·\u{a0}·con·\
    http:";

#[test]
fn odd_names_are_served_and_written_right() {
    let file = |name: &str| (format!("files/{name}.txt"), format!("file {name}\n"));
    let page = |name: &str| (format!("{name}/index.html"), format!("<p>{name}\n"));
    let files: Vec<_> = ODD.split('·').flat_map(|name| [file(name), page(name)]).collect();
    let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content)).collect();
    let site = Site::of(&files, "");
    for name in ODD.split('·') {
        let target = encoded(&format!("/files/{name}.txt"));
        let answer = site.get(&target);
        assert_eq!((answer.status, answer.text()), (200, &*format!("file {name}\n")), "{target}");
        let page = format!("<p>{name}\n");
        let target = encoded(&format!("/{name}"));
        let moved = site.get(&format!("{target}?x=%20y"));
        let place = moved.header("location").unwrap_or_else(|| panic!("{target}: {moved:?}"));
        assert!(place.ends_with("/?x=%20y"), "{target}: {place}");
        let answer = site.get(place);
        assert_eq!((answer.status, answer.text()), (200, &*page), "{target}: {place}");
    }
}

/// A client that does not encode what it should is answered one way or the other.
#[test]
fn bytes_beyond_ascii_do_no_harm() {
    let files = [("grün.txt", "green\n"), ("a|b.txt", "bar\n"), ("größe/index.html", "<p>big\n")];
    let site = Site::of(&files, "");
    for target in ["/grün.txt", "/a|b.txt", "/a\"b", "/a<b>", "/a^b", "/a`b", "/a{b}", "/\u{80}"] {
        let status = site.sending_get(target);
        assert!([200, 400, 404].contains(&status), "{target}: {status}");
    }
    for target in ["/größe", "/größe?ü", "/docs?ü"] {
        let mut client = site.sending(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        let answer = Answer::from(client.response());
        let place = answer.header("location").unwrap_or_default();
        assert!(place.is_ascii(), "{target}: {answer:?}");
        assert!([308, 400, 404].contains(&answer.status), "{target}: {answer:?}");
    }
    assert_eq!(site.get("/gr%C3%BCn.txt").text(), "green\n");
    assert_eq!(site.get("/gr%c3%bcn.txt").text(), "green\n");
}

impl Site {
    /// The status of the answer to a GET that may end the connection.
    fn sending_get(&self, target: &str) -> u16 {
        let mut client = self.sending(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        client.response().status
    }
}
