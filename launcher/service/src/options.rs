//! Options of a service: what it declares, and what it was given.

use std::collections::BTreeMap;

/// An option that a service adds to those of every bundle, shown in the same `--help`.
///
/// `greeting` is `--greeting TEXT` on the command line, `HOLDALL_GREETING` in the environment, and
/// `"--greeting", "TEXT"` among the default arguments of a bundle.
///
/// ```
/// use holdall_service::ServiceOption;
///
/// const OPTIONS: &[ServiceOption] = &[
///     ServiceOption {
///         name: "greeting",
///         value: Some("TEXT"),
///         default: Some("Hello"),
///         help: "The word before the name",
///     },
///     ServiceOption { name: "loud", value: None, default: None, help: "Greet in capitals" },
/// ];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceOption {
    /// The name without dashes before it: lower-case letters, digits and single `-`, a letter first.
    pub name: &'static str,
    /// What `--help` calls the value, as `TEXT`; none for a flag.
    pub value: Option<&'static str>,
    /// The value where none is given; a flag has none.
    pub default: Option<&'static str>,
    /// One line that says what it does.
    pub help: &'static str,
}

/// The values that a service was given for its options, or their defaults.
///
/// ```
/// use holdall_service::ServiceOptions;
///
/// let options = ServiceOptions::from_iter([("greeting", "Hello")]);
/// assert_eq!(options.get("greeting"), Some("Hello"));
/// assert!(!options.is_set("loud"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceOptions(BTreeMap<String, String>);

impl ServiceOptions {
    /// The value that the option was given, or its default; empty for a flag that is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a flag was given, or an option has a value.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Values by the names of their options.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for ServiceOptions {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What holds where nothing is given: the defaults.
impl From<&[ServiceOption]> for ServiceOptions {
    fn from(options: &[ServiceOption]) -> Self {
        options.iter().filter_map(|option| Some((option.name, option.default?))).collect()
    }
}
