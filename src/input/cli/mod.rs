//! Parses the command line and `SECRETS_EXEC_*` into an invocation. clap is used in this folder only.
//!
//! - `launch_command`, `subcommand`: the command lines as clap's, with the `help_text` of `--help`.
//! - `inputs`: what commands share; its `options` of the table, and `--env` and others as `entries`.
//! - `documents`: the shells' completions and the man page.
//! - `operators`: the options of `check`, `policy`, `export` and `migrate`.
//! - `clap_errors`: clap's errors as ours; `unknown` finds all unknown options and `stray` words.
//! - `usage`: the errors, in the `log_format` that the arguments ask for.

mod clap_errors;
mod documents;
mod entries;
mod help_text;
mod inputs;
mod launch_command;
mod log_format;
mod operators;
mod options;
mod stray;
mod subcommand;
mod unknown;
mod usage;

pub use inputs::Inputs;
pub use log_format::log_format;
pub use subcommand::Subcommand;
pub use usage::{Remedy, UsageError};

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use crate::model::command_line::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{CheckOptions, ExportOptions, MigrateOptions, PolicyOptions};
use clap_errors::{missing_argument, usage_errors};
use documents::{Shell, completions, man_page};
use help_text::LAUNCH;
use launch_command::{VERSION, brief_launch_command, launch_command};
use operators::{check_options, export_options, migrate_options, policy_options};
use subcommand::whole_command;

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
    Migrate {
        options: Box<MigrateOptions>,
    },
    Install {
        directory: PathBuf,
    },
    Credential {
        inputs: Box<Inputs>,
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
    let named = arguments.split_first().and_then(|(first, rest)| {
        let subcommand = Subcommand::ALL.into_iter().find(|subcommand| *first == *subcommand.name())?;
        Some((subcommand, rest))
    });
    match named {
        Some((subcommand, rest)) => parse_subcommand(subcommand, rest, inherited),
        None => parse_launch(&arguments, inherited),
    }
}

fn parse_launch(arguments: &[OsString], inherited: &Inherited) -> Result<Invocation, Vec<UsageError>> {
    let words = std::iter::once(OsStr::new("secrets-exec")).chain(arguments.iter().map(OsString::as_os_str));
    let mut matches = match brief_launch_command(arguments).try_get_matches_from(words) {
        Ok(matches) => Box::new(matches),
        // Help and errors need all options.
        Err(_) => match parsed(None, launch_command, arguments)? {
            Parsed::Matches(matches) => matches,
            // The help names the other commands.
            Parsed::Help(text) => {
                return match parsed(None, whole_command, arguments) {
                    Ok(Parsed::Help(whole)) => Ok(Invocation::Print(whole)),
                    Ok(Parsed::Matches(_)) | Err(_) => Ok(Invocation::Print(text)),
                };
            }
        },
    };
    let mut inputs = Box::new(Inputs::new(None, &mut matches, inherited));
    let Some(command) = program(&mut matches) else {
        let mut errors = std::mem::take(&mut inputs.errors);
        errors.push(UsageError::NoCommand { has_separator: has_separator(arguments), line: None });
        return Err(errors);
    };
    Ok(Invocation::Launch { inputs, command })
}

fn parse_subcommand(
    subcommand: Subcommand,
    arguments: &[OsString],
    inherited: &Inherited,
) -> Result<Invocation, Vec<UsageError>> {
    let mut matches = match parsed(Some(subcommand), || subcommand.command(), arguments)? {
        Parsed::Matches(matches) => matches,
        Parsed::Help(text) => return Ok(Invocation::Print(text)),
    };
    match subcommand {
        Subcommand::Check => Ok(check(&mut matches, has_separator(arguments), inherited)),
        Subcommand::Policy => Ok(policy(&mut matches, inherited)),
        Subcommand::Export => export(&mut matches, inherited),
        Subcommand::Migrate => {
            let options = Box::new(migrate_options(&mut matches, inherited)?);
            Ok(Invocation::Migrate { options })
        }
        Subcommand::Install => {
            let directory = matches.remove_one("directory").filter(|path: &OsString| !path.is_empty());
            let directory = directory.ok_or_else(|| Vec::from_iter(missing_argument(subcommand)))?;
            Ok(Invocation::Install { directory: directory.into() })
        }
        Subcommand::Credential => Ok(credential(&mut matches, inherited)),
        Subcommand::Completions => {
            let name: Option<String> = matches.remove_one("shell");
            let shell = Shell::ALL.into_iter().find(|shell| name.as_deref() == Some(shell.name()));
            let shell = shell.ok_or_else(|| Vec::from_iter(missing_argument(subcommand)))?;
            Ok(Invocation::Print(completions(shell, &whole_command())))
        }
        Subcommand::Man => {
            let others = Subcommand::ALL.map(|subcommand| (subcommand.name(), subcommand.help_text()));
            Ok(Invocation::Print(man_page(&whole_command(), &LAUNCH, &others)))
        }
    }
}

fn check(matches: &mut ArgMatches, has_separator: bool, inherited: &Inherited) -> Invocation {
    let mut inputs = Box::new(Inputs::new(Some(Subcommand::Check), matches, inherited));
    let command = program(matches);
    if command.is_none() && has_separator {
        inputs.errors.push(UsageError::NoCommand { has_separator, line: Some(Subcommand::Check) });
    }
    Invocation::Check { options: check_options(matches, &mut inputs.errors), inputs, command }
}

fn policy(matches: &mut ArgMatches, inherited: &Inherited) -> Invocation {
    let mut inputs = Box::new(Inputs::new(Some(Subcommand::Policy), matches, inherited));
    Invocation::Policy { options: policy_options(matches, &mut inputs.errors), inputs }
}

fn export(matches: &mut ArgMatches, inherited: &Inherited) -> Result<Invocation, Vec<UsageError>> {
    let mut inputs = Box::new(Inputs::new(Some(Subcommand::Export), matches, inherited));
    match export_options(matches) {
        Some(options) => Ok(Invocation::Export { inputs, options }),
        None => {
            inputs.errors.splice(0..0, missing_argument(Subcommand::Export));
            Err(inputs.errors)
        }
    }
}

fn credential(matches: &mut ArgMatches, inherited: &Inherited) -> Invocation {
    let mut inputs = Box::new(Inputs::of_declarations(Some(Subcommand::Credential), matches, inherited));
    if inputs.files.iter().any(|file| file == Path::new("-")) {
        inputs.errors.push(UsageError::StdinIsConnection);
    }
    Invocation::Credential { inputs }
}

/// Lets clap parse `arguments`, those of `line` or of a launch.
fn parsed(
    line: Option<Subcommand>,
    command: impl Fn() -> Command,
    arguments: &[OsString],
) -> Result<Parsed, Vec<UsageError>> {
    let name = line.map_or("secrets-exec".to_owned(), |line| format!("secrets-exec {}", line.name()));
    let words = std::iter::once(name.into()).chain(arguments.iter().cloned());
    match command().try_get_matches_from(words) {
        Ok(matches) => Ok(Parsed::Matches(Box::new(matches))),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            Ok(Parsed::Help(format!("secrets-exec {VERSION}\n")))
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(Parsed::Help(error.render().to_string())),
        Err(error) => Err(usage_errors(&error, command(), line, arguments)),
    }
}

fn has_separator(arguments: &[OsString]) -> bool {
    arguments.iter().any(|word| word == "--")
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
    fn a_launch_is_parsed_the_same_with_the_options_that_it_names_alone() {
        let lines: [&[&str]; 8] = [
            &["--", "x", "--grace", "1s"],
            &["-qvv", "-eA=b", "--", "x"],
            &["--region=r", "--pass", "A", "--pass=B", "--agent", "--", "x"],
            &["--agent=http://127.0.0.1:1", "--agent-fallback", "--unset", "A", "--keep-existing", "--", "x"],
            &["--on-rotation", "exit", "--grace=1s", "--", "x"],
            &["--file", "a", "-f", "b", "--no-file", "--", "x"],
            &["--region", "--", "x"],
            &["--grac", "--", "x"],
        ];
        for line in lines {
            let arguments: Vec<OsString> = line.iter().map(Into::into).collect();
            let words = || std::iter::once("secrets-exec").chain(line.iter().copied());
            let brief = brief_launch_command(&arguments).try_get_matches_from(words());
            let whole = launch_command().try_get_matches_from(words());
            assert_eq!(brief.is_ok(), whole.is_ok(), "{line:?}");
            let (Ok(mut brief), Ok(mut whole)) = (brief, whole) else { continue };
            let of = |matches: &mut ArgMatches| format!("{:?}", options::flags(matches, |_| true, &mut Vec::new()));
            assert_eq!(of(&mut brief), of(&mut whole), "{line:?}");
        }
    }

    #[test]
    fn everything_after_the_separator_is_the_command() {
        let (_, command) = launch(&["--env", "A=b", "--", "node", "--env", "app.js", "--", "-v"], &[]).unwrap();
        let words: Vec<_> = command.arguments().collect();
        assert_eq!(words, ["node", "--env", "app.js", "--", "-v"]);
    }

    #[test]
    fn a_forgotten_separator_is_an_error_of_its_own() {
        let missing = [UsageError::StrayWord { word: "node".into(), remedy: Remedy::Separator }];
        assert_eq!(invoke(&["node", "app.js"], &[]).unwrap_err(), missing);
        assert_eq!(invoke(&["--env", "A=b", "node"], &[]).unwrap_err(), missing);
        let nothing = [UsageError::NoCommand { has_separator: true, line: None }];
        assert_eq!(invoke(&["--env", "A=b", "--"], &[]).unwrap_err(), nothing);
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
        let stray = |word: &str, remedy| [UsageError::StrayWord { word: word.into(), remedy }];
        assert_eq!(errors(&["run", "--", "env"]), stray("run", Remedy::NoSubcommand));
        assert_eq!(errors(&["-v", "x", "--", "env"]), stray("x", Remedy::OptionsBeforeSeparator));
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
