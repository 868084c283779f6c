//! `plugin` entry points: a shared object in a sealed memory file, and its service.

use std::{io, sync::Arc};

use bytes::Bytes;
use holdall_bundle::Bundle;
use holdall_plugin::{Host, Plugin};
use holdall_resources::{
    Resources,
    memfd::{Executable, SealedFile},
};
use holdall_service::BoxService;

use crate::{exec, failure::Failure, say};

pub(crate) fn start(bundle: Bundle) -> Result<BoxService, Failure> {
    let name = bundle.manifest().name.clone();
    // Without execute permission: dlopen maps it all the same, even where policy forbids the other.
    let library = exec::payload(&bundle, Executable::No)?;
    let resources = Resources::from_archive(Arc::new(bundle.into_archive()));
    let host = Host::new(
        move |_, message| say(format_args!("{name}: {message}")),
        move |name| read(&resources, name),
    );
    Ok(BoxService::new(load(&library, host)?))
}

fn load(library: &SealedFile, host: Host) -> Result<Plugin, Failure> {
    Ok(Plugin::load(&library.path(), host)?)
}

fn read(resources: &Resources, name: &str) -> io::Result<Bytes> {
    match resources.read(name) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.is_not_found() => Err(io::Error::new(io::ErrorKind::NotFound, error)),
        Err(error) => Err(io::Error::other(error)),
    }
}
