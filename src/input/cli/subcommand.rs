//! The commands beside a launch, each as a clap command.

use clap::builder::{PossibleValue, PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

use super::documents::Shell;
use super::help_text::{CHECK, COMPLETIONS, CREDENTIAL, EXPORT, HelpText, INSTALL, LAUNCH, MAN, MIGRATE, POLICY};
use super::launch_command::{launch_command, with_declarations, with_help, with_inputs, with_option, with_program};
use crate::model::options::ExportFormat;

/// A command beside a launch, named by the first word of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    Check,
    Policy,
    Export,
    Migrate,
    Install,
    Credential,
    Completions,
    Man,
}

impl Subcommand {
    pub const ALL: [Self; 8] = [
        Self::Check,
        Self::Policy,
        Self::Export,
        Self::Migrate,
        Self::Install,
        Self::Credential,
        Self::Completions,
        Self::Man,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Policy => "policy",
            Self::Export => "export",
            Self::Migrate => "migrate",
            Self::Install => "install",
            Self::Credential => "credential",
            Self::Completions => "completions",
            Self::Man => "man",
        }
    }

    /// Its command line.
    pub fn command(self) -> Command {
        let text = self.help_text();
        let command = Command::new(self.name()).about(text.about).override_usage(text.usage);
        let command = match self {
            Self::Check => check(command),
            Self::Policy => policy(command),
            Self::Export => export(command),
            Self::Migrate => migrate(command),
            Self::Install => install(command),
            Self::Credential => credential(command),
            Self::Completions => completions(command),
            Self::Man => command,
        };
        let command = match text.details {
            "" => command,
            details => command.long_about(format!("{}\n\n{details}", text.about)),
        };
        // `-h` describes its own options, and few of a launch.
        let command = command.mut_args(|arg| match arg.get_help_heading() {
            Some(_) if !SHARED.contains(&arg.get_id().as_str()) => arg.hide_short_help(true),
            _ => arg,
        });
        let after_help = if self.resolves() { text.after_help() } else { text.after_long_help() };
        let command = with_help(command).mut_arg("version", |arg| arg.hide(true));
        command.after_help(after_help).after_long_help(text.after_long_help())
    }

    /// The prose of its `--help`.
    pub fn help_text(self) -> &'static HelpText {
        match self {
            Self::Check => &CHECK,
            Self::Policy => &POLICY,
            Self::Export => &EXPORT,
            Self::Migrate => &MIGRATE,
            Self::Install => &INSTALL,
            Self::Credential => &CREDENTIAL,
            Self::Completions => &COMPLETIONS,
            Self::Man => &MAN,
        }
    }

    /// True if it has options of a launch.
    pub fn resolves(self) -> bool {
        match self {
            Self::Check | Self::Policy | Self::Export | Self::Credential => true,
            Self::Migrate | Self::Install | Self::Completions | Self::Man => false,
        }
    }

    /// True if it takes a word that is no option.
    pub fn takes_word(self) -> bool {
        match self {
            Self::Migrate | Self::Install | Self::Completions => true,
            Self::Check | Self::Policy | Self::Export | Self::Credential | Self::Man => false,
        }
    }

    /// True if a command line may follow `--`.
    pub fn takes_program(self) -> bool {
        self == Self::Check
    }
}

/// The whole command line, for help, completions and the man page. A launch is parsed without the other commands.
pub fn whole_command() -> Command {
    let names = Subcommand::ALL.map(Subcommand::name).join("|");
    launch_command()
        .override_usage(format!("{}\n       secrets-exec {names} ...", LAUNCH.usage))
        // The usage shows where the command stands.
        .mut_arg("command", |arg| arg.hide(true))
        .after_help(LAUNCH.after_help())
        .after_long_help(format!("{}\n\n{}", LAUNCH.details, LAUNCH.after_long_help()))
        .disable_help_subcommand(true)
        .subcommand_help_heading("Commands that launch nothing (each has a --help)")
        .subcommands(Subcommand::ALL.map(Subcommand::command))
}

/// The options shared with a launch that `-h` of another command describes.
const SHARED: &[&str] = &["env", "env-from", "as-file", "file", "region", "profile", "local", "verbose", "quiet"];

/// The options of a launch that change nothing in a policy. `policy` accepts them, but does not list them; `--local` is an error.
const UNUSED_BY_POLICY: &[&str] = &["endpoint-url", "ca-bundle", "timeout", "wait", "local", "notify-ready", "verbose"];

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn check(command: Command) -> Command {
    let own = [
        flag("json", "Print JSON instead of a table"),
        flag("offline", "Check the declaration alone: no request, credentials or region"),
        flag("describe", "Also show rotation, KMS key and replicas of each secret (secretsmanager:DescribeSecret)"),
    ];
    let command = hidden(with_inputs(command.args(own)), &["notify-ready"]);
    with_program(command, "Also look up this command")
}

/// Leaves options of a launch out of the help and the completions: they have no effect, or are an error.
fn hidden(command: Command, options: &[&'static str]) -> Command {
    options.iter().fold(command, |command, option| command.mut_arg(*option, |arg| arg.hide(true)))
}

fn policy(command: Command) -> Command {
    let own = [
        Arg::new("account")
            .long("account")
            .value_name("ID")
            .help("The account of secrets that are named without one [default: that of the role, or any]"),
        Arg::new("for-role").long("for-role").value_name("ARN").help(
            "Print the policy of this role, which a reference, --role-arn or the profile names, not the caller's",
        ),
        Arg::new("kms-key")
            .long("kms-key")
            .value_name("ARN")
            .action(ArgAction::Append)
            .help("The ARN of a customer managed key of the secrets: also allow kms:Decrypt with it (repeatable)"),
        flag("describe", "Also allow secretsmanager:DescribeSecret, which check --describe requests"),
    ];
    let is_unused = |arg: &Arg| UNUSED_BY_POLICY.contains(&arg.get_id().as_str());
    with_inputs(command.args(own)).mut_args(|arg| if is_unused(&arg) { arg.hide(true) } else { arg })
}

fn export(command: Command) -> Command {
    let own = [
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(ExportFormat::ALL.map(possible_format)))
            .hide_possible_values(true)
            .help("Required: shell (for eval), dotenv (a .env file), json, or docker (an env file of Docker)"),
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("Write this file, with mode 0600; - is standard output"),
        flag("reveal", "Print values even if standard output is a terminal"),
    ];
    hidden(with_inputs(command.args(own)), &["as-file", "notify-ready"])
}

/// The options of a launch that change nothing in a credential.
const UNUSED_BY_CREDENTIAL: &[&str] = &[
    "notify-ready",
    "keep-existing",
    "clean-env",
    "pass",
    "unset",
    "on-rotation",
    "poll-interval",
    "splay",
    "stop-signal",
    "grace",
    "poll-signal",
];

fn credential(command: Command) -> Command {
    hidden(with_declarations(command), UNUSED_BY_CREDENTIAL)
}

fn possible_format(format: ExportFormat) -> PossibleValue {
    PossibleValue::new(format.name()).help(match format {
        ExportFormat::Shell => "Commands for eval",
        ExportFormat::Dotenv => "A .env file",
        ExportFormat::Json => "An object of strings",
        ExportFormat::Docker => "An env file of Docker",
    })
}

fn migrate(command: Command) -> Command {
    let file = Arg::new("file").value_name("FILE").value_parser(ValueParser::os_string()).required(true);
    let secret = Arg::new("secret").long("secret").value_name("ID").required(true);
    let only = Arg::new("only").long("only").value_name("GLOB").action(ArgAction::Append);
    let own = [
        file.value_hint(ValueHint::FilePath).help("A .env file of at most 64 KiB"),
        secret.help("Required: the name or the ARN of the secret"),
        only.help("Move only the variables with a matching name (repeatable)"),
        flag("values", "Print the secret with its values, as JSON, in place of the declaration"),
        flag("reveal", "Print values even if standard output is a terminal"),
    ];
    with_option(command.args(own), "quiet")
}

fn install(command: Command) -> Command {
    let directory = Arg::new("directory").value_name("DIR").value_parser(ValueParser::os_string());
    let directory = directory.value_hint(ValueHint::DirPath).required(true);
    command.arg(directory.help("An existing directory, in which the file secrets-exec is written or replaced"))
}

fn completions(command: Command) -> Command {
    let shells = PossibleValuesParser::new(Shell::ALL.map(Shell::name));
    let shell = Arg::new("shell").value_name("SHELL").value_parser(shells).required(true);
    command.arg(shell.hide_possible_values(true).help("The shell: bash, zsh or fish"))
}
