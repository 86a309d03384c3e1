//! Declares the options that a launch and most subcommands share, for clap.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::model::options::{OPTIONS, OptionSpec, Takes, find_option};

/// The heading of the options that say what to resolve.
pub const ENTRIES: &str = "What to resolve";

/// The options that `-h` describes. `--help` describes all of them.
const COMMON: &str = "env env-from as-file file region timeout local on-rotation verbose quiet";

/// Returns true if `-h` describes the option.
fn is_common(option: &str) -> bool {
    COMMON.split(' ').any(|name| option == name)
}

/// Returns the option that prints the help. clap's own option would appear under a heading of its
/// own.
pub fn help(text: &'static str) -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help(text)
}

/// Adds the options that say what to resolve, and the options of the table.
pub fn with_inputs(command: Command) -> Command {
    with_declarations(command.args(entries()))
}

/// Adds the options that name declarations, and the options of the table.
pub fn with_declarations(command: Command) -> Command {
    let file = entry("file", "FILE")
        .short('f')
        .value_parser(ValueParser::path_buf())
        .value_hint(ValueHint::FilePath)
        .help("Read a declaration (YAML or JSON; - for stdin)")
        .long_help(
            "Read a declaration in YAML or JSON instead of secrets-exec.yaml, .yml or .json in the working directory; - is \
             standard input (repeatable)\n[env: SECRETS_EXEC_FILE]",
        );
    let no_file = Arg::new("no-file")
        .long("no-file")
        .action(ArgAction::SetTrue)
        .hide_short_help(true)
        .help("Ignore secrets-exec.yaml, .yml or .json in the working directory")
        .help_heading(ENTRIES);
    // If an option is given twice, the last one wins, as in most programs.
    command
        .args_override_self(true)
        .args([file, no_file])
        .args(OPTIONS.iter().map(argument))
}

/// Hides options in the help of a subcommand. Neither `-h` nor `--help` shows an option that
/// doesn't have an effect there, and `-h` only shows the most common of those that a launch has,
/// too.
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

/// The options that only matter for a request. `policy` doesn't send one.
const REQUESTS: &str =
    "endpoint-url ca-bundle key-exchange timeout wait local cache cache-ttl cache-stale";

/// Returns true if an option of a launch, which is under this heading in the help, has an effect in
/// a subcommand.
fn has_effect(subcommand: &str, heading: &str, option: &str) -> bool {
    match subcommand {
        _ if heading == "Rotation" || option == "notify-ready" => false,
        "get" | "credential" => heading != "What the command gets",
        "policy" => !REQUESTS.split(' ').any(|name| option == name),
        _ => true,
    }
}

/// Adds the variable of each option to the long help. Making these texts takes 7 % of the
/// instructions of a launch, so they are only made for a command line that prints help.
pub fn with_variables(command: Command) -> Command {
    command.mut_args(|arg| match find_option(arg.get_id().as_str()) {
        Some(option) => arg.long_help(format!("{}\n[env: {}]", option.help, option.variable())),
        None => arg,
    })
}

/// Returns the argument for the command after `--`.
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

/// Returns a repeatable option that says what to resolve.
fn entry(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .action(ArgAction::Append)
        .help_heading(ENTRIES)
}

/// Returns the options that say what to resolve.
fn entries() -> [Arg; 4] {
    [
        entry("env", "NAME=REF").short('e')
            .help("Set NAME to the value of REF (SECRET[:KEY])")
            .long_help(
                "Set NAME to the value of REF, which is SECRET[:KEY[:STAGE[:VERSION-ID]]], as in DB_PASSWORD=prod/db:password. \
                 SECRET is a secret's name or ARN, or ssm: followed by a parameter's name (repeatable)",
            ),
        entry("env-from", "[PREFIX=]REF")
            .help("Set a variable for each key of a JSON object")
            .long_help("Set a variable for each top-level key of a JSON object, or for each parameter below ssm:/path/ (repeatable)"),
        entry("as-file", "NAME=REF")
            .help("Set NAME to the path of a file with the value")
            .long_help("Write the value of REF to a file in memory, and set NAME to the path of the file (repeatable)"),
        entry("resolve-env", "GLOB")
            .hide_short_help(true)
            .help("Also resolve ARNs and {{resolve:...}} in the inherited variables whose names match GLOB (repeatable)"),
    ]
}

/// Returns clap's argument for an option of the table.
fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).short(option.short);
    let arg = arg
        .help(option.help)
        .help_heading(option.heading)
        .hide_short_help(!is_common(option.name));
    match option.takes {
        Takes::Text(name) => with_text(arg, name),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Level => arg.action(ArgAction::Count),
        Takes::Texts(name) => with_text(arg, name).action(ArgAction::Append),
        // Without `require_equals`, clap would read the next word as the text.
        Takes::Optional(name) => with_text(arg, name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("1"),
    }
}

/// Makes an argument accept text, which the help calls `name`.
fn with_text(arg: Arg, name: &'static str) -> Arg {
    let hint = match name {
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    arg.value_name(name)
        .value_parser(ValueParser::os_string())
        .value_hint(hint)
}
