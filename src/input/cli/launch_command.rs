//! The command line of a launch as a clap command, with the text of `--help`, and the options that commands share.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, ValueHint};

use super::help_text::LAUNCH;
use crate::model::options::{OPTIONS, OUTPUT, OptionSpec, Takes};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const ENTRIES: &str = "What to resolve";

/// The command line of a launch.
pub fn launch_command() -> Command {
    command(OPTIONS.iter())
}

/// The command line of a launch with only those options of the table that a word may name, for clap takes time for each option. What
/// it accepts, and how, is the same as with all.
pub fn brief_launch_command(arguments: &[OsString]) -> Command {
    let words = || arguments.iter().take_while(|word| *word != "--").map(|word| word.as_encoded_bytes());
    let is_named =
        |name: &str| words().filter_map(|word| word.strip_prefix(b"--")).any(|word| word.starts_with(name.as_bytes()));
    command(OPTIONS.iter().filter(|option| option.short.is_some() || is_named(option.name)))
}

fn command(options: impl Iterator<Item = &'static OptionSpec>) -> Command {
    let command = Command::new("secrets-exec").about(LAUNCH.about).override_usage(LAUNCH.usage);
    let command = with_entries(command).args(options.map(argument));
    with_help(with_program(command, "The command to become, always after --, and its arguments"))
}

/// Adds `--help` and `--version`, whose descriptions differ from clap's own.
pub fn with_help(command: Command) -> Command {
    let heading = command.get_arguments().any(|arg| arg.get_help_heading() == Some(OUTPUT)).then_some(OUTPUT);
    let flag = |name, letter, action, help| {
        Arg::new(name).short(letter).long(name).action(action).help(help).help_heading(heading)
    };
    let help = match heading {
        Some(_) => "Print help: -h the most common options, --help all",
        None => "Print help",
    };
    command
        .version(VERSION)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(flag("help", 'h', ArgAction::Help, help))
        .arg(flag("version", 'V', ArgAction::Version, "Print the version"))
}

/// Adds the options that say what to resolve, and those of the table.
pub fn with_inputs(command: Command) -> Command {
    with_entries(command).args(OPTIONS.iter().map(argument))
}

fn with_entries(command: Command) -> Command {
    // The last use of an option overrides the others, as with most commands.
    let command = command.args_override_self(true);
    let entries = entries().into_iter().chain(declarations());
    command.args(entries.map(|arg| arg.help_heading(ENTRIES)))
}

/// Adds one option of the table.
pub fn with_option(command: Command, name: &str) -> Command {
    command.args_override_self(true).args(OPTIONS.iter().filter(|option| option.name == name).map(argument))
}

/// Adds the options that name declarations, and those of the table.
pub fn with_declarations(command: Command) -> Command {
    let [file, no_file, ..] = declarations();
    let command = command.args_override_self(true).args([file, no_file].map(|arg| arg.help_heading(ENTRIES)));
    command.args(OPTIONS.iter().map(argument))
}

/// Adds the words after `--`.
pub fn with_program(command: Command, help: &'static str) -> Command {
    let words = Arg::new("command").value_name("COMMAND").last(true).num_args(0..);
    command.arg(words.value_parser(ValueParser::os_string()).help(help))
}

fn entries() -> [Arg; 3] {
    [
        Arg::new("env")
            .short('e')
            .long("env")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Set NAME to the value of REF: SECRET[:KEY[:STAGE[:VERSION-ID]]] (repeatable)"),
        Arg::new("env-from").long("env-from").value_name("[PREFIX=]REF").action(ArgAction::Append).help(
            "Set one variable for each top-level key of a JSON object, or each parameter below ssm:/path/ (repeatable)",
        ),
        Arg::new("as-file")
            .long("as-file")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Deliver the value as a file in memory, and set NAME to its path (repeatable)"),
    ]
}

fn declarations() -> [Arg; 3] {
    [
        Arg::new("file")
            .short('f')
            .long("file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("Read a declaration (YAML or JSON); - is standard input (repeatable)"),
        Arg::new("no-file")
            .long("no-file")
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("Do not look for secrets-exec.yaml, .yml or .json in the working directory"),
        Arg::new("resolve-env")
            .long("resolve-env")
            .value_name("GLOB")
            .action(ArgAction::Append)
            .hide_short_help(true)
            .help("Also resolve ARNs and {{resolve:...}} in inherited variables with a matching name (repeatable)"),
    ]
}

/// The options of the table that `-h` describes.
const COMMON: &[&str] =
    &["region", "profile", "timeout", "local", "on-rotation", "keep-existing", "clean-env", "verbose", "quiet"];

fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.help).help_heading(option.heading);
    let arg = arg.hide_short_help(!COMMON.contains(&option.name));
    let arg = match option.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match option.takes {
        Takes::Text(name) => {
            let hint = if name == "FILE" { ValueHint::FilePath } else { ValueHint::Unknown };
            arg.value_name(name).value_parser(ValueParser::os_string()).value_hint(hint)
        }
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
