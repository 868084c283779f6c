//! `holdall image`: a bundle as the image of a container, made without Docker.
//!
//! | module | does |
//! |---|---|
//! | `reference`, `platform` | what was typed: a name, a machine |
//! | `content` | which directories are there beside the bundle, and whether it can run there at all |
//! | `git` | which commit it is of |
//! | `config` | what runs and how; labels |
//! | `layer` | the files |
//! | `digest` | what each part is known by |
//! | `layout` | all of it in one archive |

mod config;
pub(crate) mod content;
mod digest;
mod error;
mod git;
mod layer;
mod layout;
mod platform;
mod reference;

pub use error::ImageError;
pub use layout::Format;
pub use platform::{Platform, UnknownPlatform};
pub use reference::{Reference, ReferenceError};

use crate::cli::ImageArgs;
use crate::error::Error;
use crate::listening::Listening;
use crate::output::NewFile;
use crate::plan;
use crate::shell::Shell;
use config::{Config, Labels, Run};
use git::Git;
use holdall_archive::Archive;
use holdall_bundle::{Bundle, BundleError, EntryPointKind, first_damage, grouped};
use layer::{Layer, User};
use layout::Layout;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where the time begins that archives can tell, 1980: the stamp of what is to be the same each time.
const EARLIEST_S: i64 = 315_532_800;

/// Makes an image of a bundle.
///
/// # Errors
/// Whatever can go wrong; the file that was there before is untouched then.
pub fn run(args: &ImageArgs, shell: &Shell) -> Result<(), Error> {
    let (file, bundle) = open(&args.file)?;
    let platform = content::platform(&bundle, args.platform)?;
    content::check_needs(&bundle)?;
    let reference = reference(args, &bundle)?;
    let (time, created) = stamp()?;
    let run = what_runs(args, &bundle, &created, shell)?;
    let name = &bundle.manifest().name;
    let layer = Layer {
        file,
        file_len: bundle.archive().file_len(),
        name: name.clone(),
        directories: content::directories(name, &run.volumes, run.user)?,
        time,
    };
    check_intact(&bundle)?;
    let blob = layer.blob().map_err(|source| unreadable(args, source))?;
    let config = Config::new(run, platform, &blob, &created);
    let layout = Layout::new(&config, blob, &reference, platform, args.format);
    let output = write(args, &layout, &layer, name)?;
    report(args, &output, &layout, &reference, platform, shell)
}

/// The bundle, and the file that it was read from: whatever takes its name meanwhile is another one.
fn open(path: &Path) -> Result<(File, Bundle), Error> {
    let unreadable = |source| ImageError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let clone = file.try_clone().map_err(unreadable)?;
    let archive = Archive::from_file(clone, path.to_owned()).map_err(BundleError::Archive)?;
    Ok((file, Bundle::from_archive(archive)?))
}

/// What was damaged on the way is not to be handed on.
fn check_intact(bundle: &Bundle) -> Result<(), Error> {
    first_damage(bundle.archive())?.map_or(Ok(()), |error| Err(error.into()))
}

fn reference(args: &ImageArgs, bundle: &Bundle) -> Result<Reference, ImageError> {
    if let Some(reference) = &args.tag {
        return Ok(reference.clone());
    }
    let manifest = bundle.manifest();
    let name = format!("{}:{}", manifest.name, manifest.version);
    name.parse().map_err(|source| ImageError::NoTag { name, source })
}

/// The time of everything in the image, in seconds and as JSON has it.
fn stamp() -> Result<(u64, String), Error> {
    let seconds = plan::source_date_epoch()?.unwrap_or(EARLIEST_S);
    let time = jiff::Timestamp::from_second(seconds).ok();
    let stamp = time.and_then(|time| Some((u64::try_from(seconds).ok()?, time.to_string())));
    Ok(stamp.ok_or_else(|| plan::PlanError::Epoch { value: seconds.to_string() })?)
}

fn what_runs(
    args: &ImageArgs,
    bundle: &Bundle,
    created: &str,
    shell: &Shell,
) -> Result<Run, Error> {
    let manifest = bundle.manifest();
    let listening = Listening::of(manifest, &args.args)?;
    let git = if args.no_git { Git::default() } else { Git::around(&directory_of(&args.file)) };
    let mut labels = config::labels(manifest, &git, created);
    set_labels(&mut labels, &args.labels)?;
    let directories = listening.certificate_directories();
    let volumes = directories.into_iter().chain(args.volumes.iter().map(String::as_str));
    let mut ports = listening.open_ports();
    ports.extend(&args.ports);
    Ok(Run {
        program: format!("/{}", manifest.name),
        arguments: args.args.clone(),
        user: user(&args.user)?,
        ports,
        volumes: volumes.map(content::volume).collect::<Result<_, _>>()?,
        health: health(args, bundle, &listening, shell)?,
        labels,
    })
}

/// The directory that the file itself is in, wherever links to it lie.
fn directory_of(file: &Path) -> PathBuf {
    plan::parent(&file.canonicalize().unwrap_or_else(|_| file.to_owned()))
}

fn set_labels(labels: &mut Labels, given: &[String]) -> Result<(), ImageError> {
    for label in given {
        let pair = label.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or_else(|| ImageError::Label { given: label.clone() })?;
        match value {
            "" => labels.remove(name),
            _ => labels.insert(name.to_owned(), value.to_owned()),
        };
    }
    Ok(())
}

fn user(given: &str) -> Result<User, ImageError> {
    let (uid, gid) = given.split_once(':').unwrap_or((given, given));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => Ok(User { uid, gid }),
        _ => Err(ImageError::User { given: given.to_owned() }),
    }
}

/// The URL that the bundle asks for its health, if there is one that it can ask.
fn health(
    args: &ImageArgs,
    bundle: &Bundle,
    listening: &Listening,
    shell: &Shell,
) -> Result<Option<String>, ImageError> {
    let is_ours = bundle.manifest().entry_point.kind != EntryPointKind::Exec;
    match args.health.as_deref() {
        Some("none") => return Ok(None),
        Some(_) if !is_ours => return Err(ImageError::Health),
        Some(url) => return Ok(Some(url.to_owned())),
        None => {}
    }
    let found = listening.health_url();
    if found.is_none() && is_ours {
        shell.warn("no health check: nothing is plain HTTP on TCP; --arg --admin=9090 adds that");
    }
    Ok(found)
}

/// Writes the archive to where it is wanted, and tells where that is.
fn write(
    args: &ImageArgs,
    layout: &Layout,
    layer: &Layer,
    name: &str,
) -> Result<Option<PathBuf>, Error> {
    let changed = || ImageError::Changed { path: args.file.clone() };
    if args.output.as_deref() == Some(Path::new("-")) {
        let out = io::stdout();
        if out.is_terminal() {
            return Err(ImageError::Terminal.into());
        }
        let is_the_same = layout.write(layer, out.lock()).map_err(Error::Stdout)?;
        return if is_the_same { Ok(None) } else { Err(changed().into()) };
    }
    let output = args.output.clone().unwrap_or_else(|| format!("{name}.oci.tar").into());
    let new = NewFile::create_document(&output)?;
    let written = layout.write(layer, new.writer()?);
    if !written.map_err(|source| new.write_error(source))? {
        return Err(changed().into());
    }
    Ok(Some(new.commit()?))
}

fn report(
    args: &ImageArgs,
    output: &Option<PathBuf>,
    layout: &Layout,
    reference: &Reference,
    platform: Platform,
    shell: &Shell,
) -> Result<(), Error> {
    if args.json && output.is_some() {
        let told = serde_json::json!({
            "name": reference.to_string(),
            "digest": layout.digest().to_string(),
            "id": layout.id().to_string(),
            "platform": platform.to_string(),
            "output": output,
        });
        return writeln!(io::stdout(), "{told:#}").map_err(Error::Stdout);
    }
    shell.status("Image", format_args!("{reference} for {platform}, {}", layout.digest()));
    if let Some(output) = output {
        let length = output.metadata().map_or(0, |metadata| metadata.len());
        shell.status("Wrote", format_args!("{}, {} bytes", output.display(), grouped(length)));
    }
    Ok(())
}

fn unreadable(args: &ImageArgs, source: io::Error) -> ImageError {
    ImageError::Read { path: args.file.clone(), source }
}
