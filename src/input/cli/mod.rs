//! Parses the command line and `SECRETS_EXEC_*` into an invocation. clap is used in this folder only.
//!
//! - `command`: the options as clap's, and the text of `--help`.
//! - `entries`: `--env`, `--as-file` and `--env-from` as a layer.
//! - `unknown`: unknown options and words before `--`.
//! - `usage`: the errors.

mod command;
mod entries;
mod unknown;
mod usage;

pub use usage::UsageError;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::error::ErrorKind;
use glob::Pattern;

use crate::model::command_line::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::name_patterns::parse_patterns;
use crate::model::options::{Given, OPTIONS, OptionSpec, Takes, TypedOptions};
use crate::model::plan::Layer;
use command::{command, usage_error};
use entries::layer;
use unknown::unknown_arguments;

/// The command that the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Launch {
        inputs: Box<Inputs>,
        command: CommandLine,
    },
    /// Help or the version, for standard output.
    Print(String),
}

/// The inputs that commands share.
#[derive(Debug)]
pub struct Inputs {
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
    /// The names of inherited variables in whose values references are resolved.
    pub resolve_env: Vec<Pattern>,
    /// The name of a container in a task definition.
    pub container: Option<String>,
    /// Errors to report together with those of declarations.
    pub errors: Vec<UsageError>,
}

/// Parses the command line, without the program's own name, and `SECRETS_EXEC_*`.
///
/// # Errors
/// An error of clap, or every error if there is no command. Other errors are in [`Inputs::errors`].
pub fn parse(arguments: Vec<OsString>, inherited: &Inherited) -> Result<Invocation, Vec<UsageError>> {
    let words = std::iter::once("secrets-exec".into()).chain(arguments.iter().cloned());
    let mut matches = match command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Invocation::Print(error.render().to_string()));
        }
        Err(error) => {
            let unknown = match error.kind() {
                ErrorKind::UnknownArgument => unknown_arguments(&command(), &arguments),
                _ => Vec::new(),
            };
            return Err(if unknown.is_empty() { vec![usage_error(&error)] } else { unknown });
        }
    };
    let mut errors = Vec::new();
    let flags = flags(&mut matches, &mut errors);
    let has_quiet_flag = flags.quiet == Some(true);
    let variables = variables(inherited, &mut errors);
    let options = flags.over(variables);
    let layer = layer(&mut matches, &mut errors);
    let resolve_env = resolve_env(&mut matches, &mut errors);
    let container = matches.remove_one("container");
    let files: Vec<PathBuf> = matches.remove_many("file").map(Iterator::collect).unwrap_or_default();
    let variable = inherited.filled("SECRETS_EXEC_FILE").map(PathBuf::from);
    let files = if files.is_empty() { Vec::from_iter(variable) } else { files };
    if files.iter().filter(|file| *file == Path::new("-")).count() > 1 {
        errors.push(UsageError::StdinTwice);
    }
    let words = matches.remove_many("command").map(Iterator::collect).unwrap_or_default();
    let Some(command) = CommandLine::new(words) else {
        errors.push(UsageError::NoCommand { has_separator: arguments.iter().any(|word| word == "--") });
        return Err(errors);
    };
    let find_file = files.is_empty() && !matches.get_flag("no-file");
    let inputs = Inputs { options, has_quiet_flag, layer, files, find_file, resolve_env, container, errors };
    Ok(Invocation::Launch { inputs: Box::new(inputs), command })
}

fn flags(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for option in OPTIONS {
        let given = match option.takes {
            Takes::Text(_) => matches.remove_one(option.name).map(Given::Text),
            Takes::Nothing => matches.get_flag(option.name).then_some(Given::Flag(true)),
            Takes::Level => match matches.get_count(option.name) {
                0 => None,
                1 => Some(Given::Flag(true)),
                2.. => Some(Given::Text("2".into())),
            },
            Takes::Texts(_) => matches.remove_many(option.name).map(|texts| Given::Texts(texts.collect())),
            Takes::Optional(_) => matches.remove_one::<OsString>(option.name).map(|text| match text.is_empty() {
                true => Given::Flag(true),
                false => Given::Text(text),
            }),
        };
        if let Some(given) = given {
            set(&mut options, option, format!("--{}", option.name), given, errors);
        }
    }
    options
}

/// Reads the options from `SECRETS_EXEC_*`; an empty variable counts as unset.
///
/// Unknown variables are ignored: for a service called secrets-exec, Kubernetes sets `SECRETS_EXEC_PORT` and others.
fn variables(inherited: &Inherited, errors: &mut Vec<UsageError>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for option in OPTIONS {
        let name = option.variable();
        let Some(value) = inherited.filled(&name) else { continue };
        let given = match (option.takes, value.to_str()) {
            (Takes::Nothing | Takes::Level | Takes::Optional(_), Some("1")) => Some(Given::Flag(true)),
            (Takes::Nothing | Takes::Level | Takes::Optional(_), Some("0")) => Some(Given::Flag(false)),
            (Takes::Text(_) | Takes::Level | Takes::Optional(_), _) => Some(Given::Text(value.to_owned())),
            (Takes::Texts(_), Some(text)) => {
                Some(Given::Texts(text.split(',').map(|part| part.trim().to_owned()).collect()))
            }
            (Takes::Nothing | Takes::Texts(_), _) => None,
        };
        match given {
            Some(given) => set(&mut options, option, name, given, errors),
            None => {
                let expected = if option.takes == Takes::Nothing { "1 or 0" } else { "text in UTF-8" };
                errors.push(UsageError::Value { name, text: lossy(value), expected });
            }
        }
    }
    options
}

fn set(options: &mut TypedOptions, option: &OptionSpec, name: String, given: Given, errors: &mut Vec<UsageError>) {
    let text = match &given {
        Given::Text(text) => lossy(text),
        Given::Flag(_) => String::new(),
        Given::Texts(texts) => option.first_illegal(texts).cloned().unwrap_or_default(),
    };
    if let Err(expected) = (option.set)(options, given) {
        errors.push(match option.takes_patterns() {
            true => UsageError::Pattern { name, pattern: text, expected },
            false => UsageError::Value { name, text, expected },
        });
    }
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

fn resolve_env(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Vec<Pattern> {
    let texts = matches.remove_many::<String>("resolve-env").into_iter().flatten();
    let patterns = texts.map(|pattern| {
        let parsed = parse_patterns(std::slice::from_ref(&pattern));
        parsed.map_err(|expected| UsageError::Pattern { name: "--resolve-env".to_owned(), pattern, expected })
    });
    match patterns.collect::<Result<Vec<_>, _>>() {
        Ok(patterns) => patterns.concat(),
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Inputs, Vec<UsageError>> {
        launch(arguments, variables).map(|(inputs, _)| inputs)
    }

    fn launch(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Inputs, CommandLine), Vec<UsageError>> {
        let inherited = Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        match parse(arguments.iter().map(Into::into).collect(), &inherited)? {
            Invocation::Launch { inputs, command } if inputs.errors.is_empty() => Ok((*inputs, command)),
            Invocation::Launch { inputs, .. } => Err(inputs.errors),
            Invocation::Print(_) => Err(Vec::new()),
        }
    }

    #[test]
    fn clap_accepts_the_table_of_options() {
        command().debug_assert();
    }

    #[test]
    fn everything_after_the_separator_is_the_command() {
        let (_, command) = launch(&["--env", "A=b", "--", "node", "--env", "app.js", "--", "-v"], &[]).unwrap();
        let words: Vec<_> = command.arguments().collect();
        assert_eq!(words, ["node", "--env", "app.js", "--", "-v"]);
    }

    #[test]
    fn a_forgotten_separator_is_an_error_of_its_own() {
        assert_eq!(invoke(&["node", "app.js"], &[]).unwrap_err(), [UsageError::MissingSeparator("node".into())]);
        assert_eq!(invoke(&["--env", "A=b", "node"], &[]).unwrap_err(), [UsageError::MissingSeparator("node".into())]);
        assert_eq!(invoke(&["--env", "A=b", "--"], &[]).unwrap_err(), [UsageError::NoCommand { has_separator: true }]);
    }

    #[test]
    fn every_unknown_option_is_an_error_with_the_most_similar_one() {
        let errors = invoke(&["--evn", "A=b", "-xv", "--regoin=r", "--verbos", "-e", "B=c", "--", "env", "--x"], &[]);
        let unknown = |option: &str, nearest: Option<&str>| UsageError::UnknownOption {
            option: option.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        let expected = [
            unknown("--evn", Some("--env")),
            unknown("-x", None),
            unknown("--regoin", Some("--region")),
            unknown("--verbos", Some("--verbose")),
        ];
        assert_eq!(errors.unwrap_err(), expected);
    }

    #[test]
    fn a_word_before_the_separator_is_an_error_of_its_own() {
        let errors = |arguments: &[&str]| invoke(arguments, &[]).unwrap_err();
        assert_eq!(errors(&["run", "--", "env"]), [UsageError::Subcommand("run".into())]);
        assert_eq!(errors(&["-v", "x", "--", "env"]), [UsageError::StrayWord("x".into())]);
        let missing = UsageError::MissingEquals { option: "-e".into(), name: "P".into(), word: "prod/db".into() };
        assert_eq!(errors(&["-e", "P", "prod/db", "--", "env"]), [missing]);
    }

    #[test]
    fn a_flag_overrides_its_variable_and_an_empty_variable_is_unset() {
        let variables = [
            ("SECRETS_EXEC_REGION", "eu-west-1"),
            ("SECRETS_EXEC_QUIET", "1"),
            ("SECRETS_EXEC_TIMEOUT", ""),
            ("SECRETS_EXEC_PORT", "tcp://1"),
        ];
        let options = invoke(&["--region", "us-east-1", "--", "x"], &variables).unwrap().options;
        assert_eq!((options.region.unwrap().as_str(), options.quiet, options.timeout), ("us-east-1", Some(true), None));
        assert!(invoke(&["--", "x"], &[("SECRETS_EXEC_QUIET", "yes")]).is_err());
    }

    #[test]
    fn the_name_ends_at_the_first_equals_sign() {
        let inputs = invoke(&["-e", "A=b=c:k", "--", "x"], &[]).unwrap();
        assert_eq!(inputs.layer.entries[0].target.to_string(), "A");
    }

    #[test]
    fn all_errors_are_returned_at_once() {
        let errors = invoke(
            &["-e", "A", "-e", "1=b", "-e", "B=", "-e", "C=x", "-e", "C=y", "-e", "PATH=z", "--timeout", "1", "--"],
            &[],
        )
        .unwrap_err();
        assert_eq!(errors.len(), 7, "{errors:?}");
    }

    #[test]
    fn a_variable_names_the_declaration_unless_a_flag_does() {
        let variable = [("SECRETS_EXEC_FILE", "a.yaml")];
        assert_eq!(invoke(&["--", "x"], &variable).unwrap().files, [PathBuf::from("a.yaml")]);
        assert_eq!(invoke(&["-f", "b.yaml", "--", "x"], &variable).unwrap().files, [PathBuf::from("b.yaml")]);
        assert!(invoke(&["--", "x"], &[]).unwrap().find_file);
        assert!(!invoke(&["--no-file", "--", "x"], &[]).unwrap().find_file);
    }
}
