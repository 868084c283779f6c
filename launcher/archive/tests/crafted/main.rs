//! Archives that readers of zip disagree about: each is refused, with the place and the reason.
//!
//! Every row is a file made byte by byte. Beside our own refusal stands what two other readers do
//! with it, so that the tables show what the strictness is for.

mod case;
mod entries;
mod forge;
mod readers;
mod structure;

use std::{collections::HashSet, fs, path::Path, sync::LazyLock};

use case::{Case, Refusal, refusal_of};
use holdall_archive::{Archive, Error};

/// All rows; made once, as a bomb takes its time.
fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(make_all);
    &ALL
}

fn make_all() -> Vec<Case> {
    [
        entries::duplicates(),
        structure::overlaps(),
        structure::mismatches(),
        structure::places(),
        structure::ends(),
        structure::zip64_ends(),
        structure::counts(),
        structure::gaps(),
        structure::prefixes(),
        entries::names(),
        entries::unicode_paths(),
        entries::kinds(),
        entries::methods(),
        entries::sizes(),
        entries::extras(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Opens the archive and reads every entry, in both ways; the first refusal.
fn refusal(path: &Path) -> Option<Refusal> {
    let archive = match Archive::open(path) {
        Ok(archive) => archive,
        Err(error) => return Some(refusal_of(error).expect("an error of the format")),
    };
    for entry in archive.entries_under("").unwrap() {
        let entry = entry.unwrap();
        let at_once = entry.bytes().map(drop);
        let in_pieces = entry.reader().and_then(|mut reader| reader.read_to_end_with(&mut |_| ()));
        assert_eq!(
            at_once.as_ref().map_err(ToString::to_string),
            in_pieces.as_ref().map_err(ToString::to_string),
            "both ways of reading say the same"
        );
        match at_once {
            Ok(()) => {}
            Err(Error::BadData { name, flaw, .. }) => {
                return Some(Refusal::BadData(name.leak(), flaw));
            }
            Err(Error::Damaged { name, expected, found, .. }) => {
                assert_ne!(expected, found);
                return Some(Refusal::Crc32(name.leak()));
            }
            Err(other) => panic!("{other}"),
        }
    }
    None
}

#[test]
fn every_crafted_archive_is_refused_with_place_and_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crafted");
    let mut wrong = Vec::new();
    for case in all() {
        fs::write(&path, &case.file).unwrap();
        let found = refusal(&path);
        if found.as_ref() != Some(&case.refusal) {
            wrong
                .push(format!("{}:\n  expected {:?}\n  found {found:?}", case.title, case.refusal));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn verification_refuses_what_reading_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crafted");
    for case in all() {
        fs::write(&path, &case.file).unwrap();
        let Ok(archive) = Archive::open(&path) else { continue }; // Refused before.
        let mut problems = Vec::new();
        let _ = archive.verify(&mut |problem| problems.push(problem));
        let named = problems.iter().any(|problem| match (problem, &case.refusal) {
            (Error::BadData { name, .. }, Refusal::BadData(expected, _))
            | (Error::Damaged { name, .. }, Refusal::Crc32(expected)) => name == expected,
            _ => false,
        });
        assert!(named, "{}: {problems:?}", case.title);
    }
}

#[test]
fn what_only_looks_odd_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("harmless");
    for (title, forge) in entries::harmless() {
        fs::write(&path, forge.build().0).unwrap();
        assert_eq!(refusal(&path), None, "{title}");
        assert_eq!(readers::zip(&fs::read(&path).unwrap()), case::Verdict::Accepts, "{title}");
    }
}

#[test]
fn other_readers_do_as_the_tables_say() {
    let mut wrong = Vec::new();
    for case in all() {
        let found = [readers::zip(&case.file), readers::rawzip(&case.file)];
        if found != case.others {
            wrong.push(format!("{}\t{found:?}", case.title));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_row_has_a_title_of_its_own_and_there_are_as_many_as_known_attacks() {
    let titles: HashSet<_> = all().iter().map(|case| case.title).collect();
    assert_eq!(titles.len(), all().len());
    assert!(titles.len() >= 71, "{}", titles.len());
}
