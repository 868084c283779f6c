#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bundle;
mod directory;
#[cfg(feature = "include_dir")]
mod embedded;
mod encoded;
mod error;
mod media_type;
pub mod memfd;
mod nearest;
mod open;
mod paths;
mod reader;
mod resource;
mod resources;
mod tree;

pub use encoded::{Coding, Encoded};
pub use error::{Error, Place, Unusable};
pub use holdall_archive::NameError;
#[cfg(feature = "include_dir")]
pub use include_dir;
pub use media_type::media_type;
pub use open::{BUNDLE, BUNDLE_FD, RESOURCES};
pub use paths::{DirectoryPath, ResourcePath};
pub use reader::Reader;
pub use resource::Resource;
pub use resources::{Origin, Resources, Walk};
pub use tree::{Child, Kind};
