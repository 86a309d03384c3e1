//! Parses the command line and `SECRETS_EXEC_*` into an invocation. clap is used in this folder only.

mod arguments;
mod command;
mod entries;
mod inputs;
mod options;
mod subcommands;
mod usage;

pub use arguments::{
    CheckArguments, ExportArguments, ExportFormat, Invocation, MigrateArguments, PolicyArguments,
};
pub use command::{completion_script, man_page};
pub use inputs::Inputs;
pub use subcommands::CREDENTIAL;

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use command::with_program;
use subcommands::SUBCOMMANDS;

/// Parses the command line, without the program's own name, and `SECRETS_EXEC_*`.
///
/// # Errors
/// The first error of clap, or every error if a launch has no command. Other errors are in [`Inputs::errors`].
pub fn parse(arguments: Vec<OsString>, inherited: &Inherited) -> Result<Invocation, Vec<Problem>> {
    let mut command = with_program();
    if arguments.is_empty() {
        return Ok(Invocation::Usage(command.render_help().to_string()));
    }
    let words = std::iter::once("secrets-exec".into()).chain(as_options(&arguments));
    let mut matches = match command.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return Ok(Invocation::Print(error.render().to_string()));
        }
        Err(error) => return Err(vec![usage::problem(error, &arguments, command)]),
    };
    let Some((name, mut matches)) = matches.remove_subcommand() else {
        return launch_invocation(&mut matches, &arguments, inherited);
    };
    let invocation = match SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == name)
    {
        Some(subcommand) => (subcommand.invocation)(&mut matches, inherited),
        None => Err(command.error(ErrorKind::InvalidSubcommand, name)),
    };
    invocation.map_err(|error| vec![usage::problem(error, &arguments, command)])
}

/// Returns the words with `help` and `help COMMAND` as `--help`, and `version` as `--version`.
fn as_options(arguments: &[OsString]) -> Vec<OsString> {
    match arguments {
        [help] if help == "help" => vec!["--help".into()],
        [help, command] if help == "help" => vec![command.clone(), "--help".into()],
        [version] if version == "version" => vec!["--version".into()],
        words => words.to_vec(),
    }
}

/// Returns the launch of the command after the options.
///
/// # Errors
/// The missing command, after every error in the options. If the command is part of an option's value, that is the only error.
fn launch_invocation(
    matches: &mut ArgMatches,
    arguments: &[OsString],
    inherited: &Inherited,
) -> Result<Invocation, Vec<Problem>> {
    let mut inputs = Box::new(Inputs::new(true, matches, inherited));
    if let Some(command) = inputs.take_command(matches) {
        return Ok(Invocation::Launch { inputs, command });
    }
    let swallowed = arguments
        .iter()
        .position(|word| word.to_string_lossy().contains(" -- "));
    if let Some(index) = swallowed {
        let number = index + 1;
        let text =
            format!("argument {number} contains \" -- \", which must be a separate argument");
        let help =
            "write the option, its value, `--` and each word of the command as separate arguments";
        return Err(vec![Problem::usage(text).help(help)]);
    }
    let problem = if arguments.iter().any(|word| word == "--") {
        let help = "in a Dockerfile, write both as arrays: ENTRYPOINT [\"secrets-exec\", \"--env\", \"…\", \"--\"] and \
                    CMD [\"node\", \"app.js\"]";
        Problem::usage("there is no command after `--`").help(help)
    } else {
        Problem::usage("there is no command to start")
            .help("write it at the end, after `--`, as in secrets-exec [OPTIONS] -- node app.js")
    };
    inputs.errors.push(problem);
    Err(inputs.errors)
}

#[cfg(test)]
mod tests {
    #[test]
    fn clap_accepts_the_table_of_options() {
        super::with_program().debug_assert();
    }
}
