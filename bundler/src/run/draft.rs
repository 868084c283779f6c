//! The bundle of what is in the directory now, packed again when that has changed.

use super::RunError;
use super::watch::Watched;
use crate::bundle;
use crate::cli::BundleArgs;
use crate::code::Code;
use crate::config;
use crate::error::Error;
use crate::pack::PackError;
use crate::plan::{self, Plan};
use crate::prefix::EntryPoint;
use crate::shell::Shell;
use crate::tree::{self, Item, Stamp, TreeError};
use holdall_bundle::EntryPointKind;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A bundle in a temporary directory, and what it is made of.
#[derive(Debug)]
pub struct Draft {
    args: BundleArgs,
    plan: Plan,
    /// The manifests that the plan was made of.
    manifests: Vec<Option<Stamp>>,
    code: Option<PathBuf>,
    entry_point: EntryPoint,
    /// The code in the entry point.
    code_stamp: Option<Stamp>,
    seen: Seen,
    file: PathBuf,
}

/// All that decides what a bundle is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    manifests: Vec<Option<Stamp>>,
    code: Option<Stamp>,
    items: Vec<Item>,
    /// Why there are no items.
    problem: Option<String>,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes(Vec<String>);

impl Draft {
    /// Plans, and builds what cargo builds; nothing is packed yet.
    pub fn new(args: BundleArgs, directory: &Path, shell: &Shell) -> Result<Self, Error> {
        // First what a plan is made of: what changes meanwhile is noticed later.
        let manifests = stamps(&manifests(&args));
        let plan = Plan::new(&args)?;
        let code = plan.code.file(&args, shell)?;
        let code_stamp = code.as_deref().and_then(stamp);
        let entry_point =
            EntryPoint::new(code.as_deref(), plan.kind, args.entry.launcher.as_deref())?;
        let file = directory.join(&plan.name);
        let seen = Seen::default();
        Ok(Self { args, plan, manifests, code, entry_point, code_stamp, seen, file })
    }

    /// Packs for the first time.
    pub fn first(&mut self, shell: &Shell) -> Result<(), Error> {
        self.seen.manifests.clone_from(&self.manifests);
        self.seen.code = self.code_stamp;
        self.seen.items = tree::find(&self.plan.tree)?;
        bundle::warn(&self.plan, &self.seen.items, shell);
        self.pack(shell)
    }

    /// Packs again, if there is a reason.
    pub fn renew(&mut self, shell: &Shell) -> Result<Option<Changes>, Error> {
        let mut seen = self.look();
        if seen == self.seen {
            return Ok(None);
        }
        if seen.manifests != self.manifests || seen.code != self.code_stamp {
            // Also where that fails: what is wrong is told once.
            let before = std::mem::replace(&mut self.seen, seen.clone());
            self.plan_again(&seen, shell)?;
            self.seen = before;
            // The plan may be another one now.
            seen = Seen { manifests: seen.manifests, code: seen.code, ..self.look() };
        }
        let changes = Changes::between(&self.seen, &seen, self);
        self.seen = seen;
        let packed = self.pack(shell);
        if packed.as_ref().is_err_and(is_at_work) {
            // The next look finds that it has changed.
            self.seen = Seen::default();
        }
        packed.map(|()| Some(changes))
    }

    /// The directories to watch.
    pub fn watched(&self) -> Watched {
        let mut watched = Watched::new();
        let root = self.plan.tree.root.canonicalize().unwrap_or(self.plan.tree.root.clone());
        let single = manifests(&self.args).into_iter().chain(self.code.clone()).chain([root]);
        for path in single {
            let names = watched.entry(real(&plan::parent(&path))).or_default();
            names.extend(path.file_name().map(OsString::from));
        }
        watched.extend(tree::directories(&self.plan.tree).into_iter().map(|dir| (dir, Vec::new())));
        watched
    }

    /// How it runs.
    pub fn kind(&self) -> EntryPointKind {
        self.entry_point.kind
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The directory of the resources.
    pub fn root(&self) -> &Path {
        &self.plan.tree.root
    }

    /// The bundle.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn look(&self) -> Seen {
        let found = tree::find(&self.plan.tree);
        Seen {
            manifests: stamps(&manifests(&self.args)),
            code: self.code.as_deref().and_then(stamp),
            problem: found.as_ref().err().map(ToString::to_string),
            items: found.unwrap_or_default(),
        }
    }

    fn plan_again(&mut self, seen: &Seen, shell: &Shell) -> Result<(), Error> {
        let args = &self.args;
        let planned = match seen.manifests != self.manifests {
            true => Some(Plan::new(args)?),
            false => None,
        };
        let plan = planned.as_ref().unwrap_or(&self.plan);
        let code = match (&plan.code, &self.plan.code) {
            // When to build is up to the user.
            (Code::Cargo(_, new), Code::Cargo(_, old)) if new == old => self.code.clone(),
            _ => plan.code.file(args, shell)?,
        };
        let code_stamp = code.as_deref().and_then(stamp);
        let launcher = args.entry.launcher.as_deref();
        self.entry_point = EntryPoint::new(code.as_deref(), plan.kind, launcher)?;
        (self.code, self.code_stamp) = (code, code_stamp);
        if let Some(plan) = planned {
            (self.plan, self.manifests) = (plan, seen.manifests.clone());
        }
        Ok(())
    }

    fn pack(&mut self, shell: &Shell) -> Result<(), Error> {
        if self.seen.problem.is_some() {
            self.seen.items = tree::find(&self.plan.tree)?;
            self.seen.problem = None;
        }
        bundle::check(&self.plan, &self.entry_point, &self.seen.items)?;
        let next = self.file.with_file_name(".next");
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o755);
        let file = file.open(&next).map_err(RunError::Temporary)?;
        bundle::write(&self.plan, &self.entry_point, &self.seen.items, file, &next, shell)?;
        Ok(fs::rename(&next, &self.file).map_err(RunError::Temporary)?)
    }
}

/// Whether something is still at work in the directory, so that it is to be looked at again.
pub fn is_at_work(error: &Error) -> bool {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match error {
        Error::Pack(PackError::Changed { .. }) => true,
        Error::Pack(PackError::Read { source, .. }) => is_gone(source),
        Error::Tree(TreeError::Walk(error)) => error.io_error().is_some_and(is_gone),
        _ => false,
    }
}

/// The files that a plan is made of, where they are there.
fn manifests(args: &BundleArgs) -> Vec<PathBuf> {
    let cargo_toml = args.cargo.manifest_path.clone();
    let dir = match &cargo_toml {
        Some(path) if args.dir == Path::new(".") => plan::parent(path),
        _ => args.dir.clone(),
    };
    let cargo_toml = cargo_toml.unwrap_or_else(|| dir.join("Cargo.toml"));
    vec![dir.join(config::FILE_NAME), cargo_toml]
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| Stamp::new(&metadata))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl Changes {
    fn between(old: &Seen, new: &Seen, draft: &Draft) -> Self {
        let mut names = Vec::new();
        let manifests = manifests(&draft.args);
        let pairs = old.manifests.iter().zip(&new.manifests).zip(&manifests);
        names.extend(pairs.filter(|((old, new), _)| old != new).map(|(_, path)| base(path)));
        if old.code != new.code {
            names.extend(draft.code.as_deref().map(base));
        }
        let mut before: BTreeMap<&str, &Item> =
            old.items.iter().map(|item| (item.name.as_str(), item)).collect();
        for item in &new.items {
            if before.remove(item.name.as_str()) != Some(item) {
                names.push(item.name.clone());
            }
        }
        names.extend(before.into_keys().map(str::to_owned));
        Self(names)
    }
}

fn base(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("nothing"),
            [one] => f.write_str(one),
            [first, rest @ ..] => write!(f, "{first} and {} more", rest.len()),
        }
    }
}
