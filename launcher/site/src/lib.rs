//! Resources over HTTP: a [`Site`] is a service whose answers come straight from a tree of resources.
//!
//! What it does with each request is specified in `docs/serving.md`. Data flows one way: `path` (a URL
//! becomes a name) → `map` (a name becomes a resource, a redirect, or nothing) → `page` (a resource
//! becomes representations with their headers) → `answer` (negotiation, conditions, ranges) → `content`
//! (the bytes). What one request prepared, the next ones on the same thread find ready.
//!
//! ```
//! use holdall_bundle::Serving;
//! use holdall_resources::Resources;
//! use holdall_site::Site;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # std::fs::write(directory.path().join("index.html"), "<h1>hello</h1>")?;
//! let resources = Resources::from_directory(directory.path())?;
//! let site = Site::new(resources, &Serving::default())?;
//! let service = site.into_service();
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod condition;
mod content;
mod cors;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hashed;
mod listing;
mod map;
mod memory;
mod negotiation;
mod page;
mod path;
mod pattern;
mod range;
mod rules;
mod site;

pub use rules::RuleError;
pub use site::Site;
