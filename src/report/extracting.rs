//! Why a secret that was read does not give a value.

use crate::model::entry::NamingError;
use crate::model::quoting::is_quotable;
use crate::model::reference::{SecretRef, Store};
use crate::resolve::{Absent, EnvFromError, ExtractError, RenderError};

pub fn extraction(reference: Option<&SecretRef>, error: &ExtractError) -> (String, Vec<String>) {
    let key = reference.map(|reference| reference.selector.to_string()).unwrap_or_default();
    let (what, hint) = match error {
        ExtractError::Absent(Absent::Key { nearest, as_path, known, count }) => {
            let hint = match (as_path, nearest) {
                (Some(path), _) => Some(format!("a KEY is one top-level key; for a value within another write {path}")),
                (None, Some(nearest)) => Some(format!("did you mean {nearest:?}?")),
                (None, None) if *count == 0 => Some("it has no keys at all".to_owned()),
                (None, None) if known.is_empty() => {
                    Some("it has keys, but none that may be quoted: is a value among them?".to_owned())
                }
                (None, None) => Some(format!("it has {}", known.join(", "))),
            };
            (format!("has no key {key:?}"), hint)
        }
        ExtractError::Absent(Absent::Node { nearest }) => {
            let hint = nearest.as_ref().map_or_else(
                || "give the entry a `default`, or `optional: true`".to_owned(),
                |nearest| format!("did you mean {nearest:?}?"),
            );
            (format!("has nothing at {key}"), Some(hint))
        }
        ExtractError::Absent(Absent::Null) => (
            format!("{key:?} is null, which counts as absent"),
            Some("give the entry a `default`, or `optional: true`".to_owned()),
        ),
        ExtractError::NotJson { line, column } => (
            format!("is not JSON, or too deeply nested (line {line}, column {column}), so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value".to_owned()),
        ),
        ExtractError::NotAnObject(kind) => (
            format!("is JSON, but {kind} and no object, so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value, or use a JSONPath, which begins with $".to_owned()),
        ),
        ExtractError::Several { paths, count } => {
            let more = (*count > paths.len()).then_some("…");
            let paths: Vec<_> = paths.iter().map(String::as_str).chain(more).collect();
            (format!("{key} matches {count} values and must match one: {}", paths.join(", ")), None)
        }
        ExtractError::BadPath => (format!("{key} cannot be evaluated"), None),
    };
    // AWS's own way to write a parameter's version.
    let version = reference.filter(|reference| reference.locator.store == Store::ParameterStore);
    let version = version.filter(|_| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()));
    let hint =
        version.map(|reference| format!("for version {key} write {}:::{key}", reference.locator.written_id())).or(hint);
    (what, Vec::from_iter(hint))
}

fn of_key(key: &str) -> String {
    if key.is_empty() { "keys".to_owned() } else { format!("key {key:?}") }
}

pub fn expansion(reference: Option<&SecretRef>, error: &EnvFromError) -> (String, Vec<String>) {
    let (what, hint) = match error {
        EnvFromError::NotAnObject(kind) => {
            let place = reference.map(|reference| reference.selector.to_string()).filter(|place| !place.is_empty());
            let what = place.map_or_else(|| format!("is {kind}"), |place| format!("what is at {place} is {kind}"));
            return (
                format!("{what} and no object, so it has no keys to set variables from"),
                vec!["map it to one variable with --env, or under `env`".to_owned()],
            );
        }
        EnvFromError::Extract(error) => {
            let (what, hints) = extraction(reference, error);
            // What serves one variable, a default say, does not serve an object's keys.
            let hints = match error {
                ExtractError::NotJson { .. } => vec!["map it to one variable with --env, or under `env`".to_owned()],
                ExtractError::Absent(Absent::Node { nearest: None } | Absent::Null) => Vec::new(),
                _ => hints,
            };
            return (what, hints);
        }
        EnvFromError::NoKey { key, list, nearest } => (
            format!("has no key {key:?}, which `{list}` names"),
            nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?")),
        ),
        EnvFromError::Null(key) => (format!("{key:?}, which `only` names, is null, which counts as absent"), None),
        EnvFromError::Name { key, .. } if !is_quotable(key) => (
            "a key that could hold a value, so that it is not quoted, makes no variable of its own".to_owned(),
            Some("is the secret well-formed? leave the key out with `only`".to_owned()),
        ),
        EnvFromError::Name { key, error: NamingError::Illegal(name) } => (
            format!("the key {key:?} would make the variable {name:?}, which is no name ([A-Za-z_][A-Za-z0-9_]*)"),
            Some("give a `prefix`, `rename` the key, or leave it out with `except`".to_owned()),
        ),
        EnvFromError::Name { key, error: NamingError::Unsafe(name) } => (
            format!("the key {key:?} would set {name}, which makes programs run code or misread their surroundings"),
            Some(if name == "PATH" {
                "leave it out with `only` or `except`, or give a `prefix`; PATH itself takes only a literal under `env`"
                    .to_owned()
            } else {
                format!(
                    "leave it out with `only` or `except`, give a `prefix`, or, if it is meant, map it on purpose: --env {name}=REF, or under `env`"
                )
            }),
        ),
        EnvFromError::Clash { name, keys: [first, second] } => (
            format!("{first:?} and {second:?} both make {}", name.as_deref().unwrap_or("one variable")),
            Some("`rename` one of them, leave it out with `except`, or give a `prefix`".to_owned()),
        ),
    };
    (what, Vec::from_iter(hint))
}

pub fn rendering(error: &RenderError) -> (String, Vec<String>) {
    match error {
        RenderError::Absent { alias, key, nearest } => {
            let whose = alias.as_deref().unwrap_or("what `fromjson` read");
            let what = match key {
                Some(key) => format!("the template's {whose}.{key} does not exist or is null"),
                None => format!("a key of {whose} that the template computes does not exist or is null"),
            };
            let hint = nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"));
            (what, Vec::from_iter(hint))
        }
        RenderError::NotAnObject { alias, key } => (
            format!("the template asks for {alias}.{key}, and what stands before the last name is no JSON object"),
            vec![format!("write {{{{ {alias} }}}} for the whole value")],
        ),
        RenderError::NotText { alias } => (format!("the template's {alias} is bytes and no text"), Vec::new()),
        RenderError::Failed { line, message } => {
            let place = line.map(|line| format!("line {line} of the template: ")).unwrap_or_default();
            (format!("{place}{message}"), Vec::new())
        }
    }
}
