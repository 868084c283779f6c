//! What `cargo tree` prints, as the JSON of cargo-auditable.
//!
//! `cargo tree` resolves features for the one package that is built, where `cargo metadata` would
//! mix in those of the whole workspace. It says kinds of dependencies only by leaving others out, so
//! it is asked twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The arguments of `cargo tree` for everything that is needed to build, and for what of it is in
/// the executable.
pub const EDGES: [[&str; 6]; 2] = [
    ["--prefix", "depth", "--charset", "ascii", "--edges", "normal,build"],
    ["--prefix", "depth", "--charset", "ascii", "--edges", "normal,no-proc-macro"],
];

/// A package: name, version, and where it is from (`crates.io`, `git`, `local`, `registry`).
type Package<'a> = (&'a str, &'a str, Source<'a>);
/// The kind of the source, and the source itself, which tells packages of one name apart.
type Source<'a> = (&'static str, &'a str);

/// The list of the packages in `all`; those that are not in `runtime` were needed to build only.
pub fn list(all: &str, runtime: &str) -> String {
    let mut dependencies: BTreeMap<Package, BTreeSet<Package>> = BTreeMap::new();
    let mut root = None;
    let mut above: Vec<Package> = Vec::new();
    for (depth, package) in all.lines().filter_map(line) {
        dependencies.entry(package).or_default();
        above.truncate(depth);
        match above.last() {
            Some(parent) => drop(dependencies.entry(*parent).or_default().insert(package)),
            None => root = root.or(Some(package)),
        }
        above.push(package);
    }
    let runtime: BTreeSet<Package> = runtime.lines().filter_map(line).map(|(_, p)| p).collect();
    let numbers: BTreeMap<Package, usize> = dependencies.keys().copied().zip(0..).collect();
    let packages: Vec<String> = dependencies
        .iter()
        .map(|(package, needed)| {
            let needed = needed.iter().filter(|other| *other != package);
            let needed: Vec<usize> = needed.map(|other| numbers[other]).collect();
            let is_root = root == Some(*package);
            object(package, !runtime.contains(package), &needed, is_root)
        })
        .collect();
    // Format 1: procedural macros are needed to build only.
    format!(r#"{{"packages":[{}],"format":1}}"#, packages.join(","))
}

fn object(
    (name, version, source): &Package,
    is_build: bool,
    needed: &[usize],
    is_root: bool,
) -> String {
    // Names and versions hold nothing that JSON would have to escape: cargo sees to that.
    let mut object = format!(r#"{{"name":"{name}","version":"{version}","source":"{}""#, source.0);
    if is_build {
        object.push_str(r#","kind":"build""#);
    }
    if !needed.is_empty() {
        let _ = write!(object, r#","dependencies":{needed:?}"#);
    }
    if is_root {
        object.push_str(r#","root":true"#);
    }
    object.push('}');
    object
}

/// `4serde_core v1.0.229 (/a/path) (proc-macro) (*)`: depth, name, version and remarks.
fn line(line: &str) -> Option<(usize, Package<'_>)> {
    let digits = line.find(|c: char| !c.is_ascii_digit())?;
    let depth = line[..digits].parse().ok()?;
    let (name, rest) = line[digits..].split_once(" v")?;
    let (version, remarks) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_safe = |text: &str| !text.contains(['"', '\\']) && !text.contains(char::is_control);
    (is_safe(name) && is_safe(version)).then(|| (depth, (name, version, source(remarks))))
}

fn source(remarks: &str) -> Source<'_> {
    let Some(rest) = remarks.strip_prefix('(') else { return ("crates.io", "") };
    let place = rest.split(')').next().unwrap_or(rest);
    match place {
        "proc-macro" | "*" => ("crates.io", ""),
        _ if place.starts_with("registry ") => ("registry", place),
        _ if place.starts_with('/') => ("local", place),
        _ => ("git", place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "\
0app v0.1.0 (/somewhere/app)
1bytes v1.12.2
1derive v2.0.0 (proc-macro)
2syn v3.0.1
3bytes v1.12.2
1ours v0.1.0 (/somewhere/ours)
2cc v1.2.3
2derive v2.0.0 (proc-macro) (*)
1theirs v0.3.0-rc.1+x (https://host/theirs#1234)
1other v1.0.0 (registry `other`)
";
    const RUNTIME: &str = "\
0app v0.1.0 (/somewhere/app)
1bytes v1.12.2
1ours v0.1.0 (/somewhere/ours)
1theirs v0.3.0-rc.1+x (https://host/theirs#1234)
1other v1.0.0 (registry `other`)
";

    #[test]
    fn a_tree_becomes_a_list() {
        let list: auditable_serde::VersionInfo = list(ALL, RUNTIME).parse().unwrap();
        assert_eq!(list.format, 1);
        let seen: Vec<String> = list
            .packages
            .iter()
            .map(|package| {
                let needs = package.dependencies.iter().map(|at| list.packages[*at].name.as_str());
                let needs = needs.collect::<Vec<_>>().join(" ");
                let root = if package.root { "root " } else { "" };
                let source = String::from(package.source.clone());
                format!("{root}{} {:?} {source}: {needs}", package.name, package.kind)
            })
            .collect();
        assert_eq!(
            seen,
            [
                "root app Runtime local: bytes derive other ours theirs",
                "bytes Runtime crates.io: ",
                "cc Build crates.io: ",
                "derive Build crates.io: syn",
                "other Runtime registry: ",
                "ours Runtime local: cc derive",
                "syn Build crates.io: bytes",
                "theirs Runtime git: ",
            ]
        );
    }

    #[test]
    fn paths_are_not_told() {
        assert!(!list(ALL, RUNTIME).contains("somewhere"));
    }

    #[test]
    fn other_lines_are_left_out() {
        assert_eq!(line(""), None);
        assert_eq!(line("[build-dependencies]"), None);
        assert_eq!(line("1a\"b v1.0.0"), None);
        assert_eq!(line("12a v1.0.0 (*)"), Some((12, ("a", "1.0.0", ("crates.io", "")))));
    }
}
