//! The inputs that commands share.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use glob::Pattern;

use super::entries::{layer, value};
use crate::model::env_name::{OWN_PREFIX, parse_pattern};
use crate::model::environment::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{OPTIONS, OptionSpec, Takes, TypedOptions};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::quoting::invalid_value;

/// The variable that names declarations, separated by commas.
const FILE: &str = "SECRETS_EXEC_FILE";

/// The options that name what to resolve.
const ENTRY_OPTIONS: [&str; 7] = [
    "-e",
    "--env",
    "--env-from",
    "--as-file",
    "-f",
    "--file",
    "--resolve-env",
];

const UNRESOLVED: &str = "an argument of the command contains {{resolve:…}}, which secrets-exec passes on unchanged, because `ps` \
                          shows arguments. Set a variable with --env instead, and let the command read it";

/// The entries and options of the command line and of `SECRETS_EXEC_*`.
#[derive(Debug, Default)]
pub struct Inputs {
    /// True for a launch, and for `check`, which checks one: to the other commands, the options of `--on-rotation` mean nothing.
    pub supervises: bool,
    /// The options of the command line over those of `SECRETS_EXEC_*`.
    pub options: TypedOptions,
    /// `-q` on the command line, which hides the notice of `--local`; SECRETS_EXEC_QUIET does not.
    pub has_quiet_flag: bool,
    /// The entries of the command line.
    pub layer: Layer,
    /// The declarations, from the earliest to the latest; empty if none is named.
    pub files: Vec<PathBuf>,
    /// True if the declaration in the working directory is to be read.
    pub find_file: bool,
    /// True if the declaration in the working directory is not read because of `-f`. False with `--no-file`, and with `SECRETS_EXEC_FILE`,
    /// which an image sets on purpose.
    pub replaces_file: bool,
    /// The names of inherited variables in whose values references are resolved.
    pub resolve_env: Vec<Pattern>,
    /// True if an argument of the command is an option that names what to resolve.
    pub has_misplaced_option: bool,
    /// Errors to report together with those of declarations.
    pub errors: Vec<Problem>,
    /// Warnings about arguments that look like references, and about variables one slip away from an option's.
    pub warnings: Vec<String>,
}

impl Inputs {
    /// Reads the options that commands share. Errors in them are in [`Self::errors`].
    pub fn new(supervises: bool, matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut inputs = Self::of_declarations(matches, inherited);
        inputs.supervises = supervises;
        inputs.layer = layer(matches, &mut inputs.errors);
        for text in matches
            .remove_many::<String>("resolve-env")
            .into_iter()
            .flatten()
        {
            match parse_pattern(&text) {
                Ok(pattern) => inputs.resolve_env.push(pattern),
                Err(expected) => {
                    inputs
                        .errors
                        .push(invalid("--resolve-env", text.as_ref(), expected))
                }
            }
        }
        inputs
    }

    /// Reads the options of a command whose entries are all in declarations.
    pub fn of_declarations(matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let flags = options_of_arguments(matches, &mut errors);
        let has_quiet_flag = flags.quiet == Some(true);
        let variables = options_of_variables(inherited, &mut errors, &mut warnings);
        for (option, other, why) in flags.exclusions().chain(variables.exclusions()) {
            errors.push(Problem::usage(format!(
                "--{option} and --{other} can't be used together, because {why}"
            )));
        }
        let options = flags.over(variables);
        let files: Vec<PathBuf> = matches.remove_many("file").into_iter().flatten().collect();
        let ignores_file = matches.get_flag("no-file");
        let replaces_file = !files.is_empty() && !ignores_file;
        let files = named_declarations(files, inherited);
        if files.iter().filter(|file| *file == Path::new("-")).count() > 1 {
            errors.push(Problem::usage(
                "-f - is given twice, but standard input can be read only once",
            ));
        }
        Self {
            options,
            has_quiet_flag,
            find_file: files.is_empty() && !ignores_file,
            replaces_file,
            files,
            errors,
            warnings,
            ..Self::default()
        }
    }

    /// Reads the options of a command with one reference as its argument.
    pub fn of_reference(reference: &str, matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut inputs = Self::of_declarations(matches, inherited);
        match value(reference) {
            Ok(entry) => inputs.layer.entries.push(entry),
            Err(error) => inputs.errors.push(error),
        }
        inputs
    }

    /// Takes the command after `--`. One that begins with a hyphen is an error: it is an option in the wrong place.
    pub fn take_command(&mut self, matches: &mut ArgMatches) -> Option<CommandLine> {
        let command = CommandLine::new(
            matches
                .remove_many("command")
                .map(Iterator::collect)
                .unwrap_or_default(),
        )?;
        if command.program().as_encoded_bytes().starts_with(b"-") {
            let text =
                "the command after `--` begins with a hyphen, but options must come before `--`";
            let remedy = "write secrets-exec [OPTIONS] -- COMMAND";
            self.errors.push(Problem::usage(text).help(remedy));
        }
        for argument in command.arguments().skip(1).map(OsStr::to_string_lossy) {
            let option = argument.split('=').next().unwrap_or_default();
            self.has_misplaced_option |= ENTRY_OPTIONS.contains(&option);
            // Of Secrets Manager, or of `ssm` and `ssm-secure`.
            if argument.contains("{{resolve:s") {
                self.warnings.push(UNRESOLVED.to_owned());
            }
        }
        Some(command)
    }
}

/// Returns the declarations of `-f`, or those of `SECRETS_EXEC_FILE` without any.
pub fn named_declarations(of_flag: Vec<PathBuf>, inherited: &Inherited) -> Vec<PathBuf> {
    let Some(names) = inherited.filled(FILE).filter(|_| of_flag.is_empty()) else {
        return of_flag;
    };
    let names = names.as_bytes().split(|byte| *byte == b',');
    names
        .map(|name| PathBuf::from(OsStr::from_bytes(name.trim_ascii())))
        .collect()
}

/// Reads the options of the table from the command line, and adds an error for each value that its option does not take.
fn options_of_arguments(matches: &mut ArgMatches, errors: &mut Vec<Problem>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for option in OPTIONS {
        let values: Vec<OsString> = match option.takes {
            Takes::Nothing => matches
                .get_flag(option.name)
                .then(|| "1".into())
                .into_iter()
                .collect(),
            Takes::Level => match matches.get_count(option.name) {
                0 => Vec::new(),
                count => vec![count.min(2).to_string().into()],
            },
            Takes::Text(_) | Takes::Texts(_) | Takes::Optional(_) => matches
                .remove_many(option.name)
                .into_iter()
                .flatten()
                .collect(),
        };
        set(
            &mut options,
            option,
            &values,
            &format!("--{}", option.name),
            errors,
        );
    }
    options
}

/// Sets an option, and adds an error for each value that it does not take.
fn set(
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

/// Reads the options of the table from `SECRETS_EXEC_*`; an empty variable counts as unset. A name that is one slip away from an option's
/// is warned of; others are ignored: for a service called secrets-exec, Kubernetes sets `SECRETS_EXEC_PORT` and the like.
fn options_of_variables(
    inherited: &Inherited,
    errors: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> TypedOptions {
    let mut options = TypedOptions::default();
    for (name, value) in inherited.iter() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(OWN_PREFIX)) else {
            continue;
        };
        let Some(option) = OPTIONS.iter().find(|option| option.variable() == name) else {
            warnings.extend(misspelt(name));
            continue;
        };
        let values = match (option.takes, value.to_str()) {
            (_, Some("")) => Vec::new(),
            (Takes::Texts(_), Some(text)) => {
                text.split(',').map(|part| part.trim().into()).collect()
            }
            (_, _) => vec![value.to_owned()],
        };
        set(&mut options, option, &values, name, errors);
    }
    options
}

fn misspelt(name: &str) -> Option<String> {
    let mut variables = OPTIONS
        .iter()
        .map(OptionSpec::variable)
        .chain([FILE.to_owned()]);
    let nearest = variables.find(|variable| strsim::osa_distance(name, variable) == 1)?;
    Some(format!(
        "secrets-exec ignores {name}, which is not one of its variables. Did you mean {nearest}?"
    ))
}

fn invalid(name: &str, value: &OsStr, expected: &str) -> Problem {
    Problem::usage(invalid_value(name, &value.to_string_lossy(), expected))
}
