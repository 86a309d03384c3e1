//! The command line as clap knows it, and clap's errors as ours.

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, ValueHint};

use super::usage::UsageError;
use crate::model::library_text::clap_line;
use crate::model::options::{OPTIONS, OptionSpec, Takes};

const WHAT: &str = "What to resolve";

pub fn command() -> Command {
    let what = [
        Arg::new("env")
            .short('e')
            .long("env")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Set NAME to what REF resolves to: SECRET[:KEY[:STAGE[:VERSION-ID]]]"),
        Arg::new("env-from")
            .long("env-from")
            .value_name("[PREFIX=]REF")
            .action(ArgAction::Append)
            .help("Set one variable for each top-level key of a JSON object"),
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
            .help("A declaration file (YAML, TOML or JSON); - is standard input"),
        Arg::new("no-file")
            .long("no-file")
            .action(ArgAction::SetTrue)
            .help("Do not look for secrets-exec.yaml, .yml, .toml or .json in the working directory"),
        Arg::new("resolve-env")
            .long("resolve-env")
            .value_name("GLOB")
            .action(ArgAction::Append)
            .help("Also resolve ARNs and {{resolve:…}} in inherited variables of these names"),
        Arg::new("container")
            .long("container")
            .value_name("NAME")
            .help("The container of an ECS task definition given by -f"),
    ];
    Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Become a command, with its secrets from AWS Secrets Manager in its environment")
        // The last one counts, as with most commands.
        .args_override_self(true)
        .override_usage("secrets-exec [OPTIONS] -- COMMAND [ARG]...")
        .args(what.map(|arg| arg.help_heading(WHAT)))
        .args(OPTIONS.iter().map(argument))
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .last(true)
                .num_args(0..)
                .value_parser(ValueParser::os_string())
                .help("What to become, always after --, and its arguments"),
        )
        .after_help(AFTER_HELP)
}

const AFTER_HELP: &str = "\
Options under the last three headings can also be given as SECRETS_EXEC_<NAME>
and, but for --local, under `defaults:` in a declaration. SECRETS_EXEC_FILE
names a declaration when no -f does.

Examples:
  secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js
  secrets-exec -f /etc/app/secrets.yaml -- /usr/bin/app
  secrets-exec --local secrets.local.yaml -- ./app

Exit status: the command's own. Before it runs: 64 usage, 70 a bug, 75 temporary,
77 denied or no credentials, 78 a declaration, secret or value is wrong or absent,
126 the command cannot be executed, 127 it was not found.";

fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.help).help_heading(option.heading);
    let arg = match option.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match option.takes {
        Takes::Text(name) => arg.value_name(name).value_parser(ValueParser::os_string()),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Texts(name) => arg.value_name(name).action(ArgAction::Append),
        // After a blank it would take the next word for the text.
        Takes::Optional(name) => arg
            .value_name(name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .value_parser(ValueParser::os_string()),
    }
}

pub fn usage_error(error: &clap::Error) -> UsageError {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => Some(word),
        _ => None,
    };
    match word {
        Some(word) if !word.starts_with('-') => UsageError::MissingSeparator(word.clone()),
        _ => {
            let text = error.render().to_string();
            UsageError::Syntax(text.lines().filter_map(clap_line).map(str::to_owned).collect())
        }
    }
}
