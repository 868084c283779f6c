//! What git knows of the work tree that a bundle lies in: the commit, and where it came from.

use std::path::Path;
use std::process::{Command, Stdio};

/// The state of a work tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// The full name of the commit, with `-dirty` behind it if files that git knows are changed.
    pub revision: Option<String>,
    /// The address of `origin`, without user name and password.
    pub source: Option<String>,
}

impl Git {
    /// Asks git about the work tree around `directory`. Without git, without a work tree or before
    /// its first commit there is nothing to tell.
    pub fn around(directory: &Path) -> Self {
        let describe = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
        let revision = ask(directory, &describe);
        let remote = || ask(directory, &["config", "--get", "remote.origin.url"]);
        let source = revision.is_some().then(remote).flatten();
        Self { revision, source: source.and_then(|url| public_url(&url)) }
    }
}

/// One line of git, if it has an answer.
fn ask(directory: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // A work tree may name a program that watches its files; it is not ours to run.
        .args(["-c", "core.fsmonitor=false"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        // In a hook they name the work tree of the hook.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// An address that tells no secret: without what may be a password or a token. A path on this machine
/// is no address for others.
fn public_url(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let Some((scheme, rest)) = url.split_once("://") else {
        // As scp writes it: user@host:path. The user is a part of it, and ssh takes no password there.
        let (host, path) = url.split_once(':')?;
        return (!host.contains('/') && !path.is_empty()).then(|| url.to_owned());
    };
    if !matches!(scheme, "https" | "http" | "ssh" | "git" | "git+ssh") {
        return None;
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user = match user.split(':').next() {
        // The account that all share on the hosts of git; anything else is somebody's own.
        Some("git") if scheme.contains("ssh") => "git@",
        _ => "",
    };
    (!host.is_empty()).then(|| format!("{scheme}://{user}{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_what_is_secret() {
        for (url, public) in [
            ("https://example.com/a/b.git", "https://example.com/a/b.git"),
            ("https://user:token@example.com/a/b", "https://example.com/a/b"),
            ("https://token@example.com:8443/a?key=1#x", "https://example.com:8443/a"),
            ("https://a@b:c@example.com/a", "https://example.com/a"),
            ("ssh://git@example.com/a/b", "ssh://git@example.com/a/b"),
            ("ssh://git:secret@example.com/a/b", "ssh://git@example.com/a/b"),
            ("ssh://moshe:secret@example.com/a/b", "ssh://example.com/a/b"),
            ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ] {
            assert_eq!(public_url(url).as_deref(), Some(public), "{url}");
        }
    }

    #[test]
    fn paths_of_this_machine_are_nobodys_business() {
        for url in ["/home/me/repo", "../repo", "file:///home/me/repo", "C/x:y", "", "https:///a"] {
            assert_eq!(public_url(url), None, "{url}");
        }
    }

    #[test]
    fn without_a_work_tree_there_is_nothing_to_tell() {
        assert_eq!(Git::around(Path::new("/proc")), Git::default());
        assert_eq!(Git::around(Path::new("/nowhere")), Git::default());
    }
}
