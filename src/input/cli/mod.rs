//! Parses the command line and `SECRETS_EXEC_*` into an invocation. clap is used in this folder only.

mod arguments;
mod command;
mod entries;
mod inputs;
mod operators;
mod usage;

pub use inputs::Inputs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::model::command_line::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{CheckOptions, ExportOptions, MigrateOptions, PolicyOptions};
use crate::model::problem::Problem;
use command::with_program;

/// The first word of the command that answers systemd on standard input.
pub const CREDENTIAL: &str = "credential";

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
    /// The short help of an empty command line, for standard error.
    Usage(String),
}

/// Parses the command line, without the program's own name, and `SECRETS_EXEC_*`.
///
/// # Errors
/// The first error of clap, or every error if a launch has no command. Other errors are in [`Inputs::errors`].
pub fn parse(arguments: Vec<OsString>, inherited: &Inherited) -> Result<Invocation, Vec<Problem>> {
    let mut command = with_program();
    if arguments.is_empty() {
        return Ok(Invocation::Usage(command.render_help().to_string()));
    }
    let words = std::iter::once("secrets-exec".into()).chain(arguments.iter().cloned());
    let mut matches = match command.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Invocation::Print(error.render().to_string()));
        }
        Err(error) => {
            return Err(vec![usage::problem(error, &arguments, command)]);
        }
    };
    let has_separator = arguments.iter().any(|word| word == "--");
    match matches.remove_subcommand() {
        None => launch(&mut matches, has_separator, inherited),
        Some((name, mut matches)) => {
            let invocation = subcommand(&name, &mut matches, inherited);
            // clap requires the arguments without which there is no invocation.
            invocation.ok_or_else(|| vec![Problem::usage(format!("{name} lacks an argument"))])
        }
    }
}

fn launch(matches: &mut ArgMatches, has_separator: bool, inherited: &Inherited) -> Result<Invocation, Vec<Problem>> {
    let mut inputs = Box::new(Inputs::new(true, matches, inherited));
    match program(matches, &mut inputs) {
        Some(command) => Ok(Invocation::Launch { inputs, command }),
        None => {
            inputs.errors.push(no_command(has_separator));
            Err(inputs.errors)
        }
    }
}

/// Returns `None` without an argument that clap requires.
fn subcommand(name: &str, matches: &mut ArgMatches, inherited: &Inherited) -> Option<Invocation> {
    Some(match name {
        "check" => {
            let mut inputs = Box::new(Inputs::new(true, matches, inherited));
            let command = program(matches, &mut inputs);
            Invocation::Check { options: operators::check_options(matches), inputs, command }
        }
        "policy" => {
            let inputs = Box::new(Inputs::new(false, matches, inherited));
            Invocation::Policy { options: operators::policy_options(matches), inputs }
        }
        "export" => {
            let inputs = Box::new(Inputs::new(false, matches, inherited));
            Invocation::Export { options: operators::export_options(matches)?, inputs }
        }
        "migrate" => Invocation::Migrate { options: Box::new(operators::migrate_options(matches, inherited)?) },
        "install" => Invocation::Install { directory: matches.remove_one("directory")? },
        CREDENTIAL => {
            let mut inputs = Box::new(Inputs::of_declarations(matches, inherited));
            if inputs.files.iter().any(|file| file == Path::new("-")) {
                let text = "-f -: standard input is the connection of systemd, not a declaration";
                inputs.errors.push(Problem::usage(text));
            }
            Invocation::Credential { inputs }
        }
        "completions" => Invocation::Print(command::completion_script(matches.get_one::<String>("shell")?)?),
        _ => Invocation::Print(command::man_page().ok()?),
    })
}

fn no_command(has_separator: bool) -> Problem {
    let (text, help) = match has_separator {
        true => (
            "no command after `--`",
            "an image gives it by CMD, or by the words after its name: docker run IMAGE COMMAND",
        ),
        false => ("no command", "name it after `--`, as in: secrets-exec --env NAME=REF -- COMMAND"),
    };
    Problem::usage(text).help(help)
}

/// Returns the command after `--`. One that begins with a hyphen is an error: it is an option in the wrong place.
fn program(matches: &mut ArgMatches, inputs: &mut Inputs) -> Option<CommandLine> {
    let command = CommandLine::new(matches.remove_many("command").map(Iterator::collect).unwrap_or_default())?;
    if command.program().as_encoded_bytes().starts_with(b"-") {
        let text = "the command after `--` begins with a hyphen: options stand before `--`";
        let remedy = "write secrets-exec [OPTIONS] -- COMMAND, or ./-NAME for a program";
        inputs.errors.push(Problem::usage(text).help(remedy));
    }
    Some(command)
}

#[cfg(test)]
mod tests {
    #[test]
    fn clap_accepts_the_table_of_options() {
        super::with_program().debug_assert();
    }
}
