//! Patterns of names, as in a `.gitignore` file.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// A glob that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the glob {glob:?} is wrong")]
pub struct GlobError {
    /// The glob.
    pub glob: String,
    /// What is wrong.
    pub source: globset::Error,
}

/// Include and exclude patterns, matched as in a .gitignore file: without a slash in it a pattern
/// matches at any depth, with one it counts from the root; a directory stands for all that is in it.
#[derive(Debug, Clone)]
pub struct Globs {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Globs {
    /// Compiles the patterns; `None` includes everything.
    ///
    /// # Errors
    /// [`GlobError`].
    pub fn new(include: Option<&[String]>, exclude: &[String]) -> Result<Self, GlobError> {
        Ok(Self { include: include.map(compile).transpose()?, exclude: compile(exclude)? })
    }

    /// Whether nothing was said of what is included.
    pub fn includes_all(&self) -> bool {
        self.include.is_none()
    }

    /// Whether a path is included, by its name alone.
    pub fn includes(&self, path: &Path) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(path))
    }

    /// Whether a path is excluded.
    pub fn excludes(&self, path: &Path) -> bool {
        self.exclude.is_match(path)
    }
}

/// Compiles patterns.
///
/// # Errors
/// [`GlobError`].
pub fn compile(patterns: &[String]) -> Result<GlobSet, GlobError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let wrong = |source| GlobError { glob: pattern.clone(), source };
        let trimmed = pattern.trim_end_matches('/');
        let rooted = trimmed.strip_prefix("./").or_else(|| trimmed.strip_prefix('/'));
        let glob = match rooted {
            Some(rooted) => rooted.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        set.add(build(&glob).map_err(wrong)?);
        set.add(build(&format!("{glob}/**")).map_err(wrong)?);
    }
    set.build().map_err(|source| GlobError { glob: patterns.join(" "), source })
}

fn build(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}
