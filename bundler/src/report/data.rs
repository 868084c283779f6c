//! What the page is told, as JSON that can stand inside HTML.
//!
//! There may be a million parts, so they are in columns: an array for each property, in the order of
//! the file. Of a name only what differs from the one before it is there: how many leading segments
//! are the same, and the rest.

use super::anatomy::{Anatomy, Part, Role};
use super::health::Health;
use base64::prelude::{BASE64_STANDARD, Engine};
use holdall_archive::{IndexState, Method};
use holdall_bundle::{Bundle, escaped};
use serde::Serialize;
use serde_json::ser::Formatter;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

/// What there is to tell of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// Its file, in parts.
    pub anatomy: &'a Anatomy,
    /// What of it is damaged.
    pub health: &'a Health,
}

impl Data<'_> {
    /// The name of the file, for people.
    pub fn file_name(&self) -> String {
        super::file_name(self.bundle.archive().path())
    }

    /// Writes it as JSON in which nothing can end a script, or turn the direction of text.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let page = Page {
            format: 1,
            file: FileData {
                name: self.file_name(),
                size: self.anatomy.file_len,
                sha256: self.health.sha256.to_string(),
            },
            bundle: BundleData::new(self.bundle),
            manifest: text_of_manifest(self.bundle),
            health: HealthData::new(self),
            roles: Role::ALL.map(Role::as_str),
            parts: PartsData::new(&self.anatomy.parts),
        };
        page.serialize(&mut serde_json::Serializer::with_formatter(out, Inert))?;
        Ok(())
    }
}

#[derive(Serialize)]
struct Page {
    format: u32,
    file: FileData,
    bundle: BundleData,
    manifest: String,
    health: HealthData,
    roles: [&'static str; Role::ALL.len()],
    parts: PartsData,
}

#[derive(Serialize)]
struct FileData {
    name: String,
    size: u64,
    sha256: String,
}

#[derive(Serialize)]
struct BundleData {
    name: String,
    version: String,
    kind: &'static str,
    payload: Option<String>,
    arguments: Vec<String>,
    by: String,
    target: String,
    executable_sha256: String,
    content_digest: String,
    served: Option<String>,
}

impl BundleData {
    fn new(bundle: &Bundle) -> Self {
        let manifest = bundle.manifest();
        let shown = |text: &str| escaped(text).into_owned();
        Self {
            name: shown(&manifest.name),
            version: shown(&manifest.version),
            kind: manifest.entry_point.kind.as_str(),
            payload: manifest.entry_point.payload.as_deref().map(shown),
            arguments: manifest.arguments.iter().map(|word| shown(word)).collect(),
            by: shown(&manifest.built.by),
            target: shown(&manifest.built.target),
            executable_sha256: manifest.prefix.sha256.to_string(),
            content_digest: manifest.content.digest.to_string(),
            served: manifest.served().map(|served| shown(&served.to_string())),
        }
    }
}

/// The manifest as it is shown, line by line.
fn text_of_manifest(bundle: &Bundle) -> String {
    let json = bundle.manifest().to_json();
    let text = String::from_utf8_lossy(&json);
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

#[derive(Serialize)]
struct HealthData {
    index: &'static str,
    problems_len: u64,
    problems: Vec<ProblemData>,
    /// What each signature claims.
    signatures: Vec<String>,
}

#[derive(Serialize)]
struct ProblemData {
    text: String,
    part: Option<usize>,
}

impl HealthData {
    fn new(data: &Data) -> Self {
        let problem = |problem: &super::health::Problem| ProblemData {
            text: problem.text.clone(),
            part: problem.part,
        };
        Self {
            index: match data.health.index {
                IndexState::Used => "used",
                IndexState::Absent => "absent",
                IndexState::Stale => "stale",
            },
            problems_len: data.health.problems_len,
            problems: data.health.problems.iter().map(problem).collect(),
            signatures: data.health.signatures.iter().map(|signature| signature.claim()).collect(),
        }
    }
}

/// The parts in columns, each as long as the others but for `digests`.
#[derive(Serialize, Default)]
struct PartsData {
    role: Vec<u8>,
    /// How many leading segments of the name are those of the name before.
    shared: Vec<usize>,
    /// The rest of the name.
    name: Vec<String>,
    header_len: Vec<u64>,
    packed_size: Vec<u64>,
    size: Vec<u64>,
    deflated: Vec<u8>,
    mode: Vec<u32>,
    /// A place in `types`.
    media_type: Vec<usize>,
    /// The media types that there are; the first is none.
    types: Vec<String>,
    /// Whether the digest is known: those that are follow one another in `digests`.
    digest: Vec<u8>,
    /// SHA-256, 32 bytes each, in base64 (RFC 4648 §4).
    digests: String,
}

impl PartsData {
    fn new(parts: &[Part]) -> Self {
        let mut data = Self { types: vec![String::new()], ..Self::default() };
        let mut types = HashMap::from([("", 0)]);
        let mut digests = Vec::new();
        let mut before = String::new();
        for part in parts {
            let media_type = *types.entry(&part.media_type).or_insert_with(|| {
                data.types.push(escaped(&part.media_type).into_owned());
                data.types.len() - 1
            });
            let name = escaped(&part.name).into_owned();
            let (shared, rest) = difference(&before, &name);
            data.shared.push(shared);
            data.name.push(rest.to_owned());
            data.role.push(part.role as u8);
            data.header_len.push(part.header_len);
            data.packed_size.push(part.packed_size);
            data.size.push(part.size);
            data.deflated.push((part.method == Method::Deflated).into());
            data.mode.push(part.mode);
            data.media_type.push(media_type);
            data.digest.push(part.digest.is_some().into());
            digests.extend(part.digest.iter().flat_map(|digest| digest.0));
            before = name;
        }
        data.digests = BASE64_STANDARD.encode(digests);
        data
    }
}

/// How many leading segments `name` shares with the name before it, and what comes after them.
fn difference<'a>(before: &str, name: &'a str) -> (usize, &'a str) {
    let (mut shared, mut rest) = (0, name);
    for segment in before.split_inclusive('/').filter(|segment| segment.ends_with('/')) {
        let Some(next) = rest.strip_prefix(segment) else { break };
        (shared, rest) = (shared + 1, next);
    }
    (shared, rest)
}

/// Writes strings so that HTML, and whoever reads it, takes them for nothing but text.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for piece in fragment.split_inclusive(is_active) {
            let Some(last) = piece.chars().next_back().filter(|last| is_active(*last)) else {
                out.write_all(piece.as_bytes())?;
                continue;
            };
            out.write_all(&piece.as_bytes()[..piece.len() - last.len_utf8()])?;
            for unit in last.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

/// What means something to HTML, and what can't be seen.
fn is_active(c: char) -> bool {
    let is_unseen = matches!(escaped(c.encode_utf8(&mut [0; 4])), Cow::Owned(_));
    is_unseen || matches!(c, '<' | '>' | '&')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Inert)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_written_is_inert_and_the_same_when_it_is_read() {
        let hostile = "</script><!--&\u{202e}\u{2028}\u{9f}\u{7f}\0\r\n\"\\'ü日";
        let json = written(hostile);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
        for active in ["<", ">", "&", "\u{202e}", "\u{2028}", "\u{9f}", "\u{7f}", "\0", "\r", "\n"]
        {
            assert!(!json.contains(active), "{active:?} in {json}");
        }
        assert!(json.ends_with("'ü日\""), "{json}");
    }

    #[test]
    fn names_are_told_by_what_differs() {
        let cases = [
            ("", "a/b", (0, "a/b")),
            ("a/b", "a/c", (1, "c")),
            ("a/b/c", "a/b/", (2, "")),
            ("a/", "a/b/c", (1, "b/c")),
            ("a/b", "a-b/c", (0, "a-b/c")),
            ("a/b/c", "a/bc/d", (1, "bc/d")),
        ];
        for (before, name, expected) in cases {
            assert_eq!(difference(before, name), expected, "{before} {name}");
        }
    }
}
