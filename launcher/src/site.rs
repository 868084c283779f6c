//! Resources over HTTP: alone, as a `site`, or in front of a service (`[serve]`).

use std::sync::Arc;

use holdall_bundle::{Bundle, EntryPointKind, Serving};
use holdall_resources::Resources;
use holdall_service::{BoxService, ServiceOptions};
use holdall_site::Site;

use crate::failure::Failure;

/// The service of a `site` entry point.
pub(crate) fn start(bundle: Bundle, _: ServiceOptions) -> Result<BoxService, Failure> {
    let serving = bundle.manifest().serving.clone().unwrap_or_default();
    Ok(site(bundle, &serving)?.into_service())
}

/// What of a bundle is served in front of its service, if anything is.
pub(crate) fn beside(bundle: &Bundle) -> Result<Option<Site>, Failure> {
    let manifest = bundle.manifest();
    match &manifest.serving {
        Some(serving) if manifest.entry_point.kind != EntryPointKind::Site => {
            // The bundle itself belongs to the service.
            site(Bundle::open_running()?, serving).map(Some)
        }
        _ => Ok(None),
    }
}

fn site(bundle: Bundle, serving: &Serving) -> Result<Site, Failure> {
    let resources = Resources::from_archive(Arc::new(bundle.into_archive()));
    Site::new(resources, serving).map_err(|error| Failure::Start(error.into()))
}
