//! The options of the table, from the command line and from `SECRETS_EXEC_*`.

use std::ffi::{OsStr, OsString};

use clap::ArgMatches;

use super::usage::UsageError;
use crate::model::env_name::OWN_PREFIX;
use crate::model::inherited::Inherited;
use crate::model::options::{Given, OPTIONS, OptionSpec, Takes, TypedOptions};

/// Reads the options from the command line. `has` is true for those that the command has.
pub fn flags(
    matches: &mut ArgMatches,
    has: impl Fn(&OptionSpec) -> bool,
    errors: &mut Vec<UsageError>,
) -> TypedOptions {
    let mut options = TypedOptions::default();
    for option in OPTIONS.iter().filter(|option| has(option)) {
        let given = match option.takes {
            Takes::Text(_) => one(matches, option).map(Given::Text),
            Takes::Nothing => one(matches, option).filter(|is_given| *is_given).map(Given::Flag),
            Takes::Level => match one(matches, option).unwrap_or(0_u8) {
                0 => None,
                1 => Some(Given::Flag(true)),
                2.. => Some(Given::Text("2".into())),
            },
            Takes::Texts(_) => {
                let texts = matches.try_remove_many(option.name).ok().flatten();
                texts.map(|texts| Given::Texts(texts.collect()))
            }
            Takes::Optional(_) => one(matches, option).map(|text: OsString| match text.is_empty() {
                true => Given::Flag(true),
                false => Given::Text(text),
            }),
        };
        if let Some(given) = given {
            set(&mut options, option, format!("--{}", option.name), given, errors);
        }
    }
    options
}

/// Returns the argument of an option; `None` if clap does not know the option, since no word names it.
fn one<T: Clone + Send + Sync + 'static>(matches: &mut ArgMatches, option: &OptionSpec) -> Option<T> {
    matches.try_remove_one(option.name).ok().flatten()
}

/// Reads those options for which `is_read` is true from `SECRETS_EXEC_*`; an empty variable counts as unset.
///
/// Unknown variables are ignored: for a service called secrets-exec, Kubernetes sets `SECRETS_EXEC_PORT` and others.
pub fn variables(
    inherited: &Inherited,
    is_read: impl Fn(&OptionSpec) -> bool,
    errors: &mut Vec<UsageError>,
) -> TypedOptions {
    let mut options = TypedOptions::default();
    let is_own = |name: &OsStr| name.as_encoded_bytes().starts_with(OWN_PREFIX.as_bytes());
    if !inherited.iter().any(|(name, _)| is_own(name)) {
        return options;
    }
    for option in OPTIONS.iter().filter(|option| is_read(option)) {
        let name = option.variable();
        let Some(value) = inherited.filled(&name) else { continue };
        let given = match (option.takes, value.to_str()) {
            (Takes::Nothing | Takes::Level | Takes::Optional(_), Some("1")) => Some(Given::Flag(true)),
            (Takes::Nothing | Takes::Level | Takes::Optional(_), Some("0")) => Some(Given::Flag(false)),
            (Takes::Text(_) | Takes::Level | Takes::Optional(_), _) => Some(Given::Text(value.to_owned())),
            (Takes::Texts(_), Some(text)) => {
                Some(Given::Texts(text.split(',').map(|part| part.trim().to_owned()).collect()))
            }
            (Takes::Nothing | Takes::Texts(_), _) => None,
        };
        match given {
            Some(given) => set(&mut options, option, name, given, errors),
            None => {
                let expected = if option.takes == Takes::Nothing { "1 or 0" } else { "text in UTF-8" };
                errors.push(UsageError::Value { name, text: lossy(value), expected });
            }
        }
    }
    options
}

fn set(options: &mut TypedOptions, option: &OptionSpec, name: String, given: Given, errors: &mut Vec<UsageError>) {
    let text = match &given {
        Given::Text(text) => lossy(text),
        Given::Flag(_) => String::new(),
        Given::Texts(texts) => option.first_illegal(texts).cloned().unwrap_or_default(),
    };
    if let Err(why) = (option.set)(options, given) {
        errors.push(match option.takes_patterns() {
            true => UsageError::Pattern { name, pattern: text, why },
            false => UsageError::Value { name, text, expected: why },
        });
    }
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}
