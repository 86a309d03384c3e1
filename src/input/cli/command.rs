//! Defines the command line for clap. The completions and the man page in `secrets-exec.1` are made
//! from the same definitions.
//!
//! The comment of a field in a struct that derives `Args` is the option's text in `--help`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, Args, Command, ValueEnum, ValueHint};
use clap_complete::{Shell, generate};
use glob::Pattern;

use crate::model::environment::parse_pattern;
use crate::model::options::{OPTIONS, OptionSpec, Takes, Topic, find_option};
use crate::model::reference::{Arn, Reference, Role, SecretId, Store};

/// The width of the help in columns. It is the same on every terminal.
const WIDTH: usize = 80;

const USAGE: &str = "\
secrets-exec [OPTIONS] -- COMMAND [ARG]...
       secrets-exec <SUBCOMMAND> [OPTIONS]";

/// The command line that clap parses. The argument for the command after `--` is hidden from the
/// help, because [`USAGE`] already shows it.
pub(super) fn with_program() -> Command {
    without_program().arg(command_argument("The command to start").hide(true))
}

/// The command line for help, completions and the man page. The argument for the command after `--`
/// is left out, because with this argument, zsh wouldn't complete our own options.
pub(super) fn without_program() -> Command {
    let last_heading = OPTIONS.last().map(|option| option.heading);
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version)
        .help("Print the version");

    let command = Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run a command with secrets from AWS in its environment")
        .long_about(include_str!("help/about.txt").trim_end())
        .override_usage(USAGE)
        .after_long_help(include_str!("help/launch.txt").trim_end())
        .term_width(WIDTH)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .subcommand_help_heading("Subcommands")
        .subcommands(SUBCOMMANDS.iter().map(Subcommand::command));

    let help = help_option("Print help (-h: the most common options, --help: all)");
    with_inputs(command)
        .arg(help.help_heading(last_heading))
        .arg(version.help_heading(last_heading))
}

/// The text of `secrets-exec -h`. It has at most 23 lines, so that it fits on a terminal with 24
/// lines, together with the prompt.
pub(super) fn short_help() -> String {
    without_program()
        .help_template(include_str!("help/launch-short.txt").trim_end())
        .mut_args(|arg| {
            let is_shown = SHORT_HELP.contains(&arg.get_id().as_str());
            arg.hide_short_help(!is_shown)
        })
        // The full form `[PREFIX=]REF` would widen the first column so much that the descriptions
        // of the other options would need a second line.
        .mut_arg("env-from", |arg| arg.value_name("REF"))
        .mut_subcommands(|subcommand| {
            let row = find_subcommand(subcommand.get_name());
            // The template already lists the integration subcommands by name.
            subcommand.hide(row.is_some_and(Subcommand::is_for_integration))
        })
        .render_help()
        .to_string()
}

/// Generates the script that completes our command line in `shell`.
pub(super) fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut without_program(), "secrets-exec", &mut script);
    // A bug in clap_complete 4.6: if the program's name has a hyphen, the bash script sets the
    // state after a subcommand under one name, but looks it up under another. Without this
    // correction, bash wouldn't complete the options of subcommands:
    // <https://github.com/clap-rs/clap/issues/6421>
    String::from_utf8_lossy(&script).replace("secrets__subcmd__exec", "secrets__exec")
}

/// The man page. The test in `man_page.rs` keeps this file up to date.
pub(super) const MAN_PAGE: &str = include_str!("secrets-exec.1");

pub(super) const SCHEMA: &str = include_str!("../../../secrets-exec.schema.json");

/// One of the [`SUBCOMMANDS`].
pub(super) struct Subcommand {
    pub id: SubcommandId,
    pub name: &'static str,
    /// The text of `help/NAME.txt`.
    help: &'static str,
    /// The arguments, such as `SECRET:KEY`, for the help in error messages.
    pub usage: &'static str,
    arguments: fn(Command) -> Command,
}

impl Subcommand {
    /// The arguments are added only if the command line names the subcommand, so a launch doesn't
    /// spend time on them.
    fn command(&self) -> Command {
        Command::new(self.name)
            .about(self.about())
            .defer(with_arguments)
    }

    fn about(&self) -> &'static str {
        self.help.lines().next().unwrap_or_default()
    }

    /// True for a subcommand for packages, shells, editors or init containers, which people rarely
    /// type.
    fn is_for_integration(&self) -> bool {
        use SubcommandId::*;
        match self.id {
            Check | Get | Policy | Export | Migrate => false,
            Completions | Man | Schema | Install => true,
        }
    }
}

pub(super) fn find_subcommand(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|row| row.name == name)
}

fn with_arguments(command: Command) -> Command {
    // `SUBCOMMANDS` has a row for each subcommand, so this always finds one.
    let Some(subcommand) = find_subcommand(command.get_name()) else {
        return command;
    };
    // The description is a line, which `-h` also shows, and an optional paragraph. The man page
    // leaves the examples out.
    let help = subcommand.help.trim_end();
    let (description, rest) = help.split_once("\n\nUsage: ").unwrap_or_default();
    let (usage, examples) = rest.split_once("\n\n").unwrap_or_default();

    // The short help ends with the examples, too. If `arguments` calls `with_short_help`, a
    // different text replaces them there.
    let command = command.after_help(examples);
    with_variables((subcommand.arguments)(command))
        .arg(help_option("Print help"))
        .about(subcommand.about())
        .long_about(description)
        .override_usage(usage)
        .after_long_help(examples)
}

/// Each row has an id, a name, the usage, and a function that adds the arguments. The help text is
/// in `help/NAME.txt`.
macro_rules! subcommands {
    ($($id:ident, $name:literal, $usage:literal, $arguments:expr;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(super) enum SubcommandId { $($id),* }

        /// The subcommands in the order of `--help`.
        pub(super) static SUBCOMMANDS: &[Subcommand] = &[$(Subcommand {
            id: SubcommandId::$id,
            name: $name,
            help: include_str!(concat!("help/", $name, ".txt")),
            usage: $usage,
            arguments: $arguments,
        }),*];
    };
}

subcommands! {
    Check, "check", "[--env NAME=REF | -f FILE] [-- COMMAND]", |command| {
        let words = command_argument("Also check that this command can be found");
        let command = with_inputs(CheckArguments::augment_args(command));
        with_short_help(command, Topic::Running).arg(words)
    };
    Get, "get", "SECRET:KEY", |command| {
        with_short_help(with_declarations(GetArguments::augment_args(command)), Topic::Variables)
    };
    Policy, "policy", "[--env NAME=REF | -f FILE]", |command| {
        with_short_help(with_inputs(PolicyArguments::augment_args(command)), Topic::Requests)
    };
    Export, "export", "--format shell|dotenv|json|docker|kubernetes|github|github-masks [--env NAME=REF | -f FILE]", |command| {
        with_short_help(with_inputs(ExportArguments::augment_args(command)), Topic::Running)
    };
    Migrate, "migrate", "FILE --secret ID", MigrateArguments::augment_args;
    Completions, "completions", "bash|zsh|fish", CompletionsArguments::augment_args;
    Man, "man", ">FILE", |command| command;
    Schema, "schema", ">FILE", |command| command;
    Install, "install", "DIR", InstallArguments::augment_args;
}

const ENTRIES: &str = "What to read";

/// The only options that `secrets-exec -h` shows.
const SHORT_HELP: [&str; 9] = [
    "env",
    "env-from",
    "as-file",
    "file",
    "region",
    "local",
    "on-rotation",
    "verbose",
    "quiet",
];

/// A subcommand's `-h` shows this option, in addition to those in [`SHORT_HELP`].
const OTHER_COMMON: &str = "timeout";

/// Replaces clap's own help option, because that one would appear under a separate heading.
fn help_option(text: &'static str) -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help(text)
}

fn with_inputs(command: Command) -> Command {
    with_declarations(command.args(entry_options()))
}

fn with_declarations(command: Command) -> Command {
    let file = entry_option("file", "FILE")
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
        .help("Ignore secrets-exec.yaml, .yml or .json in the working directory")
        .help_heading(ENTRIES);
    // An option that isn't repeatable can be given twice. The last one wins, as in most programs.
    command
        .args_override_self(true)
        .args([file, no_file])
        .args(OPTIONS.iter().map(option_argument))
}

/// Hides the options about a running command and those with the topic `ignored`, because the
/// subcommand doesn't use them. Of the other options that it shares with a launch, `-h` shows only
/// the most common ones.
fn with_short_help(command: Command, ignored: Topic) -> Command {
    command
        .after_help("--help prints all options and examples.")
        .mut_args(|arg| {
            let name = arg.get_id().as_str();
            // Options without a heading belong only to this subcommand.
            let is_in_short_help = arg.get_help_heading().is_none()
                || SHORT_HELP.contains(&name)
                || name == OTHER_COMMON;
            let is_ignored = find_option(name)
                .is_some_and(|option| [ignored, Topic::Running].contains(&option.topic));
            arg.hide_short_help(!is_in_short_help).hide(is_ignored)
        })
}

/// Adds the options' environment variables to `--help`. A launch skips this, because it would take
/// 7 % of its instructions.
pub(super) fn with_variables(command: Command) -> Command {
    command.mut_args(|arg| match find_option(arg.get_id().as_str()) {
        Some(option) => arg.long_help(format!("{}\n[env: {}]", option.help, option.id.variable())),
        None => arg,
    })
}

fn command_argument(help: &'static str) -> Arg {
    Arg::new("command")
        .value_name("COMMAND")
        .last(true)
        .num_args(0..)
        .help(help)
        .value_parser(ValueParser::os_string())
        .value_hint(ValueHint::CommandName)
}

/// A repeatable option that is listed under the heading [`ENTRIES`].
fn entry_option(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .action(ArgAction::Append)
        .help_heading(ENTRIES)
}

/// The options that declare entries, and `--keep-case`, which belongs to `--env-from`.
fn entry_options() -> [Arg; 5] {
    [
        entry_option("env", "NAME=REF").short('e')
            .help("Set NAME to the value of REF (SECRET[:KEY])")
            .long_help(
                "Set NAME to the value of REF, which is SECRET[:KEY[:STAGE[:VERSION-ID]]], as in DB_PASSWORD=prod/db:password. \
                 SECRET is a secret's name or ARN, or ssm: followed by a parameter's name (repeatable)",
            ),
        entry_option("env-from", "[PREFIX=]REF")
            .help("Set a variable for each key of a JSON object")
            .long_help("Set a variable for each top-level key of a JSON object, for each parameter below ssm:/path/, or for each one directly below ssm:/path/* (repeatable)"),
        Arg::new("keep-case")
            .long("keep-case")
            .action(ArgAction::SetTrue)
            .help("Keep the case of the keys of --env-from (by default, the variables' names are in upper case)")
            .help_heading(ENTRIES),
        entry_option("as-file", "NAME=REF")
            .help("Set NAME to the path of a file with the value")
            .long_help(
                "Write the value of REF to a file in memory, and set NAME to the path of the file (repeatable). \
                 NAME:PATH=REF writes it to a file at this absolute path, for programs that can't open a file in memory",
            ),
        entry_option("resolve-env", "GLOB")
            .help("Also resolve ARNs and {{resolve:...}} in the inherited variables whose names match GLOB (repeatable)"),
    ]
}

fn option_argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).short(option.short);
    let arg = arg.help(option.help).help_heading(option.heading);
    match option.takes {
        Takes::Text(name) => with_text(arg, name),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Level => arg.action(ArgAction::Count),
        Takes::Texts(name) => with_text(arg, name).action(ArgAction::Append),
        // Without `require_equals`, clap would read the next word as the option's value.
        Takes::Optional(name) => with_text(arg, name)
            .num_args(0..=1)
            .require_equals(true)
            // `--agent` without a value means the default URL, as SECRETS_EXEC_AGENT=1 does.
            .default_missing_value("1"),
    }
}

/// Makes the option take a text. If `name` is FILE or DIR, shells complete paths.
fn with_text(arg: Arg, name: &'static str) -> Arg {
    let hint = match name {
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    let arg = arg.value_name(name).value_hint(hint);
    arg.value_parser(ValueParser::os_string())
}

#[derive(Args, Clone, Copy, Debug)]
pub struct CheckArguments {
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Check only the declaration, without requests, credentials or a region
    #[arg(long, conflicts_with = "metadata")]
    pub offline: bool,
    /// Don't read any values: only check that the secrets exist, and show their rotation, KMS key
    /// and replicas (needs only secretsmanager:DescribeSecret)
    #[arg(long)]
    pub metadata: bool,
}

#[derive(Args, Debug)]
pub struct GetArguments {
    /// The value to print, as SECRET[:KEY[:STAGE[:VERSION-ID]]]; SECRET is a name, an ARN, ssm:NAME
    /// or an alias
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Print the value even if the output is a terminal, followed by a newline
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Args, Debug)]
pub struct PolicyArguments {
    /// The account of the secrets that aren't given as ARNs [default: any account, or the role's
    /// account if --for-role is given]
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    pub account: Option<String>,
    /// Print the policy that this role needs, instead of the one that the caller needs; the role
    /// must be set with --role-arn, in the profile or in the declaration
    #[arg(long, value_name = "ARN", value_parser = Role::parse)]
    pub for_role: Option<Role>,
    /// Also allow kms:Decrypt with the customer managed key that encrypts the secrets (repeatable)
    #[arg(long = "kms-key", value_name = "ARN", value_parser = parse_key)]
    pub kms_keys: Vec<Arn>,
    /// Print the policy for check --metadata, which doesn't read any values
    #[arg(long, conflicts_with = "kms_keys")]
    pub metadata: bool,
}

#[derive(Args, Debug)]
pub struct ExportArguments {
    /// The syntax of the output
    #[arg(long)]
    pub format: ExportFormat,
    /// Write to this file, with mode 0600 (--format github appends to it); - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print the values even if the output is a terminal
    #[arg(long)]
    pub reveal: bool,
}

/// The format in which `export` writes variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Commands for eval in a shell
    Shell,
    /// A .env file
    Dotenv,
    /// A JSON object of strings
    Json,
    /// An env file for Docker
    Docker,
    /// A file for fileKeyRef in Kubernetes
    Kubernetes,
    /// Commands that mask values in the log of a GitHub Actions job, and variables for its later
    /// steps
    Github,
    /// Only the commands that mask values in the log of a GitHub Actions job
    GithubMasks,
}

#[derive(Args, Debug)]
pub struct MigrateArguments {
    /// A .env file of at most 64 KiB
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The name or the ARN of the secret
    #[arg(long, value_name = "ID", value_parser = parse_secret)]
    pub secret: SecretId,
    /// Move only the variables whose names match GLOB (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub only: Vec<Pattern>,
    /// Don't move variables whose names match GLOB (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub except: Vec<Pattern>,
    /// Put variables whose names match GLOB into the declaration as literals: use this only for
    /// values that aren't secret (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub literal: Vec<Pattern>,
    /// Print the secret's JSON, with its values, instead of the declaration
    #[arg(long)]
    pub values: bool,
    /// Print a file for --local, with the values, instead of the declaration
    #[arg(long, conflicts_with = "values")]
    pub for_local: bool,
    /// Write to this file, which must not exist, instead of standard output (-); with values, its
    /// mode is 0600
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print the values even if the output is a terminal
    #[arg(long)]
    pub reveal: bool,
    /// Hide notes; -qq: also warnings
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,
}

#[derive(Args, Debug)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_parser = PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse::<Shell>()))]
    pub shell: Shell,
}

#[derive(Args, Debug)]
pub(super) struct InstallArguments {
    /// An existing directory; the file secrets-exec in it is created or replaced
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

fn parse_account(text: &str) -> Result<String, &'static str> {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("an account id of 12 digits without hyphens, such as 123456789012");
    }
    Ok(text.to_owned())
}

/// Refuses the ARN of an alias, because a policy can't name a key by its alias.
fn parse_key(text: &str) -> Result<Arn, &'static str> {
    match Arn::parse(text) {
        Some(arn) if arn.service() == "kms" && arn.resource().starts_with("key/") => Ok(arn),
        _ => Err(
            "the ARN of a key (print it with aws kms describe-key --key-id KEY --query KeyMetadata.Arn)",
        ),
    }
}

/// Parses one pattern from a comma-separated list.
fn parse_listed_pattern(text: &str) -> Result<Pattern, &'static str> {
    parse_pattern(text.trim())
}

/// Refuses a name that can't be followed by a key, such as `ssm`, because `ssm:KEY` means a
/// parameter.
fn parse_secret(text: &str) -> Result<SecretId, &'static str> {
    let is_referable =
        Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => Ok(id),
        _ => Err("the name or the ARN of a Secrets Manager secret, without a key"),
    }
}
