//! Values from the environment and from the manifest: defaults in place of the built-in ones.
//!
//! Both are parsed by the command that parses the command line, one variable at a time, so that
//! each error says where its value comes from. Then they become defaults of that command.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Where the value of an option comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    CommandLine,
    /// The variable.
    Environment(String),
    Manifest,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => formatter.write_str("command line"),
            Origin::Environment(variable) => write!(formatter, "{variable} in the environment"),
            Origin::Manifest => formatter.write_str("default arguments of the bundle"),
        }
    }
}

/// An option that has another value than the built-in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// Its name, without dashes before it.
    pub name: String,
    /// Its values; for a flag, whether it is set: `true` or `false`.
    pub values: Vec<OsString>,
    pub is_flag: bool,
    pub origin: Origin,
}

impl Given {
    /// What one would type for it.
    pub fn arguments(&self) -> Vec<String> {
        if self.is_flag {
            let is_set = self.values.iter().any(|value| value == "true");
            return is_set.then(|| format!("--{}", self.name)).into_iter().collect();
        }
        let values = self.values.iter();
        values.map(|value| format!("--{}={}", self.name, value.to_string_lossy())).collect()
    }
}

/// Values and where they come from, by the ids of their options.
#[derive(Debug, Default)]
pub(super) struct Presets(BTreeMap<String, Vec<Preset>>);

#[derive(Debug, Clone)]
struct Preset {
    values: Vec<OsString>,
    origin: Origin,
}

/// The ids of options to which each origin adds: all others are replaced.
const ADDITIVE: [&str; 2] = ["readable", "writable"];

impl Presets {
    /// Those of a manifest's arguments.
    pub fn of_manifest(settings: &Command, arguments: &[String]) -> Result<Self, clap::Error> {
        let arguments = arguments.iter().map(OsString::from);
        let matches = parse(settings, arguments)
            .map_err(|error| blame(settings, &Origin::Manifest, &error))?;
        let given = settings.get_arguments().filter(|arg| is_given(&matches, arg));
        let preset = |arg: &Arg| {
            (id(arg), vec![Preset { values: raw(&matches, arg), origin: Origin::Manifest }])
        };
        Ok(Self(given.map(preset).collect()))
    }

    /// Those of the environment; an empty variable is as good as none.
    pub fn of_environment(
        settings: &Command,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, clap::Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut presets = BTreeMap::new();
        for arg in settings.get_arguments() {
            let name = variable_name(arg);
            if let Some(value) = variable(&name) {
                let origin = Origin::Environment(name);
                let values = values(settings, arg, &value);
                let values = values.map_err(|error| blame(settings, &origin, &error))?;
                presets.insert(id(arg), vec![Preset { values, origin }]);
            }
        }
        if let (Some(port), None) = (variable("PORT"), presets.get("ports")) {
            presets.insert("ports".to_owned(), vec![lone_port(settings, &port)?]);
        }
        Ok(Self(presets))
    }

    /// These, and over them the others, which replace them where both have a value, or add to it.
    pub fn under(mut self, others: Presets) -> Self {
        for (id, over) in others.0 {
            let presets = self.0.entry(id.clone()).or_default();
            if !ADDITIVE.contains(&id.as_str()) {
                presets.clear();
            }
            presets.extend(over);
        }
        self
    }

    /// The command, with these in place of its defaults.
    pub fn apply(&self, command: Command) -> Command {
        self.0.keys().fold(command, |command, id| {
            command.mut_arg(id, |arg| arg.default_values(self.values(id).map(OsStr::to_owned)))
        })
    }

    /// The values of an option.
    pub fn values(&self, id: &str) -> impl Iterator<Item = &OsStr> {
        let presets = self.0.get(id).into_iter().flatten();
        presets.flat_map(|preset| &preset.values).map(OsString::as_os_str)
    }

    /// What differs from the built-in defaults, in the order of the options.
    pub fn given(&self, settings: &Command, matches: &ArgMatches) -> Vec<Given> {
        settings.get_arguments().flat_map(|arg| self.given_for(arg, matches)).collect()
    }

    fn given_for(&self, arg: &Arg, matches: &ArgMatches) -> Vec<Given> {
        let id = id(arg);
        let mut presets = self.0.get(&id).cloned().unwrap_or_default();
        if is_given(matches, arg) {
            if !ADDITIVE.contains(&id.as_str()) {
                presets.clear();
            }
            presets.push(Preset { values: raw(matches, arg), origin: Origin::CommandLine });
        }
        let name = arg.get_long().unwrap_or_default();
        let given = |Preset { values, origin }| Given {
            name: name.to_owned(),
            values,
            is_flag: is_flag(arg),
            origin,
        };
        presets.into_iter().map(given).collect()
    }
}

/// What an option is called in the environment.
fn variable_name(arg: &Arg) -> String {
    let name = arg.get_long().unwrap_or_default();
    format!("HOLDALL_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// `PORT`, as platforms set it that start services.
fn lone_port(settings: &Command, port: &OsStr) -> Result<Preset, clap::Error> {
    let origin = Origin::Environment("PORT".to_owned());
    let port = port.to_str().and_then(|port| port.trim().parse::<u16>().ok()).ok_or_else(|| {
        let wanted = format!("{origin}: {port:?} is no port, wanted a number from 0 to 65535");
        settings.clone().error(ErrorKind::ValueValidation, wanted)
    })?;
    Ok(Preset { values: vec![format!("tcp:{port}").into()], origin })
}

/// The values in a variable, each checked.
fn values(settings: &Command, arg: &Arg, value: &OsStr) -> Result<Vec<OsString>, clap::Error> {
    if is_flag(arg) {
        return switch(settings, value).map(|set| vec![set.into()]);
    }
    let values = match arg.get_action() {
        ArgAction::Append => {
            value.to_string_lossy().split_whitespace().map(OsString::from).collect()
        }
        _ => vec![value.to_owned()],
    };
    let option = format!("--{}=", arg.get_long().unwrap_or_default());
    parse(
        settings,
        values.iter().map(|value| {
            let mut argument = OsString::from(&option);
            argument.push(value);
            argument
        }),
    )?;
    Ok(values)
}

fn switch(settings: &Command, value: &OsStr) -> Result<&'static str, clap::Error> {
    match value.to_string_lossy().trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok("true"),
        "0" | "false" | "no" | "off" => Ok("false"),
        _ => {
            let wanted = format!("{value:?} is neither 1 nor 0");
            Err(settings.clone().error(ErrorKind::ValueValidation, wanted))
        }
    }
}

fn parse(
    settings: &Command,
    arguments: impl Iterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    let program = std::iter::once(OsString::from(settings.get_name()));
    settings.clone().try_get_matches_from(program.chain(arguments))
}

/// The error again, with the place that the value comes from.
fn blame(settings: &Command, origin: &Origin, error: &clap::Error) -> clap::Error {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let first: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    settings.clone().error(error.kind(), format!("{origin}: {}", first.join(" ")))
}

fn is_given(matches: &ArgMatches, arg: &Arg) -> bool {
    matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn raw(matches: &ArgMatches, arg: &Arg) -> Vec<OsString> {
    let raw = matches.get_raw(arg.get_id().as_str());
    raw.into_iter().flatten().map(OsStr::to_owned).collect()
}

fn id(arg: &Arg) -> String {
    arg.get_id().to_string()
}
