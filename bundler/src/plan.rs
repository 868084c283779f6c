//! From what was typed and what the manifest says to what will be done.
//!
//! This is where every mistake of usage is found, before anything is built or written.

use crate::cargo::Target;
use crate::cli::{BundleArgs, PackingArgs};
use crate::code::{Code, Wanted};
use crate::compress::{Compression, Packing};
use crate::config::{self, Config, Found};
use crate::error::Error;
use crate::globs::Globs;
use crate::media::MediaTypes;
use crate::serving::{ServeError, Served};
use crate::tree::{self, TreeOptions};
use crate::variants::Variants;
use holdall_archive::DosTime;
use holdall_bundle::{About, EntryPointKind, ExitCode, ManifestError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Directories that a Cargo package keeps its resources in, packed if no `include` says otherwise.
pub const CARGO_RESOURCES: [&str; 6] =
    ["assets", "data", "public", "resources", "static", "templates"];

/// The level of compression unless another is asked for.
const DEFAULT_LEVEL: u8 = 9;
/// The level of `--release`.
const RELEASE_LEVEL: u8 = 12;

/// Everything that is decided before the work begins.
#[derive(Debug)]
pub struct Plan {
    /// The name of the bundle.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for and whose it is.
    pub about: About,
    /// Default arguments.
    pub arguments: Vec<String>,
    /// Default variables of the environment.
    pub environment: BTreeMap<String, String>,
    /// Where the code comes from.
    pub code: Code,
    /// The kind of entry point, if the user has chosen one.
    pub kind: Option<EntryPointKind>,
    /// Which files become resources.
    pub tree: TreeOptions,
    /// Which resources are served, if the manifest says it.
    pub served: Option<Served>,
    /// The file to make.
    pub output: PathBuf,
    /// How they are packed.
    pub packing: Packing,
    /// The time stamp of all entries.
    pub time: DosTime,
}

/// What makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such directory.
    #[error("can't read the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The output is a directory.
    #[error("the output {} is a directory: name a file with -o FILE", path.display())]
    OutputIsDirectory {
        /// The output.
        path: PathBuf,
    },
    /// The manifest names more than one piece of code.
    #[error("{}: entry-point has {first} and {second}: only one can run", path.display())]
    TwoEntryPoints {
        /// The manifest.
        path: PathBuf,
        /// One key.
        first: &'static str,
        /// The other key.
        second: &'static str,
    },
    /// The package has nothing that can run.
    #[error("package {package} has no {wanted}; it has {}", crate::code::listed(.found))]
    NoTarget {
        /// The package.
        package: String,
        /// What was looked for.
        wanted: String,
        /// What it has.
        found: Vec<Target>,
    },
    /// The package has several binaries.
    #[error("package {package} has several binaries, choose one with --bin NAME: {}", crate::code::listed(.found))]
    SeveralTargets {
        /// The package.
        package: String,
        /// What it has.
        found: Vec<Target>,
    },
    /// A binary or library of a package is asked for where there is no package.
    #[error("there is no Cargo.toml in {}, so cargo can't build {wanted}", dir.display())]
    NoPackage {
        /// The directory.
        dir: PathBuf,
        /// What was asked for.
        wanted: String,
    },
    /// A kind that needs code, but there is none.
    #[error("a {kind} entry point needs code: name it with --path FILE, --bin NAME or --lib")]
    NoCode {
        /// The kind.
        kind: EntryPointKind,
    },
    /// `SOURCE_DATE_EPOCH` is no number of seconds.
    #[error("SOURCE_DATE_EPOCH is {value:?}, which is no number of seconds")]
    Epoch {
        /// What it is.
        value: String,
    },
    /// What is to be the name can't be one.
    #[error("{}", origin.as_deref().unwrap_or(Path::new("--name")).display())]
    Name {
        /// The manifest that says it; without, the command line does.
        origin: Option<PathBuf>,
        /// Which rule it breaks.
        source: ManifestError,
    },
    /// There is nothing to take a name from.
    #[error("{} gives no name: use --name NAME", dir.display())]
    NoName {
        /// The directory.
        dir: PathBuf,
    },
}

impl PlanError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Directory { source, .. } => ExitCode::for_input(source.kind()),
            Self::OutputIsDirectory { .. } | Self::NoName { .. } | Self::NoCode { .. } => {
                ExitCode::Usage
            }
            Self::Name { origin: None, .. } => ExitCode::Usage,
            Self::Name { origin: Some(_), .. } => ExitCode::Configuration,
            Self::TwoEntryPoints { .. } | Self::Epoch { .. } => ExitCode::Configuration,
            Self::NoTarget { .. } | Self::NoPackage { .. } => ExitCode::NoInput,
            Self::SeveralTargets { .. } => ExitCode::Usage,
        }
    }
}

impl Plan {
    /// Decides what `holdall bundle` with these arguments will do.
    ///
    /// # Errors
    /// Those of this module, of the manifest and of cargo.
    pub fn new(args: &BundleArgs) -> Result<Self, Error> {
        let cargo_toml = args.cargo.manifest_path.clone().or_else(|| cargo_toml_in(&args.dir));
        let dir = match &args.cargo.manifest_path {
            Some(path) if args.dir == Path::new(".") => parent(path),
            _ => args.dir.clone(),
        };
        check_directory(&dir)?;
        let found = config::find(&dir, cargo_toml.as_deref())?;
        let config = &found.config;
        if let Some(path) = &found.path {
            check_single(config, path)?;
        }
        let kind = args.entry.entry_point.or(config.entry_point.kind);
        let wanted = Wanted::new(args, config, &dir, kind);
        let code = wanted.find(kind, cargo_toml.as_deref(), &dir, args)?;
        let name = name(args, config, &code, &dir)?;
        check_bundle_name(&name, args, found.path.as_deref())?;
        let output = output(args, &name)?;
        Ok(Self {
            version: version(args, config, &code),
            tree: tree_options(args, config, &code, &dir, &output)?,
            served: served(&found, kind, &code)?,
            about: about(config, &code),
            arguments: config.arguments.clone(),
            environment: config.environment.clone(),
            name,
            code,
            kind,
            output,
            packing: packing(args, &found)?,
            time: time()?,
        })
    }
}

fn check_directory(dir: &Path) -> Result<(), PlanError> {
    let is_directory = std::fs::metadata(dir).and_then(|metadata| match metadata.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    });
    is_directory.map_err(|source| PlanError::Directory { path: dir.to_owned(), source })
}

fn check_single(config: &Config, path: &Path) -> Result<(), PlanError> {
    let entry_point = &config.entry_point;
    let keys = [
        ("path", entry_point.path.is_some()),
        ("bin", entry_point.bin.is_some()),
        ("lib", entry_point.lib),
    ];
    let mut present = keys.into_iter().filter(|(_, present)| *present).map(|(key, _)| key);
    match (present.next(), present.next()) {
        (Some(first), Some(second)) => {
            Err(PlanError::TwoEntryPoints { path: path.to_owned(), first, second })
        }
        _ => Ok(()),
    }
}

fn cargo_toml_in(dir: &Path) -> Option<PathBuf> {
    Some(dir.join("Cargo.toml")).filter(|path| path.is_file())
}

/// The directory that `path` is in; never the empty path.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn name(args: &BundleArgs, config: &Config, code: &Code, dir: &Path) -> Result<String, PlanError> {
    if let Some(name) = args.entry.name.as_ref().or(config.name.as_ref()) {
        return Ok(name.clone());
    }
    let from_path = match code {
        Code::Cargo(package, _) => return Ok(package.name.clone()),
        Code::File(path) => path.file_stem().map(ToOwned::to_owned),
        Code::None => dir.canonicalize().ok().and_then(|dir| dir.file_name().map(Into::into)),
    };
    from_path
        .and_then(|name| name.into_string().ok())
        .ok_or_else(|| PlanError::NoName { dir: dir.to_owned() })
}

/// Refuses a name that the manifest of the bundle could not hold, before anything is built of it.
fn check_bundle_name(
    name: &str,
    args: &BundleArgs,
    manifest: Option<&Path>,
) -> Result<(), PlanError> {
    let origin = match (&args.entry.name, manifest) {
        (None, Some(manifest)) => Some(manifest.to_owned()),
        _ => None,
    };
    holdall_bundle::check_name(name).map_err(|source| PlanError::Name { origin, source })
}

fn version(args: &BundleArgs, config: &Config, code: &Code) -> String {
    let chosen = args.entry.bundle_version.as_ref().or(config.version.as_ref());
    match (chosen, code) {
        (Some(version), _) => version.clone(),
        (None, Code::Cargo(package, _)) => package.version.clone(),
        (None, _) => "0.0.0".to_owned(),
    }
}

/// What the manifest says, and else what the package says of itself.
fn about(config: &Config, code: &Code) -> About {
    let said = config.about.clone();
    let package = match code {
        Code::Cargo(package, _) => package.about.clone(),
        _ => return said,
    };
    About {
        description: said.description.or(package.description),
        license: said.license.or(package.license),
        authors: if said.authors.is_empty() { package.authors } else { said.authors },
        homepage: said.homepage.or(package.homepage),
        documentation: said.documentation.or(package.documentation),
        repository: said.repository.or(package.repository),
    }
}

fn output(args: &BundleArgs, name: &str) -> Result<PathBuf, PlanError> {
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(name));
    if path.is_dir() {
        return Err(PlanError::OutputIsDirectory { path });
    }
    Ok(path)
}

/// What is to be served. Of code that is not built yet the kind may be unknown: it is checked again.
fn served(
    found: &Found,
    kind: Option<EntryPointKind>,
    code: &Code,
) -> Result<Option<Served>, ServeError> {
    let served = Served::new(found)?;
    let kind = kind.or(match code {
        Code::Cargo(_, Target::Cdylib(_)) => Some(EntryPointKind::Plugin),
        Code::None => Some(EntryPointKind::Site),
        _ => None,
    });
    if let (Some(served), Some(kind)) = (&served, kind) {
        served.check_kind(kind)?;
    }
    Ok(served)
}

fn packing(args: &BundleArgs, found: &Found) -> Result<Packing, Error> {
    let PackingArgs { release, level, ref variants } = args.packing;
    let (default_level, default_variants) = match release {
        true => (RELEASE_LEVEL, Variants::release()),
        false => (DEFAULT_LEVEL, Variants::default()),
    };
    let variants = variants.as_ref().or(found.config.resources.variants.as_ref());
    Ok(Packing {
        compression: Compression::from_level(level.unwrap_or(default_level)),
        variants: variants.cloned().unwrap_or(default_variants),
        media_types: MediaTypes::new(found)?,
    })
}

/// The time stamp of all entries: <https://reproducible-builds.org/specs/source-date-epoch/>.
pub(crate) fn time() -> Result<DosTime, PlanError> {
    Ok(epoch()?.map_or(DosTime::EARLIEST, DosTime::from_unix))
}

/// The time to put into what is made, in seconds since 1970, if the user sets one.
pub(crate) fn epoch() -> Result<Option<i64>, PlanError> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let value = value.to_string_lossy().into_owned();
    value.parse().map(Some).map_err(|_| PlanError::Epoch { value })
}

fn tree_options(
    args: &BundleArgs,
    config: &Config,
    code: &Code,
    dir: &Path,
    output: &Path,
) -> Result<TreeOptions, Error> {
    let (options, manifest) = (&args.resources, &config.resources);
    let root = match (&options.root, &manifest.root) {
        (Some(root), _) => root.clone(),
        (None, Some(root)) if root != Path::new(".") => dir.join(root),
        _ => dir.to_owned(),
    };
    check_directory(&root)?;
    let include = match (options.include.as_slice(), &manifest.include, code) {
        ([], Some(include), _) => Some(include.clone()),
        // The package's own directory holds its sources; another one was chosen to be packed.
        ([], None, Code::Cargo(..)) if root == dir => {
            Some(CARGO_RESOURCES.map(|dir| format!("/{dir}")).to_vec())
        }
        ([], None, _) => None,
        (include, _, _) => Some(include.to_vec()),
    };
    let exclude = if options.exclude.is_empty() { &manifest.exclude } else { &options.exclude };
    Ok(TreeOptions {
        globs: Globs::new(include.as_deref(), exclude)?,
        symlinks: match options.follow_symlinks || manifest.follow_symlinks {
            true => tree::Symlinks::Follow,
            false => tree::Symlinks::Refuse,
        },
        gitignore: match options.no_gitignore || manifest.gitignore == Some(false) {
            true => tree::Gitignore::Ignored,
            false => tree::Gitignore::Respected,
        },
        never: never(code, dir, output),
        root,
    })
}

/// What is no resource though it lies among them: the manifest, the code, the output.
fn never(code: &Code, dir: &Path, output: &Path) -> Vec<PathBuf> {
    let mut never = vec![dir.join(config::FILE_NAME), output.to_owned()];
    if dir.join("Cargo.toml").is_file() {
        never.extend(["Cargo.toml", "Cargo.lock", "target"].map(|name| dir.join(name)));
    }
    match code {
        Code::File(path) => never.push(path.clone()),
        Code::Cargo(package, _) => never.push(package.target_directory.clone()),
        Code::None => {}
    }
    never
}
