//! A bill of materials as CycloneDX 1.6 in JSON: <https://cyclonedx.org/docs/1.6/json/>.

use super::bill::{Bill, Crate, Part, Resource};
use holdall_bundle::Digest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// What stands for itself in a package URL (purl specification, Character encoding).
const PURL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
    compositions: Vec<Composition>,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Debug, Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bom_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Debug, Serialize)]
struct Hash {
    alg: &'static str,
    content: Digest,
}

#[derive(Debug, Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    of: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

/// How complete what is said of the dependencies is.
#[derive(Debug, Serialize)]
struct Composition {
    aggregate: &'static str,
    dependencies: Vec<String>,
}

/// The document that says what `bill` says.
pub fn document<'a>(bill: &'a Bill, time: Option<jiff::Timestamp>) -> Document<'a> {
    let components = bill.parts.iter().map(part);
    let components = components.chain(bill.crates.iter().map(package));
    let mut document = Document {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp: time.map(|time| time.to_string()),
            tools: Tools { components: [tool()] },
            component: bundle(bill),
        },
        components: components.chain(bill.resources.iter().map(resource)).collect(),
        dependencies: dependencies(bill),
        compositions: bill.parts.iter().map(composition).collect(),
    };
    document.serial_number = Some(format!("urn:uuid:{}", super::uuid(&document)));
    document
}

/// The package URL of a crate from crates.io.
pub fn purl(package: &Crate) -> Option<String> {
    let encoded = |text| utf8_percent_encode(text, &PURL);
    let Crate { name, version, source, .. } = package;
    let is_known = source == "crates.io";
    is_known.then(|| format!("pkg:cargo/{}@{}", encoded(name), encoded(version)))
}

fn tool() -> Component<'static> {
    let version = Some(env!("CARGO_PKG_VERSION"));
    Component { kind: "application", name: "holdall", version, ..Component::default() }
}

fn bundle<'a>(bill: &'a Bill) -> Component<'a> {
    Component {
        kind: "application",
        bom_ref: Some("bundle".to_owned()),
        name: &bill.manifest.name,
        version: Some(&bill.manifest.version),
        hashes: hashes(bill.sha256),
        properties: vec![
            size(bill.size),
            property("holdall:entry-point", bill.manifest.entry_point.kind.to_string()),
            property("holdall:target", bill.manifest.built.target.clone()),
        ],
        ..Component::default()
    }
}

fn part(part: &Part) -> Component<'_> {
    let mut properties = vec![size(part.size), property("holdall:file", part.file_name.clone())];
    properties.extend(part.missing.map(|why| {
        property("holdall:dependencies", format!("not known: the {} {why}", part.role))
    }));
    Component {
        kind: "application",
        bom_ref: Some(part.role.to_string()),
        name: &part.name,
        version: part.version.as_deref(),
        hashes: hashes(part.sha256),
        properties,
        ..Component::default()
    }
}

fn package(package: &Crate) -> Component<'_> {
    let purl = purl(package);
    let unknown_source = || vec![property("holdall:source", package.source.clone())];
    Component {
        kind: "library",
        bom_ref: Some(reference(package)),
        name: &package.name,
        version: Some(&package.version),
        // What was needed to build only can't be reached at run time.
        scope: Some(if package.is_build { "excluded" } else { "required" }),
        properties: if purl.is_none() { unknown_source() } else { Vec::new() },
        purl,
        ..Component::default()
    }
}

fn resource(resource: &Resource) -> Component<'_> {
    let essence = resource.media_type.split(';').next().unwrap_or_default().trim_end();
    Component {
        kind: "file",
        bom_ref: Some(format!("resource:{}", resource.name)),
        mime_type: Some(essence).filter(|essence| is_mime_type(essence)),
        name: &resource.name,
        hashes: hashes(resource.sha256),
        properties: vec![
            size(resource.size),
            property("holdall:mode", format!("{:04o}", resource.mode)),
        ],
        ..Component::default()
    }
}

/// What the schema allows: an edited manifest may say otherwise.
fn is_mime_type(text: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_allowed);
    text.split_once('/').is_some_and(|(kind, subtype)| is_word(kind) && is_word(subtype))
}

fn dependencies(bill: &Bill) -> Vec<Dependency> {
    let references: Vec<String> = bill.crates.iter().map(reference).collect();
    let chosen = |places: &std::collections::BTreeSet<usize>| -> Vec<String> {
        places.iter().filter_map(|place| references.get(*place)).cloned().collect()
    };
    let parts = bill.parts.iter().map(|part| part.role.to_string());
    let bundle = Dependency { of: "bundle".to_owned(), depends_on: parts.collect() };
    let of_parts = bill.parts.iter().map(|part| Dependency {
        of: part.role.to_string(),
        depends_on: chosen(&part.dependencies),
    });
    let of_crates = bill.crates.iter().map(|package| Dependency {
        of: reference(package),
        depends_on: chosen(&package.dependencies),
    });
    [bundle].into_iter().chain(of_parts).chain(of_crates).collect()
}

/// A list has crates: it lacks the standard library and what is linked from elsewhere.
fn composition(part: &Part) -> Composition {
    let aggregate = if part.missing.is_some() { "unknown" } else { "incomplete" };
    Composition { aggregate, dependencies: vec![part.role.to_string()] }
}

/// What other places of the document call a crate.
fn reference(package: &Crate) -> String {
    let Crate { name, version, source, .. } = package;
    purl(package).unwrap_or_else(|| format!("crate:{source}:{name}@{version}"))
}

fn hashes(content: Digest) -> Vec<Hash> {
    vec![Hash { alg: "SHA-256", content }]
}

fn size(bytes: u64) -> Property {
    property("holdall:size", bytes.to_string())
}

fn property(name: &'static str, value: String) -> Property {
    Property { name, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_escaped_and_for_crates_io_only() {
        let package = |source: &str| Crate {
            name: "serde_json".into(),
            version: "1.0.0-rc.1+a/b".into(),
            source: source.into(),
            is_build: false,
            dependencies: [].into(),
        };
        let expected = "pkg:cargo/serde_json@1.0.0-rc.1%2Ba%2Fb";
        assert_eq!(purl(&package("crates.io")).unwrap(), expected);
        assert_eq!(purl(&package("git")), None);
        assert_eq!(reference(&package("git")), "crate:git:serde_json@1.0.0-rc.1+a/b");
    }

    #[test]
    fn media_types_fit_the_schema() {
        assert!(is_mime_type("image/svg+xml") && is_mime_type("text/x-foo"));
        assert!(!is_mime_type("Text/html") && !is_mime_type("a/b/c") && !is_mime_type("/b"));
    }
}
