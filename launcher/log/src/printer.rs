//! From an event of `tracing` to its line.

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::event::{Said, Told};
use crate::text::{self, Style};
use crate::{Format, Level, Lines, Settings, Target, json};

/// The libraries under the server: below a warning they speak to those who work on them.
const LIBRARIES: [&str; 7] = ["h2", "hyper", "hyper_util", "mio", "rustls", "tokio", "tower"];

pub(crate) struct Printer {
    name: String,
    level: Level,
    form: Form,
    lines: Lines,
}

enum Form {
    Text(Style),
    Json,
}

impl Printer {
    pub(crate) fn new(name: &str, settings: &Settings, lines: Lines) -> Self {
        let form = match settings.format {
            Format::Text => Form::Text(style(&settings.target)),
            Format::Json => Form::Json,
        };
        Self { name: name.to_owned(), level: settings.level, form, lines }
    }

    fn tell(&self, level: Level, target: Option<&str>, said: Said) {
        let time = Timestamp::now();
        let told = Told { time, level, name: &self.name, target, said };
        match &self.form {
            Form::Text(style) => {
                let mut line = String::new();
                text::write(&told, *style, &mut line);
                self.lines.write(line.as_bytes());
            }
            Form::Json => {
                let mut line = Vec::new();
                json::write(&told, &mut line);
                self.lines.write(&line);
            }
        }
    }

    fn tell_lost(&self) {
        let lost = self.lines.take_lost();
        if lost > 0 {
            let message = "lines of this log were lost".to_owned();
            let fields = vec![("lines", lost.into())];
            self.tell(Level::Warn, None, Said { message, is_critical: false, fields });
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Printer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let least = match self.level > Level::Debug && is_library(metadata.target()) {
            true => self.level.max(Level::Warn),
            false => self.level,
        };
        // What a span knows belongs to the errors in it, whatever else is told.
        let least = if metadata.is_span() { least.min(Level::Info) } else { least };
        *metadata.level() <= filter(least)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter(self.level.min(Level::Info)))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        span.extensions_mut().insert(said);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Formatting a value may itself be an event, so the span is not held meanwhile.
        let mut said = span.extensions().get::<Said>().cloned().unwrap_or_default();
        values.record(&mut said);
        span.extensions_mut().replace(said);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let level = level(event.metadata(), &said);
        if level < self.level {
            return;
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(span) = span.extensions().get::<Said>() {
                said.add(span);
            }
        }
        let target = event.metadata().target();
        self.tell(level, (!is_ours(target)).then_some(target), said);
        self.tell_lost();
    }
}

fn style(target: &Target) -> Style {
    // https://no-color.org: set and not empty.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        has_time: matches!(target, Target::File(_)),
        has_colour: target.is_terminal() && !no_color,
    }
}

fn level(metadata: &Metadata<'_>, said: &Said) -> Level {
    match *metadata.level() {
        tracing::Level::ERROR if said.is_critical => Level::Critical,
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        _ => Level::Debug,
    }
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error | Level::Critical => LevelFilter::ERROR,
    }
}

fn is_library(target: &str) -> bool {
    LIBRARIES.contains(&krate(target))
}

fn is_ours(target: &str) -> bool {
    krate(target).starts_with("holdall")
}

/// The first part of a target is the package that the event is in.
fn krate(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}
