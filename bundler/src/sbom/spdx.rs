//! A bill of materials as SPDX 2.3 in JSON: <https://spdx.github.io/spdx-spec/v2.3/>.

use super::bill::{Bill, Crate, Part, Resource, Role};
use super::cyclonedx::purl;
use holdall_bundle::Digest;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use sha1::{Digest as _, Sha1};
use std::collections::{BTreeSet, HashSet};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const BUNDLE: &str = "SPDXRef-bundle";
const NOT_KNOWN: &str = "NOASSERTION";

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package<'a>>,
    files: Vec<File>,
    relationships: Vec<Relationship>,
}

#[derive(Debug, Serialize)]
struct CreationInfo {
    /// Must be there, so it is a fixed time where none is given.
    created: String,
    creators: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_file_name: Option<&'a str>,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_verification_code: Option<VerificationCode>,
    primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationCode {
    package_verification_code_value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(rename = "SPDXID")]
    id: String,
    file_name: String,
    checksums: Vec<Checksum>,
    comment: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// The document that says what `bill` says.
pub fn document<'a>(bill: &'a Bill, time: Option<jiff::Timestamp>) -> Document<'a> {
    let ids = crate_ids(&bill.crates);
    let name = format!("{}-{}", bill.manifest.name, bill.manifest.version);
    let packages = [bundle(bill)].into_iter().chain(bill.parts.iter().map(part));
    let packages = packages.chain(bill.crates.iter().zip(&ids).map(|(p, id)| package(p, id)));
    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        document_namespace: String::new(),
        creation_info: creation_info(time),
        packages: packages.collect(),
        files: bill.resources.iter().enumerate().map(file).collect(),
        relationships: relationships(bill, &ids),
        name,
    };
    let name = utf8_percent_encode(&document.name, NON_ALPHANUMERIC);
    let namespace = format!("https://spdx.org/spdxdocs/{name}-{}", super::uuid(&document));
    document.document_namespace = namespace;
    document
}

fn creation_info(time: Option<jiff::Timestamp>) -> CreationInfo {
    const EARLIEST: &str = "1980-01-01T00:00:00Z";
    let comment =
        "The time of creation is not told, so that the same bundle gives the same document";
    CreationInfo {
        created: time.map_or_else(|| EARLIEST.to_owned(), |time| time.to_string()),
        creators: [concat!("Tool: holdall-", env!("CARGO_PKG_VERSION"))],
        comment: time.is_none().then_some(comment),
    }
}

fn bundle<'a>(bill: &'a Bill) -> Package<'a> {
    let verification_code = verification_code(&bill.resources);
    Package {
        id: BUNDLE.to_owned(),
        name: &bill.manifest.name,
        version_info: Some(&bill.manifest.version),
        package_file_name: None,
        download_location: NOT_KNOWN,
        files_analyzed: verification_code.is_some(),
        package_verification_code: verification_code,
        primary_package_purpose: "APPLICATION",
        checksums: vec![sha256(bill.sha256)],
        external_refs: Vec::new(),
        comment: Some(format!("{} bytes for {}", bill.size, bill.manifest.built.target)),
    }
}

/// The digest of the sorted digests of all files (clause 7.9); there is none without files.
fn verification_code(resources: &[Resource]) -> Option<VerificationCode> {
    let mut sums: Vec<String> = resources.iter().filter_map(|r| r.sha1).map(|s| hex(&s)).collect();
    sums.sort_unstable();
    let code = hex(&Sha1::digest(sums.concat()));
    (!sums.is_empty()).then_some(VerificationCode { package_verification_code_value: code })
}

fn part(part: &Part) -> Package<'_> {
    let missing = part.missing.map(|why| format!("; its dependencies are not known: it {why}"));
    Package {
        id: part_id(part.role),
        name: &part.name,
        version_info: part.version.as_deref(),
        package_file_name: Some(&part.file_name),
        download_location: NOT_KNOWN,
        files_analyzed: false,
        package_verification_code: None,
        primary_package_purpose: "APPLICATION",
        checksums: vec![sha256(part.sha256)],
        external_refs: Vec::new(),
        comment: Some(format!("{} bytes{}", part.size, missing.unwrap_or_default())),
    }
}

fn package<'a>(package: &'a Crate, id: &str) -> Package<'a> {
    let external_ref = |reference_locator| ExternalRef {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator,
    };
    let purl = purl(package);
    Package {
        id: id.to_owned(),
        name: &package.name,
        version_info: Some(&package.version),
        package_file_name: None,
        download_location: NOT_KNOWN,
        files_analyzed: false,
        package_verification_code: None,
        primary_package_purpose: "LIBRARY",
        checksums: Vec::new(),
        comment: purl.is_none().then(|| format!("from: {}", package.source)),
        external_refs: purl.map(external_ref).into_iter().collect(),
    }
}

fn file((number, resource): (usize, &Resource)) -> File {
    let sha1 = resource.sha1.map(|sum| Checksum { algorithm: "SHA1", checksum_value: hex(&sum) });
    File {
        id: file_id(number),
        file_name: format!("./{}", resource.name),
        checksums: sha1.into_iter().chain([sha256(resource.sha256)]).collect(),
        comment: format!("{}, {} bytes", or_unknown(&resource.media_type), resource.size),
    }
}

fn or_unknown(media_type: &str) -> &str {
    if media_type.is_empty() { "media type not known" } else { media_type }
}

fn relationships(bill: &Bill, ids: &[String]) -> Vec<Relationship> {
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", BUNDLE)];
    for part in &bill.parts {
        let id = part_id(part.role);
        relationships.push(relationship(BUNDLE, "CONTAINS", &id));
        relationships.extend(part.missing.map(|_| relationship(&id, "DEPENDS_ON", NOT_KNOWN)));
        add_needed(&mut relationships, &id, &part.dependencies, bill, ids);
    }
    for (package, id) in bill.crates.iter().zip(ids) {
        add_needed(&mut relationships, id, &package.dependencies, bill, ids);
    }
    let files = (0..bill.resources.len()).map(file_id);
    relationships.extend(files.map(|file| relationship(BUNDLE, "CONTAINS", &file)));
    relationships
}

fn add_needed(
    relationships: &mut Vec<Relationship>,
    id: &str,
    places: &BTreeSet<usize>,
    bill: &Bill,
    ids: &[String],
) {
    relationships.extend(places.iter().map(|place| match bill.crates[*place].is_build {
        true => relationship(&ids[*place], "BUILD_DEPENDENCY_OF", id),
        false => relationship(id, "DEPENDS_ON", &ids[*place]),
    }));
}

fn relationship(of: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: of.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}

/// Identifiers that say which crate is meant, and are made of letters, digits, `.` and `-` alone.
fn crate_ids(crates: &[Crate]) -> Vec<String> {
    let mut taken = HashSet::new();
    let id = |package: &Crate| {
        let text = format!("SPDXRef-crate-{}-{}", package.name, package.version);
        let is_kept = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let id: String = text.chars().map(|c| if is_kept(c) { c } else { '-' }).collect();
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let free = std::iter::once(id.clone()).chain(numbered);
        free.into_iter().find(|id| taken.insert(id.clone())).unwrap_or(id)
    };
    crates.iter().map(id).collect()
}

fn part_id(role: Role) -> String {
    format!("SPDXRef-{role}")
}

fn file_id(number: usize) -> String {
    format!("SPDXRef-file-{}", number + 1)
}

fn sha256(digest: Digest) -> Checksum {
    Checksum { algorithm: "SHA256", checksum_value: digest.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_plain_and_differ() {
        let package = |name: &str, source: &str| Crate {
            name: name.into(),
            version: "1.0.0+x".into(),
            source: source.into(),
            is_build: false,
            dependencies: [].into(),
        };
        let crates = [package("a_b", "git"), package("a-b", "git"), package("a_b", "local")];
        let ids = crate_ids(&crates);
        let expected = ["", "-2", "-3"].map(|end| format!("SPDXRef-crate-a-b-1.0.0-x{end}"));
        assert_eq!(ids, expected);
    }
}
