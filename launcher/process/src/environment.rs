//! Variables of the environment that a bundle has defaults for.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::sync::OnceLock;

use crate::system;
use crate::threads::{self, ThreadsError};

/// The variables that were set because the environment lacked them.
static SET: OnceLock<Vec<String>> = OnceLock::new();

/// Sets each variable that the environment of this process lacks. A successor does not inherit them:
/// the next version has defaults of its own.
///
/// To be called once, by the only thread: others could read the environment meanwhile.
///
/// # Errors
/// [`ThreadsError`]; nothing is set then. With no defaults there is nothing that can fail.
pub fn set_defaults(defaults: &BTreeMap<String, String>) -> Result<(), ThreadsError> {
    if defaults.is_empty() {
        return Ok(());
    }
    threads::require_one()?;
    let lacking = defaults.iter().filter(|(name, _)| env::var_os(name).is_none());
    let lacking: Vec<_> = lacking.collect();
    for (name, value) in &lacking {
        system::set_variable(name, value);
    }
    SET.get_or_init(|| lacking.into_iter().map(|(name, _)| name.clone()).collect());
    Ok(())
}

/// Whether the variable is there only because it was lacking.
pub(crate) fn is_default(name: &OsStr) -> bool {
    SET.get().is_some_and(|set| set.iter().any(|default| name == default.as_str()))
}
