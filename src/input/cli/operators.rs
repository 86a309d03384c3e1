//! The options of `check`, `policy`, `export` and `migrate`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use glob::Pattern;

use super::clap_errors::missing_argument;
use super::migrate::SHARED;
use super::options::{flags, variables};
use super::subcommand::Subcommand;
use super::usage::UsageError;
use crate::model::env_name::parse_patterns;
use crate::model::inherited::Inherited;
use crate::model::options::{
    CheckOptions, ExportFormat, ExportOptions, MigrateOptions, OptionConflict, OptionSpec, PolicyOptions, TypedOptions,
};
use crate::model::reference::{Arn, Locator, Reference, Role, SecretId, Store, Version};

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

/// Reads the command line of `migrate`, and the options that it shares with a launch.
///
/// # Errors
/// Every error in them.
pub fn migrate_options(
    matches: &mut ArgMatches,
    inherited: &Inherited,
) -> Result<(MigrateOptions, TypedOptions), Vec<UsageError>> {
    let mut errors = Vec::new();
    let is_shared = |option: &OptionSpec| SHARED.contains(&option.name);
    let shared = flags(matches, is_shared, &mut errors);
    // A variable of another option is for launches: this command writes to AWS, in one region.
    let shared = shared.over(variables(inherited, is_shared, &mut errors));
    let file = matches.remove_one("file").filter(|path: &OsString| !path.is_empty());
    let secret: Option<String> = matches.remove_one("secret");
    if file.is_none() || secret.is_none() {
        errors.splice(0..0, missing_argument(Subcommand::Migrate));
    }
    let secret = secret.and_then(|text| secret_locator(&text).map_err(|error| errors.push(error)).ok());
    let (update, overwrite) = (matches.get_flag("update"), matches.get_flag("overwrite"));
    if overwrite && !update {
        errors.push(UsageError::Conflict(OptionConflict::Alone { option: "--overwrite", without: "--update" }));
    }
    let kms_key = kms_key(matches, &mut errors);
    let tags = tags(matches, &mut errors);
    let only = only(matches, &mut errors);
    let output = matches.remove_one("output").filter(|path: &PathBuf| path.as_os_str() != "-");
    let apply = matches.get_flag("apply");
    match (file, secret) {
        (Some(file), Some(secret)) if errors.is_empty() => {
            let file = file.into();
            Ok((MigrateOptions { file, secret, apply, update, overwrite, kms_key, tags, only, output }, shared))
        }
        (_, _) => Err(errors),
    }
}

fn kms_key(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Option<String> {
    let key: Option<String> = matches.remove_one("kms-key");
    if key.as_ref().is_some_and(String::is_empty) {
        let (name, expected) = ("--kms-key".to_owned(), "a key's id, ARN or alias");
        errors.push(UsageError::Value { name, text: String::new(), expected });
    }
    key
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
fn secret_locator(text: &str) -> Result<Locator, UsageError> {
    let expected = || UsageError::Value {
        name: "--secret".to_owned(),
        text: text.to_owned(),
        expected: "the name or the ARN of a secret of Secrets Manager",
    };
    let is_referable = Reference::parse(&format!("{text}:KEY")).is_ok_and(|reference| reference.secret == text);
    match SecretId::parse(text) {
        Ok((Store::SecretsManager, id)) if is_referable => {
            Ok(Locator { store: Store::SecretsManager, region: id.region(), id, role: None, version: Version::Current })
        }
        Ok((Store::SecretsManager | Store::ParameterStore, _)) | Err(_) => Err(expected()),
    }
}

/// Parses each `KEY=VALUE`; the first `=` separates.
fn tags(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Vec<(String, String)> {
    let texts = matches.remove_many::<String>("tag").into_iter().flatten();
    let mut tags: Vec<(String, String)> = Vec::new();
    for text in texts {
        match text.split_once('=') {
            Some((key, _)) if tags.iter().any(|(other, _)| other == key) => {
                errors.push(UsageError::Twice { option: "--tag", name: key.to_owned() });
            }
            Some((key, value)) if !key.is_empty() => tags.push((key.to_owned(), value.to_owned())),
            Some(_) | None => errors.push(UsageError::Value { name: "--tag".to_owned(), text, expected: "KEY=VALUE" }),
        }
    }
    tags
}
