//! The command line of `migrate`.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use super::clap_errors::missing_argument;
use super::launch_command::with_options;
use super::options::{flags, variables};
use super::subcommand::Subcommand;
use super::usage::UsageError;
use crate::model::inherited::Inherited;
use crate::model::name_patterns::parse_patterns;
use crate::model::options::{MigrateOptions, OptionConflict, TypedOptions};
use crate::model::reference::{Locator, Reference, SecretId, Store, Version};

/// The options of a launch that it has.
const SHARED: [&str; 10] = [
    "region",
    "profile",
    "role-arn",
    "external-id",
    "endpoint-url",
    "ca-bundle",
    "timeout",
    "wait",
    "verbose",
    "quiet",
];

pub fn migrate(command: Command) -> Command {
    let file = Arg::new("file").value_name("FILE").value_parser(ValueParser::os_string());
    let file =
        file.value_hint(ValueHint::FilePath).help("A .env file, or a JSON object of texts, numbers and booleans");
    with_options(command.arg(file).args(own()), &SHARED, "How to reach AWS")
}

fn own() -> [Arg; 8] {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let repeatable = |name, value| text(name, value).action(ArgAction::Append);
    [
        text("secret", "ID").help("Required: the name of the secret, or the ARN of one that exists"),
        flag("apply").help("Create or update the secret, instead of saying what would change"),
        flag("update").help("Add the variables to the JSON object of a secret that exists"),
        flag("overwrite").help("With --update: also change keys that have another value"),
        text("kms-key", "KEY").help("The key of a new secret: its id, ARN or alias [default: aws/secretsmanager]"),
        repeatable("tag", "KEY=VALUE").help("A tag of a new secret (repeatable)"),
        repeatable("only", "GLOB").help("Move only the variables with a matching name (repeatable)"),
        text("output", "FILE")
            .short('o')
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("With --apply: write the declaration to this file, which must not exist; - is standard output"),
    ]
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
    let shared = flags(matches, |option| SHARED.contains(&option.name), &mut errors);
    let shared = shared_only(shared.over(variables(inherited, &mut errors)));
    let file = matches.remove_one("file").filter(|path: &std::ffi::OsString| !path.is_empty());
    let secret: Option<String> = matches.remove_one("secret");
    if file.is_none() || secret.is_none() {
        errors.splice(0..0, missing_argument(Subcommand::Migrate));
    }
    let secret = secret.and_then(|text| secret_locator(&text).map_err(|error| errors.push(error)).ok());
    let (update, overwrite) = (matches.get_flag("update"), matches.get_flag("overwrite"));
    if overwrite && !update {
        errors.push(UsageError::Conflict(OptionConflict::Alone { option: "--overwrite", without: "--update" }));
    }
    let kms_key = matches.remove_one("kms-key");
    if kms_key.as_ref().is_some_and(String::is_empty) {
        errors.push(UsageError::Value {
            name: "--kms-key".to_owned(),
            text: String::new(),
            expected: "a key's id, ARN or alias",
        });
    }
    let tags = tags(matches, &mut errors);
    let only: Vec<String> = matches.remove_many("only").map(Iterator::collect).unwrap_or_default();
    let only = only.into_iter().filter_map(|pattern| {
        let parsed = parse_patterns(std::slice::from_ref(&pattern));
        let error = |expected| UsageError::Pattern { name: "--only".to_owned(), pattern: pattern.clone(), expected };
        parsed.map_err(|expected| errors.push(error(expected))).ok()
    });
    let only = only.flatten().collect();
    let output = matches.remove_one("output").filter(|path: &std::path::PathBuf| path.as_os_str() != "-");
    let apply = matches.get_flag("apply");
    match (file, secret) {
        (Some(file), Some(secret)) if errors.is_empty() => {
            let file = file.into();
            Ok((MigrateOptions { file, secret, apply, update, overwrite, kms_key, tags, only, output }, shared))
        }
        (_, _) => Err(errors),
    }
}

/// Leaves out what a variable may set for launches: `migrate` writes to AWS, in one region.
fn shared_only(options: TypedOptions) -> TypedOptions {
    TypedOptions { fallback_regions: None, agent: None, agent_fallback: None, local: None, ..options }
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
