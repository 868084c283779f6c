//! The programs that are measured, built as they are shipped.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The target that everything is built for.
const TARGET: &str = env!("BENCH_TARGET");

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    target_dir: PathBuf,
}

impl Programs {
    /// The programs of the target directory in which this program is: `<target>/release`.
    pub fn beside_this() -> Result<Self> {
        let this = env::current_exe()?;
        let target_dir =
            this.ancestors().nth(2).context("this program is in no target directory")?;
        Ok(Programs { target_dir: target_dir.to_owned() })
    }

    /// Builds what is measured.
    pub fn build(&self) -> Result<()> {
        self.build_ours()?;
        self.build_bundler()?;
        self.build_launcher(Linking::Dynamic)?;
        self.build_launcher(Linking::Static)?;
        self.build_servers()?;
        self.build_static_reader()?;
        self.build_static_c()
    }

    /// Builds what [`http`](crate::http) measures.
    pub fn build_for_http(&self) -> Result<()> {
        self.build_bundler()?;
        let mut cargo = cargo(&self.target_dir);
        cargo.args(["--release", "-p", "holdall-bench-serving", "--bin", "bench-constant"]);
        succeed(&mut cargo)
    }

    /// Reads its first resource and ends; it has the note, so it can head a bundle.
    pub fn reader(&self) -> PathBuf {
        self.release("bench-reader")
    }

    /// The same, static.
    pub fn static_reader(&self) -> PathBuf {
        self.target_dir(Linking::Static).join(TARGET).join("release/bench-reader")
    }

    /// Reads a loose file, and has nothing of holdall.
    pub fn naked(&self) -> PathBuf {
        self.release("bench-naked")
    }

    /// The same in C, static.
    pub fn naked_c(&self) -> PathBuf {
        self.release("bench-naked-c")
    }

    /// Measures lookups within one process.
    pub fn lookup(&self) -> PathBuf {
        self.release("bench-lookup")
    }

    /// Loads a plug-in from a loose file.
    pub fn host(&self) -> PathBuf {
        self.release("bench-host")
    }

    /// A plug-in that reads its first resource and ends the process.
    pub fn plugin(&self) -> PathBuf {
        self.release("examples/libbench_plugin.so")
    }

    /// Hyper with the handler of `serving/answer.rs`, and nothing of holdall.
    pub fn bare_server(&self) -> PathBuf {
        self.as_shipped(Linking::Dynamic, "bench-hyper")
    }

    /// Hyper with one constant, in clear text or over TLS: for speed alone, not as we ship.
    pub fn constant_server(&self) -> PathBuf {
        self.release("bench-constant")
    }

    /// The same handler in a program that can head a bundle.
    pub fn linked_server(&self) -> PathBuf {
        self.as_shipped(Linking::Dynamic, "bench-linked")
    }

    /// The same handler as a plug-in.
    pub fn serving_plugin(&self) -> PathBuf {
        self.as_shipped(Linking::Dynamic, "examples/libbench_serving.so")
    }

    /// The bundler.
    pub fn holdall(&self) -> PathBuf {
        self.release("holdall")
    }

    /// The launcher that can load plug-ins.
    pub fn dynamic_launcher(&self) -> PathBuf {
        self.as_shipped(Linking::Dynamic, "holdall-launcher")
    }

    /// The launcher for everything else.
    pub fn static_launcher(&self) -> PathBuf {
        self.as_shipped(Linking::Static, "holdall-launcher")
    }

    /// A new directory on the file system of the target directory, removed with the value.
    pub fn scratch(&self) -> Result<TempDir> {
        let made = tempfile::Builder::new().prefix("bench-").tempdir_in(&self.target_dir);
        made.with_context(|| format!("can't make a directory in {}", self.target_dir.display()))
    }

    fn release(&self, name: &str) -> PathBuf {
        self.target_dir.join("release").join(name)
    }

    /// The bundler's build script keeps the launchers there as well: they are built once.
    fn target_dir(&self, linking: Linking) -> PathBuf {
        self.target_dir.join("launcher").join(linking.name())
    }

    /// What was built with the profile of the launcher.
    fn as_shipped(&self, linking: Linking, name: &str) -> PathBuf {
        self.target_dir(linking).join(TARGET).join("launcher").join(name)
    }

    fn build_ours(&self) -> Result<()> {
        let mut cargo = cargo(&self.target_dir);
        cargo.args(["--release", "-p", "holdall-bench", "--bins", "--example", "bench_plugin"]);
        succeed(&mut cargo)
    }

    fn build_bundler(&self) -> Result<()> {
        let mut cargo = cargo(&self.target_dir);
        succeed(cargo.args(["--release", "-p", "holdall", "--bin", "holdall"]))
    }

    fn build_launcher(&self, linking: Linking) -> Result<()> {
        let mut cargo = linking.cargo(&self.target_dir(linking));
        cargo.args([
            "--profile",
            "launcher",
            "-p",
            "holdall-launcher",
            "--bin",
            "holdall-launcher",
        ]);
        if linking == Linking::Static {
            cargo.arg("--no-default-features");
        }
        succeed(&mut cargo)
    }

    fn build_servers(&self) -> Result<()> {
        let mut cargo = Linking::Dynamic.cargo(&self.target_dir(Linking::Dynamic));
        cargo.args(["--profile", "launcher", "-p", "holdall-bench-serving"]);
        succeed(cargo.args(["--bins", "--examples"]))
    }

    fn build_static_reader(&self) -> Result<()> {
        let mut cargo = Linking::Static.cargo(&self.target_dir(Linking::Static));
        succeed(cargo.args(["--release", "-p", "holdall-bench", "--bin", "bench-reader"]))
    }

    fn build_static_c(&self) -> Result<()> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("subjects/naked.c");
        succeed(Command::new("cc").args(["-O2", "-static", "-o"]).arg(self.naked_c()).arg(source))
    }
}

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linking {
    Dynamic,
    Static,
}

impl Linking {
    fn name(self) -> &'static str {
        match self {
            Linking::Dynamic => "dynamic",
            Linking::Static => "static",
        }
    }

    fn cargo(self, target_dir: &Path) -> Command {
        let mut cargo = cargo(target_dir);
        cargo.args(["--target", TARGET]);
        if self == Linking::Static {
            cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
        }
        cargo
    }
}

fn cargo(target_dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--manifest-path"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    command.arg("--target-dir").arg(target_dir);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
