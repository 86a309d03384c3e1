//! The command line as clap's: the launch, with its options, and the other commands, which clap builds when they are named; and the
//! completions of a shell and the man page, which clap_complete and clap_mangen make from it.

use std::io;

use clap::{Arg, ArgAction, Command};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::arguments::{COMMON, help, program, with_inputs};
use super::operators::{check, completions, credential, export, install, migrate, policy};
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
except --local, under `defaults:` in a declaration. SECRETS_EXEC_FILE names a declaration if -f does not.

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
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Print the version");
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
        .subcommands(commands());
    with_inputs(command)
        .mut_args(|arg| if COMMON.contains(&arg.get_id().as_str()) { arg } else { arg.hide_short_help(true) })
        .arg(help("Print help: -h the most common options, --help all").help_heading(output))
        .arg(version.help_heading(output))
}

/// Returns the commands in the order of `--help`; those for systemd and containers are last.
fn commands() -> [Command; 8] {
    let command = |name, about: &'static str, usage, details: &str, examples, fill: fn(Command) -> Command| {
        let long_about = [about, details].join("\n\n");
        let command = Command::new(name).about(about).long_about(long_about.trim_end().to_owned());
        command.override_usage(usage).after_help(examples).after_long_help(examples).arg(help("Print help")).defer(fill)
    };
    [
        command(
            "check",
            "Resolve everything, print a table without values",
            "secrets-exec check [OPTIONS] [-- COMMAND]",
            "Makes the requests of a launch, with the same permissions, and prints a line for each variable and file. All errors are \
             reported at once, and the exit status is that of the launch; 0 if it would start its command.",
            "Examples:\n  \
             secrets-exec check\n      Check the declaration in the working directory against AWS\n  \
             secrets-exec check --offline -f secrets.yaml\n      Check a declaration in CI, without credentials\n  \
             secrets-exec check --describe -- node\n      Also show rotation and keys, and whether node would be found",
            check,
        ),
        command(
            "policy",
            "Print the IAM policy that a launch needs",
            "secrets-exec policy [OPTIONS]",
            "The policy allows the requests of a launch and no others. Nothing is requested, so no credentials are needed.",
            "Examples:\n  \
             secrets-exec policy -f secrets.yaml --account 123456789012\n      Print the policy of a task role\n  \
             secrets-exec policy --for-role arn:aws:iam::123456789012:role/Reader\n      Print the policy of a role that a \
             declaration names",
            policy,
        ),
        command(
            "export",
            "Print the resolved variables",
            "secrets-exec export [OPTIONS] --format FORMAT",
            "Prints what a launch would set, quoted so that each value survives. A value that the format cannot hold is an error. Other \
             programs may read the output, so a launch is safer.",
            "Examples:\n  \
             eval \"$(secrets-exec export --format shell)\"\n      Set the variables in the running shell\n  \
             secrets-exec export --format dotenv --output .env\n      Write a file for programs that read .env\n  \
             secrets-exec export --format json --reveal\n      Look at the values on a terminal",
            export,
        ),
        command(
            "migrate",
            "Print the declaration or secret for a .env file",
            "secrets-exec migrate FILE --secret ID [OPTIONS]",
            "FILE is read as python-dotenv reads it without interpolation. Nothing else is read, and nothing is written or requested: \
             the AWS CLI creates the secret from what --values prints.",
            "Examples:\n  \
             secrets-exec migrate .env --secret prod/app --values |\n    \
             aws secretsmanager create-secret --name prod/app --secret-string \\\n    file:///dev/stdin\n      Create the secret\n  \
             secrets-exec migrate .env --secret prod/app > secrets-exec.yaml\n      Write the declaration",
            migrate,
        ),
        command(
            "completions",
            "Print the completions of a shell",
            "secrets-exec completions SHELL",
            "",
            "Examples:\n  \
             source <(secrets-exec completions bash)\n      Complete in bash: a line of ~/.bashrc\n  \
             source <(secrets-exec completions zsh)\n      Complete in zsh: a line of ~/.zshrc after compinit\n  \
             secrets-exec completions fish >~/.config/fish/completions/secrets-exec.fish\n      Complete in fish, from the next start on",
            completions,
        ),
        command(
            "man",
            "Print the man page",
            "secrets-exec man",
            "",
            "Examples:\n  \
             secrets-exec man | man -l -\n      Read the man page\n  \
             secrets-exec man >/usr/local/share/man/man1/secrets-exec.1\n      Install the man page",
            |command| command,
        ),
        command(
            "credential",
            "Answer systemd's LoadCredential=",
            "secrets-exec credential [OPTIONS]",
            "For a socket unit of systemd with Accept=yes: sends the credential that a declaration lists for the unit under \
             `credentials:`, or fails the unit's start. Standard input is the connection.",
            "Examples:\n  \
             secrets-exec credential -f /etc/secrets-exec.yaml\n      Answer one connection: ExecStart= of secrets-exec@.service, with \
             StandardInput=socket",
            credential,
        ),
        command(
            "install",
            "Copy this program to a directory",
            "secrets-exec install DIR",
            "Writes DIR/secrets-exec with mode 0755, complete or not at all, and replaces a file of this name. An init container of an \
             image with nothing but this program hands it so to images that cannot be rebuilt.",
            "Examples:\n  \
             secrets-exec install /shared\n      Copy the program to a volume that other containers share",
            install,
        ),
    ]
}

/// Returns the script that a shell reads; `None` for an unknown shell.
pub fn completion_script(shell: &str) -> Option<String> {
    let shell: Shell = shell.parse().ok()?;
    let mut script = Vec::new();
    generate(shell, &mut command(), "secrets-exec", &mut script);
    // clap_complete gives bash two names for a command of a program with a hyphen.
    Some(String::from_utf8_lossy(&script).replace("secrets__subcmd__exec", "secrets__exec"))
}

/// Returns the man page: the sections of a launch, the other commands with their own options, and the sections by hand.
///
/// # Errors
/// None: a page in memory can be written.
pub fn man_page() -> io::Result<String> {
    // clap_mangen leaves out the help that `-h` leaves out.
    let mut command = command().mut_args(|arg| arg.hide_short_help(false));
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title("SECRETS-EXEC").manual("User Commands");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]).text([roman("The name of a command comes first, before all options.")]);
    roff.to_writer(&mut page)?;
    for subcommand in command.get_subcommands() {
        let about = subcommand.get_long_about().or(subcommand.get_about()).map(ToString::to_string).unwrap_or_default();
        let usage = subcommand.get_overridden_usage().map(ToString::to_string).unwrap_or_default();
        let mut roff = Roff::new();
        roff.control("SS", [subcommand.get_name()]).text([roman(usage)]);
        about.split("\n\n").for_each(|paragraph| {
            roff.control("PP", []).text([roman(paragraph)]);
        });
        roff.to_writer(&mut page)?;
        // Options under a heading are those of a launch.
        let own = subcommand.get_arguments().filter(|arg| arg.get_help_heading().is_none() && arg.get_id() != "help");
        let own = Command::new("own").disable_help_flag(true).args(own);
        let mut options = Vec::new();
        Man::new(own).render_options_section(&mut options)?;
        page.extend(String::from_utf8_lossy(&options).replace(".SH OPTIONS\n", "").into_bytes());
    }
    Ok(String::from_utf8_lossy(&page).into_owned() + MAN_SECTIONS)
}
