//! Attacks by one entry: its name, its kind, its method, its sizes, its data.

use holdall_archive::{Field, Flaw, NameError};

use crate::{
    case::{
        Case, FIRST, Refusal,
        Verdict::{Accepts, Rejects},
        control, first, malformed, mismatch, row, third, value,
    },
    forge::{Forge, Item, UTF8, extra, unicode_path, zip64},
};

pub fn duplicates() -> Vec<Case> {
    let file = |name: &str| Item::stored(name, b"c");
    let dot = |name: &str| Flaw::Name { name: name.into(), source: NameError::DotSegment };
    let both = |name: &str| Flaw::FileAndDirectory { name: name.into() };
    vec![
        row("a name twice", [Accepts, Accepts], third(file("data/a")), |at| {
            malformed(at.local[2], Flaw::Duplicate { name: "data/a".into() })
        }),
        row("a name twice, once with //", [Accepts, Accepts], third(file("data//a")), |at| {
            let (name, source) = ("data//a".into(), NameError::EmptySegment);
            malformed(at.central[2] + 46, Flaw::Name { name, source })
        }),
        row("a name twice, once with ./", [Accepts, Accepts], third(file("./data/a")), |at| {
            malformed(at.central[2] + 46, dot("./data/a"))
        }),
        row("a name twice, once with ..", [Accepts, Accepts], third(file("data/x/../a")), |at| {
            malformed(at.central[2] + 46, dot("data/x/../a"))
        }),
        row(
            "a file and a directory",
            [Accepts, Accepts],
            third(file("data/a/")).with(|f| {
                f.items[2] = Item::stored("data/a/", b"");
            }),
            |at| malformed(at.local[2], both("data/a")),
        ),
        row("a file in a file", [Accepts, Accepts], third(file("data/a/c")), |at| {
            malformed(at.local[2], both("data/a"))
        }),
    ]
}

pub fn names() -> Vec<Case> {
    let named = |name: &[u8]| third(Item::stored(name, b"c"));
    let refused = |name: &'static str, source| {
        move |at: &crate::forge::Layout| {
            malformed(at.central[2] + 46, Flaw::Name { name: name.into(), source })
        }
    };
    let control_char = |found| NameError::Control { found };
    let long = "x".repeat(5000);
    vec![
        row("..", [Accepts, Accepts], named(b".."), refused("..", NameError::DotSegment)),
        row(
            "out of the directory",
            [Accepts, Accepts],
            named(b"../../etc/passwd"),
            refused("../../etc/passwd", NameError::DotSegment),
        ),
        row("a dot", [Accepts, Accepts], named(b"."), refused(".", NameError::DotSegment)),
        row(
            "an absolute name",
            [Accepts, Accepts],
            named(b"/etc/passwd"),
            refused("/etc/passwd", NameError::Absolute),
        ),
        row("the root", [Accepts, Accepts], named(b"/"), refused("/", NameError::Empty)),
        row(
            "a backslash",
            [Accepts, Accepts],
            named(b"..\\x"),
            refused("..\\x", NameError::Backslash),
        ),
        row(
            "a drive with backslash",
            [Accepts, Accepts],
            named(b"C:\\x"),
            refused("C:\\x", NameError::Backslash),
        ),
        row("a drive", [Accepts, Accepts], named(b"c:x"), refused("c:x", NameError::Drive)),
        row("a NUL", [Accepts, Accepts], named(b"a\0b"), refused("a\0b", control_char('\0'))),
        row("a line feed", [Accepts, Accepts], named(b"a\nb"), refused("a\nb", control_char('\n'))),
        row(
            "an escape sequence",
            [Accepts, Accepts],
            named(b"\x1b[2J"),
            refused("\x1b[2J", control_char('\x1b')),
        ),
        row("an empty name", [Accepts, Accepts], named(b""), refused("", NameError::Empty)),
        row("a name of 5,000 bytes", [Accepts, Accepts], named(long.as_bytes()), |at| {
            let (name, source) = (long.clone(), NameError::TooLong { length: 5000 });
            malformed(at.central[2] + 46, Flaw::Name { name, source })
        }),
        row("not UTF-8", [Accepts, Accepts], named(b"gr\xf6\xdfe"), |at| {
            malformed(at.central[2] + 46, Flaw::NameEncoding { name: b"gr\xf6\xdfe".to_vec() })
        }),
        row(
            "not UTF-8, but flagged so",
            [Accepts, Accepts],
            third(Item::stored(b"\xff\xfe", b"c").both(|f| f.flags = UTF8)),
            |at| malformed(at.central[2] + 46, Flaw::NameEncoding { name: b"\xff\xfe".to_vec() }),
        ),
        row("UTF-8, not flagged so", [Accepts, Accepts], named("größe".as_bytes()), |at| {
            malformed(at.central[2] + 46, Flaw::NameEncoding { name: "größe".into() })
        }),
    ]
}

/// Unicode path fields, by which one entry has two names.
pub fn unicode_paths() -> Vec<Case> {
    let renames = || Flaw::UnicodePath { name: "data/a".into() };
    let field = unicode_path(b"data/a", b"../uni.txt");
    let wrong_crc32 = unicode_path(b"data/b", b"data/a");
    vec![
        row(
            "a Unicode path that renames",
            [Accepts, Accepts],
            first(|item| item.both(|f| f.extra = field.clone())),
            |at| malformed(at.central[0] + 46, renames()),
        ),
        row(
            "a Unicode path that renames in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.extra = field.clone())),
            |_| malformed(36, renames()),
        ),
        row(
            "a Unicode path of another name",
            [Accepts, Accepts],
            first(|item| item.both(|f| f.extra = wrong_crc32.clone())),
            |at| malformed(at.central[0] + 46, renames()),
        ),
        row(
            "two Unicode paths",
            [Accepts, Accepts],
            first(|item| {
                let same = unicode_path(b"data/a", b"data/a");
                item.both(|f| f.extra = [same.clone(), field.clone()].concat())
            }),
            |at| malformed(at.central[0] + 46, value(Field::ExtraField, 0x7075)),
        ),
        row(
            "an empty Unicode path",
            [Rejects, Accepts],
            first(|item| item.both(|f| f.extra = extra(0x7075, b""))),
            |at| malformed(at.central[0] + 46, renames()),
        ),
    ]
}

pub fn kinds() -> Vec<Case> {
    let mode = |title, mode| {
        let forge = first(|item| item.with(|item| item.mode = mode));
        row(title, [Accepts, Accepts], forge, |at| {
            let flaw = Flaw::Mode { name: "data/a".into(), mode: mode.into() };
            malformed(at.central[0] + 38, flaw)
        })
    };
    let directory = || Flaw::DirectoryData { name: "data/d/".into() };
    vec![
        mode("a symbolic link", 0o120_777),
        mode("a block device", 0o060_600),
        mode("a character device", 0o020_600),
        mode("a FIFO", 0o010_600),
        mode("a socket", 0o140_600),
        mode("a directory by mode, a file by name", 0o040_755),
        row(
            "a file by mode, a directory by name",
            [Accepts, Accepts],
            third(Item::stored("data/d/", b"").with(|item| item.mode = 0o100_644)),
            |at| {
                let flaw = Flaw::Mode { name: "data/d/".into(), mode: 0o100_644 };
                malformed(at.central[2] + 38, flaw)
            },
        ),
        row(
            "a directory with content",
            [Accepts, Accepts],
            third(Item::stored("data/d/", b"content")),
            |at| malformed(at.central[2] + 20, directory()),
        ),
        row(
            "a directory with data that inflates to nothing",
            [Accepts, Accepts],
            third(Item::deflated("data/d/", b"")),
            |at| malformed(at.central[2] + 20, directory()),
        ),
    ]
}

pub fn methods() -> Vec<Case> {
    let method = |title, number: u16| {
        let forge = first(|item| item.both(|f| f.method = number));
        row(title, [Rejects, Rejects], forge, |at| {
            malformed(at.central[0] + 10, value(Field::Method, number.into()))
        })
    };
    let flags = |title, zip, flags: u16| {
        let forge = first(|item| item.both(|f| f.flags = flags));
        row(title, [zip, Accepts], forge, |at| {
            malformed(at.central[0] + 8, value(Field::Flags, flags.into()))
        })
    };
    vec![
        method("method 1, shrunk", 1),
        method("method 9, deflate64", 9),
        method("method 12, bzip2", 12),
        method("method 93, zstd", 93),
        method("method 99, AES", 99),
        flags("encrypted", Rejects, 1),
        flags("encrypted strongly", Rejects, 0x41),
        flags("a data descriptor", Accepts, 8),
        flags("patch data", Accepts, 0x20),
        flags("masked headers", Accepts, 0x2000),
    ]
}

/// Sizes that lie, and data that is not what the headers say.
pub fn sizes() -> Vec<Case> {
    let content = vec![b'x'; 1000];
    let lying = |size: u32| third(Item::deflated("data/c", &content).both(|f| f.size = size));
    let bomb = Item::deflated("data/c", &vec![0; 80 << 20]);
    let bomb_len = bomb.data.len() as u64;
    let data = |change: fn(&mut Vec<u8>)| {
        third(Item::deflated("data/c", &content).with(|item| {
            change(&mut item.data);
            let length = item.data.len() as u32;
            (item.local.compressed_size, item.central.compressed_size) = (length, length);
        }))
    };
    let size = |declared, found| Refusal::BadData("data/c", Flaw::Size { declared, found });
    vec![
        row(
            "stored, but its sizes differ",
            [Accepts, Rejects],
            first(|item| item.both(|f| f.size = 5000)),
            |at| malformed(at.central[0] + 20, mismatch(Field::Size, 5000, 13)),
        ),
        row("1,000 bytes declared as 10", [Rejects, Rejects], lying(10), |_| size(10, 11)),
        row("1,000 bytes declared as 999", [Rejects, Rejects], lying(999), |_| size(999, 1000)),
        row("1,000 bytes declared as 5,000", [Accepts, Rejects], lying(5000), |_| size(5000, 1000)),
        row("a bomb of 80 MiB", [Accepts, Accepts], third(bomb.clone()), |at| {
            let flaw = Flaw::Bomb { size: 80 << 20, compressed_size: bomb_len };
            malformed(at.central[2] + 20, flaw)
        }),
        row(
            "a bomb of 80 MiB declared as 1 KiB",
            [Rejects, Rejects],
            third(bomb.clone().both(|f| f.size = 1024)),
            |_| size(1024, 1025),
        ),
        row(
            "more than deflate can shrink",
            [Accepts, Rejects],
            third(Item::deflated("data/c", b"").both(|f| f.size = 3000)),
            |at| malformed(at.central[2] + 20, Flaw::Bomb { size: 3000, compressed_size: 2 }),
        ),
        row("data that is not deflated", [Rejects, Rejects], data(|data| data.fill(0xff)), |_| {
            Refusal::BadData("data/c", Flaw::Deflate)
        }),
        row("a cut deflate stream", [Rejects, Rejects], data(|data| data.truncate(5)), |_| {
            // A literal and one repetition come out, the rest is gone.
            size(1000, 260)
        }),
        row(
            "bytes behind the deflate stream",
            [Accepts, Accepts],
            data(|data| data.extend(b"hidden")),
            |_| Refusal::BadData("data/c", Flaw::Deflate),
        ),
        row(
            "stored content that is not what was packed",
            [Rejects, Rejects],
            first(|item| item.with(|item| item.data[0] ^= 1)),
            |_| Refusal::Crc32("data/a"),
        ),
        row(
            "deflated content that is not what was packed",
            [Rejects, Rejects],
            third(Item::deflated("data/c", &content).both(|f| f.crc32 ^= 1)),
            |_| Refusal::Crc32("data/c"),
        ),
    ]
}

/// Extra fields, zip64 above all.
pub fn extras() -> Vec<Case> {
    let wide = |field: Vec<u8>| {
        first(|item| {
            item.both(|f| {
                (f.size, f.compressed_size) = (u32::MAX, u32::MAX);
                f.extra = field.clone();
            })
        })
    };
    let zip64_flaw = |at: &crate::forge::Layout| malformed(at.central[0] + 46, Flaw::Zip64);
    let sizes = [13, 13];
    vec![
        row("zip64 sizes missing", [Rejects, Rejects], wide(Vec::new()), zip64_flaw),
        row("zip64 sizes too short", [Rejects, Rejects], wide(zip64(&[13])), zip64_flaw),
        row("zip64 sizes too long", [Accepts, Accepts], wide(zip64(&[13, 13, 0])), zip64_flaw),
        row(
            "zip64 sizes twice",
            [Accepts, Accepts],
            wide([zip64(&sizes), zip64(&sizes)].concat()),
            |at| malformed(at.central[0] + 46, value(Field::ExtraField, 1)),
        ),
        row(
            "zip64 sizes without need",
            [Accepts, Accepts],
            first(|item| item.both(|f| f.extra = zip64(&sizes))),
            zip64_flaw,
        ),
        row("zip64 sizes of 2^60", [Rejects, Rejects], wide(zip64(&[1 << 60, 1 << 60])), |at| {
            let flaw = Flaw::Limit { field: Field::Size, found: 1 << 60 };
            malformed(at.central[0] + 20, flaw)
        }),
        row(
            "zip64 offset that overflows",
            [Rejects, Rejects],
            first(|item| {
                item.central(|f| f.extra = zip64(&[u64::MAX]))
                    .with(|item| item.header_offset = Some(u32::MAX))
            }),
            |at| malformed(at.central[0] + 42, value(Field::LocalHeaderOffset, u64::MAX)),
        ),
        row(
            "zip64 sizes that differ in the local header",
            [Accepts, Accepts],
            first(|item| {
                item.local(|f| {
                    (f.size, f.compressed_size) = (u32::MAX, u32::MAX);
                    f.extra = zip64(&[14, 13]);
                })
            }),
            |_| malformed(36, mismatch(Field::Size, 13, 14)),
        ),
        row(
            "an extra field longer than there is room",
            [Rejects, Accepts],
            first(|item| item.central(|f| f.extra = b"UT\x09\x00abc".to_vec())),
            |at| malformed(at.central[0] + 46, value(Field::ExtraField, 7)),
        ),
        row(
            "a local extra field longer than there is room",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.extra = b"UT\x09\x00abc".to_vec())),
            |_| malformed(36, value(Field::ExtraField, 7)),
        ),
    ]
}

/// What looks odd and is none the less right.
pub fn harmless() -> Vec<(&'static str, Forge)> {
    let utf8 = |name: &str| Item::stored(name, b"c").both(|f| f.flags = UTF8);
    vec![
        ("the control", control()),
        ("an empty archive", Forge::new([])),
        ("an empty file", third(Item::stored("data/c", b""))),
        ("an empty deflated file", third(Item::deflated("data/c", b""))),
        ("a directory", third(Item::stored("data/d/", b""))),
        ("a name in UTF-8", third(utf8("data/größe"))),
        ("a Unicode path that says the same", {
            let same = unicode_path("größe".as_bytes(), "größe".as_bytes());
            third(Item::stored("größe", b"c").both(|f| f.extra = same.clone()))
        }),
        ("no mode", first(|item| item.with(|item| item.mode = 0))),
        ("a mode without kind", first(|item| item.with(|item| item.mode = 0o600))),
        ("unknown extra fields", first(|item| item.both(|f| f.extra = extra(0x5455, b"\x01abcd")))),
        (
            "zip64 sizes that are needed",
            first(|item| {
                item.both(|f| {
                    (f.size, f.compressed_size) = (u32::MAX, u32::MAX);
                    f.extra = zip64(&[FIRST.len() as u64, FIRST.len() as u64]);
                })
            }),
        ),
        (
            "an executable before it",
            control().with(|f| {
                f.prefix = crate::case::executable(b"code");
            }),
        ),
        (
            "an executable and padding before it",
            control().with(|f| {
                f.prefix = crate::case::executable(b"code");
                f.prefix.extend([0; 7]);
            }),
        ),
    ]
}
