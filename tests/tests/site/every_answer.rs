//! What holds for every answer, whatever was asked: each one that this suite sees is held to it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use holdall_tests::Client;

use crate::answer::{Answer, Asked};

/// A rule: what it says, and whether an answer keeps to it.
type Rule = (&'static str, fn(&Asked<'_>, &Answer) -> bool);

/// For whoever answers.
const MESSAGE: [Rule; 7] = [
    ("a date as in RFC 9110, section 5.6.7", |_, answer| is_date(answer)),
    ("one length, or chunks", has_one_length),
    ("the length that is declared", |asked, answer| is_whole(asked, answer)),
    ("fields that are no lists at most once", |_, answer| has_no_doubles(answer)),
    ("204 and 304 without what is said of content", |_, answer| says_nothing_of_none(answer)),
    ("what a status demands", |_, answer| has_demanded(answer)),
    // What follows a request that is none is not trusted.
    ("a connection that stays open", |_, answer| {
        answer.status == 400 || !answer.lists("connection", "close")
    }),
];

/// For answers of the site itself.
const SITE: [Rule; 7] = [
    ("a strong tag that names the representation", |_, answer| has_good_tag(answer)),
    ("Vary with an encoding", |_, answer| {
        answer.all("content-encoding").is_empty() || answer.lists("vary", "accept-encoding")
    }),
    ("no Last-Modified", |_, answer| answer.all("last-modified").is_empty()),
    ("a type with content", |asked, answer| has_type(asked, answer)),
    ("Accept-Ranges with a tag", |_, answer| {
        let is_resource = matches!(answer.status, 200 | 206) && !answer.all("etag").is_empty();
        !is_resource || answer.header("accept-ranges") == Some("bytes")
    }),
    ("a place on this host", |_, answer| answer.header("location").is_none_or(is_place)),
    ("only known encodings", |_, answer| {
        let encoding = answer.header("content-encoding");
        encoding.is_none_or(|it| ["gzip", "br", "zstd"].contains(&it))
    }),
];

/// For answers of a site without header rules.
const DEFAULTS: [Rule; 4] = [
    // A 304 says what caches need, and nothing of content.
    ("nosniff", |_, answer| {
        answer.status == 304 || answer.header("x-content-type-options") == Some("nosniff")
    }),
    ("Referrer-Policy with HTML", |_, answer| {
        let value = answer.header("referrer-policy");
        let expected = is_html(answer).then_some("strict-origin-when-cross-origin");
        value == expected || is_without(answer)
    }),
    ("X-Frame-Options with HTML", |_, answer| {
        let value = answer.header("x-frame-options");
        value == is_html(answer).then_some("SAMEORIGIN") || is_without(answer)
    }),
    ("Cache-Control", |_, answer| {
        let is_kept = matches!(answer.status, 200 | 206 | 304 | 404);
        !is_kept || answer.header("cache-control").is_some()
    }),
];

/// Whose answers are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A site's, with the header fields of the defaults.
    Plain,
    /// A site's that has rules for header fields.
    Ruled,
    /// Those of a service, or of a site before it.
    Service,
}

/// What was seen of a server so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The content that belongs to a tag.
    contents: Mutex<HashMap<String, Vec<u8>>>,
    /// Whether the representation depends on Accept-Encoding, by target.
    varies: Mutex<HashMap<String, bool>>,
}

/// Checks one answer.
///
/// # Panics
/// With all the rules that it breaks.
pub fn check(kind: Kind, asked: &Asked<'_>, answer: &Answer) {
    let rules: &[&[Rule]] = match kind {
        Kind::Plain => &[&MESSAGE, &SITE, &DEFAULTS],
        Kind::Ruled => &[&MESSAGE, &SITE],
        Kind::Service => &[&MESSAGE],
    };
    let broken = rules.iter().copied().flatten().filter(|(_, holds)| !holds(asked, answer));
    let broken: Vec<_> = broken.map(|(rule, _)| *rule).collect();
    assert!(broken.is_empty(), "{asked} lacks {broken:?}:\n{answer:?}");
}

/// Checks that HEAD says what GET said.
///
/// # Panics
/// If it does not.
pub fn check_twin(asked: &Asked<'_>, got: &Answer, head: &Answer) {
    let (got_fields, head_fields) = (got.lasting_fields(), head.lasting_fields());
    assert_eq!((got.status, got_fields), (head.status, head_fields), "GET and HEAD of {asked}");
}

/// Reads the answer on a connection where one more request was sent behind this one, with the wish
/// to close. What is left over means that one of the answers was not as long as it said.
pub fn read(client: &mut Client, asked: &Asked<'_>) -> Answer {
    let answer: Answer = match asked.method {
        "HEAD" => client.head().into(),
        _ => client.response().into(),
    };
    if !answer.lists("connection", "close") {
        client.response();
    }
    let rest = client.rest();
    assert!(rest.is_empty(), "{asked}: {answer:?} is followed by {}", rest.escape_ascii());
    answer
}

impl Seen {
    /// Checks an answer against those before it.
    ///
    /// # Panics
    /// If a tag had another content before, or the field Vary comes and goes.
    pub fn check(&self, asked: &Asked<'_>, answer: &Answer) {
        if asked.method == "GET" && answer.status == 200 && answer.header("etag").is_some() {
            self.check_tag(asked, answer);
        }
        if matches!(answer.status, 200 | 206 | 304 | 406 | 412 | 416) && asked.method != "OPTIONS" {
            self.check_vary(asked, answer);
        }
    }

    fn check_tag(&self, asked: &Asked<'_>, answer: &Answer) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let first = contents.entry(answer.etag().to_owned()).or_insert_with(|| answer.body.clone());
        assert!(*first == answer.body, "{asked}: another content had the same tag: {answer:?}");
    }

    fn check_vary(&self, asked: &Asked<'_>, answer: &Answer) {
        let varies = answer.lists("vary", "accept-encoding");
        let (path, _) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        let mut all = self.varies.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *all.entry(path.to_owned()).or_insert(varies);
        assert_eq!(first, varies, "{asked}: Vary is not in all of its answers: {answer:?}");
    }
}

fn is_date(answer: &Answer) -> bool {
    // As in `Sun, 06 Nov 1994 08:49:37 GMT`.
    const FORM: &str = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    let class = |char: char| match char {
        'A'..='Z' => 'A',
        'a'..='z' => 'a',
        '0'..='9' => '0',
        other => other,
    };
    let shape = |text: &str| text.chars().map(class).collect::<String>();
    answer.header("date").is_some_and(|date| date.ends_with("GMT") && shape(date) == shape(FORM))
}

fn has_one_length(asked: &Asked<'_>, answer: &Answer) -> bool {
    let lengths = answer.all("content-length").len();
    let chunks = answer.all("transfer-encoding").len();
    match (asked.method, answer.status) {
        (_, 204 | 304) => lengths + chunks == 0,
        ("HEAD", _) => lengths + chunks <= 1,
        _ => lengths + chunks == 1,
    }
}

fn is_whole(asked: &Asked<'_>, answer: &Answer) -> bool {
    let length = answer.header("content-length").map(str::parse);
    asked.method == "HEAD" || length.is_none_or(|length| length == Ok(answer.body.len()))
}

fn has_no_doubles(answer: &Answer) -> bool {
    const LISTS: [&str; 4] = ["vary", "set-cookie", "link", "allow"];
    let is_single = |name: &&String| !LISTS.contains(&name.as_str());
    let mut names: Vec<_> = answer.fields.iter().map(|(name, _)| name).filter(is_single).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    names.len() == count
}

fn says_nothing_of_none(answer: &Answer) -> bool {
    const OF_CONTENT: [&str; 4] =
        ["content-type", "content-length", "content-encoding", "content-range"];
    let is_silent = || OF_CONTENT.iter().all(|name| answer.all(name).is_empty());
    !matches!(answer.status, 204 | 304) || (answer.body.is_empty() && is_silent())
}

fn has_demanded(answer: &Answer) -> bool {
    let has = |name| !answer.all(name).is_empty();
    match answer.status {
        206 => has("content-range") != has_parts(answer),
        301 | 302 | 303 | 307 | 308 => has("location"),
        405 => has("allow"),
        416 => answer.header("content-range").is_some_and(|range| range.starts_with("bytes */")),
        _ => !has("content-range"),
    }
}

fn has_parts(answer: &Answer) -> bool {
    let media_type = answer.header("content-type");
    media_type.is_some_and(|it| it.starts_with("multipart/byteranges"))
}

fn has_good_tag(answer: &Answer) -> bool {
    let Some(tag) = answer.header("etag") else { return true };
    let Some(inner) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
        return false;
    };
    let (digits, suffix) = inner.split_at(inner.find('-').unwrap_or(inner.len()));
    let is_digest = digits.len() == 32 && digits.bytes().all(|b| b"0123456789abcdef".contains(&b));
    let expected = answer.header("content-encoding").map(|it| format!("-{it}"));
    // A 304 does not say which encoding it stands for.
    is_digest && (answer.status == 304 || suffix == expected.unwrap_or_default())
}

fn has_type(asked: &Asked<'_>, answer: &Answer) -> bool {
    let has_content = !answer.body.is_empty() || matches!(answer.status, 200 | 206);
    !has_content || asked.method == "OPTIONS" || answer.header("content-type").is_some()
}

/// An absolute path on this host, or a whole URL, and nothing that could be taken for another.
fn is_place(place: &str) -> bool {
    let is_path = place.starts_with('/') && !place.starts_with("//") && !place.starts_with("/\\");
    let is_url = place.starts_with("https://") || place.starts_with("http://");
    (is_path || is_url) && place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Whether an answer is about a resource, but of another type, and so may say what a 200 says.
fn is_without(answer: &Answer) -> bool {
    matches!(answer.status, 304 | 406 | 412 | 416) || has_parts(answer)
}

fn is_html(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|it| it.starts_with("text/html"))
}
