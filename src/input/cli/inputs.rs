//! Reads what a launch and most subcommands have in common: the entries and options of the command
//! line, and the options that `SECRETS_EXEC_*` sets.
//!
//! Nothing here reads a file. An invalid value doesn't end the reading: every error goes into
//! [`Inputs::errors`], and is reported together with the errors of the declarations.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::ArgMatches;
use glob::Pattern;

use super::entry_options::{command_line_layer, parse_get_reference, take_texts};
use crate::model::env_variables::{Inherited, OWN_PREFIX, parse_pattern};
use crate::model::environment::CommandLine;
use crate::model::options::{OPTIONS, OptionSpec, Takes, TypedOptions};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::quoting::invalid_value;

/// The variable that lists the declarations, separated by commas, if there is no `-f`.
const FILE: &str = "SECRETS_EXEC_FILE";

/// The options that name what to resolve. After `--`, they are a mistake.
const ENTRY_OPTIONS: [&str; 7] = [
    "-e",
    "--env",
    "--env-from",
    "--as-file",
    "-f",
    "--file",
    "--resolve-env",
];

/// The warning about an argument of the command that has one of CloudFormation's dynamic
/// references.
const UNRESOLVED_WARNING: &str = "an argument of the command contains {{resolve:…}}, which secrets-exec passes on unchanged, because `ps` \
                          shows arguments. Set a variable with --env instead, and let the command read it";

/// The entries and options of the command line and of `SECRETS_EXEC_*`.
#[derive(Debug, Default)]
pub struct Inputs {
    /// True for a launch, and for `check`, which checks a launch. For the other subcommands, the
    /// options of `--on-rotation` mean nothing.
    pub is_for_launch: bool,
    /// The options of the command line, and those of `SECRETS_EXEC_*` that the command line doesn't
    /// set.
    pub options: TypedOptions,
    /// True if the command line has `-q`. Only the flag hides the warning of `--local`.
    /// SECRETS_EXEC_QUIET doesn't.
    pub has_quiet_flag: bool,
    /// The entries of the command line.
    pub layer: Layer,
    /// The declarations that are named, in their order. A later declaration overrides an earlier
    /// one.
    pub files: Vec<PathBuf>,
    /// True if secrets-exec should look for a declaration in the working directory.
    pub find_file: bool,
    /// True if `-f` replaces the declaration in the working directory, so that a note about this is
    /// due. With `--no-file` or `SECRETS_EXEC_FILE`, the replacement is on purpose, so this is
    /// false.
    pub replaces_file: bool,
    /// The patterns of `--resolve-env`: references are also resolved in inherited variables with a
    /// matching name.
    pub resolve_env: Vec<Pattern>,
    /// True if a word of the command is one of [`ENTRY_OPTIONS`], which probably belongs before
    /// `--`.
    pub has_misplaced_option: bool,
    /// The errors of the command line and of `SECRETS_EXEC_*`.
    pub errors: Vec<Problem>,
    /// Warnings about arguments that look like references, and about variables whose names look
    /// like misspelled options.
    pub warnings: Vec<String>,
}

impl Inputs {
    /// Reads the inputs of a launch, or of a subcommand that checks one.
    pub fn for_launch(matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        Self {
            is_for_launch: true,
            ..Self::for_entries(matches, inherited)
        }
    }

    /// Reads the inputs of a subcommand that has entries on the command line and in declarations.
    pub fn for_entries(matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut inputs = Self::for_declarations(matches, inherited);
        let (layer, errors) = command_line_layer(matches);
        inputs.layer = layer;
        inputs.errors.extend(errors);

        for text in take_texts(matches, "resolve-env") {
            match parse_pattern(&text) {
                Ok(pattern) => inputs.resolve_env.push(pattern),
                Err(expected) => {
                    let problem = invalid("--resolve-env", text.as_ref(), expected);
                    inputs.errors.push(problem);
                }
            }
        }
        inputs
    }

    /// Reads what all inputs have in common: the options, and which declarations to read. A
    /// subcommand whose entries are all in declarations needs nothing else.
    pub fn for_declarations(matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let flags = take_options(matches, &mut errors);
        let has_quiet_flag = flags.quiet == Some(true);
        let variables = options_from_variables(inherited, &mut errors, &mut warnings);
        // A flag may exclude an option of the variables. This isn't an error, because the flag
        // turns that option off.
        for (option, other, why) in flags.exclusions().chain(variables.exclusions()) {
            errors.push(Problem::usage(format!(
                "--{option} and --{other} can't be used together, because {why}"
            )));
        }
        let options = flags.over(variables);

        let files_of_flag: Vec<PathBuf> =
            matches.remove_many("file").into_iter().flatten().collect();
        let ignores_file = matches.get_flag("no-file");
        let replaces_file = !files_of_flag.is_empty() && !ignores_file;
        let files = named_declarations(files_of_flag, inherited);
        let find_file = files.is_empty() && !ignores_file;

        Self {
            options,
            has_quiet_flag,
            find_file,
            replaces_file,
            files,
            errors,
            warnings,
            ..Self::default()
        }
    }

    /// Reads the inputs of `get`. Their only entry is `reference`.
    pub fn for_reference(reference: &str, matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut inputs = Self::for_declarations(matches, inherited);
        match parse_get_reference(reference) {
            Ok(entry) => inputs.layer.entries.push(entry),
            Err(error) => inputs.errors.push(error),
        }
        inputs
    }

    /// Takes the command after `--` out of `matches`. Returns `None` if there isn't a command.
    ///
    /// Sets [`has_misplaced_option`](Self::has_misplaced_option) if an argument is an option that
    /// belongs before `--`. Adds a warning for each argument with one of CloudFormation's dynamic
    /// references (`{{resolve:ssm:…}}`).
    pub fn take_command(&mut self, matches: &mut ArgMatches) -> Option<CommandLine> {
        let words = matches.remove_many("command");
        let command = CommandLine::new(words.map(Iterator::collect).unwrap_or_default())?;

        for argument in command.arguments().map(OsStr::to_string_lossy) {
            let option = argument.split('=').next().unwrap_or_default();
            self.has_misplaced_option |= ENTRY_OPTIONS.contains(&option);
            // After `resolve:`, a reference has secretsmanager, ssm or ssm-secure.
            if argument.contains("{{resolve:s") {
                self.warnings.push(UNRESOLVED_WARNING.to_owned());
            }
        }
        Some(command)
    }
}

/// Returns the declarations that `-f` names or, without `-f`, the declarations that
/// `SECRETS_EXEC_FILE` names.
pub fn named_declarations(from_flag: Vec<PathBuf>, inherited: &Inherited) -> Vec<PathBuf> {
    match inherited.non_empty(FILE) {
        Some(names) if from_flag.is_empty() => names
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(|name| PathBuf::from(OsStr::from_bytes(name.trim_ascii())))
            .collect(),
        Some(_) | None => from_flag,
    }
}

/// Takes the options of the table out of `matches`. Adds an error for each value that its option
/// doesn't accept.
///
/// An option without a value is set to the text that its variable would have: `1`, or `2` for
/// `-vv`.
fn take_options(matches: &mut ArgMatches, errors: &mut Vec<Problem>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for option in OPTIONS {
        let name = option.name;
        let values: Vec<OsString> = match option.takes {
            Takes::Nothing if matches.get_flag(name) => vec!["1".into()],
            Takes::Level if matches.get_count(name) == 1 => vec!["1".into()],
            Takes::Level if matches.get_count(name) > 1 => vec!["2".into()],
            Takes::Nothing | Takes::Level => Vec::new(),
            Takes::Text(_) | Takes::Texts(_) | Takes::Optional(_) => {
                matches.remove_many(name).into_iter().flatten().collect()
            }
        };
        set_option(&mut options, option, &values, &format!("--{name}"), errors);
    }
    options
}

/// Sets an option to `values`, which came from the flag or variable `name`. Adds an error for each
/// value that the option doesn't accept.
fn set_option(
    options: &mut TypedOptions,
    option: &OptionSpec,
    values: &[OsString],
    name: &str,
    errors: &mut Vec<Problem>,
) {
    for value in values {
        if let Err(expected) = (option.set)(options, value) {
            errors.push(invalid(name, value, expected));
        }
    }
}

/// Reads the options of the table from `SECRETS_EXEC_*`. An empty variable is treated as unset.
///
/// Adds an error for each value that its option doesn't accept, and a warning for each name that
/// looks like a misspelled option. Other names are ignored, because Kubernetes sets names such as
/// `SECRETS_EXEC_PORT` for a service called secrets-exec.
fn options_from_variables(
    inherited: &Inherited,
    errors: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> TypedOptions {
    let mut options = TypedOptions::default();
    for (variable, value) in inherited.iter() {
        let name = match variable.to_str() {
            Some(name) if name.starts_with(OWN_PREFIX) => name,
            Some(_) | None => continue,
        };
        let Some(option) = OPTIONS.iter().find(|option| option.variable() == name) else {
            warnings.extend(misspelling_warning(name));
            continue;
        };
        let values = match (option.takes, value.to_str()) {
            (_, Some("")) => Vec::new(),
            (Takes::Texts(_), Some(text)) => {
                text.split(',').map(|part| part.trim().into()).collect()
            }
            (_, _) => vec![value.to_owned()],
        };
        set_option(&mut options, option, &values, name, errors);
    }
    options
}

/// Returns the warning about a variable whose name is one edit away from the name of one of ours.
/// Returns `None` for any other name.
fn misspelling_warning(name: &str) -> Option<String> {
    let mut variables = OPTIONS
        .iter()
        .map(OptionSpec::variable)
        .chain([FILE.to_owned()]);
    let similar = variables.find(|variable| strsim::osa_distance(name, variable) == 1)?;
    Some(format!(
        "secrets-exec ignores {name}, which is not one of its variables. Did you mean {similar}?"
    ))
}

/// Returns the problem for a value that the flag or variable `name` doesn't accept.
fn invalid(name: &str, value: &OsStr, expected: &str) -> Problem {
    Problem::usage(invalid_value(name, &value.to_string_lossy(), expected))
}
