//! Messages about documents that do not give a value: keys, paths, `env-from` and templates.

use crate::model::entry::template::ENV;
use crate::model::entry::{NamingError, Origin, Subject};
use crate::model::quoting::is_quotable;
use crate::model::reference::{SecretRef, Store};
use crate::resolve::{Absent, EnvFromError, ExtractError, RenderError};

/// Returns the problem of a reference, and hints. `default` is the advice for a value that need not exist.
pub fn extraction(
    reference: Option<&SecretRef>,
    error: &ExtractError,
    default: Option<&'static str>,
) -> (String, Vec<String>) {
    let key = reference.map(|reference| reference.selector.to_string()).unwrap_or_default();
    let (problem, hint) = match error {
        ExtractError::Absent(absent) => absence(&key, absent, default),
        ExtractError::NotJson { line, column } => (
            format!("is not JSON, or too deeply nested (line {line}, column {column}), so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value".to_owned()),
        ),
        ExtractError::NotAnObject(kind) => (
            format!("is JSON, but {kind}, not an object, so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value, or use a JSONPath, which begins with $".to_owned()),
        ),
        ExtractError::Several { paths, count } => {
            let more = (*count > paths.len()).then_some("…");
            let paths: Vec<_> = paths.iter().map(String::as_str).chain(more).collect();
            (format!("{key} matches {count} values and must match one: {}", paths.join(", ")), None)
        }
        ExtractError::BadPath => (format!("{key} cannot be evaluated"), None),
    };
    let hint = version_hint(reference, &key).or(hint);
    (problem, Vec::from_iter(hint))
}

fn absence(key: &str, absent: &Absent, default: Option<&'static str>) -> (String, Option<String>) {
    match absent {
        Absent::Key { nearest, as_path, known, count } => {
            let hint = match (as_path, nearest) {
                (Some(path), _) => format!("a KEY is one top-level key; for a nested value write {path}"),
                (None, Some(nearest)) => format!("did you mean {nearest:?}?"),
                (None, None) if *count == 0 => "it has no keys".to_owned(),
                (None, None) if known.is_empty() => "its keys are not printed, since they could be values".to_owned(),
                (None, None) => format!("it has {}", known.join(", ")),
            };
            (format!("has no key {key:?}"), Some(hint))
        }
        Absent::Node { nearest: Some(nearest) } => {
            (format!("has nothing at {key}"), Some(format!("did you mean {nearest:?}?")))
        }
        Absent::Node { nearest: None } => (format!("has nothing at {key}"), default.map(str::to_owned)),
        Absent::Null => (format!("{key:?} is null, which counts as absent"), default.map(str::to_owned)),
    }
}

/// Returns the hint for a KEY that is a number: AWS writes `NAME:3` for version 3 of a parameter.
fn version_hint(reference: Option<&SecretRef>, key: &str) -> Option<String> {
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let parameter = reference.filter(|reference| is_number && reference.locator.store == Store::ParameterStore)?;
    Some(format!("for version {key} write {}:::{key}", parameter.locator.written_id()))
}

fn of_key(key: &str) -> String {
    if key.is_empty() { "keys".to_owned() } else { format!("key {key:?}") }
}

/// Advice for an `env-from` entry whose secret is not an object.
const ONE_VARIABLE: &str = "map it to one variable with --env, or under `env`";

/// Returns a remedy for a key whose name is wrong, in an entry of a file or for `--env-from`, which can only have a prefix.
fn naming_hint(subject: &Subject, in_file: &str) -> String {
    match (&subject.origin, subject.reference()) {
        (Origin::Argument(option), Some(written)) => {
            format!("write {option} PREFIX_={written}, or declare it in a file, under `env-from`: {in_file}")
        }
        (Origin::Argument(_) | Origin::Inherited | Origin::File { .. }, _) => {
            format!("{in_file}, or give a `prefix`")
        }
    }
}

/// Returns a remedy for two keys with one name. A prefix helps if they are of two secrets.
fn clash_hint(subject: &Subject) -> String {
    let in_file = "`rename` one of them, or leave it out with `except`";
    match (&subject.origin, subject.reference()) {
        (Origin::Argument(option), Some(written)) => format!(
            "of two secrets, give one a prefix: {option} PREFIX_={written}; else declare it in a file, under `env-from`: {in_file}"
        ),
        (Origin::Argument(_) | Origin::Inherited | Origin::File { .. }, _) => {
            format!("{in_file}, or, of two secrets, give one a `prefix`")
        }
    }
}

pub fn env_from(reference: Option<&SecretRef>, error: &EnvFromError, subject: &Subject) -> (String, Vec<String>) {
    let is_path = reference.is_some_and(|reference| reference.locator.is_path());
    let (the_key, has_no) = if is_path { ("the parameter", "there is no") } else { ("the key", "has no key") };
    let (what, hint) = match error {
        EnvFromError::NotAnObject(kind) => {
            let place = reference.map(|reference| reference.selector.to_string()).filter(|place| !place.is_empty());
            let what = place.map_or_else(|| format!("is {kind}"), |place| format!("what is at {place} is {kind}"));
            return (
                format!("{what}, not an object, so it has no keys to set variables from"),
                vec![ONE_VARIABLE.to_owned()],
            );
        }
        EnvFromError::Extract(error) => {
            let (what, hints) = extraction(reference, error, None);
            let is_json = !matches!(error, ExtractError::NotJson { .. });
            return (what, if is_json { hints } else { vec![ONE_VARIABLE.to_owned()] });
        }
        EnvFromError::NoKey { key, list, nearest } => (
            format!("{has_no} {key:?}, which `{list}` names"),
            nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?")),
        ),
        EnvFromError::Null(key) => (format!("{key:?}, which `only` names, is null, which counts as absent"), None),
        EnvFromError::Name { key, .. } if !is_quotable(key) => (
            "a key, which is not printed since it could be a value, cannot be a variable".to_owned(),
            Some("check the secret, or select keys with `only` in an entry under `env-from`".to_owned()),
        ),
        EnvFromError::Name { key, error: NamingError::Illegal(name) } => (
            format!("{the_key} {key:?} gives the name {name:?}, which is not legal ([A-Za-z_][A-Za-z0-9_]*)"),
            Some(naming_hint(subject, "`rename` it, or leave it out with `except`")),
        ),
        EnvFromError::Name { key, error: NamingError::Unsafe(name) } => (
            format!("{the_key} {key:?} would set {name}, which makes programs run code or misread their environment"),
            Some(format!(
                "{}; {}",
                naming_hint(subject, "leave it out with `only` or `except`"),
                match name == "PATH" {
                    true => "PATH itself takes only `value` under `env`".to_owned(),
                    false => format!("to set it nevertheless, use --env {name}=REF or `env`"),
                }
            )),
        ),
        EnvFromError::Clash { name, keys: [first, second] } => (
            format!("{first:?} and {second:?} both give {}", name.as_deref().unwrap_or("one variable")),
            Some(clash_hint(subject)),
        ),
    };
    (what, Vec::from_iter(hint))
}

pub fn rendering(error: &RenderError) -> (String, Vec<String>) {
    match error {
        RenderError::Absent { alias, key, nearest } => {
            let whose = alias.as_deref().unwrap_or("result of `fromjson`");
            let why = if whose == ENV { "is not set" } else { "does not exist or is null" };
            let what = format!("the template's {whose}.{key} {why}");
            let hint = nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"));
            (what, Vec::from_iter(hint))
        }
        RenderError::NotAnObject { alias, key } => (
            format!("the template uses {alias}.{key}, but the value before the last name is not a JSON object"),
            vec![format!("write {{{{ {alias} }}}} for the whole value")],
        ),
        RenderError::NotText { alias } => (format!("the template's {alias} is binary, not text"), Vec::new()),
        RenderError::Failed { line, message } => {
            let place = line.map(|line| format!("line {line} of the template: ")).unwrap_or_default();
            (format!("{place}{message}"), Vec::new())
        }
    }
}
