//! The own options of the commands beside a launch.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use super::arguments::{COMMON, program, with_declarations, with_inputs};
use crate::model::env_name::parse_pattern;
use crate::model::inherited::Inherited;
use crate::model::options::{CheckOptions, ExportFormat, ExportOptions, MigrateOptions, PolicyOptions};
use crate::model::reference::{Arn, Reference, Role, SecretId, Store};

/// Leaves most options that a launch has as well to `--help`.
fn shared(command: Command) -> Command {
    command.after_help("--help prints all options, and examples.").mut_args(|arg| {
        let (id, is_own) = (arg.get_id().as_str(), arg.get_help_heading().is_none());
        let is_common = COMMON.contains(&id) && id != "on-rotation";
        if is_own || is_common { arg } else { arg.hide_short_help(true) }
    })
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

pub fn check(command: Command) -> Command {
    let own = [
        flag("json", "Print JSON instead of a table"),
        flag("offline", "Check the declaration alone: no request, credentials or region").conflicts_with("describe"),
        flag("describe", "Also show rotation, KMS key and replicas of each secret (secretsmanager:DescribeSecret)"),
    ];
    shared(with_inputs(command.args(own))).arg(program("Also look up this command"))
}

pub fn check_options(matches: &ArgMatches) -> CheckOptions {
    let is_given = |name| matches.get_flag(name);
    CheckOptions { json: is_given("json"), offline: is_given("offline"), describe: is_given("describe") }
}

pub fn policy(command: Command) -> Command {
    let own = [
        Arg::new("account")
            .long("account")
            .value_name("ID")
            .value_parser(account)
            .help("The account of secrets that are named without one [default: that of the role, or any]"),
        Arg::new("for-role")
            .long("for-role")
            .value_name("ARN")
            .value_parser(|text: &str| Role::parse(text, None).map_err(|_| format!("not {}", Role::EXPECTED)))
            .help(
                "Print the policy of this role, which a reference, --role-arn or the profile names, not the caller's",
            ),
        Arg::new("kms-key")
            .long("kms-key")
            .value_name("ARN")
            .action(ArgAction::Append)
            .value_parser(key)
            .help("The ARN of a customer managed key of the secrets: also allow kms:Decrypt with it (repeatable)"),
        flag("describe", "Also allow secretsmanager:DescribeSecret, which check --describe requests"),
    ];
    shared(with_inputs(command.args(own)))
}

pub fn policy_options(matches: &mut ArgMatches) -> PolicyOptions {
    PolicyOptions {
        account: matches.remove_one("account"),
        for_role: matches.remove_one("for-role"),
        kms_keys: matches.remove_many("kms-key").map(Iterator::collect).unwrap_or_default(),
        describe: matches.get_flag("describe"),
    }
}

fn account(text: &str) -> Result<String, &'static str> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then(|| text.to_owned()).ok_or("not an account id of 12 digits")
}

/// Parses the ARN of a key. A policy cannot name a key by its alias.
fn key(text: &str) -> Result<Arn, &'static str> {
    let is_key = |arn: &Arn| {
        let id = arn.resource().strip_prefix("key/").filter(|id| !id.is_empty());
        let is_id = id.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        arn.has_partition() && arn.service() == "kms" && arn.region().is_some() && arn.account().is_some() && is_id
    };
    Arn::parse(text).filter(is_key).ok_or(
        "not a key's ARN (arn:aws:kms:REGION:ACCOUNT:key/ID), which `aws kms describe-key --key-id KEY --query KeyMetadata.Arn` prints",
    )
}

pub fn export(command: Command) -> Command {
    let possible = |format: ExportFormat| {
        PossibleValue::new(format.name()).help(match format {
            ExportFormat::Shell => "Commands for eval",
            ExportFormat::Dotenv => "A .env file",
            ExportFormat::Json => "An object of strings",
            ExportFormat::Docker => "An env file of Docker",
            ExportFormat::Kubernetes => "The file of fileKeyRef",
        })
    };
    let format = PossibleValuesParser::new(ExportFormat::ALL.map(possible));
    let find = |name: String| ExportFormat::ALL.into_iter().find(|format| format.name() == name).ok_or("");
    let own = [
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(format.try_map(find))
            .required(true)
            .help("The syntax of the output"),
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("Write this file, with mode 0600; - is standard output"),
        flag("reveal", "Print values even if standard output is a terminal"),
    ];
    shared(with_inputs(command.args(own)))
}

/// Returns `None` without a format, which clap requires.
pub fn export_options(matches: &mut ArgMatches) -> Option<ExportOptions> {
    let output = matches.remove_one("output").filter(|path: &PathBuf| path.as_os_str() != "-");
    Some(ExportOptions { format: matches.remove_one("format")?, output, reveal: matches.get_flag("reveal") })
}

pub fn migrate(command: Command) -> Command {
    let file = Arg::new("file").value_name("FILE").value_parser(ValueParser::path_buf()).required(true);
    let secret = Arg::new("secret").long("secret").value_name("ID").value_parser(secret_id).required(true);
    let only = Arg::new("only").long("only").value_name("GLOB").action(ArgAction::Append);
    let only = only.value_parser(|text: &str| parse_pattern(text).map_err(|expected| format!("not {expected}")));
    command.args([
        file.value_hint(ValueHint::FilePath).help("A .env file of at most 64 KiB"),
        secret.help("The name or the ARN of the secret"),
        only.help("Move only the variables with a matching name (repeatable)"),
        flag("values", "Print the secret with its values, as JSON, in place of the declaration"),
        flag("reveal", "Print values even if standard output is a terminal"),
        flag("quiet", "Print no warnings and no notes").short('q'),
    ])
}

/// Returns `None` without a file and a secret, which clap requires.
pub fn migrate_options(matches: &mut ArgMatches, inherited: &Inherited) -> Option<MigrateOptions> {
    Some(MigrateOptions {
        file: matches.remove_one("file")?,
        secret: matches.remove_one("secret")?,
        only: matches.remove_many("only").map(Iterator::collect).unwrap_or_default(),
        values: matches.get_flag("values"),
        reveal: matches.get_flag("reveal"),
        quiet: matches.get_flag("quiet") || inherited.get("SECRETS_EXEC_QUIET").is_some_and(|value| value == "1"),
    })
}

/// Parses a secret's name or ARN, to which `:KEY` can be appended in a reference.
fn secret_id(text: &str) -> Result<SecretId, &'static str> {
    let is_referable = Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => Ok(id),
        Ok((Store::SecretsManager | Store::ParameterStore, _)) | Err(_) => {
            Err("not the name or the ARN of a secret of Secrets Manager")
        }
    }
}

pub fn completions(command: Command) -> Command {
    let shell = Arg::new("shell").value_name("SHELL").value_parser(["bash", "zsh", "fish"]).required(true);
    command.arg(shell.help("The shell"))
}

pub fn install(command: Command) -> Command {
    let directory = Arg::new("directory").value_name("DIR").value_parser(ValueParser::path_buf()).required(true);
    let directory = directory.value_hint(ValueHint::DirPath);
    command.arg(directory.help("An existing directory, in which the file secrets-exec is written or replaced"))
}

pub fn credential(command: Command) -> Command {
    shared(with_declarations(command))
}
