//! Parses the command line and `SECRETS_EXEC_*` into an [`Invocation`]: what to run, with its
//! arguments.
//!
//! Only this folder uses clap. `arguments` has the types, `command` declares the options and the
//! subcommands, `inputs` reads what clap has matched, and `usage` rewrites clap's errors. No error
//! shows an argument that may be a secret.

mod arguments;
mod command;
mod inputs;
mod usage;

pub use arguments::{
    CheckArguments, ExportArguments, ExportFormat, Invocation, MigrateArguments, PolicyArguments,
};
pub use command::CREDENTIAL;
pub use inputs::Inputs;

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::model::env_variables::Inherited;
use crate::model::problem::Problem;
use command::{subcommand, with_program, with_variables};

/// Parses the arguments, without the program's own name, and `SECRETS_EXEC_*`. The text of `--help`
/// and `--version` is a result, not an error, and so is the usage, if there aren't any arguments.
///
/// # Errors
/// Every argument with something that people don't see in it, and otherwise the first error that
/// clap finds. If a launch doesn't have a command, every error of its inputs.
/// All other errors are in [`Inputs::errors`], so that they are reported together with the errors
/// of the declarations.
pub fn parse_command_line(
    arguments: Vec<OsString>,
    inherited: &Inherited,
) -> Result<Invocation, Vec<Problem>> {
    let mut command = with_program();
    if arguments.is_empty() {
        return Ok(Invocation::Usage(command.render_help().to_string()));
    }
    let overlooked = usage::overlooked_problems(&arguments);
    if !overlooked.is_empty() {
        return Err(overlooked);
    }

    let arguments_for_clap = as_options(&arguments);
    // Only the long help names the variables. A launch doesn't spend the time for these texts.
    if arguments_for_clap.iter().any(|word| word == "--help") {
        command = with_variables(command);
    }
    let words = std::iter::once("secrets-exec".into()).chain(arguments_for_clap);
    let mut matches = match command.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        // Only the help and the version aren't errors (exit code 0).
        Err(error) if error.exit_code() == 0 => {
            return Ok(Invocation::Print(error.render().to_string()));
        }
        Err(error) => return Err(vec![usage::problem(error, &arguments, command)]),
    };

    let Some((name, mut subcommand_matches)) = matches.remove_subcommand() else {
        return launch_invocation(&mut matches, &arguments, inherited);
    };
    let invocation = match subcommand(&name) {
        Some(subcommand) => (subcommand.invocation)(&mut subcommand_matches, inherited),
        // clap only accepts the names in the table, so this doesn't happen.
        None => Err(command.error(ErrorKind::InvalidSubcommand, name)),
    };
    invocation.map_err(|error| vec![usage::problem(error, &arguments, command)])
}

/// Returns the arguments for clap, which only has the options: `help` becomes `--help`, `help
/// check` becomes `check --help`, and `version` becomes `--version`.
fn as_options(arguments: &[OsString]) -> Vec<OsString> {
    match arguments {
        [help] if help == "help" => vec!["--help".into()],
        [help, command] if help == "help" => vec![command.clone(), "--help".into()],
        [version] if version == "version" => vec!["--version".into()],
        words => words.to_vec(),
    }
}

/// Returns the launch of the command after `--`.
///
/// # Errors
/// If there isn't a command, returns every error of the inputs, followed by the missing command. If
/// an argument contains ` -- `, the command is probably inside this argument, so only that error is
/// returned.
fn launch_invocation(
    matches: &mut ArgMatches,
    arguments: &[OsString],
    inherited: &Inherited,
) -> Result<Invocation, Vec<Problem>> {
    let mut inputs = Box::new(Inputs::for_entries(matches, inherited));
    if let Some(command) = inputs.take_command(matches) {
        return Ok(Invocation::Launch(inputs, command));
    }

    for (number, word) in (1..).zip(arguments) {
        if word.to_string_lossy().contains(" -- ") {
            let text =
                format!("argument {number} contains \" -- \", which must be a separate argument");
            let help = "write the option, its value, `--` and each word of the command as separate arguments";
            return Err(vec![Problem::usage(text).help(help)]);
        }
    }

    let problem = if arguments.iter().any(|word| word == "--") {
        // If ENTRYPOINT isn't an array, Docker ignores CMD, so nothing follows `--`.
        let help = "write the command after `--`; in a Dockerfile, write ENTRYPOINT and CMD as arrays: ENTRYPOINT [\"secrets-exec\", \"--env\", \"…\", \"--\"] and \
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
