//! Declares the command line for clap, and makes the completions and the man page from the same
//! declaration.

use std::io;

use clap::{Arg, ArgAction, Command};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::options::{help, program, with_inputs, with_variables};
use super::subcommands::{SUBCOMMANDS, Subcommand};
use crate::model::options::OPTIONS;

/// The sections of the man page that are written by hand.
const MAN_SECTIONS: &str = include_str!("man.roff");

const LONG_ABOUT: &str = "\
secrets-exec reads secrets from AWS Secrets Manager and parameters from SSM Parameter Store, puts their values into environment variables \
or files, and then becomes COMMAND: the process id stays the same, and no other process is left behind. If a value is missing, secrets-exec \
reports everything that is missing, and doesn't start COMMAND. With --on-rotation, it stays as COMMAND's parent and acts when a secret \
changes.";

const USAGE: &str = "\
secrets-exec [OPTIONS] -- COMMAND [ARG]...
       secrets-exec <SUBCOMMAND> [OPTIONS]";

const END: &str = "\
Example: secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js
Documentation: https://github.com/OWNER/secrets-exec/tree/main/docs";

const LONG_END: &str = include_str!("help/launch.txt");

/// Returns the command line as it is parsed, with the command after `--`.
pub fn with_program() -> Command {
    command().arg(program("The command to start").hide(true))
}

/// Returns the command line without the command after `--`. With this argument, zsh would not
/// complete our own options.
fn command() -> Command {
    let output = OPTIONS.last().map(|option| option.heading);
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version)
        .help("Print the version");
    let command = Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run a command with secrets from AWS in its environment")
        .long_about(LONG_ABOUT)
        .override_usage(USAGE)
        .after_help(END)
        .after_long_help(LONG_END.trim_end())
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .subcommand_help_heading("Subcommands")
        .subcommands(SUBCOMMANDS.iter().map(Subcommand::command));
    with_inputs(command)
        .arg(help("Print help (-h: the most common options, --help: all)").help_heading(output))
        .arg(version.help_heading(output))
}

/// Returns the completion script for a shell.
pub fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command(), "secrets-exec", &mut script);
    // This corrects a mistake of clap_complete 4.6: in the bash script for a program with a hyphen
    // in its name, the state after a subcommand has one name where it is set, and another name
    // where its options are listed. Without the correction, bash would not complete the options of
    // subcommands.
    String::from_utf8_lossy(&script).replace("secrets__subcmd__exec", "secrets__exec")
}

/// Returns the man page: the sections of a launch, a section for each subcommand with its own
/// options, and the sections written by hand.
pub fn man_page() -> String {
    let mut page = Vec::new();
    // Writing to memory doesn't fail.
    let _ = write_generated_sections(&mut page);
    // `\\%` keeps man from hyphenating the name of a variable.
    String::from_utf8_lossy(&page).replace("[env: ", "[env: \\%") + MAN_SECTIONS
}

/// Writes the sections of the man page that clap's declaration gives.
///
/// # Errors
/// Only an error of writing to `page`, which doesn't happen, because `page` is in memory.
fn write_generated_sections(page: &mut Vec<u8>) -> io::Result<()> {
    // clap_mangen skips the options that `-h` skips.
    let mut command = with_variables(command()).mut_args(|arg| arg.hide_short_help(false));
    command.build();

    let man = Man::new(command.clone())
        .title("SECRETS-EXEC")
        // Without a date, the other fields of the title would move to the wrong places.
        .date(" ")
        .manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;

    let mut roff = Roff::new();
    roff.control("SH", ["SUBCOMMANDS"])
        .text([roman("The name of a subcommand comes before all options.")]);
    roff.to_writer(page)?;
    for subcommand in command.get_subcommands() {
        write_subcommand(subcommand, page)?;
    }
    Ok(())
}

/// Writes the part of the man page about a subcommand: its usage, its purpose, and the options that
/// only it has.
///
/// # Errors
/// See [`write_generated_sections`].
fn write_subcommand(subcommand: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = subcommand.get_overridden_usage();
    let about = subcommand.get_long_about().or(subcommand.get_about());
    let about_text = about.map(ToString::to_string).unwrap_or_default();

    let mut roff = Roff::new();
    roff.control("SS", [subcommand.get_name()])
        .text([roman(usage.map(ToString::to_string).unwrap_or_default())]);
    for paragraph in about_text.split("\n\n") {
        roff.control("PP", []).text([roman(paragraph)]);
    }
    roff.to_writer(page)?;

    // The options under a heading also belong to a launch, which has described them already.
    let arguments = subcommand
        .get_arguments()
        .filter(|arg| arg.get_help_heading().is_none() && arg.get_id() != "help");
    let without_launch_options = Command::new("").disable_help_flag(true).args(arguments);
    let mut section = Vec::new();
    Man::new(without_launch_options).render_options_section(&mut section)?;
    // The options belong to the subcommand's part of the page, so the heading of a section is
    // removed.
    let options = String::from_utf8_lossy(&section).replace(".SH OPTIONS\n", "");
    page.extend(options.into_bytes());
    Ok(())
}
