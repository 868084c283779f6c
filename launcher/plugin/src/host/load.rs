//! Loading: shared object, symbol, handshake, start; an error for each step.

use std::ffi::{CStr, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use holdall_service::ServiceOption;
use libloading::os::unix::{Library as Object, RTLD_LOCAL, RTLD_NOW};

use super::table::Table;
use super::{Host, Loaded, Plugin, declared};
use crate::abi::{self, Status};
use crate::growing::{self, Growing};

/// A plug-in that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The system's loader refuses the shared object.
    #[error("can't load the shared object")]
    Open {
        /// What the loader said.
        source: libloading::Error,
    },
    /// The shared object was built for another processor.
    #[error(
        "the shared object is for {}, this machine is {}; build it for this machine",
        machine_name(*found),
        machine_name(*expected)
    )]
    OtherMachine {
        /// The ELF machine number of this program.
        expected: u16,
        /// The one of the shared object.
        found: u16,
    },
    /// The shared object is no plug-in.
    #[error(
        "the shared object does not export {symbol}; a plug-in in Rust needs holdall_plugin::export!"
    )]
    NoSymbol {
        /// What is missing.
        symbol: &'static str,
        /// What the loader said.
        source: libloading::Error,
    },
    /// The plug-in refuses the host's version of the interface.
    #[error(
        "the plug-in refuses interface version {offered}; build it with the holdall of this bundle"
    )]
    Refused {
        /// The version of the host.
        offered: u32,
    },
    /// The plug-in has another version of the interface.
    #[error(
        "the plug-in has interface version {found}, expected {expected}; build it with the holdall of this bundle"
    )]
    OtherVersion {
        /// The version of the host.
        expected: u32,
        /// The one of the plug-in.
        found: u32,
    },
    /// The table of the plug-in is too short, or has no `handle`.
    #[error(
        "the plug-in's table is incomplete: {size} bytes, expected {expected} with handle in it"
    )]
    Incomplete {
        /// The size that the plug-in states.
        size: usize,
        /// The least size.
        expected: usize,
    },
    /// An option that the plug-in declares is too short, or is not in UTF-8.
    #[error("option {} in the plug-in's table can't be read", index + 1)]
    Option {
        /// Its place in the table, from 0.
        index: usize,
    },
    /// The plug-in did not start.
    #[error("the plug-in did not start: {message}")]
    Start {
        /// The plug-in's own words.
        message: String,
    },
    /// The plug-in panicked while it started.
    #[error("the plug-in did not start: {message}")]
    StartPanic {
        /// What the panic said, and where.
        message: String,
    },
}

/// Room for the reason why a plug-in does not start.
const REASON_SIZE: usize = 1024;

/// A plug-in that was loaded, but not started yet.
///
/// It is never unloaded: that is a segmentation fault where a thread is in it.
#[derive(Debug)]
pub struct Library {
    plugin: abi::Plugin,
    handle: unsafe extern "C" fn(*mut std::ffi::c_void, *const abi::Request, *mut abi::Responder),
    options: Vec<ServiceOption>,
}

impl Library {
    /// Loads a shared object, and agrees with it on the interface; its constructors run.
    ///
    /// The path may be `/proc/self/fd/N` of a sealed memory file. The descriptor may be closed
    /// afterwards, but the system's loader knows an object by its path: the same path for
    /// another plug-in in this process would give the first one again.
    ///
    /// # Errors
    /// [`LoadError`] says at which step, and what was expected and found.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let object = open(path)?;
        let plugin = handshake(&object)?;
        let handle = plugin.handle.ok_or_else(|| incomplete(plugin.size))?;
        // SAFETY: the handshake gave the table, and the object stays loaded.
        let options = unsafe { declared::read(&plugin) }?;
        Ok(Self { plugin, handle, options })
    }

    /// The options that the plug-in declares, as it declares them: names are not checked.
    pub fn options(&self) -> &[ServiceOption] {
        &self.options
    }

    /// Starts the plug-in, with the values of its options in `host`.
    ///
    /// # Errors
    /// [`LoadError::Start`] and [`LoadError::StartPanic`], with the plug-in's reason.
    pub fn start(self, host: Host) -> Result<Plugin, LoadError> {
        // The table must outlive all threads of the plug-in, which nobody can count.
        let table: &'static Table = Box::leak(Box::new(Table::new(host)));
        let context = start(&self.plugin, table)?;
        let (name, stop) = (name(&self.plugin), self.plugin.stop);
        Ok(Plugin(Arc::new(Loaded { name, context, handle: self.handle, stop })))
    }
}

// SAFETY: rule 5 of the header: a plug-in is called from any thread.
unsafe impl Send for Library {}

/// Loads a shared object for good. Unloading one with a thread in it is a segmentation fault.
fn open(path: &Path) -> Result<ManuallyDrop<Object>, LoadError> {
    // SAFETY: constructors of the shared object run here; that is the trust one has in a plug-in.
    let library = unsafe { Object::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    match library {
        Ok(library) => Ok(ManuallyDrop::new(library)),
        Err(source) => Err(match other_machine(path) {
            Some((expected, found)) => LoadError::OtherMachine { expected, found },
            None => LoadError::Open { source },
        }),
    }
}

/// Asks the plug-in for its table, and checks it.
fn handshake(library: &Object) -> Result<abi::Plugin, LoadError> {
    let symbol = abi::SYMBOL.trim_end_matches('\0');
    // SAFETY: rule 1 of the header: a function of this name has this type.
    let entry = unsafe { library.get::<abi::Entry>(abi::SYMBOL) };
    let entry = entry.map_err(|source| LoadError::NoSymbol { symbol, source })?;
    // SAFETY: as above.
    let plugin = unsafe { entry(abi::ABI) };
    if plugin.is_null() {
        return Err(LoadError::Refused { offered: abi::ABI });
    }
    // SAFETY: rule 2: every version of the table begins with its size and its version.
    let found = unsafe { (&raw const (*plugin).abi).read() };
    let expected = abi::ABI;
    if found != expected {
        return Err(LoadError::OtherVersion { expected, found });
    }
    // SAFETY: as above.
    unsafe { growing::copy(plugin) }.map_err(incomplete)
}

fn incomplete(size: usize) -> LoadError {
    LoadError::Incomplete { size, expected: abi::Plugin::LEAST }
}

fn name(plugin: &abi::Plugin) -> String {
    if plugin.name.is_null() {
        return "without name".to_owned();
    }
    // SAFETY: `name` is text with a final NUL that lives as long as the process.
    let name = unsafe { CStr::from_ptr(plugin.name) };
    name.to_string_lossy().into_owned()
}

/// Starts the plug-in, and returns its context.
fn start(plugin: &abi::Plugin, table: &'static Table) -> Result<*mut std::ffi::c_void, LoadError> {
    let mut context = ptr::null_mut();
    let Some(start) = plugin.start else {
        return Ok(context);
    };
    let mut reason = [0u8; REASON_SIZE];
    // SAFETY: the table lives for ever; `reason` has the stated room.
    let status = unsafe {
        start(table.as_abi(), &raw mut context, reason.as_mut_ptr().cast::<c_char>(), REASON_SIZE)
    };
    let message = || text(&reason);
    match status {
        Status::OK => Ok(context),
        Status::PANICKED => Err(LoadError::StartPanic { message: message() }),
        _ => Err(LoadError::Start { message: message() }),
    }
}

/// The text before the first NUL, in one line.
fn text(buffer: &[u8]) -> String {
    let end = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    match end {
        0 => "it gave no reason".to_owned(),
        _ => String::from_utf8_lossy(&buffer[..end]).replace(char::is_control, " "),
    }
}

/// The machine numbers of this program and of an ELF file, where they differ.
///
/// The loader's own text for this case is `No such file or directory`, or worse.
fn other_machine(path: &Path) -> Option<(u16, u16)> {
    let expected = elf_machine(Path::new("/proc/self/exe")).ok()??;
    let found = elf_machine(path).ok()??;
    (expected != found).then_some((expected, found))
}

/// `e_machine` of an ELF file; none for another kind of file.
fn elf_machine(path: &Path) -> io::Result<Option<u16>> {
    const BIG_ENDIAN: u8 = 2;
    let mut header = [0; 20];
    File::open(path)?.read_exact(&mut header)?;
    let machine = [header[18], header[19]];
    let machine = match header[5] {
        BIG_ENDIAN => u16::from_be_bytes(machine),
        _ => u16::from_le_bytes(machine),
    };
    Ok(header.starts_with(b"\x7fELF").then_some(machine))
}

/// The usual name of an ELF machine number (ELF-64 object file format, `e_machine`).
fn machine_name(machine: u16) -> String {
    let name = match machine {
        3 => "x86",
        21 => "ppc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86-64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        _ => return format!("machine {machine}"),
    };
    name.to_owned()
}
