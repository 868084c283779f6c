//! The package: what cargo knows of it, and what it builds.

use crate::auditable;
use crate::cli::CargoArgs;
use crate::shell::{Shell, Verbosity};
use holdall_bundle::{ABOUT_LIMIT_BYTES, About, ExitCode, chain};
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A package, as `cargo metadata` tells of it.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says of itself.
    pub about: About,
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
    /// The root of its workspace.
    pub workspace_root: PathBuf,
    /// What can be bundled of it.
    pub targets: Vec<Target>,
    /// Whether it says which of its binaries `cargo run` runs; that is the first target then.
    pub has_default_run: bool,
    /// Where cargo puts what it builds.
    pub target_directory: PathBuf,
}

/// One thing that cargo can build and a bundle can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program.
    Bin(String),
    /// A shared object with C symbols.
    Cdylib(String),
}

/// Why cargo did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// It could not be started.
    #[error("can't run {}: is Rust installed?", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It failed; what it said has been shown.
    #[error("cargo {what} failed with {status}{}", said(.message))]
    Failed {
        /// The subcommand.
        what: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its own last words, if they were not shown.
        message: String,
    },
    /// It said something that can't be understood.
    #[error("can't understand what cargo {what} prints")]
    Output {
        /// The subcommand.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// What it prints can't be read.
    #[error("can't read what cargo prints")]
    Read(#[source] io::Error),
    /// There is no such package.
    #[error("{} in the workspace of {}; it has {}", missing(.name), manifest.display(), list(.known))]
    NoPackage {
        /// The name asked for.
        name: Option<String>,
        /// The `Cargo.toml` asked.
        manifest: PathBuf,
        /// The packages that there are.
        known: Vec<String>,
    },
    /// It built, but not the file that was asked for.
    #[error("cargo built no {target} of package {package}")]
    NotBuilt {
        /// What was asked for.
        target: String,
        /// The package.
        package: String,
    },
    /// With `--no-build`, what was to be built before is not there.
    #[error("{} is not there: build it first, or leave --no-build out", path.display())]
    NotThere {
        /// Where it should be.
        path: PathBuf,
    },
}

impl CargoError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Start { .. } => ExitCode::Unavailable,
            Self::Failed { .. } => ExitCode::Other,
            Self::Output { .. } => ExitCode::Internal,
            Self::Read(_) => ExitCode::Io,
            Self::NoPackage { .. } | Self::NotBuilt { .. } | Self::NotThere { .. } => {
                ExitCode::NoInput
            }
        }
    }
}

impl Target {
    /// The name that cargo knows it by.
    pub fn name(&self) -> &str {
        match self {
            Self::Bin(name) | Self::Cdylib(name) => name,
        }
    }

    fn file_name(&self) -> String {
        match self {
            Self::Bin(name) => name.clone(),
            Self::Cdylib(name) => format!("lib{}.so", name.replace('-', "_")),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bin(name) => write!(f, "binary `{name}`"),
            Self::Cdylib(name) => write!(f, "cdylib `{name}`"),
        }
    }
}

impl Package {
    /// Asks cargo about the package of `manifest`, or the one that `--package` names.
    ///
    /// # Errors
    /// [`CargoError`].
    pub fn find(manifest: &Path, args: &CargoArgs) -> Result<Self, CargoError> {
        let mut command = cargo();
        command.args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"]);
        command.arg(manifest);
        command.args(config_flags(args));
        let output = command.output().map_err(|source| start_error(&command, source))?;
        if !output.status.success() {
            let message = last_line(&output.stderr);
            return Err(CargoError::Failed { what: "metadata", status: output.status, message });
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|source| CargoError::Output { what: "metadata", source })?;
        select(metadata, manifest, args.package.as_deref())
    }

    /// Builds `target`, unless `--no-build` is given, and says where the file is.
    ///
    /// # Errors
    /// [`CargoError`].
    pub fn build(
        &self,
        target: &Target,
        args: &CargoArgs,
        shell: &Shell,
    ) -> Result<PathBuf, CargoError> {
        if args.no_build {
            return self.built_before(target, args);
        }
        shell.status("Building", format_args!("{target} of {} {}", self.name, self.version));
        let mut command = self.build_command(target, args, shell);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| start_error(&command, source))?;
        let artifact = match child.stdout.take() {
            Some(stdout) => find_artifact(BufReader::new(stdout), target),
            None => Ok(None),
        };
        let status = child.wait().map_err(CargoError::Read)?;
        if !status.success() {
            return Err(CargoError::Failed { what: "build", status, message: String::new() });
        }
        artifact?.ok_or_else(|| CargoError::NotBuilt {
            target: target.to_string(),
            package: self.name.clone(),
        })
    }

    /// What was built, as a copy with the list of its dependencies; without one where cargo can't tell
    /// them, or was not to be run.
    pub fn with_list(&self, built: PathBuf, args: &CargoArgs, shell: &Shell) -> PathBuf {
        if args.no_build {
            return built;
        }
        let tree = || {
            let mut command = cargo();
            command.args(["tree", "--quiet", "--manifest-path"]).arg(&self.manifest);
            command.args(selection_flags(args)).args(config_flags(args));
            command
        };
        auditable::with_list(&built, &tree).unwrap_or_else(|error| {
            let error = chain(&error);
            shell.warn(format_args!(
                "{target} carries no list of dependencies: {error}",
                target = built.display()
            ));
            built
        })
    }

    fn build_command(&self, target: &Target, args: &CargoArgs, shell: &Shell) -> Command {
        let mut command = cargo();
        command.args(["build", "--message-format=json-render-diagnostics", "--manifest-path"]);
        command.arg(&self.manifest).args(["--package", &self.name]);
        match target {
            Target::Bin(name) => command.args(["--bin", name]),
            Target::Cdylib(_) => command.arg("--lib"),
        };
        command.args(build_flags(args)).args(config_flags(args));
        if shell.verbosity() == Verbosity::Quiet {
            command.arg("--quiet");
        }
        command.args(&args.more);
        self.strip(&mut command, &args.profile);
        command
    }

    /// Has symbols stripped, as that can't be done to a bundle any more, unless the package or the
    /// user has decided on that.
    fn strip(&self, command: &mut Command, profile: &str) {
        let variable = format!("CARGO_PROFILE_{}_STRIP", profile.to_uppercase().replace('-', "_"));
        let manifest = std::fs::read_to_string(self.workspace_root.join("Cargo.toml"));
        if std::env::var_os(&variable).is_none()
            && profile != "dev"
            && !manifest.is_ok_and(|text| sets_strip(&text, profile))
        {
            command.env(variable, "symbols");
        }
    }

    fn built_before(&self, target: &Target, args: &CargoArgs) -> Result<PathBuf, CargoError> {
        let mut path = args.target_dir.clone().unwrap_or_else(|| self.target_directory.clone());
        path.extend(&args.target);
        path.push(match args.profile.as_str() {
            "dev" | "test" => "debug",
            "bench" => "release",
            profile => profile,
        });
        path.push(target.file_name());
        if path.exists() { Ok(path) } else { Err(CargoError::NotThere { path }) }
    }
}

/// Says whether a workspace's manifest has an opinion on `strip` in `profile`.
fn sets_strip(text: &str, profile: &str) -> bool {
    let Ok(manifest) = text.parse::<toml::Table>() else { return false };
    let profile = manifest.get("profile").and_then(|profiles| profiles.get(profile));
    profile.is_some_and(|settings| settings.get("strip").is_some())
}

fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    Command::new(program)
}

fn start_error(command: &Command, source: io::Error) -> CargoError {
    CargoError::Start { program: command.get_program().into(), source }
}

fn build_flags(args: &CargoArgs) -> Vec<OsString> {
    let mut flags: Vec<OsString> = vec!["--profile".into(), args.profile.clone().into()];
    if let Some(directory) = &args.target_dir {
        flags.extend(["--target-dir".into(), directory.into()]);
    }
    if let Some(jobs) = &args.jobs {
        flags.extend(["--jobs".into(), jobs.into()]);
    }
    flags.extend(selection_flags(args));
    flags
}

/// The flags that choose what is built upon: target and features.
fn selection_flags(args: &CargoArgs) -> Vec<OsString> {
    let mut flags: Vec<OsString> = Vec::new();
    if let Some(target) = &args.target {
        flags.extend(["--target".into(), target.into()]);
    }
    for features in &args.features {
        flags.extend(["--features".into(), features.into()]);
    }
    let switches = [
        ("--all-features", args.all_features),
        ("--no-default-features", args.no_default_features),
    ];
    flags.extend(switches.into_iter().filter(|(_, on)| *on).map(|(flag, _)| flag.into()));
    flags
}

/// The flags that every subcommand of cargo takes.
fn config_flags(args: &CargoArgs) -> Vec<OsString> {
    let switches =
        [("--locked", args.locked), ("--offline", args.offline), ("--frozen", args.frozen)];
    let mut flags: Vec<OsString> =
        switches.into_iter().filter(|(_, on)| *on).map(|(flag, _)| flag.into()).collect();
    flags.extend(args.config.iter().flat_map(|value| ["--config".into(), value.into()]));
    flags
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<MetadataTarget>,
    description: Option<String>,
    license: Option<String>,
    #[serde(default)]
    authors: Vec<String>,
    homepage: Option<String>,
    documentation: Option<String>,
    repository: Option<String>,
}

impl MetadataPackage {
    /// What the package says of itself, each in one line.
    fn about(&self) -> About {
        let line = |text: &String| {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(line).filter(|line| !line.is_empty() && line.len() <= ABOUT_LIMIT_BYTES)
        };
        About {
            description: self.description.as_ref().and_then(line),
            license: self.license.as_ref().and_then(line),
            authors: self.authors.iter().filter_map(line).collect(),
            homepage: self.homepage.as_ref().and_then(line),
            documentation: self.documentation.as_ref().and_then(line),
            repository: self.repository.as_ref().and_then(line),
        }
    }
}

#[derive(Deserialize)]
struct MetadataTarget {
    name: String,
    kind: Vec<String>,
}

/// The package named, or else that of the manifest, or else the only one of the workspace.
fn select(metadata: Metadata, manifest: &Path, name: Option<&str>) -> Result<Package, CargoError> {
    let Metadata { mut packages, workspace_root, target_directory } = metadata;
    let absolute = manifest.canonicalize().unwrap_or_else(|_| manifest.to_owned());
    let at = match name {
        Some(name) => packages.iter().position(|package| package.name == name),
        None => packages
            .iter()
            .position(|package| package.manifest_path == absolute)
            .or(if packages.len() == 1 { Some(0) } else { None }),
    };
    let Some(at) = at else {
        return Err(CargoError::NoPackage {
            name: name.map(str::to_owned),
            manifest: manifest.to_owned(),
            known: packages.into_iter().map(|package| package.name).collect(),
        });
    };
    let package = packages.swap_remove(at);
    Ok(Package {
        targets: targets(&package),
        has_default_run: package.default_run.is_some(),
        about: package.about(),
        name: package.name,
        version: package.version,
        manifest: package.manifest_path,
        workspace_root,
        target_directory,
    })
}

/// What can be bundled; `default-run` comes first.
fn targets(package: &MetadataPackage) -> Vec<Target> {
    let is = |target: &MetadataTarget, kind: &str| target.kind.iter().any(|found| found == kind);
    let mut targets: Vec<Target> = Vec::new();
    for target in &package.targets {
        if is(target, "bin") {
            targets.push(Target::Bin(target.name.clone()));
        } else if is(target, "cdylib") {
            targets.push(Target::Cdylib(target.name.clone()));
        }
    }
    let runs_first = |target: &Target| match (target, &package.default_run) {
        (Target::Bin(name), Some(default_run)) => name != default_run,
        _ => true,
    };
    targets.sort_by_key(runs_first);
    targets
}

/// Reads cargo's messages to their end, whatever they say, so that cargo can go on.
fn find_artifact(messages: impl BufRead, target: &Target) -> Result<Option<PathBuf>, CargoError> {
    let mut found = None;
    for line in messages.split(b'\n') {
        let line = line.map_err(CargoError::Read)?;
        // Build scripts and wrappers may print lines of their own.
        if let Ok(message) = serde_json::from_slice::<Message>(&line) {
            found = message.artifact(target).or(found);
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<MetadataTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

impl Message {
    fn artifact(self, wanted: &Target) -> Option<PathBuf> {
        let target = self.target.filter(|_| self.reason == "compiler-artifact")?;
        let is = |kind: &str| target.kind.iter().any(|found| found == kind);
        match wanted {
            Target::Bin(name) if is("bin") && target.name == *name => self.executable,
            Target::Cdylib(name) if is("cdylib") && target.name == *name => {
                let is_library = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "so");
                self.filenames.into_iter().find(is_library)
            }
            _ => None,
        }
    }
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    // `error: …` says what is wrong; the lines below it where.
    let error = text.lines().find_map(|line| line.strip_prefix("error: "));
    error.or_else(|| text.lines().last()).unwrap_or_default().trim().to_owned()
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn missing(name: &Option<String>) -> String {
    match name {
        Some(name) => format!("no package `{name}`"),
        None => "no package is named (use --package NAME)".to_owned(),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"build-script-executed","package_id":"x"}
not json at all
{"reason":"compiler-artifact","target":{"name":"say","kind":["lib"]},"filenames":["/t/libsay.rlib"],"executable":null}
{"reason":"compiler-artifact","target":{"name":"say","kind":["cdylib"]},"filenames":["/t/libsay.so"],"executable":null}
{"reason":"compiler-artifact","target":{"name":"say","kind":["bin"]},"filenames":["/t/say"],"executable":"/t/say"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn artifacts_are_found_by_name_and_kind() {
        let find = |target| find_artifact(MESSAGES.as_bytes(), &target).unwrap();
        assert_eq!(find(Target::Bin("say".into())), Some("/t/say".into()));
        assert_eq!(find(Target::Cdylib("say".into())), Some("/t/libsay.so".into()));
        assert_eq!(find(Target::Bin("other".into())), None);
    }

    fn package() -> MetadataPackage {
        let json = r#"{ "name": "p", "version": "1.0.0", "manifest_path": "/p/Cargo.toml",
            "targets": [], "description": "It does\n  this. ", "license": "", "homepage": null }"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_a_package_says_of_itself_fits_in_lines() {
        let about = About { description: Some("It does this.".into()), ..About::default() };
        assert_eq!(package().about(), about);
    }

    #[test]
    fn default_run_comes_first() {
        let target = |name: &str| MetadataTarget { name: name.into(), kind: vec!["bin".into()] };
        let package = MetadataPackage {
            default_run: Some("b".into()),
            targets: vec![target("a"), target("b")],
            ..package()
        };
        assert_eq!(targets(&package), [Target::Bin("b".into()), Target::Bin("a".into())]);
    }

    #[test]
    fn a_profile_that_decides_on_strip_is_left_alone() {
        assert!(sets_strip("[profile.release]\nstrip = false", "release"));
        assert!(!sets_strip("[profile.release]\nlto = true", "release"));
        assert!(!sets_strip("[profile.dev]\nstrip = true", "release"));
    }
}
