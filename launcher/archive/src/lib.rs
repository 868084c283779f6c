//! The bundle file format: an ELF executable with a zip archive appended, and an index in it.
//!
//! This package knows the bytes of the file and nothing else: not what a manifest says, not what a
//! resource is for. [`Archive`] reads, [`Writer`] writes, [`Archive::verify`] checks every byte.
//!
//! The layout with its numbered invariants is in `layout.rs`.

mod archive;
mod checked;
mod content;
mod copy;
mod end;
mod entry;
mod entry_reader;
mod error;
mod index;
mod inflate;
mod layout;
mod name;
mod note;
mod packed;
mod perfect;
mod quick;
mod scan;
mod source;
mod verify;
mod writer;

pub use archive::{Archive, Child, Entries, IndexState, Lookup};
pub use entry::Entry;
pub use entry_reader::EntryReader;
pub use error::{Error, Field, Flaw, grouped};
pub use index::{Digest, digest};
pub use layout::{BOMB_FROM, DosTime, INDEX, MANIFEST, Method, RATIO_MAX, RESERVED, SIGNATURES};
pub use name::{NAME_MAX, Name, NameError};
pub use note::Executable;
pub use packed::{Content, Packed, Reserved, Streamed, Summary};
pub use verify::Verified;
pub use writer::Writer;
