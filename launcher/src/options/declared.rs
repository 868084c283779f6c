//! The options that a service declares, beside those of every bundle.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, ArgMatches, Command};
use holdall_service::{ServiceOption, ServiceOptions};
use thiserror::Error;

/// A declaration that no bundle can run with: a mistake of the service's author.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the service declares an option {name:?}: {problem}")]
pub(crate) struct DeclarationError {
    pub name: String,
    pub problem: DeclarationProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum DeclarationProblem {
    #[error("every bundle has one of that name; take another name")]
    Taken,
    #[error("it declares another one of that name")]
    Twice,
    #[error("a name has two or more lower-case letters, digits and single dashes, a letter first")]
    Malformed,
    #[error("its variable in the environment has another meaning; take another name")]
    Reserved,
    #[error("a flag has no default")]
    FlagWithDefault,
}

/// Names whose variables say where resources are, and what a successor inherits.
const RESERVED: [&str; 5] = ["bundle", "bundle-fd", "nursery-fd", "ready-fd", "resources"];

/// Checks declarations against the command that they are to be added to.
pub(super) fn check(options: &[ServiceOption], command: &Command) -> Result<(), DeclarationError> {
    let own = command.get_arguments().filter_map(Arg::get_long);
    let taken: BTreeSet<_> = own.chain(["help", "version"]).collect();
    let mut names = BTreeSet::new();
    for option in options {
        let problem = match option.name {
            name if !is_name(name) => DeclarationProblem::Malformed,
            name if taken.contains(name) => DeclarationProblem::Taken,
            name if RESERVED.contains(&name) => DeclarationProblem::Reserved,
            name if !names.insert(name) => DeclarationProblem::Twice,
            _ if option.value.is_none() && option.default.is_some() => {
                DeclarationProblem::FlagWithDefault
            }
            _ => continue,
        };
        return Err(DeclarationError { name: option.name.to_owned(), problem });
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(is_part)
}

/// Adds them to a command, under a heading of their own.
pub(super) fn add(command: Command, options: &[ServiceOption], service: &str) -> Command {
    let heading = format!("Options of {service}");
    options.iter().fold(command, |command, option| {
        command.arg(argument(option).help_heading(heading.clone()))
    })
}

/// Ids have a colon, which no field of our own has.
fn id(option: &ServiceOption) -> String {
    format!("service:{}", option.name)
}

fn argument(option: &ServiceOption) -> Arg {
    let argument = Arg::new(id(option)).long(option.name).help(option.help);
    match option.value {
        None => argument.action(ArgAction::SetTrue),
        Some(value) => match option.default {
            Some(default) => argument.value_name(value).default_value(default),
            None => argument.value_name(value),
        },
    }
}

/// The values that they were given.
pub(super) fn values(options: &[ServiceOption], matches: &ArgMatches) -> ServiceOptions {
    let value = |option: &ServiceOption| match option.value {
        None => matches.get_flag(&id(option)).then(String::new),
        Some(_) => matches.get_one::<String>(&id(option)).cloned(),
    };
    options.iter().filter_map(|option| Some((option.name, value(option)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(options: &[ServiceOption]) -> Option<DeclarationProblem> {
        let command = Command::new("test").arg(Arg::new("ports").long("port"));
        check(options, &command).err().map(|error| error.problem)
    }

    fn flag(name: &'static str) -> ServiceOption {
        ServiceOption { name, value: None, default: None, help: "" }
    }

    #[test]
    fn declarations_are_checked() {
        for name in ["greeting", "a1", "two-words"] {
            assert_eq!(problem(&[flag(name)]), None, "{name}");
        }
        for name in
            ["", "a", "-a", "--greeting", "Greeting", "a--b", "a-", "1a", "a_b", "a=b", "größe"]
        {
            assert_eq!(problem(&[flag(name)]), Some(DeclarationProblem::Malformed), "{name}");
        }
        for name in ["port", "help", "version"] {
            assert_eq!(problem(&[flag(name)]), Some(DeclarationProblem::Taken), "{name}");
        }
        assert_eq!(problem(&[flag("bundle-fd")]), Some(DeclarationProblem::Reserved));
        assert_eq!(problem(&[flag("ab"), flag("ab")]), Some(DeclarationProblem::Twice));
        let with_default = ServiceOption { default: Some("x"), ..flag("ab") };
        assert_eq!(problem(&[with_default]), Some(DeclarationProblem::FlagWithDefault));
    }
}
