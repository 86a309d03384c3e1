//! The command line of a launch as a clap command, with the text of `--help`, and the options that commands share.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::model::options::{OPTIONS, OptionSpec, Takes};

const ENTRIES: &str = "What to resolve";

/// The command line of a launch.
pub fn launch_command() -> Command {
    let command = Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Fetch secrets from AWS Secrets Manager, put them into the environment, and become a command")
        .override_usage("secrets-exec [OPTIONS] -- COMMAND [ARG]...")
        .after_help(AFTER_HELP)
        .after_long_help(AFTER_LONG_HELP);
    with_program(with_inputs(command), "The command to become, always after --, and its arguments")
}

/// Adds the options that say what to resolve, and those of the table.
pub fn with_inputs(command: Command) -> Command {
    // The last use of an option overrides the others, as with most commands.
    let command = command.args_override_self(true);
    command.args(entries().map(|arg| arg.help_heading(ENTRIES))).args(OPTIONS.iter().map(argument))
}

/// Adds the words after `--`.
pub fn with_program(command: Command, help: &'static str) -> Command {
    let words = Arg::new("command").value_name("COMMAND").last(true).num_args(0..);
    command.arg(words.value_parser(ValueParser::os_string()).help(help))
}

fn entries() -> [Arg; 7] {
    [
        Arg::new("env")
            .short('e')
            .long("env")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Set NAME to the value of REF: SECRET[:KEY[:STAGE[:VERSION-ID]]]"),
        Arg::new("env-from")
            .long("env-from")
            .value_name("[PREFIX=]REF")
            .action(ArgAction::Append)
            .help("Set one variable for each top-level key of a JSON object, or each parameter below ssm:/path/"),
        Arg::new("as-file")
            .long("as-file")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Deliver the value as a file in memory, and set NAME to its path"),
        Arg::new("file")
            .short('f')
            .long("file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("Read a declaration (YAML, TOML or JSON); - is standard input"),
        Arg::new("no-file")
            .long("no-file")
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("Do not look for secrets-exec.yaml, .yml, .toml or .json in the working directory"),
        Arg::new("resolve-env")
            .long("resolve-env")
            .value_name("GLOB")
            .action(ArgAction::Append)
            .hide_short_help(true)
            .help("Also resolve ARNs and {{resolve:…}} in inherited variables with a matching name"),
        Arg::new("container")
            .long("container")
            .value_name("NAME")
            .hide_short_help(true)
            .help("Use this container of the ECS task definition given by -f"),
    ]
}

/// The end of `-h`.
const AFTER_HELP: &str = "\
Example:
  secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js

--help prints all options, their variables and the exit status.";

/// The end of `--help`. A paragraph is one line, which clap wraps at the terminal's width.
const AFTER_LONG_HELP: &str = "\
Options under the last three headings can also be set as SECRETS_EXEC_<NAME> and, except --local, under `defaults:` in a declaration. \
SECRETS_EXEC_FILE names a declaration if -f does not.

Examples:
  secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js
  secrets-exec -f /etc/app/secrets.yaml -- /usr/bin/app
  secrets-exec --local secrets.local.yaml -- ./app

Exit status: the command's own. Before it runs:
  64   usage: the command line, a reference on it, or a variable is invalid
  70   a bug in secrets-exec
  75   temporary: throttled, unreachable, timed out
  77   access denied, or no credentials
  78   a declaration, secret, key or value is invalid or absent
  126  the command cannot be executed
  127  the command was not found";

/// The options of the table that `-h` describes.
const COMMON: &[&str] = &["region", "profile", "timeout", "local", "keep-existing", "clean-env", "verbose", "quiet"];

fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.help).help_heading(option.heading);
    let arg = arg.hide_short_help(!COMMON.contains(&option.name));
    let arg = match option.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match option.takes {
        Takes::Text(name) => arg.value_name(name).value_parser(ValueParser::os_string()),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Level => arg.action(ArgAction::Count),
        Takes::Texts(name) => arg.value_name(name).action(ArgAction::Append),
        // Without `require_equals`, clap would take the next word as the text.
        Takes::Optional(name) => arg
            .value_name(name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .value_parser(ValueParser::os_string()),
    }
}
