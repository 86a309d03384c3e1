//! The options that a launch shares with other commands, as clap's.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::model::options::{OPTIONS, OptionSpec, Takes};

/// The heading of the options that say what to resolve.
pub const ENTRIES: &str = "What to resolve (repeatable)";

/// The options that `-h` describes.
const COMMON: &str = "env env-from as-file file region timeout local on-rotation verbose quiet";

fn is_common(option: &str) -> bool {
    COMMON.split(' ').any(|name| option == name)
}

/// Returns the option that prints help, of which clap's own would stand under a heading of its own.
pub fn help(text: &'static str) -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help(text)
}

/// Adds the options that say what to resolve, and those of the table.
pub fn with_inputs(command: Command) -> Command {
    with_declarations(command.args(entries()))
}

/// Adds the options that name declarations, and those of the table.
pub fn with_declarations(command: Command) -> Command {
    let file = Arg::new("file")
        .short('f')
        .long("file")
        .value_name("FILE")
        .action(ArgAction::Append);
    let file = file
        .value_parser(ValueParser::path_buf())
        .value_hint(ValueHint::FilePath);
    let no_file = Arg::new("no-file")
        .long("no-file")
        .action(ArgAction::SetTrue)
        .hide_short_help(true);
    let table = OPTIONS.iter().map(argument);
    // The last use of an option overrides the others, as with most commands.
    command
        .args_override_self(true)
        .arg(
            file.help("Read a declaration (YAML or JSON; - for stdin)")
                .long_help(
                    "Read a declaration in YAML or JSON instead of secrets-exec.yaml, .yml or .json in the working directory; - is \
                     standard input\n[env: SECRETS_EXEC_FILE]",
                )
                .help_heading(ENTRIES),
        )
        .arg(
            no_file
                .help("Ignore secrets-exec.yaml, .yml or .json in the working directory")
                .help_heading(ENTRIES),
        )
        .args(table)
}

/// Hides options in the help of a subcommand: those without an effect there and, in `-h`, most of the others that a launch also has.
pub fn with_short_help(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command
        .after_help("--help prints all options and examples.")
        .mut_args(|arg| {
            let option = arg.get_id().as_str();
            let heading = arg.get_help_heading().unwrap_or_default();
            let is_shown = heading.is_empty() || is_common(option);
            let is_hidden = !has_effect(&name, heading, option);
            arg.hide_short_help(!is_shown).hide(is_hidden)
        })
}

/// The options that need a request, and so have no effect in `policy`.
const REQUESTS: &str =
    "endpoint-url ca-bundle key-exchange timeout wait local cache cache-ttl cache-stale";

/// True if an option of a launch, under this heading of its help, has an effect in a subcommand.
fn has_effect(subcommand: &str, heading: &str, option: &str) -> bool {
    match subcommand {
        _ if heading == "Rotation" || option == "notify-ready" => false,
        "get" | "credential" => heading != "What the command gets",
        "policy" => !REQUESTS.split(' ').any(|name| option == name),
        _ => true,
    }
}

/// Returns the words after `--`.
pub fn program(help: &'static str) -> Arg {
    let words = Arg::new("command")
        .value_name("COMMAND")
        .last(true)
        .num_args(0..)
        .help(help);
    words
        .value_parser(ValueParser::os_string())
        .value_hint(ValueHint::CommandName)
}

fn entries() -> [Arg; 4] {
    let entry = |name, value| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .action(ArgAction::Append)
            .help_heading(ENTRIES)
    };
    [
        entry("env", "NAME=REF").short('e')
            .help("Set NAME to the value of REF (SECRET[:KEY])")
            .long_help(
                "Set NAME to the value of REF, which is SECRET[:KEY[:STAGE[:VERSION-ID]]], as in DB_PASSWORD=prod/db:password. \
                 SECRET is a secret's name or ARN, or ssm: and a parameter's name",
            ),
        entry("env-from", "[PREFIX=]REF")
            .help("Set a variable for each key of a JSON object")
            .long_help("Set a variable for each top-level key of a JSON object, or for each parameter below ssm:/path/"),
        entry("as-file", "NAME=REF")
            .help("Set NAME to the path of a file with the value")
            .long_help("Write the value of REF to a file in memory, and set NAME to the path of the file"),
        entry("resolve-env", "GLOB")
            .hide_short_help(true)
            .help("Also resolve ARNs and {{resolve:...}} in inherited variables with a matching name"),
    ]
}

fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).short(option.short);
    let arg = arg
        .help(option.help)
        .long_help(format!("{}\n[env: {}]", option.help, option.variable()))
        .help_heading(option.heading)
        .hide_short_help(!is_common(option.name));
    match option.takes {
        Takes::Text(name) => text(arg, name),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Level => arg.action(ArgAction::Count),
        Takes::Texts(name) => text(arg, name).action(ArgAction::Append),
        // Without `require_equals`, clap would take the next word as the text.
        Takes::Optional(name) => text(arg, name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("1"),
    }
}

fn text(arg: Arg, name: &'static str) -> Arg {
    let hint = match name {
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    arg.value_name(name)
        .value_parser(ValueParser::os_string())
        .value_hint(hint)
}
