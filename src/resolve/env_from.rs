//! Turns the keys of a JSON object, or the parameters below a path, into environment variables, as `env-from` asks for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extract::{kind, text_of};
use crate::model::answer::Document;
use crate::model::claims::Claims;
use crate::model::entry::{NamingError, Origin, Subject, Target};
use crate::model::env_name::EnvName;
use crate::model::outcome::{EntryOutcome, Fate};
use crate::model::plan::{EntryId, ObjectSource, Planned};
use crate::model::problem::Problem;
use crate::model::quoting::is_quotable;
use crate::model::reference::Selector;
use crate::model::secret_value::SecretValue;
use crate::model::suggest::{self, did_you_mean};

/// Returns the key in quotes, or a text in its place if it may not be shown.
fn quoted_key(key: &str) -> String {
    if is_quotable(key) {
        format!("{key:?}")
    } else {
        "one that is not shown".to_owned()
    }
}

/// The keys of an object, or the names of the parameters below a path, in order, each once. A key that the entry leaves out has no value,
/// and neither has null.
pub type Members<'a> = Vec<(&'a str, Option<SecretValue>)>;

/// Returns what to write for one variable with the whole value; `None` if no reference is shown.
pub fn one_variable(subject: &Subject) -> Option<String> {
    let written = subject.reference()?;
    Some(match subject.origin {
        Origin::Argument(_) => format!("--env NAME={written}"),
        Origin::Inherited | Origin::File { .. } => format!("NAME: {written} under \"env\""),
    })
}

/// Returns the members of the JSON that the selector of `object` has found.
///
/// # Errors
/// For JSON that is no object.
pub fn keys<'j>(
    json: &'j Value,
    object: &ObjectSource,
    subject: &Subject,
) -> Result<Members<'j>, Problem> {
    let Value::Object(map) = json else {
        let (selector, kind) = (&object.reference.selector, kind(json));
        let text = match selector {
            Selector::Whole => {
                format!("is {kind}, not an object, so it has no keys to set variables from")
            }
            Selector::Key(_) | Selector::Path(_) => {
                format!(
                    "has {kind} at \"{selector}\", not an object, so there are no keys to set variables from"
                )
            }
        };
        let write = one_variable(subject);
        let help = write.map(|write| format!("for the whole value write {write}"));
        return Err(Problem::configuration(text)
            .code("not-an-object")
            .replace_help(help));
    };
    let mut members = Members::new();
    for (key, value) in map {
        members.push((
            key,
            if object.naming.selects(key) {
                text_of(value)
            } else {
                None
            },
        ));
    }
    Ok(members)
}

/// Returns the members of a path.
pub fn parameters<'d>(document: &'d Document, object: &ObjectSource) -> Members<'d> {
    let mut members = Members::new();
    for (name, parameter) in &document.parameters {
        let is_selected = object.naming.selects(name);
        members.push((
            name,
            is_selected.then(|| SecretValue::new(parameter.body.expose())),
        ));
    }
    members
}

/// Returns an outcome for each key of an object or a path that gives a variable, first those with a value, and every error in the object. A
/// key whose variable is held already is overridden without an error, even if its name is unsafe.
pub fn outcomes(
    members: Members<'_>,
    entry: &Planned,
    object: &ObjectSource,
    claims: &Claims<'_>,
) -> (Vec<EntryOutcome>, Vec<Problem>) {
    let mut errors = missing_keys(&members, object);
    // The errors with one remedy, each with the other keys that it is about.
    let mut wrong: Vec<(Problem, Vec<&str>)> = Vec::new();
    let mut add =
        |error: Problem, key| match wrong.iter_mut().find(|(first, _)| first.help == error.help) {
            Some((_, others)) => others.push(key),
            None => wrong.push((error, Vec::new())),
        };
    let mut outcomes = Vec::new();
    let mut key_of: BTreeMap<EnvName, &str> = BTreeMap::new();
    for (number, (key, value)) in (1..).zip(members) {
        let Some(value) = value else { continue };
        let named = object.naming.name(key);
        if let Ok(name) | Err(NamingError::Unsafe(name)) = &named
            && let Some(holder) = claims.variable_holder(name)
        {
            let fate = Fate::Overridden(holder);
            outcomes.push(outcome_of_key(entry, object, number, key, name, fate));
            continue;
        }
        let name = match named {
            Ok(name) => name,
            Err(error) => {
                add(unnamed(key, &error, object, &entry.subject), key);
                continue;
            }
        };
        if let Some(other) = key_of.insert(name.clone(), key) {
            let name = if is_quotable(key) {
                format!("the variable {name}")
            } else {
                "the same variable".to_owned()
            };
            add(clash(noun(object), &name, other, key), key);
            continue;
        }
        let is_default = false;
        let fate = Fate::Value { value, is_default };
        outcomes.push(EntryOutcome {
            target: Target::Env(name.clone()),
            ..outcome_of_key(entry, object, number, key, &name, fate)
        });
    }
    outcomes.sort_by_key(|outcome| matches!(outcome.fate, Fate::Overridden(_)));
    errors.extend(wrong.into_iter().map(|(error, others)| Problem {
        text: error.text + &likewise(&others),
        ..error
    }));
    (outcomes, errors)
}

/// Returns the outcome of a key, by its number in the object and the name of its variable.
fn outcome_of_key(
    entry: &Planned,
    object: &ObjectSource,
    number: usize,
    key: &str,
    name: &EnvName,
    fate: Fate,
) -> EntryOutcome {
    let label = if is_quotable(key) {
        name.to_string()
    } else {
        format!("key {number}, not printed")
    };
    let subject = Subject {
        label,
        ..entry.subject.clone()
    };
    let id = EntryId {
        key: Some(number),
        ..entry.id
    };
    let is_path = object.reference.locator.is_path();
    EntryOutcome {
        id,
        subject,
        parameter_name: is_path.then(|| key.to_owned()),
        ..EntryOutcome::new(entry, fate)
    }
}

/// Returns the end of an error that is about these keys as well. At most 19 are listed.
fn likewise(others: &[&str]) -> String {
    let listed = others
        .iter()
        .filter(|key| is_quotable(key))
        .take(19)
        .map(|key| format!("{key:?}"))
        .collect::<Vec<_>>();
    match (listed.join(", "), others.len() - listed.len()) {
        (_, 0) if listed.is_empty() => String::new(),
        (list, 0) => format!("; the same applies to {list}"),
        (_, more) if listed.is_empty() => format!("; the same applies to {more} more"),
        (list, more) => format!("; the same applies to {list} and {more} more"),
    }
}

/// Returns an error for each key of `only` and `rename` that does not exist, and for each key of `only` that is null.
fn missing_keys(members: &Members<'_>, object: &ObjectSource) -> Vec<Problem> {
    let mut errors = Vec::new();
    for key in object.naming.only.iter().flatten() {
        match members.iter().find(|(name, _)| name == key) {
            None => errors.push(missing_key(key, "only", members, object)),
            Some((_, None)) if object.naming.selects(key) => {
                let text =
                    format!("has the key {key:?}, which \"only\" lists, but its value is null");
                errors.push(Problem::configuration(text).code("null"));
            }
            Some(_) => {}
        }
    }
    for key in object.naming.rename.keys() {
        if !members.iter().any(|(name, _)| name == key) {
            errors.push(missing_key(key, "rename", members, object));
        }
    }
    errors
}

fn missing_key(key: &str, list: &str, members: &Members<'_>, object: &ObjectSource) -> Problem {
    let what = noun(object);
    let nearest = suggest::nearest(
        key,
        members
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| is_quotable(name)),
    );
    Problem::configuration(format!("has no {what} {key:?}, which \"{list}\" lists"))
        .code("key-not-found")
        .replace_help(nearest.map(did_you_mean))
}

/// Returns what the members of `object` are.
fn noun(object: &ObjectSource) -> &'static str {
    if object.reference.locator.is_path() {
        "parameter"
    } else {
        "key"
    }
}

/// Returns the error of a key that gives no legal name, or an unsafe one.
fn unnamed(key: &str, error: &NamingError, object: &ObjectSource, subject: &Subject) -> Problem {
    if !is_quotable(key) {
        let text = "has a key that cannot be the name of a variable (not shown, because it may be a value)";
        let help =
            "check the secret, or select its keys with \"only\" in an entry under \"env-from\"";
        return Problem::configuration(text)
            .code("variable-name")
            .help(help);
    }
    let what = noun(object);
    let (text, remedy, with_prefix) = match error {
        NamingError::Illegal(name) => (
            format!(
                "has the {what} {key:?}, but {name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)"
            ),
            "\"rename\" it, leave it out with \"except\"",
            "a prefix makes the name valid",
        ),
        NamingError::Unsafe(name) => (
            format!(
                "has the {what} {key:?}, but setting {name} is not safe, because it changes how programs start"
            ),
            "leave it out with \"except\", set it under \"env\"",
            "a prefix makes the name safe",
        ),
    };
    // An option can only have a prefix.
    let help = match (&subject.origin, subject.reference()) {
        (Origin::Argument(option), Some(written)) => {
            format!("{with_prefix}: write {option} APP_={written}")
        }
        (Origin::Argument(_) | Origin::Inherited | Origin::File { .. }, _) => {
            format!("{remedy}, or add a \"prefix\"")
        }
    };
    Problem::configuration(text)
        .code("variable-name")
        .help(help)
}

/// Returns the error of two keys of one object that both give `name`.
fn clash(what: &str, name: &str, first: &str, second: &str) -> Problem {
    let (first, second) = (quoted_key(first), quoted_key(second));
    let help = "in a declaration, under \"env-from\", \"rename\" one of them, or leave it out with \"except\"";
    Problem::configuration(format!(
        "has the {what}s {first} and {second}, which both give {name}"
    ))
    .code("same-name")
    .help(help)
}
