//! File systems of a test's own; only root can have them.

use std::path::{Path, PathBuf};

use holdall_tests::tools;
use rustix::mount::{UnmountFlags, unmount};

/// A file system that is gone at the end.
pub struct Mounted {
    path: PathBuf,
}

impl Mounted {
    /// One in memory, with options such as `size=64k`.
    pub fn memory(path: &Path, options: &str) -> Self {
        Self::new(path, &["-t", "tmpfs", "-o", options, "tmpfs"])
    }

    /// The one in a file.
    pub fn image(path: &Path, image: &Path, options: &str) -> Self {
        let image = image.to_str().expect("a path of ours");
        Self::new(path, &["-o", &format!("loop,{options}"), image])
    }

    fn new(path: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(path).expect("a directory of ours");
        tools::tool("mount").args(arguments).arg(path).ok();
        Self { path: path.to_owned() }
    }

    /// Changes its options, such as `ro`.
    pub fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        tools::tool("mount").args(["-o", &options]).arg(&self.path).ok();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also while somebody has files open in it.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
    }
}
