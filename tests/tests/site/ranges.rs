//! Ranges (RFC 9110, section 14): every form, of every representation, and when they are ignored.

use std::sync::Arc;

use holdall_tests::fixtures;

use crate::answer::Answer;
use crate::fixture::{Shared, Site};
use crate::parts::{boundary, content_range, parts};

static SITE: Shared = Shared::new();

fn site() -> Arc<Site> {
    SITE.get(|| {
        let files = [
            ("noise.bin", fixtures::noise()),
            ("text.txt", text().into_bytes()),
            ("large.txt", large().into_bytes()),
            ("empty.txt", Vec::new()),
            ("one.txt", b"1".to_vec()),
            ("docs/index.html", text().into_bytes()),
        ];
        Site::of(&files, "")
    })
}

/// As long as the noise, so that one table does for both.
fn text() -> String {
    fixtures::text()[..SIZE].to_owned()
}

/// More than 1 MiB that are deflated.
fn large() -> String {
    (0..50_000).map(|line| format!("{line} of a long text that is packed\n")).collect()
}

const SIZE: usize = 100_000;

/// What a range gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// One range: the first byte, and the byte after the last one.
    One(usize, usize),
    /// Several, in this order.
    Parts(&'static [(usize, usize)]),
    /// Everything: the field is ignored.
    All,
    /// 416.
    None,
    /// One of two things that the specifications leave open: the range, or everything.
    Either(usize, usize),
}
use Gets::{All, Either, None as Nothing, One, Parts};

const RANGES: [(&str, Gets); 88] = [
    ("bytes=0-0", One(0, 1)),
    ("bytes=0-9", One(0, 10)),
    ("bytes=00-09", One(0, 10)),
    ("bytes=500-999", One(500, 1_000)),
    ("bytes=99999-99999", One(99_999, SIZE)),
    ("bytes=99999-", One(99_999, SIZE)),
    ("bytes=10-", One(10, SIZE)),
    ("bytes=0-", One(0, SIZE)),
    ("bytes=0-99999", One(0, SIZE)),
    ("bytes=-1", One(99_999, SIZE)),
    ("bytes=-10", One(99_990, SIZE)),
    ("bytes=-100000", One(0, SIZE)),
    // Ends that are too far are brought back.
    ("bytes=-100001", One(0, SIZE)),
    ("bytes=0-100000", One(0, SIZE)),
    ("bytes=99990-200000", One(99_990, SIZE)),
    ("bytes=10-18446744073709551615", One(10, SIZE)),
    ("bytes=10-18446744073709551616", One(10, SIZE)),
    ("bytes=10-99999999999999999999999999", One(10, SIZE)),
    ("bytes=-18446744073709551616", One(0, SIZE)),
    ("bytes=-99999999999999999999999999", One(0, SIZE)),
    // Across what may be sent in one piece.
    ("bytes=65535-65535", One(65_535, 65_536)),
    ("bytes=65535-65536", One(65_535, 65_537)),
    ("bytes=65536-", One(65_536, SIZE)),
    ("bytes=0-65535", One(0, 65_536)),
    ("bytes=1-65536", One(1, 65_537)),
    // The unit in any case of letters, and space around the whole.
    ("BYTES=0-9", One(0, 10)),
    ("Bytes=0-9", One(0, 10)),
    ("  bytes=0-9\t ", One(0, 10)),
    // Nothing of it is there.
    ("bytes=100000-", Nothing),
    ("bytes=100000-100000", Nothing),
    ("bytes=100000-200000", Nothing),
    ("bytes=18446744073709551615-", Nothing),
    ("bytes=18446744073709551616-", Nothing),
    ("bytes=99999999999999999999999999-", Nothing),
    ("bytes=99999999999999999999999998-99999999999999999999999999", Nothing),
    ("bytes=-0", Nothing),
    ("bytes=-000", Nothing),
    ("bytes=100000-,200000-", Nothing),
    ("bytes=-0,100000-", Nothing),
    // Malformed.
    ("bytes", All),
    ("bytes=", All),
    ("bytes=-", All),
    ("bytes=,", All),
    ("bytes=0", All),
    ("bytes=5-4", All),
    ("bytes=99999999999999999999999999-5", All),
    ("bytes=a-b", All),
    ("bytes=0-b", All),
    ("bytes=0x0-0x9", All),
    ("bytes=+0-9", All),
    ("bytes=0-+9", All),
    ("bytes=-+9", All),
    ("bytes=--1", All),
    ("bytes=-1-15", All),
    ("bytes=1-2-3", All),
    ("bytes=0 - 9", All),
    ("bytes=0- 9", All),
    ("bytes=0-9;x", All),
    ("bytes=0-9 20-29", All),
    ("bytes=0-9,x", All),
    ("bytes=0-9,5-4", All),
    ("bytes=0-9,-", All),
    ("bytes 0-9", All),
    ("bytes:0-9", All),
    ("0-9", All),
    ("", All),
    ("=0-9", All),
    ("bytes==0-9", All),
    ("bad_format", All),
    // Not in bytes.
    ("lines=0-9", All),
    ("none=0-9", All),
    ("byte=0-9", All),
    ("bytess=0-9", All),
    ("bytes\u{e9}=0-9", All),
    // Several, in the order asked for.
    ("bytes=0-0,-1", Parts(&[(0, 1), (99_999, SIZE)])),
    ("bytes=0-9,20-29,40-49", Parts(&[(0, 10), (20, 30), (40, 50)])),
    ("bytes=0-9, 20-29 ,\t40-49", Parts(&[(0, 10), (20, 30), (40, 50)])),
    ("bytes=40-49,0-9", Parts(&[(40, 50), (0, 10)])),
    ("bytes=-10,0-9", Parts(&[(99_990, SIZE), (0, 10)])),
    ("bytes=0-9,5-14", Parts(&[(0, 10), (5, 15)])),
    ("bytes=0-49999,50000-99999", Parts(&[(0, 50_000), (50_000, SIZE)])),
    ("bytes=65530-65545,65536-65536", Parts(&[(65_530, 65_546), (65_536, 65_537)])),
    // Those that can't be had are left out.
    ("bytes=0-9,100000-,20-29", Parts(&[(0, 10), (20, 30)])),
    // More than the whole altogether.
    ("bytes=0-,0-", All),
    ("bytes=0-,-1", All),
    ("bytes=0-60000,40000-99999", All),
    // Empty members of a list may be passed over (section 5.6.1.2).
    ("bytes=0-9,", Either(0, 10)),
    ("bytes= 0-9", Either(0, 10)),
];

/// Checks an answer against the whole.
fn check(name: &str, answer: &Answer, whole: &Answer, gets: Gets) {
    let body = &whole.body;
    let same = ["etag", "content-encoding", "cache-control", "vary", "accept-ranges"];
    if answer.status != 416 {
        for field in same {
            assert_eq!(answer.header(field), whole.header(field), "{field} of {name}: {answer:?}");
        }
    }
    match (answer.status, gets) {
        (206, One(start, end) | Either(start, end)) => {
            check_one(name, answer, whole, (start, end));
        }
        (206, Parts(ranges)) => check_parts(name, answer, whole, ranges),
        (200, All | Either(..)) => {
            assert!(answer.body == *body, "{name}: {answer:?}");
            assert_eq!(answer.header("content-type"), whole.header("content-type"), "{name}");
        }
        (416, Nothing) => {
            let size = format!("bytes */{}", body.len());
            assert_eq!(answer.header("content-range"), Some(&*size), "{name}");
        }
        _ => panic!("{name} shall get {gets:?}: {answer:?}"),
    }
}

fn check_one(name: &str, answer: &Answer, whole: &Answer, (start, end): (usize, usize)) {
    let range = content_range(answer.header("content-range").expect("Content-Range"));
    assert_eq!(range, (start, end, whole.body.len()), "{name}");
    assert!(answer.body == whole.body[start..end], "{name}: {answer:?}");
    assert_eq!(answer.header("content-type"), whole.header("content-type"), "{name}");
}

fn check_parts(name: &str, answer: &Answer, whole: &Answer, ranges: &[(usize, usize)]) {
    let parts = parts(answer);
    let found: Vec<_> = parts.iter().map(|part| (part.start, part.end)).collect();
    assert_eq!(found, ranges, "{name}");
    for part in parts {
        assert_eq!(part.size, whole.body.len(), "{name}");
        assert_eq!(Some(&*part.media_type), whole.header("content-type"), "{name}");
        assert!(part.content == whole.body[part.start..part.end], "{name}");
    }
}

#[test]
fn every_form_of_a_range_is_answered() {
    let site = site();
    for target in ["/noise.bin", "/text.txt", "/docs/"] {
        let whole = site.get(target);
        assert_eq!(whole.body.len(), SIZE);
        for (range, gets) in RANGES {
            let answer = site.get_with(target, &[&format!("range: {range}")]);
            check(&format!("{target} {range}"), &answer, &whole, gets);
        }
    }
}

/// What can't be had is left out, and one range is no multipart.
#[test]
fn one_range_that_is_left_is_one() {
    let site = site();
    let whole = site.get("/noise.bin");
    for range in ["bytes=0-9,100000-", "bytes=100000-,0-9", "bytes=-0,0-9"] {
        let answer = site.get_with("/noise.bin", &[&format!("range: {range}")]);
        match answer.header("content-range") {
            Some(_) => check_one(range, &answer, &whole, (0, 10)),
            None => check_parts(range, &answer, &whole, &[(0, 10)]),
        }
    }
}

/// Ranges are of what is sent.
#[test]
fn ranges_of_gzip_are_slices_of_it() {
    let site = site();
    let whole = site.gzip("/large.txt");
    let size = whole.body.len();
    assert_eq!(whole.header("content-encoding"), Some("gzip"));
    // The frame of gzip around the data of the archive: ten bytes before, eight behind.
    let cuts = [0, 1, 9, 10, 11, 500, size / 2, size - 9, size - 8, size - 7, size - 1];
    for start in cuts {
        for end in cuts.into_iter().chain([size]).filter(|&end| end > start) {
            let range = format!("range: bytes={start}-{}", end - 1);
            let answer = site.get_with("/large.txt", &[&range, "accept-encoding: gzip"]);
            check(&range, &answer, &whole, One(start, end));
        }
    }
    for (range, gets) in [
        ("bytes=0-0,-1".to_owned(), vec![(0, 1), (size - 1, size)]),
        ("bytes=5-14,0-9".to_owned(), vec![(5, 15), (0, 10)]),
        (
            format!("bytes=-12,{}-,8-11", size - 4),
            vec![(size - 12, size), (size - 4, size), (8, 12)],
        ),
    ] {
        let fields = [&format!("range: {range}"), "accept-encoding: gzip"];
        check_parts(&range, &site.get_with("/large.txt", &fields), &whole, &gets);
    }
    let fields = [&format!("range: bytes={size}-"), "accept-encoding: gzip"];
    check("behind gzip", &site.get_with("/large.txt", &fields), &whole, Nothing);
}

/// A large resource that is inflated on the way can't be read backwards.
#[test]
fn ranges_of_what_is_inflated_are_slices_of_it() {
    let site = site();
    let whole = site.get("/large.txt");
    let size = whole.body.len();
    assert!(size > 1 << 20, "{size}");
    for (start, end) in [
        (0, 1),
        (0, size),
        (1, 2),
        (32_767, 32_769),
        (65_535, 65_537),
        (65_536, 131_072),
        (1 << 20, (1 << 20) + 1),
        (size / 2, size),
        (size - 1, size),
    ] {
        let range = format!("range: bytes={start}-{}", end - 1);
        check(&range, &site.get_with("/large.txt", &[&range]), &whole, One(start, end));
    }
    for (range, gets) in [
        (
            "bytes=0-99,100-199,1000000-1000099",
            Parts(&[(0, 100), (100, 200), (1_000_000, 1_000_100)]),
        ),
        ("bytes=100-199,0-99", All),
        ("bytes=-100,0-99", All),
        ("bytes=1000000-1000099,100-199,2000-2099", All),
    ] {
        let answer = site.get_with("/large.txt", &[&format!("range: {range}")]);
        check(range, &answer, &whole, gets);
    }
}

#[test]
fn small_contents_have_ranges_as_well() {
    let site = site();
    for (target, range, gets) in [
        ("/one.txt", "bytes=0-0", One(0, 1)),
        ("/one.txt", "bytes=0-", One(0, 1)),
        ("/one.txt", "bytes=-1", One(0, 1)),
        ("/one.txt", "bytes=-5", One(0, 1)),
        ("/one.txt", "bytes=1-", Nothing),
        ("/one.txt", "bytes=0-0,0-0", All),
        ("/empty.txt", "bytes=0-", Nothing),
        ("/empty.txt", "bytes=0-0", Nothing),
        ("/empty.txt", "bytes=-0", Nothing),
        ("/empty.txt", "bytes=0-,0-", Nothing),
    ] {
        let whole = site.get(target);
        let answer = site.get_with(target, &[&format!("range: {range}")]);
        check(&format!("{target} {range}"), &answer, &whole, gets);
    }
    // The last byte of nothing: there is no Content-Range that could say it.
    let status = site.get_with("/empty.txt", &["range: bytes=-1"]).status;
    assert!([200, 416].contains(&status), "{status}");
}

#[test]
fn there_are_sixteen_ranges_at_most() {
    let site = site();
    let whole = site.get("/noise.bin");
    let ranges = |count: usize| {
        let ranges: Vec<_> = (0..count).map(|at| format!("{}-{}", 10 * at, 10 * at + 4)).collect();
        format!("range: bytes={}", ranges.join(","))
    };
    for count in [2, 15, 16] {
        let expected: Vec<_> = (0..count).map(|at| (10 * at, 10 * at + 5)).collect();
        let answer = site.get_with("/noise.bin", &[&ranges(count)]);
        check_parts("ranges", &answer, &whole, &expected);
    }
    for count in [17, 100, 5_000] {
        let answer = site.get_with("/noise.bin", &[&ranges(count)]);
        check("too many", &answer, &whole, All);
    }
}

#[test]
fn boundaries_are_in_no_content() {
    let several = ["range: bytes=0-9,20-29"];
    let first = site().get_with("/noise.bin", &several);
    let boundary = boundary(&first).to_owned();
    let lines = format!("\r\n--{boundary}\r\n--{boundary}--\r\n").repeat(20);
    let site = Site::of(&[("trap.bin", &lines), ("noise.bin", &lines)], "");
    for target in ["/trap.bin", "/noise.bin"] {
        let whole = site.get(target);
        let answer = site.get_with(target, &["range: bytes=0-199,300-499"]);
        check(target, &answer, &whole, Parts(&[(0, 200), (300, 500)]));
    }
}

#[test]
fn two_fields_are_no_range() {
    let site = site();
    let whole = site.get("/noise.bin");
    let answer = site.get_with("/noise.bin", &["range: bytes=0-9", "range: bytes=0-9"]);
    check("two fields", &answer, &whole, Either(0, 10));
}
