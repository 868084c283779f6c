//! Variables of the environment that a bundle has defaults for.

use std::collections::BTreeMap;
use std::env;

use crate::system;
use crate::threads::{self, ThreadsError};

/// Sets each variable that the environment of this process lacks.
///
/// To be called by the only thread: others could read the environment meanwhile.
///
/// # Errors
/// [`ThreadsError`]; nothing is set then. With no defaults there is nothing that can fail.
pub fn set_defaults(defaults: &BTreeMap<String, String>) -> Result<(), ThreadsError> {
    if defaults.is_empty() {
        return Ok(());
    }
    threads::require_one()?;
    for (name, value) in defaults.iter().filter(|(name, _)| env::var_os(name).is_none()) {
        system::set_variable(name, value);
    }
    Ok(())
}
