//! Converts clap's errors.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::documents::Shell;
use super::subcommand::Subcommand;
use super::unknown::unknown_arguments;
use super::usage::UsageError;
use crate::model::library_text::clap_line;
use crate::model::options::ExportFormat;

/// Returns the errors of `arguments`, of which clap's is the first. `command` is that of `line`, `None` for a launch.
pub fn usage_errors(
    error: &clap::Error,
    mut command: Command,
    line: Option<Subcommand>,
    arguments: &[OsString],
) -> Vec<UsageError> {
    // Only a built command formats its arguments as the error does.
    command.build();
    let command = &command;
    let mut errors = unknown_arguments(command, line, arguments);
    let known = match error.kind() {
        ErrorKind::UnknownArgument => None,
        ErrorKind::InvalidValue => invalid_value(error, command),
        ErrorKind::TooManyValues => {
            option(error, command).map(|arg| UsageError::UnexpectedValue(spelling(arg, command)))
        }
        ErrorKind::MissingRequiredArgument => line.and_then(missing_argument),
        ErrorKind::InvalidUtf8 => not_utf8(arguments),
        _ => None,
    };
    errors.extend(known);
    if errors.is_empty() {
        let text = error.render().to_string();
        errors.push(UsageError::Syntax(text.lines().filter_map(clap_line).map(str::to_owned).collect()));
    }
    errors
}

/// Returns the error of a command without the argument that it requires.
pub fn missing_argument(subcommand: Subcommand) -> Option<UsageError> {
    let (argument, known) = match subcommand {
        Subcommand::Export => ("--format FORMAT", ExportFormat::ALL.map(ExportFormat::name).to_vec()),
        Subcommand::Migrate => ("FILE --secret ID", Vec::new()),
        Subcommand::Install => ("DIR", Vec::new()),
        Subcommand::Completions => ("SHELL", Shell::ALL.map(Shell::name).to_vec()),
        Subcommand::Check | Subcommand::Policy | Subcommand::Credential | Subcommand::Man => return None,
    };
    Some(UsageError::MissingArgument { subcommand, argument, known })
}

/// A value that is missing, which clap reports as an empty one, or that is none of the possible ones.
fn invalid_value(error: &clap::Error, command: &Command) -> Option<UsageError> {
    let arg = option(error, command)?;
    let known = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let name = spelling(arg, command);
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(text)) if !text.is_empty() || arg.get_long().is_none() => {
            Some(UsageError::NotOneOf { name, text: text.clone(), known })
        }
        _ => {
            let value = arg.get_value_names().and_then(|names| names.first());
            Some(UsageError::NoValue { name, value: value.map(ToString::to_string).unwrap_or_default(), known })
        }
    }
}

/// Returns the option or argument that clap's error names as it is shown in the usage.
fn option<'c>(error: &clap::Error, command: &'c Command) -> Option<&'c Arg> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => command.get_arguments().find(|arg| arg.to_string() == *shown),
        _ => None,
    }
}

/// The option as typed; the name of the command for an argument that is no option.
fn spelling(arg: &Arg, command: &Command) -> String {
    arg.get_long().map_or_else(|| command.get_name().to_owned(), |long| format!("--{long}"))
}

fn not_utf8(arguments: &[OsString]) -> Option<UsageError> {
    let argument = arguments.iter().find(|argument| argument.to_str().is_none())?;
    Some(UsageError::NotUtf8(argument.to_string_lossy().into_owned()))
}
