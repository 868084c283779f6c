//! Exact names on file systems that ignore the case of letters.
//!
//! A bundle is exact, so `Logo.png` must not be found as `logo.png` in development either. Where
//! the file system is exact, this costs one failing `stat` for each segment with letters.

use std::path::{Path, PathBuf};

use rustix::fs::{Stat, stat};

use super::io_error;
use crate::Error;
use holdall_archive::Name;

/// Whether each segment of `name`, which exists, is spelled as its directory lists it.
pub(super) fn is_exact(root: &Path, name: Name<'_>) -> Result<bool, Error> {
    let mut parent = root.to_owned();
    for segment in name.as_str().split('/') {
        if has_other_spelling(&parent, segment) && !lists(&parent, segment)? {
            return Ok(false);
        }
        parent.push(segment);
    }
    Ok(true)
}

/// Whether the segment with its letters in the other case names the same thing.
fn has_other_spelling(parent: &Path, segment: &str) -> bool {
    let other = swapped(segment);
    if other == segment {
        return false;
    }
    match (identity(parent.join(segment)), identity(parent.join(other))) {
        (Some(this), Some(other)) => this == other,
        _ => false,
    }
}

fn swapped(segment: &str) -> String {
    let swap = |c: char| match c {
        c if c.is_lowercase() => c.to_uppercase().collect::<String>(),
        c => c.to_lowercase().collect(),
    };
    segment.chars().map(swap).collect()
}

fn identity(path: PathBuf) -> Option<(u64, u64)> {
    let Stat { st_dev, st_ino, .. } = stat(path).ok()?;
    Some((st_dev, st_ino))
}

fn lists(parent: &Path, segment: &str) -> Result<bool, Error> {
    for entry in parent.read_dir().map_err(io_error("list", parent))? {
        if entry.map_err(io_error("list", parent))?.file_name() == segment {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn two_spellings_of_one_file_are_exact_only_if_both_are_listed() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("Logo.png"), "").expect("a file");
        // A hard link is what a file system that ignores case looks like to `stat`.
        fs::hard_link(root.path().join("Logo.png"), root.path().join("lOGO.PNG")).expect("a link");
        let exact =
            |name| is_exact(root.path(), Name::new(name).expect("valid")).expect("readable");
        assert!(has_other_spelling(root.path(), "Logo.png"));
        assert!(exact("Logo.png") && exact("lOGO.PNG"));
        assert!(!lists(root.path(), "logo.png").expect("readable"));
    }

    #[test]
    fn letters_of_every_script_are_swapped() {
        assert_eq!(swapped("Größe1.txt"), "gRÖSSE1.TXT");
        assert_eq!(swapped("日本"), "日本");
    }
}
