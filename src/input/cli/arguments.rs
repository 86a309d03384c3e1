//! The launch and the subcommands that a command line can ask for, with their arguments. [`Inputs`]
//! has the arguments that several of them share.
//!
//! The comments of fields that clap derives an option from are the option's `--help`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::Shell;
use glob::Pattern;

use super::inputs::Inputs;
use crate::model::env_variables::parse_pattern;
use crate::model::environment::CommandLine;
use crate::model::reference::{Arn, Reference, Role, SecretId, Store};

/// The launch or the subcommand that the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Launch(Box<Inputs>, CommandLine),
    /// If there is a command, `check` looks for it in PATH.
    Check(Box<Inputs>, Option<CommandLine>, CheckArguments),
    Get(Box<Inputs>, GetArguments),
    Policy(Box<Inputs>, PolicyArguments),
    Export(Box<Inputs>, ExportArguments),
    Migrate(Box<MigrateArguments>),
    Credential(Box<Inputs>),
    /// Install this program into the directory.
    Install(PathBuf),
    /// Print a text on standard output: the help, the version, the completions, the man page or the
    /// schema.
    Print(String),
    /// Print the short help on standard error, because the command line is empty.
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
    /// Don't read any values: only check that the secrets and parameters exist (needs
    /// secretsmanager:DescribeSecret and ssm:DescribeParameters)
    #[arg(long)]
    pub metadata: bool,
    /// Also show the rotation, KMS key and replicas of each secret (needs
    /// secretsmanager:DescribeSecret)
    #[arg(long)]
    pub describe: bool,
}

/// The arguments of `get`.
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

/// The arguments of `policy`.
#[derive(Args, Debug)]
pub struct PolicyArguments {
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    #[arg(
        help = "The account of the secrets that aren't given as ARNs [default: any account, or the role's account if --for-role is given]"
    )]
    pub account: Option<String>,
    /// Print the policy that this role needs, instead of the one that the caller needs; the role
    /// must be set with --role-arn, in the profile or in the declaration
    #[arg(long, value_name = "ARN", value_parser = parse_role)]
    pub for_role: Option<Role>,
    /// Also allow kms:Decrypt with the customer managed key that encrypts the secrets (repeatable)
    #[arg(long = "kms-key", value_name = "ARN", value_parser = parse_key)]
    pub kms_keys: Vec<Arn>,
    /// Also allow secretsmanager:DescribeSecret, which check --describe needs
    #[arg(long)]
    pub describe: bool,
    /// Print the policy for check --metadata, which doesn't read any values
    #[arg(long, conflicts_with_all = ["describe", "kms_keys"])]
    pub metadata: bool,
}

/// The arguments of `export`.
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

/// The syntax in which `export` writes variables. The comments of the variants are their `--help`.
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

/// The arguments of `migrate`.
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
    #[arg(short = 'f', long = "file", value_name = "DECLARATION", value_hint = ValueHint::FilePath)]
    #[arg(
        help = "With --values or --for-local, leave out the variables that are literals in this declaration [default: secrets-exec.yaml, .yml or .json in the working directory] [env: SECRETS_EXEC_FILE]"
    )]
    pub declarations: Vec<PathBuf>,
    /// Print the secret's JSON, with its values, instead of the declaration
    #[arg(long)]
    pub values: bool,
    /// Print a file for --local, with the values, instead of the declaration
    #[arg(long, conflicts_with = "values")]
    pub for_local: bool,
    /// Print the values even if the output is a terminal
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

/// Parses the id of an AWS account.
///
/// # Errors
/// The text that follows "must be" in the message.
fn parse_account(text: &str) -> Result<String, &'static str> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account
        .then(|| text.to_owned())
        .ok_or("an account id of 12 digits without hyphens, such as 123456789012")
}

/// Parses the ARN of a role.
///
/// # Errors
/// The text that follows "must be" in the message.
fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text, None).ok_or(Role::EXPECTED)
}

/// Parses the ARN of a KMS key. The ARN of an alias isn't accepted, because a policy can't name a
/// key by its alias.
///
/// # Errors
/// The text that follows "must be" in the message.
fn parse_key(text: &str) -> Result<Arn, &'static str> {
    let is_key = |arn: &Arn| arn.service() == "kms" && arn.resource().starts_with("key/");
    Arn::parse(text).filter(is_key).ok_or(
        "the ARN of a key (print it with aws kms describe-key --key-id KEY --query KeyMetadata.Arn)",
    )
}

/// Parses an item of a comma-separated list. Spaces around it are ignored.
///
/// # Errors
/// The text that follows "must be" in the message.
fn parse_listed_pattern(text: &str) -> Result<Pattern, &'static str> {
    parse_pattern(text.trim())
}

/// Parses the name or ARN of a secret. A reference to one of its keys must be possible, so neither
/// an alias nor a parameter is accepted.
///
/// # Errors
/// The text that follows "must be" in the message.
fn parse_secret(text: &str) -> Result<SecretId, &'static str> {
    let is_referable =
        Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => Ok(id),
        _ => Err("the name or the ARN of a Secrets Manager secret"),
    }
}
