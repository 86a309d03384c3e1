//! The command line as clap's: the launch, with its options, and the other commands, which clap builds when they are named; and the
//! completions of a shell and the man page, which clap_complete and clap_mangen make from it.

use std::io;

use clap::{Arg, ArgAction, Command};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::options::{help, program, with_inputs};
use super::subcommands::{SUBCOMMANDS, Subcommand};
use crate::model::options::OPTIONS;

/// The sections of the man page that clap does not know.
const MAN_SECTIONS: &str = include_str!("man.roff");

const LONG_ABOUT: &str = "\
Resolves references to secrets of AWS Secrets Manager and to SSM parameters, puts the values into the environment, and executes COMMAND \
in its own place: the process id stays the same, and no process is left behind. If a value is missing, COMMAND is not started, and all \
errors are reported at once. With --on-rotation it stays as COMMAND's parent, and acts when a secret changes.";

const EXAMPLE: &str = "Example: secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js";

const LONG_END: &str = "\
Options under the last four headings, except --help and --version, can also be set as SECRETS_EXEC_<NAME> and, \
except --local, under `defaults:` in a declaration. SECRETS_EXEC_FILE names declarations, with commas, if -f does not.

Examples:
  secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js
      Run a program with one key of a secret as a variable
  secrets-exec -f /etc/app/secrets.yaml -- /usr/bin/app
      Run a program with the values of a declaration
  secrets-exec --local secrets.local.yaml -- ./app
      Develop with secrets from a file, without AWS

Exit status: the command's own. Before it runs:
  64   usage: the command line, a reference on it, or a variable is invalid
  70   a bug in secrets-exec
  75   temporary: throttled, unreachable, timed out
  77   access denied, or no credentials
  78   a declaration, secret, key or value is invalid or absent
  126  the command cannot be executed
  127  the command was not found";

/// Returns the command line with the command after `--`.
pub fn with_program() -> Command {
    command().arg(program("The command to become").hide(true))
}

/// Returns the command line without the command after `--`, beside which zsh would complete none of ours.
fn command() -> Command {
    let output = OPTIONS.last().map(|option| option.heading);
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version)
        .help("Print the version");
    let command = Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Become a command, with secrets from AWS in its environment")
        .long_about(LONG_ABOUT)
        .override_usage("secrets-exec [OPTIONS] -- COMMAND [ARG]...")
        .after_help(EXAMPLE)
        .after_long_help(LONG_END)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .subcommand_help_heading("Commands that launch nothing")
        .subcommands(SUBCOMMANDS.iter().map(Subcommand::command));
    with_inputs(command)
        .arg(help("Print help: -h the most common options, --help all").help_heading(output))
        .arg(version.help_heading(output))
}

/// Returns the script that a shell reads.
pub fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command(), "secrets-exec", &mut script);
    // clap_complete gives bash two names for a command of a program with a hyphen.
    String::from_utf8_lossy(&script).replace("secrets__subcmd__exec", "secrets__exec")
}

/// Returns the man page: the sections of a launch, the other commands with their own options, and the sections by hand.
pub fn man_page() -> String {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write_sections_of_clap(&mut page);
    String::from_utf8_lossy(&page).into_owned() + MAN_SECTIONS
}

fn write_sections_of_clap(page: &mut Vec<u8>) -> io::Result<()> {
    // clap_mangen leaves out the help that `-h` leaves out.
    let mut command = command().mut_args(|arg| arg.hide_short_help(false));
    command.build();
    let man = Man::new(command.clone())
        .title("SECRETS-EXEC")
        .manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]).text([roman(
        "The name of a command comes first, before all options.",
    )]);
    roff.to_writer(page)?;
    for subcommand in command.get_subcommands() {
        let about = subcommand
            .get_long_about()
            .or(subcommand.get_about())
            .map(ToString::to_string)
            .unwrap_or_default();
        let usage = subcommand
            .get_overridden_usage()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut roff = Roff::new();
        roff.control("SS", [subcommand.get_name()])
            .text([roman(usage)]);
        for paragraph in about.split("\n\n") {
            roff.control("PP", []).text([roman(paragraph)]);
        }
        roff.to_writer(page)?;
        // Options under a heading are those of a launch.
        let arguments = subcommand
            .get_arguments()
            .filter(|arg| arg.get_help_heading().is_none() && arg.get_id() != "help");
        let without_launch_options = Command::new("").disable_help_flag(true).args(arguments);
        let mut options = Vec::new();
        Man::new(without_launch_options).render_options_section(&mut options)?;
        page.extend(
            String::from_utf8_lossy(&options)
                .replace(".SH OPTIONS\n", "")
                .into_bytes(),
        );
    }
    Ok(())
}
