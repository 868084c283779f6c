//! Names that look like one that is missing.
//!
//! The work is bounded, so that a mistake among a million names costs no more than one among
//! thousands: at most [`EXAMINED`] names are looked at around the place that was asked for, and
//! as many from the root.

use std::collections::BTreeSet;

use crate::tree::{Dir, Tree, is_reserved};
use holdall_archive::Name;

/// Up to three names of files or directories that look like `name`, the most similar first.
pub(crate) fn names(tree: &dyn Tree, name: &str) -> Vec<String> {
    if name.len() > LENGTH_MAX_BYTES {
        return Vec::new();
    }
    let place = nearest_directory(tree, name);
    let mut candidates = tree.some_names(place, EXAMINED);
    if let Dir::Named(_) = place {
        candidates.extend(tree.some_names(Dir::Root, EXAMINED));
    }
    let candidates: BTreeSet<&str> =
        candidates.iter().flat_map(|file| [file.as_str(), shortened(file, name)]).collect();
    let mut ranked: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| Some((difference(name, candidate)?, candidate)))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(SUGGESTED).map(|(_, name)| name.to_owned()).collect()
}

const SUGGESTED: usize = 3;
const EXAMINED: usize = 1000;

/// A longer name is no slip of the keyboard.
const LENGTH_MAX_BYTES: usize = 128;

/// The deepest directory on the way to `name` that exists.
fn nearest_directory<'a>(tree: &dyn Tree, name: &'a str) -> Dir<'a> {
    let mut parent = name;
    while let Some((above, _)) = parent.rsplit_once('/') {
        parent = above;
        if let Ok(name) = Name::new(parent)
            && tree.is_dir(name).unwrap_or(false)
        {
            return Dir::Named(name);
        }
    }
    Dir::Root
}

/// The file's directory at the depth of `name`, so that directories are suggested too.
fn shortened<'a>(file: &'a str, name: &str) -> &'a str {
    let depth = name.split('/').count();
    match file.match_indices('/').nth(depth - 1) {
        Some((end, _)) => &file[..end],
        None => file,
    }
}

/// How much `candidate` differs from `name`; `None` if it looks like another name altogether.
fn difference(name: &str, candidate: &str) -> Option<usize> {
    if is_reserved(candidate) || candidate.len() > LENGTH_MAX_BYTES {
        return None;
    }
    let allowed = (name.chars().count() / 3).clamp(1, 5);
    if name.to_lowercase() == candidate.to_lowercase() {
        return Some(1);
    }
    edits(name, candidate, allowed)
        .or_else(|| same_file_name(name, candidate).then_some(allowed + 1))
}

fn same_file_name(a: &str, b: &str) -> bool {
    a.rsplit('/').next() == b.rsplit('/').next()
}

/// How many letters are to be put in, left out, replaced or swapped, if at most `allowed`.
fn edits(a: &str, b: &str, allowed: usize) -> Option<usize> {
    // A letter is up to four bytes, so lengths this far apart need no closer look.
    if a.len().abs_diff(b.len()) > 4 * allowed {
        return None;
    }
    let (a, b) = without_common_ends(a, b);
    Some(strsim::osa_distance(a, b)).filter(|edits| *edits <= allowed)
}

/// What is left of both without what they begin and end with alike, which is most of most names.
fn without_common_ends<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let same = |(x, y): &(char, char)| x == y;
    let prefix = a.chars().zip(b.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (a, b): (&str, &str) = (&a[prefix..], &b[prefix..]);
    let ends = a.chars().rev().zip(b.chars().rev());
    let suffix: usize = ends.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    (&a[..a.len() - suffix], &b[..b.len() - suffix])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        for (a, b, expected) in [
            ("index.html", "index.html", Some(0)),
            ("indx.html", "index.html", Some(1)),
            ("inedx.html", "index.html", Some(1)),
            ("", "abc", Some(3)),
            ("größe", "grosse", Some(3)),
            ("style.css", "logo.png", None),
            ("a", "abcde", None),
        ] {
            assert_eq!(edits(a, b, 3), expected, "{a} {b}");
            assert_eq!(edits(b, a, 3), expected, "{b} {a}");
        }
    }

    #[test]
    fn common_ends_are_set_aside() {
        assert_eq!(without_common_ends("größe.txt", "grüße.txt"), ("ö", "ü"));
        assert_eq!(without_common_ends("aaa", "aa"), ("a", ""));
        assert_eq!(without_common_ends("", "a"), ("", "a"));
    }

    #[test]
    fn another_directory_and_another_case_are_near() {
        assert_eq!(difference("main.css", "static/css/main.css"), Some(3));
        assert_eq!(difference("INDEX.HTML", "index.html"), Some(1));
        assert_eq!(difference("index.html", ".holdall/index"), None);
        assert_eq!(difference("x", "static"), None);
    }

    #[test]
    fn directories_are_suggested_at_the_depth_asked_for() {
        assert_eq!(shortened("data/css/a.css", "dta"), "data");
        assert_eq!(shortened("data/css/a.css", "data/cs"), "data/css");
        assert_eq!(shortened("a.css", "data/cs"), "a.css");
    }
}
