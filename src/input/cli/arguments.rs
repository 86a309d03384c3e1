//! The command that a command line asks for, with its arguments: those that it shares with other commands are [`Inputs`].

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::Shell;
use glob::Pattern;

use super::inputs::Inputs;
use crate::model::env_name::parse_pattern;
use crate::model::environment::CommandLine;
use crate::model::reference::{Arn, Reference, Role, SecretId, Store};

/// The command that the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Launch {
        inputs: Box<Inputs>,
        command: CommandLine,
    },
    Check {
        inputs: Box<Inputs>,
        /// A command to look up.
        command: Option<CommandLine>,
        arguments: CheckArguments,
    },
    Get {
        inputs: Box<Inputs>,
        /// True if the value may be printed on a terminal.
        reveal: bool,
    },
    Policy {
        inputs: Box<Inputs>,
        arguments: PolicyArguments,
    },
    Export {
        inputs: Box<Inputs>,
        arguments: ExportArguments,
    },
    Migrate(Box<MigrateArguments>),
    Completions(CompletionsArguments),
    Man,
    Credential {
        inputs: Box<Inputs>,
    },
    Install(InstallArguments),
    /// Help, the version or the schema, for standard output.
    Print(String),
    /// The short help of an empty command line, for standard error.
    Usage(String),
}

/// The arguments of `check`.
#[derive(Args, Clone, Copy, Debug)]
pub struct CheckArguments {
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Check only the declaration, without requests, credentials or a region
    #[arg(long, conflicts_with_all = ["describe", "metadata"])]
    pub offline: bool,
    /// Read no values: only check that the secrets and parameters exist (needs secretsmanager:DescribeSecret and ssm:DescribeParameters)
    #[arg(long)]
    pub metadata: bool,
    /// Also show the rotation, KMS key and replicas of each secret (needs secretsmanager:DescribeSecret)
    #[arg(long)]
    pub describe: bool,
}

/// The arguments of `get`.
#[derive(Args, Debug)]
pub struct GetArguments {
    /// The value to print, as SECRET[:KEY[:STAGE[:VERSION-ID]]]; SECRET is a name, an ARN, ssm:NAME or an alias
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Print the value even to a terminal, followed by a newline
    #[arg(long)]
    pub reveal: bool,
}

/// The arguments of `policy`.
#[derive(Args, Debug)]
pub struct PolicyArguments {
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    #[arg(
        help = "The account of secrets that are not given as an ARN [default: the account of the role, or any]"
    )]
    pub account: Option<String>,
    /// Print the policy of this role instead of the caller's; a reference, --role-arn or the profile must name the role
    #[arg(long, value_name = "ARN", value_parser = parse_role)]
    pub for_role: Option<Role>,
    /// Also allow kms:Decrypt with this customer managed key of the secrets (repeatable)
    #[arg(long = "kms-key", value_name = "ARN", value_parser = parse_key)]
    pub kms_keys: Vec<Arn>,
    /// Also allow secretsmanager:DescribeSecret, which check --describe needs
    #[arg(long)]
    pub describe: bool,
    /// Print the policy for check --metadata, which reads no values
    #[arg(long, conflicts_with_all = ["describe", "kms_keys"])]
    pub metadata: bool,
}

/// The arguments of `export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// The syntax of the output
    #[arg(long)]
    pub format: ExportFormat,
    /// Write to this file, with mode 0600; - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print the values even to a terminal
    #[arg(long)]
    pub reveal: bool,
}

/// The syntax in which `export` writes variables. The comments are the help of `--format`.
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
    /// Commands that mask values in the log of a GitHub job, and variables for its later steps
    Github,
    /// Only the commands that mask values in the log of a GitHub job
    GithubMasks,
}

/// The arguments of `migrate`.
#[derive(Args, Debug)]
pub struct MigrateArguments {
    /// A .env file of at most 64 KiB
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The name or the ARN of the secret
    #[arg(long, value_name = "ID", value_parser = parse_secret)]
    pub secret: SecretId,
    /// Move only the variables with a matching name (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub only: Vec<Pattern>,
    /// Don't move variables with a matching name (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub except: Vec<Pattern>,
    /// Put variables with a matching name, which aren't secret, into the declaration as literals (repeatable, or separated by commas)
    #[arg(long, value_name = "GLOB", value_delimiter = ',', value_parser = parse_listed_pattern)]
    pub literal: Vec<Pattern>,
    #[arg(short = 'f', long = "file", value_name = "DECLARATION", value_hint = ValueHint::FilePath)]
    #[arg(
        help = "With --values or --for-local: leave out the variables that are literals in this declaration [default: secrets-exec.yaml, .yml or .json in the working directory] [env: SECRETS_EXEC_FILE]"
    )]
    pub declarations: Vec<PathBuf>,
    /// Print the secret's JSON, with its values, instead of the declaration
    #[arg(long)]
    pub values: bool,
    /// Print a file for --local, with the values, instead of the declaration
    #[arg(long, conflicts_with = "values")]
    pub for_local: bool,
    /// Print the values even to a terminal
    #[arg(long)]
    pub reveal: bool,
    /// Hide warnings and notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// The arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_parser = PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse::<Shell>()))]
    pub shell: Shell,
}

/// The arguments of `install`.
#[derive(Args, Debug)]
pub struct InstallArguments {
    /// An existing directory; the file secrets-exec in it is created or replaced
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

fn parse_account(text: &str) -> Result<String, &'static str> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account
        .then(|| text.to_owned())
        .ok_or("an account id of 12 digits")
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text, None).ok_or(Role::EXPECTED)
}

/// Parses the ARN of a key. A policy cannot name a key by its alias.
fn parse_key(text: &str) -> Result<Arn, &'static str> {
    Arn::parse(text).filter(is_key_arn).ok_or(
        "the ARN of a key, which `aws kms describe-key --key-id KEY --query KeyMetadata.Arn` prints",
    )
}

fn is_key_arn(arn: &Arn) -> bool {
    let id = arn.resource().strip_prefix("key/").unwrap_or_default();
    let is_id = !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    arn.has_partition()
        && arn.service() == "kms"
        && arn.region().is_some()
        && arn.account().is_some()
        && is_id
}

/// Parses a part of a list with commas, around which blanks mean nothing.
fn parse_listed_pattern(text: &str) -> Result<Pattern, &'static str> {
    parse_pattern(text.trim())
}

/// Parses a secret's name or ARN, to which `:KEY` can be appended in a reference.
fn parse_secret(text: &str) -> Result<SecretId, &'static str> {
    let is_referable =
        Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => Ok(id),
        _ => Err("the name or the ARN of a Secrets Manager secret"),
    }
}
