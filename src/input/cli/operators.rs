//! The options of `check`, `policy`, `export` and `migrate`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use glob::Pattern;

use super::clap_errors::missing_argument;
use super::options::{flags, variables};
use super::subcommand::Subcommand;
use super::usage::UsageError;
use crate::model::env_name::parse_patterns;
use crate::model::inherited::Inherited;
use crate::model::options::{
    CheckOptions, ExportFormat, ExportOptions, MigrateOptions, OptionConflict, OptionSpec, PolicyOptions,
};
use crate::model::reference::{Arn, Reference, Role, SecretId, Store};

pub fn check_options(matches: &ArgMatches, errors: &mut Vec<UsageError>) -> CheckOptions {
    let is_given = |name| matches.get_flag(name);
    let options = CheckOptions { json: is_given("json"), offline: is_given("offline"), describe: is_given("describe") };
    if options.offline && options.describe {
        let why = "descriptions are requested from AWS";
        let conflict = OptionConflict::Together { options: ["--offline", "--describe"], why };
        errors.push(UsageError::Conflict(conflict));
    }
    options
}

pub fn policy_options(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> PolicyOptions {
    let mut wrong = |option: &str, text: String, expected| {
        errors.push(UsageError::Value { name: format!("--{option}"), text, expected });
    };
    let account: Option<String> = matches.remove_one("account");
    let for_role: Option<String> = matches.remove_one("for-role");
    let keys: Vec<String> = matches.remove_many("kms-key").map(Iterator::collect).unwrap_or_default();
    if let Some(text) = account.clone().filter(|text| !is_account(text)) {
        wrong("account", text, "an account id of 12 digits");
    }
    let role = for_role.map(|text| Role::parse(&text, None).map_err(|_| wrong("for-role", text, Role::EXPECTED)));
    let kms_keys = keys.into_iter().filter_map(|text| {
        let key = Arn::parse(&text).filter(is_key);
        if key.is_none() {
            errors.push(UsageError::KmsKey(text));
        }
        key
    });
    PolicyOptions {
        account,
        for_role: role.and_then(Result::ok),
        kms_keys: kms_keys.collect(),
        describe: matches.get_flag("describe"),
    }
}

/// True for the ARN of a key. A policy cannot name a key by its alias.
fn is_key(arn: &Arn) -> bool {
    let id = arn.resource().strip_prefix("key/").filter(|id| !id.is_empty());
    let is_id = id.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    arn.has_partition() && arn.service() == "kms" && arn.region().is_some() && arn.account().is_some() && is_id
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns `None` without a format.
pub fn export_options(matches: &mut ArgMatches) -> Option<ExportOptions> {
    let format: Option<String> = matches.remove_one("format");
    let format = ExportFormat::ALL.into_iter().find(|known| format.as_deref() == Some(known.name()))?;
    let output = matches.remove_one("output").filter(|path: &PathBuf| path.as_os_str() != "-");
    Some(ExportOptions { format, output, reveal: matches.get_flag("reveal") })
}

/// Reads the command line of `migrate`.
///
/// # Errors
/// Every error in it, and in `SECRETS_EXEC_QUIET`.
pub fn migrate_options(matches: &mut ArgMatches, inherited: &Inherited) -> Result<MigrateOptions, Vec<UsageError>> {
    let mut errors = Vec::new();
    let is_quiet = |option: &OptionSpec| option.name == "quiet";
    let shared = flags(matches, is_quiet, &mut errors).over(variables(inherited, is_quiet, &mut errors));
    let file = matches.remove_one("file").filter(|path: &OsString| !path.is_empty());
    let secret = matches.remove_one("secret").map(|text: String| secret_id(&text).map_err(|error| errors.push(error)));
    let only = only(matches, &mut errors);
    let (values, reveal) = (matches.get_flag("values"), matches.get_flag("reveal"));
    match (file, secret) {
        (Some(file), Some(Ok(secret))) if errors.is_empty() => {
            let quiet = shared.quiet.unwrap_or_default();
            Ok(MigrateOptions { file: file.into(), secret, only, values, reveal, quiet })
        }
        (None, _) => Err(missing_argument(Subcommand::Migrate).into_iter().chain(errors).collect()),
        (_, _) => Err(errors),
    }
}

fn only(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Vec<Pattern> {
    let texts = matches.remove_many::<String>("only").into_iter().flatten();
    let patterns = texts.filter_map(|pattern| {
        let parsed = parse_patterns(std::slice::from_ref(&pattern));
        let name = "--only".to_owned();
        parsed.map_err(|why| errors.push(UsageError::Pattern { name, pattern, why })).ok()
    });
    patterns.flatten().collect()
}

/// Parses a secret's name or ARN, to which `:KEY` can be appended in a reference.
fn secret_id(text: &str) -> Result<SecretId, UsageError> {
    let is_referable = Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => Ok(id),
        Ok((Store::SecretsManager | Store::ParameterStore, _)) | Err(_) => Err(UsageError::Value {
            name: "--secret".to_owned(),
            text: text.to_owned(),
            expected: "the name or the ARN of a secret of Secrets Manager",
        }),
    }
}
