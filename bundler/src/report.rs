//! `holdall inspect` and `holdall info --tree`: where the bytes of a bundle are.
//!
//! | module | does |
//! |---|---|
//! | [`anatomy`] | the file in parts, which leave nothing out |
//! | [`health`] | whether every byte is as it was packed |
//! | [`page`] | both, and the manifest, as one HTML page |
//! | [`data`] | what the page is told, as JSON |
//! | [`outline`] | the parts as a tree, with sums |
//! | [`terminal`] | the tree, for a terminal |

pub mod anatomy;
pub mod data;
pub mod health;
pub mod outline;
pub mod page;
pub mod terminal;

use crate::cli::{InfoArgs, InspectArgs};
use crate::error::Error;
use crate::output::{NewFile, OutputError};
use crate::shell::Shell;
use anatomy::Anatomy;
use data::Data;
use health::Health;
use holdall_bundle::{Bundle, ExitCode, escaped, ignore_broken_pipe};
use outline::Node;
use std::fs::Metadata;
use std::io::{BufWriter, Write, stdout};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use terminal::Extent;

/// How many problems are printed; the page has more of them.
const PROBLEMS_PRINTED: usize = 10;

/// Writes a page that shows what is in a bundle.
///
/// # Errors
/// If the bundle can't be opened, or the page can't be written. Of a bundle that is damaged the page
/// is written, and the damage told: [`Error::Reported`].
pub fn run(args: &InspectArgs, shell: &Shell) -> Result<(), Error> {
    let output = Output::new(args)?;
    let bundle = Bundle::open(&args.file)?;
    let anatomy = Anatomy::of(bundle.archive())?;
    let health = Health::examine(bundle.archive(), &anatomy)?;
    let data = Data { bundle: &bundle, anatomy: &anatomy, health: &health };
    match output {
        Output::Stdout => {
            let mut out = BufWriter::new(stdout().lock());
            let written = page::write(&data, &mut out).and_then(|()| out.flush());
            ignore_broken_pipe(written).map_err(Error::Stdout)?;
        }
        Output::File(path) => {
            let new = NewFile::create_document(&path)?;
            let mut out = BufWriter::new(new.writer()?);
            page::write(&data, &mut out)
                .and_then(|()| out.flush())
                .map_err(|source| OutputError::Write { path, source })?;
            shell.status("Wrote", new.commit()?.display());
        }
    }
    tell(&health, shell)
}

/// Says what is damaged.
fn tell(health: &Health, shell: &Shell) -> Result<(), Error> {
    if health.worst == ExitCode::Success {
        return Ok(());
    }
    for problem in health.problems.iter().take(PROBLEMS_PRINTED) {
        shell.warn(&problem.text);
    }
    let rest = health.problems_len.saturating_sub(PROBLEMS_PRINTED as u64);
    if rest > 0 {
        shell.warn(format_args!("{rest} more problems"));
    }
    Err(Error::Reported(health.worst))
}

/// Where the page goes.
enum Output {
    Stdout,
    File(PathBuf),
}

impl Output {
    fn new(args: &InspectArgs) -> Result<Self, Error> {
        let path = match &args.output {
            Some(path) if path.as_os_str() == "-" => return Ok(Self::Stdout),
            Some(path) => path.clone(),
            None => {
                let mut name = args.file.file_name().unwrap_or("bundle".as_ref()).to_owned();
                name.push(".html");
                name.into()
            }
        };
        if is_same_file(&path, &args.file) {
            return Err(Error::OntoItself { path });
        }
        Ok(Self::File(path))
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let [one, other] = [one, other].map(|path| path.metadata().ok().map(identity));
    one.is_some() && one == other
}

/// Prints where the bytes are, as a tree.
///
/// # Errors
/// If the bundle can't be opened or read, and [`Error::Stdout`].
pub fn tree(args: &InfoArgs) -> Result<(), Error> {
    let bundle = Bundle::open(&args.file)?;
    let anatomy = Anatomy::of(bundle.archive())?;
    let root = Node::of_file(file_name(&args.file), &anatomy);
    let extent = match (args.json || args.tree.all, args.tree.depth, args.tree.top) {
        (true, depth, top) => Extent::all().limited(depth, top),
        (false, depth, top) => Extent::default().limited(depth, top),
    };
    let root = root.cut(extent);
    let printed = if args.json { print_json(&root) } else { terminal::print(&root) };
    ignore_broken_pipe(printed).map_err(Error::Stdout)
}

fn print_json(root: &Node) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    serde_json::to_writer_pretty(&mut out, root)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The last part of a path, for people.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    escaped(&name.to_string_lossy()).into_owned()
}
