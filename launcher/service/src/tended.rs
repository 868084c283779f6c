//! Names whose certificates the server gets and renews itself, as operators are told of them.

use std::time::SystemTime;

/// What [`Admin`](crate::Admin) tells of certificates that the server gets and renews itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tended {
    /// The names, each once.
    pub names: Vec<TendedName>,
    /// How often what looks after them had to be started again.
    pub restarts: u64,
}

/// Where one name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TendedName {
    /// The name.
    pub name: String,
    /// A word for it: `live`, `ordering`, `backoff`.
    pub state: String,
    /// Whether clients are shown a certificate that is valid now.
    pub is_valid: bool,
    /// When something is tried next.
    pub next_attempt: Option<SystemTime>,
    /// How many orders were made.
    pub ordered: u64,
    /// How many certificates were issued.
    pub issued: u64,
    /// How many attempts failed.
    pub failed: u64,
    /// How often more validations may fail before the authority's limit is reached.
    pub limit_left: Option<u64>,
    /// What went wrong the last time.
    pub error: Option<String>,
}

impl Tended {
    /// Whether there is nothing that clients can be shown.
    pub fn is_bare(&self) -> bool {
        !self.names.iter().any(|name| name.is_valid)
    }

    /// A line for each name without a certificate: why there is none.
    ///
    /// ```
    /// use holdall_service::{Tended, TendedName};
    ///
    /// let name = TendedName {
    ///     name: "www.example.com".into(),
    ///     state: "backoff".into(),
    ///     is_valid: false,
    ///     next_attempt: None,
    ///     ordered: 1,
    ///     issued: 0,
    ///     failed: 1,
    ///     limit_left: None,
    ///     error: Some("no such host".into()),
    /// };
    /// let tended = Tended { names: vec![name], restarts: 0 };
    /// assert_eq!(tended.missing(), ["no certificate for www.example.com (backoff): no such host"]);
    /// ```
    pub fn missing(&self) -> Vec<String> {
        if self.names.is_empty() {
            return vec!["no certificate: no name is asked for".to_owned()];
        }
        let missing = self.names.iter().filter(|name| !name.is_valid);
        let line = |one: &TendedName| {
            let error = one.error.as_deref().map(|error| format!(": {error}"));
            format!("no certificate for {} ({}){}", one.name, one.state, error.unwrap_or_default())
        };
        missing.map(line).collect()
    }
}
