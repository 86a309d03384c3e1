//! The options of `check`, `policy` and `export`.

use std::path::PathBuf;

use clap::ArgMatches;

use super::usage::UsageError;
use crate::model::options::{CheckOptions, ExportFormat, ExportOptions, OptionConflict, PolicyOptions};
use crate::model::reference::{Arn, Role};

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
