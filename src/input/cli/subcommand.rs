//! The commands beside a launch, each as a clap command.

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

use super::launch_command::{launch_command, with_inputs, with_program};
use crate::model::options::ExportFormat;

/// A command beside a launch, named by the first word of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    Check,
    Policy,
    Export,
    Completions,
    Man,
}

impl Subcommand {
    pub const ALL: [Self; 5] = [Self::Check, Self::Policy, Self::Export, Self::Completions, Self::Man];

    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Policy => "policy",
            Self::Export => "export",
            Self::Completions => "completions",
            Self::Man => "man",
        }
    }

    /// Its command line.
    pub fn command(self) -> Command {
        let command = Command::new(self.name()).bin_name(format!("secrets-exec {}", self.name())).about(self.about());
        match self {
            Self::Check => check(command),
            Self::Policy => policy(command),
            Self::Export => export(command),
            Self::Completions => completions(command),
            Self::Man => command,
        }
    }

    /// The description in `--help`.
    fn about(self) -> &'static str {
        match self {
            Self::Check => "Resolve everything, print a table without values, and launch nothing",
            Self::Policy => "Print the IAM policy that a launch needs",
            Self::Export => "Print the variables that a launch would set",
            Self::Completions => "Print the completions of a shell",
            Self::Man => "Print the man page",
        }
    }
}

/// The whole command line, for help, completions and the man page. A launch is parsed without the other commands.
pub fn whole_command() -> Command {
    launch_command()
        .override_usage("secrets-exec [OPTIONS] -- COMMAND [ARG]...\n       secrets-exec <check|policy|export|completions|man> [OPTIONS]")
        .disable_help_subcommand(true)
        .subcommand_help_heading("Other commands, which come first")
        .subcommands(Subcommand::ALL.map(Subcommand::command))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn check(command: Command) -> Command {
    let own = [
        flag("json", "Print JSON instead of a table"),
        flag("offline", "Check the declaration alone: no request, credentials or region"),
        flag("describe", "Also show rotation, KMS key and replicas of each secret (secretsmanager:DescribeSecret)")
            .conflicts_with("offline"),
    ];
    let command = with_inputs(command.override_usage("secrets-exec check [OPTIONS] [-- COMMAND]").args(own));
    with_program(command, "Also look up this command")
}

fn policy(command: Command) -> Command {
    let own = [
        Arg::new("account")
            .long("account")
            .value_name("ID")
            .help("The account of secrets that are named without one [default: any]"),
        Arg::new("for-role")
            .long("for-role")
            .value_name("ARN")
            .help("Print the policy of this role, which the references or --role-arn name, not the caller's"),
        Arg::new("kms-key")
            .long("kms-key")
            .value_name("ARN")
            .action(ArgAction::Append)
            .help("A customer managed key of the secrets, by its ARN (repeatable)"),
        flag("describe", "Also allow what check --describe requests"),
    ];
    with_inputs(command.override_usage("secrets-exec policy [OPTIONS]").args(own))
}

fn export(command: Command) -> Command {
    let own = [
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name)))
            .help("Required: commands for eval in a shell, a .env file, a JSON object, or a file for docker run --env-file"),
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("Write this file, with mode 0600, instead of standard output"),
        flag("reveal", "Print values even if standard output is a terminal"),
    ];
    with_inputs(command.override_usage("secrets-exec export [OPTIONS] --format FORMAT").args(own))
}

fn completions(command: Command) -> Command {
    let shells = PossibleValuesParser::new(["bash", "zsh", "fish"]);
    command.arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(shells).help("The shell"))
}
