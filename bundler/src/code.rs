//! Where the code of a bundle comes from: what the user wants to run, found.

use crate::cargo::{CargoError, Package, Target};
use crate::cli::BundleArgs;
use crate::config::Config;
use crate::error::Error;
use crate::plan::PlanError;
use crate::shell::Shell;
use holdall_bundle::EntryPointKind;
use std::path::{Path, PathBuf};

/// Where the code of a bundle comes from.
#[derive(Debug)]
pub enum Code {
    /// Cargo builds it.
    Cargo(Box<Package>, Target),
    /// It is there.
    File(PathBuf),
    /// There is none.
    None,
}

impl Code {
    /// The file with the code, built if need be; `None` if there is none.
    ///
    /// # Errors
    /// [`CargoError`].
    pub fn file(&self, args: &BundleArgs, shell: &Shell) -> Result<Option<PathBuf>, CargoError> {
        match self {
            Self::Cargo(package, target) => package.build(target, &args.cargo, shell).map(Some),
            Self::File(path) => Ok(Some(path.clone())),
            Self::None => Ok(None),
        }
    }

    /// The same to be kept: what cargo built carries the list of its dependencies.
    ///
    /// # Errors
    /// [`CargoError`].
    pub fn listed_file(
        &self,
        args: &BundleArgs,
        shell: &Shell,
    ) -> Result<Option<PathBuf>, CargoError> {
        let file = self.file(args, shell)?;
        Ok(match self {
            Self::Cargo(package, _) => {
                file.map(|built| package.with_list(built, &args.cargo, shell))
            }
            _ => file,
        })
    }
}

/// What the user wants to run, in the order of precedence: options, manifest, what is there.
pub(crate) enum Wanted {
    Path(PathBuf),
    Bin(String),
    Lib,
    Nothing,
    Inferred,
}

impl Wanted {
    pub(crate) fn new(
        args: &BundleArgs,
        config: &Config,
        dir: &Path,
        kind: Option<EntryPointKind>,
    ) -> Self {
        let (options, manifest) = (&args.entry, &config.entry_point);
        if let Some(path) = &options.path {
            Self::Path(path.clone())
        } else if let Some(bin) = &options.bin {
            Self::Bin(bin.clone())
        } else if options.lib {
            Self::Lib
        } else if kind == Some(EntryPointKind::Site) {
            Self::Nothing
        } else if let Some(path) = &manifest.path {
            Self::Path(dir.join(path))
        } else if let Some(bin) = &manifest.bin {
            Self::Bin(bin.clone())
        } else if manifest.lib {
            Self::Lib
        } else {
            Self::Inferred
        }
    }

    pub(crate) fn find(
        self,
        kind: Option<EntryPointKind>,
        cargo_toml: Option<&Path>,
        dir: &Path,
        args: &BundleArgs,
    ) -> Result<Code, Error> {
        let target: fn(&Package, Option<EntryPointKind>, &str) -> Result<Target, PlanError>;
        let wanted;
        match self {
            Self::Path(path) => return Ok(Code::File(path)),
            Self::Nothing => return Ok(Code::None),
            Self::Inferred if cargo_toml.is_none() => {
                return match kind {
                    Some(kind) => Err(PlanError::NoCode { kind }.into()),
                    None => Ok(Code::None),
                };
            }
            Self::Inferred => (target, wanted) = (inferred_target, String::new()),
            Self::Bin(name) => (target, wanted) = (bin_target, name),
            Self::Lib => (target, wanted) = (lib_target, "the library".to_owned()),
        }
        let no_package = || PlanError::NoPackage { dir: dir.to_owned(), wanted: wanted.clone() };
        let package = Package::find(cargo_toml.ok_or_else(no_package)?, &args.cargo)?;
        let target = target(&package, kind, &wanted)?;
        Ok(Code::Cargo(Box::new(package), target))
    }
}

fn bin_target(
    package: &Package,
    _kind: Option<EntryPointKind>,
    name: &str,
) -> Result<Target, PlanError> {
    let wanted = Target::Bin(name.to_owned());
    if package.targets.contains(&wanted) {
        return Ok(wanted);
    }
    Err(no_target(package, wanted.to_string()))
}

fn lib_target(
    package: &Package,
    _kind: Option<EntryPointKind>,
    _name: &str,
) -> Result<Target, PlanError> {
    let library = package.targets.iter().find(|target| matches!(target, Target::Cdylib(_)));
    library.cloned().ok_or_else(|| no_target(package, "cdylib".to_owned()))
}

/// The binary, or else the cdylib; the other way round where a plug-in is asked for.
fn inferred_target(
    package: &Package,
    kind: Option<EntryPointKind>,
    _name: &str,
) -> Result<Target, PlanError> {
    if kind == Some(EntryPointKind::Plugin) {
        return lib_target(package, kind, "");
    }
    let bins: Vec<&Target> =
        package.targets.iter().filter(|target| matches!(target, Target::Bin(_))).collect();
    match (bins.as_slice(), kind) {
        ([bin], _) => Ok((*bin).clone()),
        ([first, ..], _) if package.has_default_run => Ok((*first).clone()),
        ([], None) => lib_target(package, kind, "")
            .map_err(|_| no_target(package, "binary or cdylib".to_owned())),
        ([], Some(_)) => Err(no_target(package, "binary".to_owned())),
        _ => Err(PlanError::SeveralTargets {
            package: package.name.clone(),
            found: bins.into_iter().cloned().collect(),
        }),
    }
}

fn no_target(package: &Package, wanted: String) -> PlanError {
    PlanError::NoTarget { package: package.name.clone(), wanted, found: package.targets.clone() }
}

pub(crate) fn listed(targets: &[Target]) -> String {
    if targets.is_empty() {
        return "nothing that can run".to_owned();
    }
    targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
