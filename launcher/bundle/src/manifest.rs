//! The manifest of a bundle: `.holdall/manifest.json`, the first entry of its archive.
//!
//! It says what the bundle is, what runs, and the digests that everything else is held against.
//! Reading is strict: a key that this version does not know may change the meaning of those it
//! knows, so it is refused. A later format says so by its number.

#[cfg(test)]
mod tests;

use crate::digest::{Digest, with_algorithm};
use crate::serving::{Serving, ServingError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The entry that holds the manifest.
pub const MANIFEST_NAME: &str = ".holdall/manifest.json";

/// The only manifest format there is so far.
pub const MANIFEST_FORMAT: u64 = 1;

/// The longest manifest that is read, in bytes. What the bundler writes has about one thousand.
pub const MANIFEST_LIMIT_BYTES: usize = 1 << 20;

/// The longest name, version or target, in bytes.
const TEXT_LIMIT_BYTES: usize = 200;
/// The longest text of [`About`], in bytes.
pub const ABOUT_LIMIT_BYTES: usize = 1000;

/// Where the payload of an `exec` entry point lies.
pub const PROGRAM_PREFIX: &str = ".holdall/bin/";

/// Where the payload of a `plugin` entry point lies.
pub const LIBRARY_PREFIX: &str = ".holdall/lib/";

/// Where resources lie that are compressed in other ways than the archive's, for HTTP: `NAME.br` and
/// `NAME.zst`.
pub const VARIANTS_PREFIX: &str = ".holdall/variants/";

/// What a bundle says of itself.
///
/// ```
/// use holdall_bundle::{EntryPointKind, Manifest};
///
/// let manifest = Manifest::from_json(br#"{
///     "format": 1, "name": "sayhello", "version": "0.1.0",
///     "entry_point": { "kind": "plugin", "payload": ".holdall/lib/libsayhello.so" },
///     "arguments": [],
///     "built": { "by": "holdall 0.1.0", "target": "x86_64-unknown-linux-gnu" },
///     "prefix": { "size": 4096,
///         "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
///     "content": { "files": 1, "size": 10, "digest":
///         "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
/// }"#)?;
/// assert_eq!(manifest.entry_point.kind, EntryPointKind::Plugin);
/// # Ok::<(), holdall_bundle::ManifestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of this manifest: [`MANIFEST_FORMAT`].
    pub format: u64,
    /// The name of the bundle, usable as a file name.
    pub name: String,
    /// The version of what is in the bundle, in its author's own scheme.
    pub version: String,
    /// What runs.
    pub entry_point: EntryPoint,
    /// What it is for and whose it is, for those who look.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// Default arguments, put before those of the user.
    pub arguments: Vec<String>,
    /// Default variables of the environment; what the user's environment has comes before them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Which resources are served over HTTP, and how; a `site` without it serves all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Serving>,
    /// What made the bundle.
    pub built: Built,
    /// The executable that the file begins with.
    pub prefix: Prefix,
    /// Everything in the archive except the manifest and the index.
    pub content: Content,
}

/// What a bundle is for and whose it is; all of it is text for people and for catalogues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct About {
    /// What it does, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX licence expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Whose it is, as Cargo writes authors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// The URL of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// The URL of its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
    /// The URL of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// What runs when the bundle is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPoint {
    /// How it runs.
    pub kind: EntryPointKind,
    /// The entry that holds the code: in [`LIBRARY_PREFIX`] for `plugin`, in [`PROGRAM_PREFIX`]
    /// for `exec`, none for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// The four ways to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryPointKind {
    /// The service is compiled into the executable that the file begins with.
    Linked,
    /// A shared object with the service ABI.
    Plugin,
    /// Any executable; it replaces the launcher.
    Exec,
    /// No code: the resource tree is served.
    Site,
}

/// What made a bundle. No time and no user: the same inputs give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// The bundler and its version.
    pub by: String,
    /// The target triple of the executable.
    pub target: String,
}

/// The executable that the file begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes, the value of the length note read as zero: the note holds the
    /// length of the whole file, which is not known while the manifest is made.
    pub sha256: Digest,
}

/// Everything in the archive except the manifest and the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// How many files, the payload among them.
    pub files: u64,
    /// How many bytes they have, unpacked.
    pub size: u64,
    /// The digest of their names, modes, media types and digests: see
    /// [`Content`](holdall_archive::Content).
    #[serde(with = "with_algorithm")]
    pub digest: Digest,
}

/// Why some bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Longer than any manifest needs to be.
    #[error("the manifest has {length} bytes, more than the {MANIFEST_LIMIT_BYTES} that are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not JSON, or not these keys and values.
    #[error("the manifest is wrong")]
    Json(#[source] serde_json::Error),
    /// Made by a later bundler.
    #[error(
        "the manifest has format {found}, this program reads up to format {supported}: \
         use a later holdall"
    )]
    NewerFormat {
        /// The format that it has.
        found: u64,
        /// The latest format that is understood.
        supported: u64,
    },
    /// A format number that no bundler has written.
    #[error("the manifest has format {found}, which does not exist")]
    UnknownFormat {
        /// The format that it has.
        found: u64,
    },
    /// A text that can't be used for what it is there for.
    #[error("{key} in the manifest is {value:?}: {reason}")]
    Value {
        /// Where it stands.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Resources can't be served as it says.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// A payload that does not fit the kind of entry point.
    #[error("a {kind} entry point {}, the manifest has {}", payload_rule(*.kind), shown(.payload))]
    Payload {
        /// The kind of entry point.
        kind: EntryPointKind,
        /// The payload that it has.
        payload: Option<String>,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Whatever [`ManifestError`] lists. A later format is told from a damaged manifest even
    /// where all its other keys are unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > MANIFEST_LIMIT_BYTES {
            return Err(ManifestError::TooLong { length: json.len() });
        }
        check_format(json)?;
        let manifest: Self = serde_json::from_slice(json).map_err(ManifestError::Json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Writes the manifest: the same value always gives the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and lists only: there is nothing in it that JSON can't say.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// What is served over HTTP: what the manifest says, or else all resources of a site.
    pub fn served(&self) -> Option<Serving> {
        let is_site = self.entry_point.kind == EntryPointKind::Site;
        self.serving.clone().or_else(|| is_site.then(Serving::default))
    }

    /// Checks what the types alone don't: the bundler calls it before it packs anything.
    ///
    /// # Errors
    /// [`ManifestError::Value`] and [`ManifestError::Payload`].
    pub fn check(&self) -> Result<(), ManifestError> {
        check_name(&self.name)?;
        check_text("version", &self.version)?;
        check_text("built.by", &self.built.by)?;
        check_text("built.target", &self.built.target)?;
        self.about.check()?;
        self.arguments.iter().try_for_each(|argument| check_argument(argument))?;
        self.environment.iter().try_for_each(|(name, value)| check_variable(name, value))?;
        self.serving.iter().try_for_each(Serving::check)?;
        self.entry_point.check()
    }
}

impl About {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn check(&self) -> Result<(), ManifestError> {
        let texts = [
            ("about.description", &self.description),
            ("about.license", &self.license),
            ("about.homepage", &self.homepage),
            ("about.documentation", &self.documentation),
            ("about.repository", &self.repository),
        ];
        let authors = self.authors.iter().map(|author| ("about.authors", author));
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?)));
        texts.chain(authors).try_for_each(|(key, text)| check_line(key, text, ABOUT_LIMIT_BYTES))
    }
}

impl EntryPoint {
    fn check(&self) -> Result<(), ManifestError> {
        let fits = match (self.kind.payload_prefix(), &self.payload) {
            (Some(prefix), Some(payload)) => is_below(payload, prefix),
            (None, None) => true,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(ManifestError::Payload { kind: self.kind, payload: self.payload.clone() })
    }
}

impl EntryPointKind {
    /// The directory its payload lies in, if it has one.
    pub fn payload_prefix(self) -> Option<&'static str> {
        match self {
            Self::Plugin => Some(LIBRARY_PREFIX),
            Self::Exec => Some(PROGRAM_PREFIX),
            Self::Linked | Self::Site => None,
        }
    }

    /// Its name in manifests and on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Plugin => "plugin",
            Self::Exec => "exec",
            Self::Site => "site",
        }
    }
}

impl fmt::Display for EntryPointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Looks at the format alone, before the keys that depend on it.
fn check_format(json: &[u8]) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct FormatOnly {
        format: u64,
    }
    let FormatOnly { format } = serde_json::from_slice(json).map_err(ManifestError::Json)?;
    match format {
        MANIFEST_FORMAT => Ok(()),
        0 => Err(ManifestError::UnknownFormat { found: format }),
        _ => Err(ManifestError::NewerFormat { found: format, supported: MANIFEST_FORMAT }),
    }
}

/// Checks that `name` can be the name of a bundle: a file name of at most 200 bytes.
///
/// # Errors
/// [`ManifestError::Value`] with the rule that it breaks.
pub fn check_name(name: &str) -> Result<(), ManifestError> {
    check_text("name", name)?;
    let reason = match name {
        _ if name.contains('/') => "it has to be usable as a file name",
        "." | ".." => "it has to be usable as a file name",
        _ => return Ok(()),
    };
    Err(ManifestError::Value { key: "name", value: name.to_owned(), reason })
}

fn check_text(key: &'static str, value: &str) -> Result<(), ManifestError> {
    check_line(key, value, TEXT_LIMIT_BYTES)
}

fn check_line(key: &'static str, value: &str, limit_bytes: usize) -> Result<(), ManifestError> {
    let reason = if value.is_empty() {
        "it can't be empty"
    } else if value.len() > limit_bytes {
        match limit_bytes {
            TEXT_LIMIT_BYTES => "it has more than 200 bytes",
            _ => "it has more than 1,000 bytes",
        }
    } else if value.chars().any(char::is_control) {
        "it has control characters"
    } else {
        return Ok(());
    };
    Err(ManifestError::Value { key, value: value.to_owned(), reason })
}

/// No process can be given a NUL in an argument.
fn check_argument(argument: &str) -> Result<(), ManifestError> {
    if !argument.contains('\0') {
        return Ok(());
    }
    let reason = "an argument can't hold a NUL";
    Err(ManifestError::Value { key: "arguments", value: argument.to_owned(), reason })
}

/// Checks that a variable can be in an environment, and is none of the launcher's own.
///
/// # Errors
/// [`ManifestError::Value`] with the rule that it breaks.
pub fn check_variable(name: &str, value: &str) -> Result<(), ManifestError> {
    let (wrong, reason) = if name.is_empty() || name.contains(['=', '\0']) {
        (name, "a variable has a name, without `=` and NUL")
    } else if name.starts_with("HOLDALL_") {
        (name, "variables of the launcher are no defaults: give its options as arguments")
    } else if value.contains('\0') {
        (value, "a variable can't hold a NUL")
    } else {
        return Ok(());
    };
    Err(ManifestError::Value { key: "environment", value: wrong.to_owned(), reason })
}

fn is_below(payload: &str, prefix: &str) -> bool {
    payload.strip_prefix(prefix).is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

fn payload_rule(kind: EntryPointKind) -> String {
    match kind.payload_prefix() {
        Some(prefix) => format!("has its payload in {prefix}"),
        None => "has no payload".to_owned(),
    }
}

fn shown(payload: &Option<String>) -> String {
    payload.as_ref().map_or_else(|| "none".to_owned(), |payload| format!("{payload:?}"))
}
