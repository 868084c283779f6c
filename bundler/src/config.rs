//! What a manifest says: `holdall.toml`, or `[package.metadata.holdall]` in a `Cargo.toml`.
//!
//! ```toml
//! name = "sayhello"
//! version = "0.1.0"
//! arguments = ["--port", "8080"]
//!
//! [environment]
//! GREETING = "hello"
//!
//! [about]
//! description = "Says hello"
//! license = "MIT"
//!
//! [entry-point]
//! kind = "exec"
//! path = "bin/server"
//!
//! [resources]
//! root = "."
//! include = ["data/**"]
//! exclude = ["*.map"]
//! follow-symlinks = false
//! gitignore = true
//! variants = ["br"]
//!
//! [resources.media-types]
//! "*.foo" = "text/x-foo; charset=utf-8"
//!
//! [serve]
//! "/static" = "assets"
//!
//! [static]
//! index = "index.html"
//! ```

use crate::variants::Variants;
use holdall_bundle::{About, EntryPointKind, Static};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The manifest's own file name.
pub const FILE_NAME: &str = "holdall.toml";

/// The longest manifest that is read, in bytes.
const LIMIT_BYTES: u64 = 1 << 20;

/// What a manifest says. Every key may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// The name of the bundle.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Default arguments, put before those of the user.
    pub arguments: Vec<String>,
    /// Default variables of the environment.
    pub environment: BTreeMap<String, String>,
    /// What it is for and whose it is.
    pub about: About,
    /// What runs.
    pub entry_point: EntryPointConfig,
    /// What is packed.
    pub resources: ResourcesConfig,
    /// What is served over HTTP: URL prefix to directory of resources.
    pub serve: Table,
    /// How it is served.
    #[serde(rename = "static")]
    pub rules: Option<Spanned<Static>>,
}

/// Keys and values of the user's own, with their places.
pub type Table = BTreeMap<Spanned<String>, Spanned<String>>;

/// What runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EntryPointConfig {
    /// How it runs; inferred if it is left out.
    pub kind: Option<EntryPointKind>,
    /// A program, shared object or script, relative to the manifest.
    pub path: Option<PathBuf>,
    /// A binary of the Cargo package.
    pub bin: Option<String>,
    /// The library (cdylib) of the Cargo package.
    pub lib: bool,
}

/// What is packed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ResourcesConfig {
    /// The directory that names are relative to, itself relative to the manifest.
    pub root: Option<PathBuf>,
    /// Globs of what is packed; everything if there are none.
    pub include: Option<Vec<String>>,
    /// Globs of what is not.
    pub exclude: Vec<String>,
    /// Whether symbolic links are followed.
    pub follow_symlinks: bool,
    /// Whether .gitignore files count; they do if this is left out.
    pub gitignore: Option<bool>,
    /// Glob to media type, where the usual one is wrong.
    pub media_types: Table,
    /// What is compressed in more ways than one.
    pub variants: Option<Variants>,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The manifest.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is longer than any manifest needs to be.
    #[error("{} has {size} bytes, more than the {LIMIT_BYTES} that are read", path.display())]
    TooLong {
        /// The manifest.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// It has a key or value that is wrong.
    #[error("{place}: {message}{}", hint(.nearest))]
    Wrong {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
        /// The known word that is nearest to an unknown one.
        nearest: Option<String>,
    },
}

/// What a directory has to say about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// What the manifest says; nothing if there is none.
    pub config: Config,
    /// The manifest, if there is one.
    pub path: Option<PathBuf>,
    text: String,
}

impl Found {
    /// The place of what has this span.
    pub fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.path.as_deref().unwrap_or(Path::new(FILE_NAME)), &self.text, span)
    }
}

impl Place {
    /// The start of `span` in the `text` of a manifest.
    fn new(path: &Path, text: &str, span: Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Reads `holdall.toml` in `dir`, or else the metadata in `cargo_toml`, if there is one.
///
/// # Errors
/// [`ConfigError`]. A manifest that is not there is none.
pub fn find(dir: &Path, cargo_toml: Option<&Path>) -> Result<Found, ConfigError> {
    let own = dir.join(FILE_NAME);
    if let Some(text) = read(&own)? {
        let config = parse(&text, &own)?;
        return Ok(Found { config, path: Some(own), text });
    }
    if let Some(path) = cargo_toml
        && let Some(text) = read(path)?
        && let Some(config) = parse_metadata(&text, path)?
    {
        return Ok(Found { config, path: Some(path.to_owned()), text });
    }
    Ok(Found { config: Config::default(), path: None, text: String::new() })
}

/// Parses the text of a `holdall.toml`; `path` is for messages.
///
/// # Errors
/// [`ConfigError::Wrong`], with the place.
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    toml::from_str(text).map_err(|error| wrong(path, text, &error))
}

/// Parses `[package.metadata.holdall]` of a `Cargo.toml`, if it has such a table.
///
/// # Errors
/// [`ConfigError::Wrong`], with the place.
pub fn parse_metadata(text: &str, path: &Path) -> Result<Option<Config>, ConfigError> {
    #[derive(Deserialize)]
    struct CargoToml {
        package: Option<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        holdall: Option<Config>,
    }
    let cargo_toml: CargoToml = toml::from_str(text).map_err(|error| wrong(path, text, &error))?;
    Ok(cargo_toml.package.and_then(|package| package.metadata?.holdall))
}

/// The text of `path`, `None` if there is no such file.
fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let fail = |source| ConfigError::Read { path: path.to_owned(), source };
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    if size > LIMIT_BYTES {
        return Err(ConfigError::TooLong { path: path.to_owned(), size });
    }
    std::fs::read_to_string(path).map(Some).map_err(fail)
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let place = Place::new(path, text, error.span().unwrap_or(0..0));
    let message = error.message().trim().replace('\n', " ");
    let nearest = nearest(&message);
    ConfigError::Wrong { place, message, nearest }
}

/// The expected word that the unknown one was probably meant to be. Serde's messages put words in
/// backquotes: the unknown one first, then all that are known.
fn nearest(message: &str) -> Option<String> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    words
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known.to_owned())
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        parse(text, Path::new("holdall.toml")).unwrap_err().to_string()
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            r#"
            name = "n"
            version = "1"
            arguments = ["-v"]
            [environment]
            GREETING = "hello"
            [about]
            description = "Says hello"
            [entry-point]
            kind = "plugin"
            path = "lib/x.so"
            [resources]
            root = "data"
            include = ["a"]
            exclude = ["b"]
            follow-symlinks = true
            gitignore = false
            variants = ["zstd", "br"]
            [resources.media-types]
            "*.foo" = "text/x-foo"
            [serve]
            "/static" = "assets"
            [static]
            listing = true
            [[static.headers]]
            for = "/**"
            set = { X-A = "b" }
            "#,
            Path::new("x"),
        )
        .unwrap();
        assert_eq!(config.arguments, ["-v"]);
        assert_eq!(config.environment["GREETING"], "hello");
        assert_eq!(config.about.description.as_deref(), Some("Says hello"));
        assert_eq!(config.entry_point.kind, Some(EntryPointKind::Plugin));
        assert_eq!(config.resources.gitignore, Some(false));
        assert!(config.resources.follow_symlinks);
        assert_eq!(config.resources.variants.unwrap().to_string(), "br,zstd");
        assert_eq!(config.resources.media_types["*.foo"].get_ref(), "text/x-foo");
        assert_eq!(config.serve["/static"].get_ref(), "assets");
        assert_eq!(config.rules.unwrap().get_ref().headers[0].set["X-A"], "b");
    }

    #[test]
    fn rules_need_no_table_of_their_own() {
        let text = "name = \"n\"\n[[static.redirects]]\nfrom = \"/a\"\nto = \"/b\"\n";
        let config = parse(text, Path::new("x")).unwrap();
        let rules = config.rules.unwrap();
        assert_eq!(Place::new(Path::new("x"), text, rules.span()).line, 2);
        assert_eq!(rules.get_ref().redirects.len(), 1);
    }

    #[test]
    fn an_unknown_rule_is_shown_with_its_place() {
        let error = error_of("[static]\nindx = \"x\"\n");
        assert!(error.starts_with("holdall.toml:2:1: unknown field `indx`"), "{error}");
        assert!(error.ends_with("did you mean `index`?"), "{error}");
    }

    #[test]
    fn an_unknown_variant_is_shown_with_its_place() {
        let error = error_of("[resources]\nvariants = [\"br\", \"gzip\"]\n");
        assert!(error.starts_with("holdall.toml:2:"), "{error}");
        assert!(error.contains("unknown variant `gzip`, expected `br` or `zstd`"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_place_and_the_nearest() {
        let error = error_of("name = \"n\"\n\n[resources]\nexlude = []\n");
        assert!(error.starts_with("holdall.toml:4:1: unknown field `exlude`"), "{error}");
        assert!(error.ends_with("did you mean `exclude`?"), "{error}");
    }

    #[test]
    fn an_unknown_kind_is_shown_with_its_place() {
        let error = error_of("[entry-point]\nkind = \"lniked\"\n");
        assert!(error.starts_with("holdall.toml:2:8: unknown variant `lniked`"), "{error}");
        assert!(error.ends_with("did you mean `linked`?"), "{error}");
    }

    #[test]
    fn broken_toml_has_a_place() {
        let error = error_of("name = \n");
        assert!(error.starts_with("holdall.toml:1:"), "{error}");
    }

    #[test]
    fn metadata_is_found_among_the_rest() {
        let text =
            "[package]\nname='x'\n[package.metadata.holdall]\nname='y'\n[profile.dev]\nlto=1";
        let config = parse_metadata(text, Path::new("Cargo.toml")).unwrap().unwrap();
        assert_eq!(config.name.as_deref(), Some("y"));
        assert_eq!(parse_metadata("[workspace]", Path::new("Cargo.toml")).unwrap(), None);
    }

    #[test]
    fn metadata_mistakes_have_a_place() {
        let text = "[package]\nname='x'\n[package.metadata.holdall]\nnmae='y'\n";
        let error = parse_metadata(text, Path::new("Cargo.toml")).unwrap_err().to_string();
        assert!(error.starts_with("Cargo.toml:4:1: unknown field `nmae`"), "{error}");
    }
}
