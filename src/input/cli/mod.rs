//! Parses the command line and `SECRETS_EXEC_*` into an invocation. clap is used in this folder only.
//!
//! - `launch_command`, `subcommand`: the command lines as clap's, with the text of `--help`.
//! - `inputs`: what commands share; its `options` of the table, and `--env` and others as `entries`.
//! - `documents`: the shells' completions and the man page.
//! - `operators`: the options of `check`, `policy` and `export`.
//! - `unknown`: unknown options and words before `--`.
//! - `usage`: the errors.

mod documents;
mod entries;
mod inputs;
mod launch_command;
mod operators;
mod options;
mod subcommand;
mod unknown;
mod usage;

pub use inputs::Inputs;
pub use usage::UsageError;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use crate::model::command_line::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::library_text::clap_line;
use crate::model::options::{CheckOptions, ExportOptions, PolicyOptions};
use documents::{completions, man_page};
use launch_command::launch_command;
use operators::{check_options, export_options, policy_options};
use subcommand::{Subcommand, whole_command};
use unknown::unknown_arguments;

/// The command that the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Launch {
        inputs: Box<Inputs>,
        command: CommandLine,
    },
    Check {
        inputs: Box<Inputs>,
        /// A command to look up.
        command: Option<CommandLine>,
        options: CheckOptions,
    },
    Policy {
        inputs: Box<Inputs>,
        options: PolicyOptions,
    },
    Export {
        inputs: Box<Inputs>,
        options: ExportOptions,
    },
    /// Help, the version, completions or the man page, for standard output.
    Print(String),
}

/// A command line that clap accepts, or the text that it asks for.
enum Parsed {
    Matches(Box<ArgMatches>),
    Help(String),
}

/// Parses the command line, without the program's own name, and `SECRETS_EXEC_*`.
///
/// # Errors
/// An error of clap, or every error if a launch has no command. Other errors are in [`Inputs::errors`].
pub fn parse(arguments: Vec<OsString>, inherited: &Inherited) -> Result<Invocation, Vec<UsageError>> {
    match arguments.split_first() {
        Some((first, rest)) => match Subcommand::ALL.into_iter().find(|subcommand| *first == *subcommand.name()) {
            Some(subcommand) => parse_subcommand(subcommand, rest, inherited),
            None => parse_launch(&arguments, inherited),
        },
        None => parse_launch(&arguments, inherited),
    }
}

fn parse_launch(arguments: &[OsString], inherited: &Inherited) -> Result<Invocation, Vec<UsageError>> {
    let mut matches = match parsed(launch_command, arguments)? {
        Parsed::Matches(matches) => matches,
        // The help names the other commands.
        Parsed::Help(text) => {
            return match parsed(whole_command, arguments) {
                Ok(Parsed::Help(whole)) => Ok(Invocation::Print(whole)),
                Ok(Parsed::Matches(_)) | Err(_) => Ok(Invocation::Print(text)),
            };
        }
    };
    let mut inputs = Box::new(Inputs::new(&mut matches, inherited));
    let Some(command) = program(&mut matches) else {
        let mut errors = std::mem::take(&mut inputs.errors);
        errors.push(UsageError::NoCommand { has_separator: arguments.iter().any(|word| word == "--") });
        return Err(errors);
    };
    Ok(Invocation::Launch { inputs, command })
}

fn parse_subcommand(
    subcommand: Subcommand,
    arguments: &[OsString],
    inherited: &Inherited,
) -> Result<Invocation, Vec<UsageError>> {
    let mut matches = match parsed(|| subcommand.command(), arguments)? {
        Parsed::Matches(matches) => matches,
        Parsed::Help(text) => return Ok(Invocation::Print(text)),
    };
    let mut inputs = || Box::new(Inputs::new(&mut matches, inherited));
    Ok(match subcommand {
        Subcommand::Check => {
            let inputs = inputs();
            Invocation::Check { inputs, options: check_options(&matches), command: program(&mut matches) }
        }
        Subcommand::Policy => {
            let mut inputs = inputs();
            Invocation::Policy { options: policy_options(&mut matches, &mut inputs.errors), inputs }
        }
        Subcommand::Export => {
            let mut inputs = inputs();
            Invocation::Export { options: export_options(&mut matches, &mut inputs.errors), inputs }
        }
        Subcommand::Completions => {
            Invocation::Print(completions(&matches.remove_one::<String>("shell").unwrap_or_default()))
        }
        Subcommand::Man => Invocation::Print(man_page()),
    })
}

/// Lets clap parse `arguments`.
fn parsed(command: impl Fn() -> Command, arguments: &[OsString]) -> Result<Parsed, Vec<UsageError>> {
    let words = std::iter::once("secrets-exec".into()).chain(arguments.iter().cloned());
    match command().try_get_matches_from(words) {
        Ok(matches) => Ok(Parsed::Matches(Box::new(matches))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Parsed::Help(error.render().to_string()))
        }
        Err(error) => {
            let unknown = match error.kind() {
                ErrorKind::UnknownArgument => unknown_arguments(&command(), arguments),
                _ => Vec::new(),
            };
            Err(if unknown.is_empty() { vec![syntax(&error)] } else { unknown })
        }
    }
}

/// Converts an error of clap.
fn syntax(error: &clap::Error) -> UsageError {
    let text = error.render().to_string();
    UsageError::Syntax(text.lines().filter_map(clap_line).map(str::to_owned).collect())
}

fn program(matches: &mut ArgMatches) -> Option<CommandLine> {
    CommandLine::new(matches.remove_many("command").map(Iterator::collect).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn invoke(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Inputs, Vec<UsageError>> {
        launch(arguments, variables).map(|(inputs, _)| inputs)
    }

    fn launch(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Inputs, CommandLine), Vec<UsageError>> {
        let inherited = Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        match parse(arguments.iter().map(Into::into).collect(), &inherited)? {
            Invocation::Launch { inputs, command } if inputs.errors.is_empty() => Ok((*inputs, command)),
            Invocation::Launch { inputs, .. } => Err(inputs.errors),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn clap_accepts_the_table_of_options() {
        whole_command().debug_assert();
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
