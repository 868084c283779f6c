//! Limits of resources: how many files, and so connections, may be open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files (`RLIMIT_NOFILE`, getrlimit(2)) to the hard one.
///
/// The soft limit is low for programs that use select(2); a server needs a descriptor for each
/// connection. Returns the limit that is in force, [`u64::MAX`] if there is none.
///
/// # Errors
/// What the kernel says where it refuses; the limit is then as it was.
///
/// ```
/// let files = holdall_process::limits::raise_file_limit()?;
/// assert!(files > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn raise_file_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let low = Rlimit { current: Some(64), maximum: hard };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(Some(raise_file_limit().unwrap()), hard);
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
        assert_eq!(Some(raise_file_limit().unwrap()), hard, "a second time changes nothing");
    }
}
