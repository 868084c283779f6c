//! `holdall init`: a commented manifest for what is in a directory.

use crate::binary::{self, Binary};
use crate::cargo::{Package, Target};
use crate::cli::{CargoArgs, InitArgs};
use crate::config::FILE_NAME;
use crate::error::Error;
use crate::plan::CARGO_RESOURCES;
use crate::shell::Shell;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Directories that static site generators write to.
const SITE_DIRECTORIES: [&str; 5] = ["public", "dist", "build", "_site", "site"];

/// Writes `holdall.toml`, unless there is one.
///
/// # Errors
/// [`Error::Create`] if the file is there or can't be made, [`Error::Write`], and those of cargo.
pub fn run(args: &InitArgs, shell: &Shell) -> Result<(), Error> {
    let path = args.dir.join(FILE_NAME);
    let create = |source| Error::Create { path: path.clone(), source };
    if path.symlink_metadata().is_ok() {
        return Err(create(std::io::ErrorKind::AlreadyExists.into()));
    }
    let found = Found::in_directory(&args.dir)?;
    let mut file = File::create_new(&path).map_err(create)?;
    file.write_all(found.manifest().as_bytes())
        .map_err(|source| Error::Write { path: path.clone(), source })?;
    shell.status("Wrote", format_args!("{} for {}", path.display(), found.description()));
    Ok(())
}

/// What a directory holds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// A Cargo package, what of it can run, and the resource directories it has.
    Package { target: Target, resources: Vec<&'static str> },
    /// A program or script, by its name in the directory.
    Program { path: String },
    /// A site, by the directory it is in.
    Site { root: &'static str },
    /// Files.
    Files,
}

impl Found {
    fn in_directory(dir: &Path) -> Result<Self, Error> {
        let cargo_toml = dir.join("Cargo.toml");
        if cargo_toml.is_file() {
            let package = Package::find(&cargo_toml, &CargoArgs::default())?;
            if let Some(target) = package.targets.first() {
                let exists = |name: &&str| dir.join(name).is_dir();
                let resources = CARGO_RESOURCES.into_iter().filter(exists).collect();
                return Ok(Self::Package { target: target.clone(), resources });
            }
        }
        if dir.join("index.html").is_file() {
            return Ok(Self::Site { root: "." });
        }
        let is_site = |root: &&str| dir.join(root).join("index.html").is_file();
        if let Some(root) = SITE_DIRECTORIES.into_iter().find(is_site) {
            return Ok(Self::Site { root });
        }
        let program = ["", "bin/"].into_iter().find_map(|below| program(dir, below));
        Ok(program.map_or(Self::Files, |path| Self::Program { path }))
    }

    fn description(&self) -> String {
        match self {
            Self::Package { target, .. } => format!("the {target} of a Cargo package"),
            Self::Program { path } => format!("the program {path}"),
            Self::Site { root: "." } => "a site".to_owned(),
            Self::Site { root } => format!("the site in {root}/"),
            Self::Files => "a directory of files".to_owned(),
        }
    }

    fn manifest(&self) -> String {
        let (entry_point, root, include) = match self {
            Self::Package { target: Target::Bin(name), resources } => {
                (format!("bin = {}", quoted(name)), ".", include(resources))
            }
            Self::Package { target: Target::Cdylib(_), resources } => {
                ("kind = \"plugin\"\nlib = true".to_owned(), ".", include(resources))
            }
            Self::Program { path } => {
                (format!("path = {}", quoted(path)), ".", "# include = [\"data/**\"]".to_owned())
            }
            Self::Site { root } => {
                ("kind = \"site\"".to_owned(), *root, "# include = [\"**\"]".to_owned())
            }
            Self::Files => ("kind = \"site\"".to_owned(), ".", "# include = [\"**\"]".to_owned()),
        };
        let packed = TEMPLATE
            .replace("{entry_point}", &entry_point)
            .replace("{root}", root)
            .replace("{include}", &include);
        format!("{packed}{}", self.serving())
    }

    fn serving(&self) -> String {
        let serve = match self {
            // It serves itself.
            Self::Program { .. } => return String::new(),
            Self::Package { .. } => "# \"/static\" = \"static\"",
            Self::Site { .. } | Self::Files => "# \"/\" = \"\"",
        };
        SERVING.replace("{serve}", serve)
    }
}

/// The first program or script in a directory, by name.
fn program(dir: &Path, below: &str) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir.join(below))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let is_program = |name: &&String| {
        let path = dir.join(below).join(name);
        let executable =
            |path: &Path| Some(path.metadata().ok()?.permissions().mode() & 0o111 != 0);
        executable(&path) == Some(true)
            && matches!(binary::examine(&path), Ok(Binary::Script | Binary::Program { .. }))
    };
    names.iter().find(is_program).map(|name| format!("{below}{name}"))
}

fn include(directories: &[&str]) -> String {
    if directories.is_empty() {
        return "include = []".to_owned();
    }
    let globs: Vec<String> = directories.iter().map(|dir| format!("\"{dir}/**\"")).collect();
    format!("include = [{}]", globs.join(", "))
}

/// A TOML string; its escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const TEMPLATE: &str = r#"# What `holdall bundle` packs into one executable. Every key may be left out.

# The name of the bundle, and of the file that is made. Default: the name of the Cargo package, of
# the program or of the directory.
# name = "sayhello"

# Default: the version of the Cargo package, or 0.0.0.
# version = "0.1.0"

# Arguments that are put before those of the user.
# arguments = ["--port", "8080"]

# Variables that are set where the user's environment lacks them.
# [environment]
# GREETING = "hello"

# What it is for and whose it is. Default: what the Cargo package says.
# [about]
# description = "Says hello"
# license = "MIT"
# authors = ["…"], homepage, documentation and repository = "https://…"

[entry-point]
# How it runs. Default: inferred from what it is.
#   linked  a program that contains the launcher
#   plugin  a shared object with the service ABI
#   exec    any program or script
#   site    no code: the resources are served
# And what runs, one of: path = "FILE", bin = "NAME" or lib = true (of the Cargo package).
{entry_point}

[resources]
# The directory that the names of resources are relative to.
root = "{root}"

# Globs as in .gitignore: `*.map` at any depth, `/docs` and `data/*.json` from the root.
{include}
exclude = ["*~", "*.swp"]

# Symbolic links are an error unless they are followed.
follow-symlinks = false

# Whether what .gitignore names is left out.
gitignore = true

# What is compressed for HTTP in more ways than gzip: "br", "zstd" or both. Default: none, or
# ["br"] with --release.
# variants = ["br"]

# Media types by glob, where the usual ones are wrong; the last that matches counts.
# [resources.media-types]
# "*.foo" = "text/x-foo; charset=utf-8"
"#;

/// What follows where resources may be served.
const SERVING: &str = r#"
# Which directory of resources is served at which URL prefix; "" is the root.
# [serve]
{serve}

# How they are served; these are the defaults.
# [static]
# index = "index.html"
# not-found = "404.html"
# clean-urls = true
# immutable = true
# listing = false
# fallback = "app.html"
# cors = ["https://app.example"]

# [[static.headers]]
# for = "/assets/**"
# set = { Cache-Control = "public, max-age=3600" }

# [[static.redirects]]
# from = "/blog/*"
# to = "/articles/*"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn config_for(found: &Found) -> config::Config {
        config::parse(&found.manifest(), Path::new(FILE_NAME)).unwrap()
    }

    #[test]
    fn what_is_written_can_be_read() {
        let program = Found::Program { path: "run \"me\".sh".into() };
        let config = config_for(&program);
        assert_eq!(config.entry_point.path.as_deref(), Some(Path::new("run \"me\".sh")));
        let package =
            Found::Package { target: Target::Bin("say".into()), resources: vec!["data", "static"] };
        let config = config_for(&package);
        assert_eq!(config.entry_point.bin.as_deref(), Some("say"));
        assert_eq!(config.resources.include.unwrap(), ["data/**", "static/**"]);
        assert_eq!(
            config_for(&Found::Site { root: "dist" }).resources.root.unwrap(),
            Path::new("dist")
        );
        config_for(&Found::Files);
        // The comments are keys, too.
        let site = Found::Site { root: "." }.manifest();
        let (_, keys) = site.split_once("\n# variants").unwrap();
        let keys: String = format!("# variants{keys}")
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .filter(|line| line.contains(" = ") || line.starts_with('['))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = config::parse(&format!("[resources]\n{keys}"), Path::new(FILE_NAME)).unwrap();
        assert_eq!(config.serve["/"].get_ref(), "");
        assert_eq!(config.rules.unwrap().get_ref().redirects[0].status, 308);
        config_for(&Found::Package { target: Target::Cdylib("x".into()), resources: vec![] });
    }

    #[test]
    fn sites_come_before_programs() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Found::in_directory(dir.path()).unwrap(), Found::Files);
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        let script = dir.path().join("bin/run");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(Found::in_directory(dir.path()).unwrap(), Found::Files);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = Found::Program { path: "bin/run".into() };
        assert_eq!(Found::in_directory(dir.path()).unwrap(), program);
        std::fs::create_dir(dir.path().join("dist")).unwrap();
        std::fs::write(dir.path().join("dist/index.html"), "").unwrap();
        assert_eq!(Found::in_directory(dir.path()).unwrap(), Found::Site { root: "dist" });
    }
}
