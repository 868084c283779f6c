//! What an event says, before it is a line.

use std::error::Error;
use std::fmt::{self, Write};

use jiff::Timestamp;
use serde_json::{Number, Value};
use tracing::field::{Field, Visit};

use crate::Level;

/// An event, ready to be written.
pub(crate) struct Told<'a> {
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    /// The name of the service.
    pub(crate) name: &'a str,
    /// Where in the code it happened, unless that is code of this project.
    pub(crate) target: Option<&'a str>,
    pub(crate) said: Said,
}

/// The message and the fields of an event or of a span.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) message: String,
    pub(crate) is_critical: bool,
    /// No name comes twice.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl Said {
    /// Adds the fields of a span; one of the event's own keeps its value.
    pub(crate) fn add(&mut self, span: &Self) {
        for (name, value) in &span.fields {
            if !self.fields.iter().any(|(known, _)| known == name) {
                self.fields.push((name, value.clone()));
            }
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // The macros keep the `r#` of a field that is called like a keyword.
        let name = name.strip_prefix("r#").unwrap_or(name);
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.fields.push((name, value)),
        }
    }

    fn set_text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            _ => self.set(field, Value::String(text)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "critical" => self.is_critical = value,
            _ => self.set(field, Value::Bool(value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON knows neither infinity nor NaN.
        let number = Number::from_f64(value).map(Value::Number);
        self.set(field, number.unwrap_or_else(|| Value::String(value.to_string())));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = shown(format_args!("{value}"));
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&shown(format_args!("{error}")));
            cause = error.source();
        }
        self.set_text(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, shown(format_args!("{value:?}")));
    }
}

/// The text of a value. One whose formatting fails shows as far as it got, where `to_string` would
/// panic.
fn shown(value: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    let _ = text.write_fmt(value);
    text
}
