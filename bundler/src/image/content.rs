//! What is in the image beside the bundle, and whether the bundle can run where nothing else is.

use crate::image::error::ImageError;
use crate::image::layer::User;
use crate::image::platform::Platform;
use holdall_bundle::{Bundle, BundleError};
use std::collections::BTreeMap;

/// Directories that the runtime puts its own things over (OCI runtime-spec, `config-linux.md`).
const TAKEN: [&str; 4] = ["dev", "etc", "proc", "sys"];

/// What the bundle is for, which has to be what is `wanted`.
///
/// # Errors
/// [`ImageError::Platform`] and [`ImageError::Machine`].
pub fn platform(bundle: &Bundle, wanted: Option<Platform>) -> Result<Platform, ImageError> {
    let archive = bundle.archive();
    let executable = archive.prefix().map_err(BundleError::Archive)?;
    let path = || archive.path().to_owned();
    let found = Platform::of(&executable).ok_or_else(|| ImageError::Machine { path: path() })?;
    match wanted {
        Some(wanted) if wanted != found => {
            Err(ImageError::Platform { path: path(), found, wanted })
        }
        _ => Ok(found),
    }
}

/// Refuses a bundle that needs a library, a dynamic loader or an interpreter: there is none.
///
/// # Errors
/// [`ImageError::Needs`].
pub fn check_needs(bundle: &Bundle) -> Result<(), ImageError> {
    let needs = bundle.needs()?;
    if needs.is_nothing() {
        return Ok(());
    }
    let manifest = bundle.manifest();
    Err(ImageError::Needs {
        path: bundle.archive().path().to_owned(),
        kind: manifest.entry_point.kind,
        target: manifest.built.target.clone(),
        needs,
    })
}

/// The absolute path of a directory in the image, without superfluous parts.
///
/// # Errors
/// [`ImageError::Volume`].
pub fn volume(path: &str) -> Result<String, ImageError> {
    let wrong = |reason| ImageError::Volume { path: path.to_owned(), reason };
    // The working directory is the root: a relative path means the same.
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    match parts.first() {
        None => Err(wrong("the root can't be a volume")),
        Some(first) if TAKEN.contains(first) => Err(wrong("the runtime has its own things there")),
        _ if parts.contains(&"..") => Err(wrong("a path with .. is ambiguous")),
        _ => Ok(format!("/{}", parts.join("/"))),
    }
}

/// The volumes, and all directories that they are in; none may have the name of the bundle.
///
/// # Errors
/// [`ImageError::Name`] and [`ImageError::Volume`].
pub fn directories(
    bundle: &str,
    volumes: &[String],
    user: User,
) -> Result<BTreeMap<String, Option<User>>, ImageError> {
    if TAKEN.contains(&bundle) {
        return Err(ImageError::Name { name: bundle.to_owned() });
    }
    let mut directories = BTreeMap::new();
    for volume in volumes {
        let name = volume.trim_start_matches('/');
        for (end, _) in name.match_indices('/') {
            directories.entry(name[..end].to_owned()).or_insert(None);
        }
        directories.insert(name.to_owned(), Some(user));
        if directories.contains_key(bundle) {
            let reason = "the bundle itself has this name in the image";
            return Err(ImageError::Volume { path: volume.clone(), reason });
        }
    }
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: User = User { uid: 65532, gid: 65532 };

    #[test]
    fn volumes_are_absolute_and_plain() {
        assert_eq!(volume("/srv//www/./certs/").unwrap(), "/srv/www/certs");
        assert_eq!(volume("certs").unwrap(), "/certs");
        for path in ["", "/", ".", "/proc/x", "/dev", "/a/../b"] {
            assert!(matches!(volume(path), Err(ImageError::Volume { .. })), "{path}");
        }
    }

    #[test]
    fn only_what_lasts_is_the_users() {
        let volumes = ["/srv/www/certs".to_owned(), "/srv/www".to_owned(), "/data".to_owned()];
        let found = directories("sayhello", &volumes, USER).unwrap();
        let (root, user) = (None, Some(USER));
        let expected = [("data", user), ("srv", root), ("srv/www", user), ("srv/www/certs", user)];
        assert_eq!(found, expected.map(|(name, owner)| (name.to_owned(), owner)).into());
    }

    #[test]
    fn names_that_are_taken_are_refused() {
        assert!(matches!(directories("proc", &[], USER), Err(ImageError::Name { .. })));
        let volumes = ["/sayhello/certs".to_owned()];
        assert!(matches!(directories("sayhello", &volumes, USER), Err(ImageError::Volume { .. })));
    }
}
