//! Makes variables from the keys of a JSON object, or from the parameters below a path, for
//! `env-from`.
//!
//! In a malformed secret, a key can be a value. So an error quotes a key only if it looks like a
//! name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extract::{json_type, not_an_object, text_of, twin_hint};
use crate::model::answer::{Document, SecretValue};
use crate::model::entry::{
    Claims, Naming, NamingError, Origin, Subject, SubjectKind, Target, expect_safe_value,
    shell_quoted,
};
use crate::model::environment::EnvName;
use crate::model::mistakes::{did_you_mean, nearest};
use crate::model::outcome::{EntryOutcome, Outcome};
use crate::model::plan::{Planned, PlannedObject};
use crate::model::problem::Problem;
use crate::model::reference::{SecretRef, Selector, below_path, split_secret};
use crate::model::shown::{is_quotable, noun_with_name, visible};

/// The keys of an object, or the names of the parameters below a path, each with its value. The
/// value is `None` if the entry doesn't select the key, or if the value is null.
pub type Members<'a> = Vec<(&'a str, Option<SecretValue>)>;

/// Returns the option, or the line of a declaration, that sets one variable, for a help text:
/// `--env LEVEL=prod/app:level`.
fn written_as_variable(name: &str, reference: &str, subject: &Subject) -> String {
    let assignment = format!("{name}={reference}");
    match subject.origin {
        Origin::Argument(_) => format!("--env {}", shell_quoted(&assignment)),
        Origin::Inherited | Origin::File { .. } => format!("{name}: {reference} under \"env\""),
    }
}

/// Returns the text that sets a variable to the whole value of the secret, or `None` if the
/// reference must not be shown.
pub fn whole_value_as_variable(subject: &Subject) -> Option<String> {
    Some(written_as_variable("NAME", subject.reference()?, subject))
}

/// Returns all keys of a JSON object ([`Members`]).
///
/// # Errors
/// If the JSON isn't an object. The text of the error is the predicate of a sentence about the
/// secret.
pub fn object_members<'j>(
    json: &'j Value,
    object: &PlannedObject,
    subject: &Subject,
) -> Result<Members<'j>, Problem> {
    let Value::Object(map) = json else {
        let (selector, kind) = (&object.reference.selector, json_type(json));
        let what = match selector {
            Selector::Whole => format!("is {kind}"),
            Selector::Key(_) | Selector::Path(_) => format!("has {kind} at \"{selector}\""),
        };
        let text = format!("{what}, not an object, so it has no keys");
        return Err(not_an_object(json, text, whole_value_as_variable(subject)));
    };
    let members = map.iter().map(|(key, value)| {
        let selected = object.naming.selects(key).then_some(value);
        (key.as_str(), selected.and_then(text_of))
    });
    Ok(members.collect())
}

pub fn path_members<'d>(document: &'d Document, object: &PlannedObject) -> Members<'d> {
    let parameters = document.parameters.iter();
    let members = parameters.map(|(name, parameter)| {
        let value = || SecretValue::new(parameter.body.expose());
        (name.as_str(), object.naming.selects(name).then(value))
    });
    members.collect()
}

/// Returns an outcome for each key that sets a variable or is overridden, and every error in the
/// object. The overridden keys come last, as in the table of `check`.
///
/// A key is overridden if `claims` already has its variable. Such a key sets nothing, so even an
/// unsafe name isn't an error.
pub fn key_outcomes(
    members: Members<'_>,
    entry: &Planned,
    object: &PlannedObject,
    claims: &Claims<'_>,
) -> (Vec<EntryOutcome>, Vec<Problem>) {
    let mut errors = missing_key_problems(&members, object);
    let (mut outcomes, mut overridden) = (Vec::new(), Vec::new());
    let mut keys_by_name: BTreeMap<EnvName, &str> = BTreeMap::new();
    for (number, (key, value)) in (1..).zip(members) {
        // The key isn't selected, or is null.
        let Some(value) = value else { continue };

        let variable_name = object.naming.variable_name(key);
        let named = variable_name.and_then(|name| expect_safe_value(name, value.expose()));
        if let Ok(name) | Err(NamingError::Unsafe { name, .. }) = &named
            && let Some(holder) = claims.holder(&Target::Env(name.clone()), &entry.subject.origin)
        {
            let result = Outcome::Overridden(holder);
            overridden.push(key_outcome(entry, object, (number, key), name, result));
            continue;
        }

        let name = match named {
            Ok(name) => name,
            Err(why) => {
                errors.push(name_problem(key, &why, entry, object));
                continue;
            }
        };
        if let Some(earlier_key) = keys_by_name.insert(name.clone(), key) {
            errors.push(same_name_problem(earlier_key, key, &name, object));
            continue;
        }
        outcomes.push(EntryOutcome {
            target: Target::Env(name.clone()),
            ..key_outcome(entry, object, (number, key), &name, Outcome::Value(value))
        });
    }
    outcomes.append(&mut overridden);
    (outcomes, errors)
}

/// Creates the outcome of a key, whose variable is `name`. Its target is still that of the whole
/// object, which claims nothing, as is right for an overridden key.
fn key_outcome(
    entry: &Planned,
    object: &PlannedObject,
    (number, key): (usize, &str),
    name: &EnvName,
    result: Outcome,
) -> EntryOutcome {
    let mut outcome = EntryOutcome::new(entry, result);
    outcome.id.key = Some(number);
    outcome.subject.kind = SubjectKind::EnvFromKey;
    outcome.subject.label = match is_quotable(key) {
        true => name.as_str().into(),
        false => format!("key number {number} (name not shown)").into(),
    };
    let is_path = object.reference.locator.is_path();
    outcome.parameter_name = is_path.then(|| key.to_owned());
    outcome
}

/// Returns the warnings about an object:
///
/// - A key in `except` doesn't exist.
/// - A name in `rename` already has the prefix, so the variable gets it twice.
/// - A selected key has a space or an invisible character, so it looks like a different key.
/// - All keys already begin with the prefix.
pub fn warnings(members: &Members<'_>, object: &PlannedObject) -> impl Iterator<Item = String> {
    let (what, naming) = (member_noun(object), &object.naming);
    let is_missing = |key: &&String| !members.iter().any(|(name, _)| name == key);
    let unknown = naming.except.iter().filter(is_missing).map(move |key| {
        let noun = noun_with_name(what, key);
        let hint = missing_key_hint(members, key, naming);
        let ending = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
        format!("there is no {noun}, but \"except\" lists it{ending}")
    });

    let prefix = naming.prefix.as_str();
    // Every name begins with an empty prefix.
    let renamed = naming.rename.values().filter(|_| !prefix.is_empty());
    let rests = renamed.filter_map(move |name| name.strip_prefix(prefix));
    let prefixed = rests.map(move |rest| {
        format!("\"rename\" adds the prefix, so write {rest} there, not {prefix}{rest}")
    });

    let misread = members.iter().filter_map(move |(key, value)| {
        let (seen, name) = (visible(key), naming.variable_name(key).ok()?);
        // If not even what people see of a key is quotable, the key may be a value.
        let looks_different = seen != *key && is_quotable(&seen);
        // A user who has renamed the key has seen the character.
        let is_misread = value.is_some() && looks_different && !naming.rename.contains_key(*key);
        is_misread.then(|| {
            format!("the {what} {key:?} has a space or an invisible character, so it sets {name}")
        })
    });

    // `DB_HOST` would become `DB_DB_HOST`. All keys may begin with the same letter by chance.
    let has_prefix = |(key, _): &(&str, _)| key.to_uppercase().starts_with(&prefix.to_uppercase());
    let is_doubled = prefix.len() > 1 && !members.is_empty() && members.iter().all(has_prefix);
    let doubled = is_doubled
        .then(|| format!("every {what} already begins with {prefix}, so remove the prefix"));

    unknown.chain(prefixed).chain(misread).chain(doubled)
}

/// Returns an error for each key in `only` and `rename` that doesn't exist, and for each selected
/// key in `only` whose value is null.
fn missing_key_problems(members: &Members<'_>, object: &PlannedObject) -> Vec<Problem> {
    let naming = &object.naming;
    let missing = |list, key| {
        let noun = noun_with_name(member_noun(object), key);
        let text = format!("has no {noun}, but \"{list}\" lists it");
        let problem = Problem::configuration(text).code("key-not-found");
        problem.help_if_some(missing_key_hint(members, key, naming))
    };

    let mut errors = Vec::new();
    for key in naming.only.iter().flatten() {
        match members.iter().find(|(name, _)| name == key) {
            None => errors.push(missing("only", key)),
            Some((_, None)) if naming.selects(key) => {
                let text =
                    format!("has the key {key:?}, which \"only\" lists, but its value is null");
                errors.push(Problem::configuration(text).code("null"));
            }
            Some(_) => {}
        }
    }
    for key in naming.rename.keys() {
        if !members.iter().any(|(name, _)| name == key) {
            errors.push(missing("rename", key));
        }
    }
    errors
}

/// Returns the first hint that applies to a key in `only`, `except` or `rename` that doesn't exist:
/// an existing key that looks the same, the two sides of `rename` in the right order, a similar
/// key, or the remark that patterns don't work here.
fn missing_key_hint(members: &Members<'_>, key: &str, naming: &Naming) -> Option<String> {
    let names = members.iter().map(|(name, _)| *name);
    let quotable_names = names.clone().filter(|name| is_quotable(name));

    // People write the variable `DB_HOST` for the key `host`, with the prefix `DB_`.
    let upper = key.to_uppercase();
    let bare = upper.strip_prefix(&naming.prefix).unwrap_or(&upper);
    // In `rename: { DB_PASS: password }`, the key `password` is on the wrong side.
    let new_name = naming.rename.get(key).map(String::as_str);
    let swapped = quotable_names.clone().find(|name| Some(*name) == new_name);

    twin_hint(names, key)
        .or(swapped.map(|name| format!("write rename: {{ {name}: {bare} }}")))
        // `/prod/app/token` stands for the parameter `token` below a path. `nearest` ignores case.
        .or(nearest(bare.rsplit('/').next()?, quotable_names).map(did_you_mean))
        .or(key.contains('*').then(|| "use full names".to_owned()))
}

fn member_noun(object: &PlannedObject) -> &'static str {
    let is_path = object.reference.locator.is_path();
    if is_path { "parameter" } else { "key" }
}

fn same_name_problem(earlier: &str, key: &str, name: &EnvName, object: &PlannedObject) -> Problem {
    if !is_quotable(earlier) || !is_quotable(key) {
        return hidden_key_problem("would set the same variable as another key").code("same-name");
    }
    let keys = format!("{}s {earlier:?} and {key:?}", member_noun(object));
    let text = format!("has the {keys}, which would both set the variable {name}");
    let help = "under \"env-from\", add one of these names to \"rename\" or \"except\"";
    Problem::configuration(text).code("same-name").help(help)
}

/// Returns the error for a key that isn't shown.
fn hidden_key_problem(predicate: &str) -> Problem {
    let text = format!("has a key that {predicate} (not shown, because it may be a value)");
    Problem::configuration(text).help("under \"env-from\", select keys with \"only\"")
}

/// Returns the error for a key whose variable name is illegal or unsafe. If the key is shown, the
/// help is only about this key: a prefix would change the names of all variables.
fn name_problem(key: &str, why: &NamingError, entry: &Planned, object: &PlannedObject) -> Problem {
    if !is_quotable(key) {
        return hidden_key_problem("isn't a valid variable name").code("variable-name");
    }
    let what = member_noun(object);
    let subject = &entry.subject.revealed_by(&object.reference);
    let is_argument = matches!(subject.origin, Origin::Argument(_));
    let written = subject.reference().unwrap_or("…");
    let written_with = |setting: &str| match is_argument {
        true => format!("in a declaration, write env-from: [{{ from: {written:?}, {setting} }}]"),
        false => format!("write {{ from: {written:?}, {setting} }} under \"env-from\""),
    };

    let (defect, help) = match why {
        NamingError::Illegal(name) => {
            let defect = format!("{name:?} isn't a valid variable name ([A-Za-z_][A-Za-z0-9_]*)");
            // The name begins with a digit, or is empty, so `_` makes it legal.
            let renamed = written_with(&format!("rename: {{ {key:?}: _{name} }}"));
            let help = format!("{renamed}, or use except: [{key:?}] instead");
            (defect, help)
        }
        NamingError::Unsafe { name, effect } => {
            let defect = format!("env-from doesn't set {name}, which {effect}");
            let help = match reference_to_key(key, object, subject) {
                // No entry can read PATH from a secret.
                Some(reference) if name.as_str() != "PATH" => {
                    let write = written_as_variable(name.as_str(), &reference, subject);
                    format!("to set it anyway, write {write}")
                }
                Some(_) | None => written_with(&format!("except: [{key:?}]")),
            };
            (defect, help)
        }
    };

    let text = format!("has the {what} {key:?}, but {defect}");
    let problem = Problem::configuration(text).code("variable-name");
    problem.help(help)
}

/// Returns the reference to one key of an object, or to one parameter below a path. Returns `None`
/// if the object is a part of a secret, or if the reference must not be shown.
fn reference_to_key(key: &str, object: &PlannedObject, subject: &Subject) -> Option<String> {
    let SecretRef { locator, selector } = &object.reference;
    let (secret, version) = split_secret(subject.reference()?);
    if locator.is_path() {
        return Some(below_path(secret, key));
    }
    // For `prod/app::AWSPREVIOUS`, this is `:AWSPREVIOUS`, because KEY is empty.
    let version = version.unwrap_or_default();
    (*selector == Selector::Whole).then(|| format!("{secret}:{key}{version}"))
}
