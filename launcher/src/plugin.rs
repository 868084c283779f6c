//! `plugin` entry points: a shared object in a sealed memory file, and its service.

use std::{io, sync::Arc};

use bytes::Bytes;
use holdall_bundle::Bundle;
use holdall_plugin::{Host, Library};
use holdall_resources::{Resources, memfd::Executable};
use holdall_service::{BoxService, ServiceOptions};

use crate::{exec, failure::Failure, say};

/// Loads the shared object; what it declares is known then, but nothing runs yet.
pub(crate) fn open(bundle: &Bundle) -> Result<Library, Failure> {
    // Without execute permission: dlopen maps it all the same, even where policy forbids the other.
    let file = exec::payload(bundle, Executable::No)?;
    Ok(Library::open(&file.path())?)
}

pub(crate) fn start(
    library: Library,
    bundle: Bundle,
    options: ServiceOptions,
) -> Result<BoxService, Failure> {
    let name = bundle.manifest().name.clone();
    let resources = Resources::from_archive(Arc::new(bundle.into_archive()));
    let host = Host::new(
        move |_, message| say(format_args!("{name}: {message}")),
        move |name| read(&resources, name),
    );
    Ok(BoxService::new(library.start(host.with_options(options))?))
}

fn read(resources: &Resources, name: &str) -> io::Result<Bytes> {
    match resources.read(name) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.is_not_found() => Err(io::Error::new(io::ErrorKind::NotFound, error)),
        Err(error) => Err(io::Error::other(error)),
    }
}
