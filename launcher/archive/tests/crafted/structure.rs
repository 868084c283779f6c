//! Attacks on the frame: end records, counts, overlaps, gaps, headers that contradict each other.

use holdall_archive::{Field, Flaw};

use crate::{
    case::{
        Case, FIRST, Refusal,
        Verdict::{Accepts, Rejects},
        control, executable, first, malformed, mismatch, pair, row, second, third, value,
    },
    forge::{End64, Forge, Item, Part, UTF8},
};

pub fn overlaps() -> Vec<Case> {
    let [a, b] = pair();
    let overlap = |name: &str, bytes| Flaw::Overlap { name: name.into(), bytes };
    // The second entry is part of the first one's content.
    let quoted = |data: Vec<u8>| Item::stored("data/a", &data);
    vec![
        row(
            "two central headers for one local header",
            [Accepts, Accepts],
            Forge::new([
                a.clone(),
                a.clone().with(|item| {
                    item.only = Some(Part::Central);
                    item.header_offset = Some(0);
                }),
            ]),
            |at| malformed(0, overlap("data/a", at.directory)),
        ),
        row(
            "an entry within another's content",
            [Accepts, Accepts],
            Forge::new([
                quoted(b.local_bytes()),
                b.clone().with(|item| {
                    item.only = Some(Part::Central);
                    item.header_offset = Some(36);
                }),
            ]),
            |at| malformed(36, overlap("data/b", at.directory - 36)),
        ),
        row(
            "content that reaches into the next entry",
            [Accepts, Accepts],
            {
                let reaching = |item: Item| {
                    let content = [FIRST, &pair()[1].local_bytes()[..10]].concat();
                    item.both(|f| {
                        (f.size, f.compressed_size) = (23, 23);
                        f.crc32 = crc32fast::hash(&content);
                    })
                };
                first(reaching)
            },
            |at| malformed(at.local[1], overlap("data/b", 10)),
        ),
        row(
            "content that reaches into the central directory",
            [Rejects, Rejects],
            first(|item| item.both(|f| (f.size, f.compressed_size) = (5000, 5000))),
            |at| {
                let available = at.directory - 36;
                let flaw = Flaw::OutOfBounds { structure: "an entry", length: 5000, available };
                malformed(0, flaw)
            },
        ),
    ]
}

pub fn mismatches() -> Vec<Case> {
    vec![
        row(
            "another name in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.name = b"data/c".to_vec())),
            |_| {
                let (local, central) = ("data/c".into(), "data/a".into());
                malformed(30, Flaw::NameMismatch { local, central })
            },
        ),
        row(
            "a longer name in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.name = b"data/aa".to_vec())),
            |_| malformed(26, mismatch(Field::NameLength, 6, 7)),
        ),
        row(
            "another size in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.size = 5)),
            |_| malformed(36, mismatch(Field::Size, 13, 5)),
        ),
        row(
            "another compressed size in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.compressed_size = 5)),
            |_| malformed(36, mismatch(Field::CompressedSize, 13, 5)),
        ),
        row(
            "another method in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.method = 8)),
            |_| malformed(8, mismatch(Field::Method, 0, 8)),
        ),
        row(
            "another CRC-32 in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.crc32 = 0xdead_beef)),
            |_| malformed(14, mismatch(Field::Crc32, crc32fast::hash(FIRST).into(), 0xdead_beef)),
        ),
        row(
            "other flags in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.flags = UTF8)),
            |_| malformed(6, mismatch(Field::Flags, 0, UTF8.into())),
        ),
        row(
            "another time in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.time = 0x6001)),
            |_| malformed(10, mismatch(Field::Time, 0x6000, 0x6001)),
        ),
        row(
            "another date in the local header",
            [Accepts, Accepts],
            first(|item| item.local(|f| f.date = 0x5822)),
            |_| malformed(12, mismatch(Field::Date, 0x5821, 0x5822)),
        ),
    ]
}

/// Local headers that are not where the central ones say.
pub fn places() -> Vec<Case> {
    vec![
        row(
            "no local header where the central one says",
            [Rejects, Rejects],
            first(|item| item.with(|item| item.header_offset = Some(1))),
            |_| {
                let found = u32::from_le_bytes(*b"K\x03\x04\x14");
                malformed(1, Flaw::Signature { structure: "a local header", found })
            },
        ),
        row(
            "a local header offset within the central directory",
            [Rejects, Rejects],
            first(|item| item.with(|item| item.header_offset = Some(u32::MAX - 1))),
            |at| {
                let found = u64::from(u32::MAX) - 1;
                malformed(at.central[0] + 42, value(Field::LocalHeaderOffset, found))
            },
        ),
        row(
            "a local header that the central directory cuts",
            [Rejects, Rejects],
            third(Item::stored("data/c", b"").with(|item| item.only = Some(Part::Central))),
            |at| malformed(at.central[2] + 42, value(Field::LocalHeaderOffset, at.directory)),
        ),
    ]
}

/// Comments and trailers: readers that search for the end record find another one.
pub fn ends() -> Vec<Case> {
    let inner = |directory_offset: u32| {
        Forge::new([]).with(|forge| forge.end.directory_offset = Some(directory_offset)).build().0
    };
    let commented = |comment: &[u8]| control().with(|f| f.end.comment = comment.to_vec());
    let (plain, at_plain) = control().build();
    let (_, at_end) = (0, at_plain.end as u32 + 22);
    vec![
        row("an end record in the comment", [Accepts, Rejects], commented(&inner(0)), |at| {
            malformed(at.len - 6, mismatch(Field::DirectoryOffset, at.len - 22, 0))
        }),
        row(
            "an end record in the comment, of an empty archive",
            [Accepts, Accepts],
            commented(&inner(at_end)),
            |at| malformed(at.len - 22, Flaw::Prefix),
        ),
        row("a comment", [Accepts, Accepts], commented(b"hello"), |at| {
            malformed(at.end, Flaw::Comment { length: 5 })
        }),
        row(
            "a comment shorter than it says",
            [Rejects, Rejects],
            control().with(|f| f.end.comment_len = Some(7)),
            |at| malformed(at.end, Flaw::Comment { length: 7 }),
        ),
        row(
            "a byte after the end",
            [Accepts, Accepts],
            control().with(|f| f.trailing = vec![0]),
            |at| malformed(at.end + 22, Flaw::Trailing { bytes: 1 }),
        ),
        row(
            "more after the end than a comment can be",
            [Rejects, Accepts],
            control().with(|f| f.trailing = vec![0; 100_000]),
            |_| Refusal::NoArchive,
        ),
        row(
            "two archives in a row",
            [Accepts, Rejects],
            control().with(|f| {
                f.prefix = plain.clone();
                f.relative = true;
            }),
            |at| {
                let found = at.end - at_plain.len;
                malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end, found))
            },
        ),
        row(
            "two archives in a row, offsets put right",
            [Accepts, Accepts],
            control().with(|f| f.prefix = plain.clone()),
            |_| malformed(at_plain.len, Flaw::Prefix),
        ),
        row(
            "offsets that do not count the executable",
            [Accepts, Accepts],
            control().with(|f| {
                f.prefix = executable(b"code");
                f.relative = true;
            }),
            |at| {
                let found = at.end - executable(b"code").len() as u64;
                malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end, found))
            },
        ),
        row("several disks", [Rejects, Accepts], control().with(|f| f.end.disk = 1), |at| {
            malformed(at.end + 4, value(Field::Disk, 0x0001_0001))
        }),
        row(
            "an entry on another disk",
            [Accepts, Accepts],
            first(|item| item.with(|item| item.disk = 1)),
            |at| malformed(at.central[0] + 34, value(Field::Disk, 1)),
        ),
        row(
            "a comment of an entry",
            [Accepts, Accepts],
            first(|item| item.with(|item| item.comment = b"hello".to_vec())),
            |at| malformed(at.central[0] + 32, value(Field::CommentLength, 5)),
        ),
    ]
}

pub fn zip64_ends() -> Vec<Case> {
    let wide = |end64: End64| {
        control().with(|forge| {
            forge.end64 = Some(end64);
            forge.end.entries = Some(u16::MAX);
        })
    };
    let end64 = End64::default;
    vec![
        row(
            "zip64 without need",
            [Accepts, Accepts],
            control().with(|f| f.end64 = Some(end64())),
            |at| malformed(at.locator, Flaw::Zip64),
        ),
        row(
            "zip64 that contradicts the end record",
            [Accepts, Rejects],
            wide(End64 { directory_size: Some(10), ..end64() }),
            |at| {
                let found = at.end64 - at.directory;
                malformed(at.end, mismatch(Field::DirectorySize, 10, found))
            },
        ),
        row(
            "zip64 locator that points elsewhere",
            [Rejects, Rejects],
            wide(End64 { locator_offset: Some(0), ..end64() }),
            |at| malformed(at.locator + 8, Flaw::Zip64),
        ),
        row(
            "zip64 locator that points past the file",
            [Rejects, Rejects],
            wide(End64 { locator_offset: Some(u64::MAX - 3), ..end64() }),
            |at| malformed(at.locator + 8, Flaw::Zip64),
        ),
        row(
            "zip64 locator of two disks",
            [Rejects, Accepts],
            wide(End64 { disks: Some(2), ..end64() }),
            |at| malformed(at.locator, value(Field::Disk, 2)),
        ),
        row(
            "zip64 record without its signature",
            [Rejects, Rejects],
            wide(End64 { signature: Some(0x1234), ..end64() }),
            |at| {
                let structure = "a zip64 end record";
                malformed(at.end64, Flaw::Signature { structure, found: 0x1234 })
            },
        ),
        row(
            "zip64 record longer than it is",
            [Rejects, Rejects],
            wide(End64 { record_size: Some(1 << 40), ..end64() }),
            |at| malformed(at.end64 + 4, Flaw::Zip64),
        ),
        row(
            "zip64 record of another disk",
            [Rejects, Accepts],
            wide(End64 { disk: 3, ..end64() }),
            |at| malformed(at.end64 + 16, value(Field::Disk, 3)),
        ),
        row(
            "zip64 record with two counts",
            [Rejects, Accepts],
            wide(End64 { entries_here: Some(1), ..end64() }),
            |at| malformed(at.end64 + 24, mismatch(Field::EntryCount, 2, 1)),
        ),
        row(
            "zip64 directory that overflows",
            [Rejects, Rejects],
            control().with(|forge| {
                let directory_offset = Some(u64::MAX);
                forge.end64 = Some(End64 { directory_offset, ..end64() });
                forge.end.directory_offset = Some(u32::MAX);
            }),
            |at| malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end64, u64::MAX)),
        ),
        row(
            "a count of 2^40",
            [Rejects, Accepts],
            wide(End64 { entries: Some(1 << 40), ..end64() }),
            |at| malformed(at.directory, mismatch(Field::EntryCount, 1 << 40, 2)),
        ),
        row(
            "a count that asks for zip64, without zip64",
            [Rejects, Accepts],
            control().with(|f| f.end.entries = Some(u16::MAX)),
            |at| malformed(at.directory, mismatch(Field::EntryCount, 65_535, 2)),
        ),
    ]
}

pub fn counts() -> Vec<Case> {
    let end = |change: fn(&mut Forge)| control().with(change);
    vec![
        row("a count too low", [Accepts, Accepts], end(|f| f.end.entries = Some(1)), |at| {
            malformed(at.directory, mismatch(Field::EntryCount, 1, 2))
        }),
        row("a count too high", [Rejects, Accepts], end(|f| f.end.entries = Some(3)), |at| {
            malformed(at.directory, mismatch(Field::EntryCount, 3, 2))
        }),
        row("two counts", [Rejects, Accepts], end(|f| f.end.entries_here = Some(1)), |at| {
            malformed(at.end + 8, mismatch(Field::EntryCount, 2, 1))
        }),
        row(
            "a directory smaller than it is",
            [Rejects, Accepts],
            end(|f| f.end.directory_size = Some(52)),
            |at| {
                let found = at.directory + 52;
                malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end, found))
            },
        ),
        row(
            "a directory larger than the file",
            [Accepts, Accepts],
            end(|f| f.end.directory_size = Some(u32::MAX - 1)),
            |at| {
                let found = at.directory + u64::from(u32::MAX) - 1;
                malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end, found))
            },
        ),
        row(
            "a directory elsewhere",
            [Rejects, Rejects],
            end(|f| f.end.directory_offset = Some(0)),
            |at| {
                let found = at.end - at.directory;
                malformed(at.end + 16, mismatch(Field::DirectoryOffset, at.end, found))
            },
        ),
        row(
            "a directory that begins within its first header",
            [Rejects, Rejects],
            end(|f| {
                let (_, at) = control().build();
                f.end.directory_offset = Some(at.directory as u32 + 1);
                f.end.directory_size = Some((at.end - at.directory) as u32 - 1);
            }),
            |at| {
                let found = u32::from_le_bytes(*b"K\x01\x02\x1e");
                let structure = "a central header";
                malformed(at.directory + 1, Flaw::Signature { structure, found })
            },
        ),
        row("a cut central header", [Rejects, Rejects], end(|f| f.cut_directory = 20), |at| {
            let flaw =
                Flaw::OutOfBounds { structure: "a central header", length: 46, available: 32 };
            malformed(at.central[1], flaw)
        }),
        row("a cut central name", [Accepts, Rejects], end(|f| f.cut_directory = 2), |at| {
            let flaw = Flaw::OutOfBounds { structure: "a name", length: 6, available: 4 };
            malformed(at.central[1], flaw)
        }),
    ]
}

/// Bytes that belong to no entry.
pub fn gaps() -> Vec<Case> {
    let [a, b] = pair();
    let gap = |name: &str, bytes| Flaw::Gap { name: name.into(), bytes };
    let hidden = Item::stored("data/hidden", b"hidden");
    let hidden_len = hidden.local_bytes().len() as u64;
    let outside = Item::stored("data/outside", b"outside");
    let within_prefix = executable(&outside.local_bytes());
    vec![
        row(
            "an entry without central header",
            [Accepts, Accepts],
            Forge::new([a.clone(), hidden.clone().with(|item| item.only = Some(Part::Local)), b]),
            |at| malformed(at.local[1], gap("data/b", hidden_len)),
        ),
        row(
            "an entry without central header at the end",
            [Accepts, Accepts],
            third(hidden.with(|item| item.only = Some(Part::Local))),
            |at| malformed(at.local[2], gap("the central directory", hidden_len)),
        ),
        row(
            "a gap between entries",
            [Accepts, Accepts],
            third(Item::stored("data/c", b"c").with(|item| item.before = vec![0; 7])),
            |at| malformed(at.local[2] - 7, gap("data/c", 7)),
        ),
        row(
            "a gap before the central directory",
            [Accepts, Accepts],
            control().with(|f| f.before_directory = vec![0; 64]),
            |at| malformed(at.directory - 64, gap("the central directory", 64)),
        ),
        row(
            "an entry within the executable",
            [Accepts, Accepts],
            third(outside.with(|item| {
                item.only = Some(Part::Central);
                item.header_offset = Some(64);
            }))
            .with(|f| f.prefix = within_prefix.clone()),
            |at| {
                let begin = 64 + 30 + 12 + 7;
                malformed(begin, gap("data/a", at.local[0] - begin))
            },
        ),
    ]
}

/// What stands before the archive is not an executable that ends there.
pub fn prefixes() -> Vec<Case> {
    vec![
        row(
            "something else than an executable before the archive",
            [Accepts, Accepts],
            control().with(|f| f.prefix = b"#!/bin/sh\nexit 1\n".to_vec()),
            |at| malformed(at.local[0], Flaw::Prefix),
        ),
        row(
            "a gap behind the executable",
            [Accepts, Accepts],
            control().with(|f| f.prefix = [executable(b"code"), vec![0; 8]].concat()),
            |at| malformed(at.local[0], Flaw::Prefix),
        ),
        row(
            "padding behind the executable that is not zero",
            [Accepts, Accepts],
            control().with(|f| f.prefix = [executable(b"code"), vec![1; 4]].concat()),
            |at| malformed(at.local[0], Flaw::Prefix),
        ),
        row(
            "an executable that reaches into the archive",
            [Accepts, Accepts],
            control().with(|f| {
                f.prefix = executable(b"code");
                // The section's size.
                let size = f.prefix.len() - 64 + 32;
                f.prefix[size..size + 8].copy_from_slice(&4000u64.to_le_bytes());
            }),
            |at| malformed(at.local[0], Flaw::Prefix),
        ),
        row(
            "an archive of nothing but a directory entry's lie",
            [Accepts, Accepts],
            Forge::new([]).with(|f| f.prefix = second()),
            |at| malformed(at.directory, Flaw::Prefix),
        ),
    ]
}
