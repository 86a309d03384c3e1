//! Makes variables from the keys of a JSON object, for `env-from`. For a path such as `ssm:/prod/`,
//! the object has a key for each parameter below the path.
//!
//! In a malformed secret, what looks like a key may be a password, so an error quotes a key only if
//! it looks like a name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::extract::{Wanted, json_type, not_an_object, text_of};
use crate::model::entry::{Claims, Origin, Target, is_configuration, unsafe_effect};
use crate::model::environment::EnvName;
use crate::model::message::{Problem, Remark};
use crate::model::outcome::{EntryOutcome, Made, Outcome};
use crate::model::plan::{Planned, PlannedObject};
use crate::model::reference::{SecretRef, Selector};
use crate::model::shown::{MOST_NAMES, first_of, is_quotable, noun_with_name};

/// A key of an object.
pub(super) struct Member<'a> {
    key: &'a str,
    /// `None` if the value is null, or if `only` or `except` leaves the key out.
    value: Option<Made>,
}

pub(super) fn object_members<'j>(
    json: &'j Value,
    object: &PlannedObject,
    wanted: &Wanted<'_>,
) -> Result<Vec<Member<'j>>, Problem> {
    let Value::Object(map) = json else {
        let selector = &object.reference.selector;
        let kind = json_type(json);
        let what = match selector {
            Selector::Whole => format!("is {kind}"),
            Selector::Key(_) | Selector::Path(_) => format!("has {kind} at \"{selector}\""),
        };
        let text = format!("{what}, not an object, so it has no keys");
        return Err(not_an_object(text, json, wanted));
    };
    let mut members = Vec::with_capacity(map.len());
    for (key, value) in map {
        let mut made = None;
        if object.naming.selects(key)
            && let Some(text) = text_of(value)
        {
            let has_members = value.is_object() || value.is_array();
            made = Some(Made {
                json_kind: has_members.then(|| json_type(value).trim_start_matches("a ")),
                ..text.into()
            });
        }
        members.push(Member { key, value: made });
    }
    Ok(members)
}

/// The error for an object in which no key has a value. Such an object is treated as absent.
pub(super) fn no_variable_problem(
    members: &[Member<'_>],
    object: &PlannedObject,
) -> Option<Problem> {
    if members.iter().any(|member| member.value.is_some()) {
        return None;
    }
    let what = object.reference.locator.key_noun();
    let text = format!(
        "doesn't set any variable: it has no {what}s, or each is null or listed in \"except\""
    );
    Some(Problem::configuration(text).code("no-variable"))
}

/// The reason why a key can't become a variable. Keys with the same reason share one error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyFault {
    /// The variable's name is empty or begins with a digit.
    Illegal,
    /// A variable such as `LD_PRELOAD` can do harm. The text says how:
    /// `can make programs run someone else's code`.
    Unsafe(&'static str),
    /// Another key of the object sets the same variable.
    SameName,
}

/// A key that can't become a variable, and the name that the variable would have.
#[derive(PartialEq)]
struct FaultyKey<'a> {
    key: &'a str,
    name: String,
}

/// The outcomes of an object's keys, and one error for each [`KeyFault`].
///
/// A key is overridden if its variable is already in `claims`. An overridden key sets nothing, so
/// even an unsafe name isn't an error. Overridden keys come last, as in the table of `check`.
pub(super) fn key_outcomes(
    members: Vec<Member<'_>>,
    entry: &Planned,
    object: &PlannedObject,
    claims: &Claims<'_>,
) -> (Vec<EntryOutcome>, Vec<Problem>) {
    let mut outcomes = Vec::new();
    let mut overridden = Vec::new();
    let mut keys_by_name: BTreeMap<EnvName, &str> = BTreeMap::new();
    let mut faulty: BTreeMap<KeyFault, Vec<FaultyKey<'_>>> = BTreeMap::new();
    for (number, Member { key, value }) in (1..).zip(members) {
        let Some(mut made) = value else { continue };

        let name = match object.naming.variable_name(key) {
            Ok(name) => name,
            Err(name) => {
                let illegal = faulty.entry(KeyFault::Illegal).or_default();
                illegal.push(FaultyKey { key, name });
                continue;
            }
        };
        let target = Target::Env(name.clone());
        if let Some(holder) = claims.holder(&target, &entry.subject.origin) {
            let result = Outcome::Overridden(holder);
            overridden.push(EntryOutcome::of_key(entry, number, key, name, result));
        } else if let Some(effect) = unsafe_effect(&name, made.value.expose()) {
            let harmful = faulty.entry(KeyFault::Unsafe(effect)).or_default();
            let name = name.to_string();
            harmful.push(FaultyKey { key, name });
        } else if let Some(earlier) = keys_by_name.insert(name.clone(), key) {
            let colliding = faulty.entry(KeyFault::SameName).or_default();
            colliding.extend([earlier, key].map(|key| FaultyKey {
                key,
                name: name.to_string(),
            }));
            colliding.dedup();
        } else {
            for remark in Remark::about(made.value.expose(), &target) {
                if remark.applies_to(&target) {
                    made.remarks.insert(remark, Vec::new());
                }
            }
            let result = Outcome::Value(made);
            outcomes.push(EntryOutcome::of_key(entry, number, key, name, result));
        }
    }
    outcomes.append(&mut overridden);
    let unsafe_help = unsafe_keys_help(&faulty, entry, object);
    let mut errors = Vec::new();
    for (fault, keys) in faulty {
        let problem = faulty_keys_problem(fault, &keys, object);
        errors.push(match fault {
            KeyFault::Unsafe(_) => problem.help(unsafe_help.clone()),
            KeyFault::Illegal | KeyFault::SameName => problem,
        });
    }
    (outcomes, errors)
}

/// Warns about keys in `except` that the object doesn't have.
pub fn warnings(members: &[Member<'_>], object: &PlannedObject) -> Vec<String> {
    let what = object.reference.locator.key_noun();
    let mut warnings = Vec::new();
    for key in &object.naming.except {
        if !members.iter().any(|member| member.key == key) {
            let noun = noun_with_name(what, key);
            let mut text = format!("there is no {noun}, but \"except\" lists it");
            if let Some(existing) = existing_names(members, what) {
                text += &format!(": {existing}");
            }
            warnings.push(text);
        }
    }
    warnings
}

/// Errors about keys in `only` or `rename` that the object doesn't have, and keys in `only` whose
/// value is null.
pub(super) fn missing_key_problems<'o>(
    members: &[Member<'_>],
    object: &'o PlannedObject,
) -> Vec<(&'o str, Problem)> {
    let naming = &object.naming;
    let what = object.reference.locator.key_noun();
    let values: BTreeMap<_, _> = members
        .iter()
        .map(|member| (member.key, &member.value))
        .collect();
    let mut listed: BTreeSet<_> = naming.rename.keys().collect();
    listed.extend(naming.only.iter().flatten());

    let mut errors = Vec::new();
    for key in listed {
        let noun = noun_with_name(what, key);
        let problem = match values.get(key.as_str()) {
            None => {
                let text = format!("has no {noun}, but \"only\" or \"rename\" lists it");
                Problem::configuration(text)
                    .code("key-not-found")
                    .help_if_some(existing_names(members, what))
            }
            Some(None) if naming.only.is_some() && naming.selects(key) => {
                let text = format!("has the {noun}, which \"only\" lists, but its value is null");
                Problem::configuration(text).code("null")
            }
            Some(_) => continue,
        };
        errors.push((key.as_str(), problem));
    }
    errors
}

/// A clause such as `its keys are "host" and "port"`.
fn existing_names(members: &[Member<'_>], what: &str) -> Option<String> {
    let names: Vec<String> = members
        .iter()
        .map(|member| member.key)
        .filter(|key| is_quotable(key))
        .take(MOST_NAMES)
        .map(|key| format!("{key:?}"))
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "its {what}s are {}",
        first_of(&names, members.len())
    ))
}

/// A single error for all keys with the same fault. It never shows a key that may be a secret
/// value.
fn faulty_keys_problem(fault: KeyFault, keys: &[FaultyKey<'_>], object: &PlannedObject) -> Problem {
    let what = object.reference.locator.key_noun();
    let predicate = match fault {
        KeyFault::Illegal => "can't name a variable".to_owned(),
        KeyFault::Unsafe(effect) => {
            format!("env-from doesn't set, because such a variable {effect}")
        }
        KeyFault::SameName => "would set the same variable".to_owned(),
    };
    let mut listed = Vec::new();
    for FaultyKey { key, name } in keys {
        if !is_quotable(key) {
            continue;
        }
        listed.push(if key == name {
            format!("{key:?}")
        } else {
            format!("{key:?} ({name})")
        });
    }
    let list = first_of(&listed, keys.len());
    let count = keys.len();
    let text = if listed.is_empty() {
        format!(
            "has {what}s that {predicate} ({count} in all, not shown, because they may be values)"
        )
    } else if count == 1 {
        format!("has the {what} {list}, which {predicate}")
    } else {
        format!("has {count} {what}s that {predicate}: {list}")
    };

    let code = match fault {
        KeyFault::Illegal | KeyFault::Unsafe(_) => "variable-name",
        KeyFault::SameName => "same-name",
    };
    let help = format!(
        "in a declaration, give the {what} a name with \"rename\", or leave it out with \"except\""
    );
    Problem::configuration(text).code(code).help(help)
}

/// One help text for all unsafe keys, so that a user who follows it doesn't just get the next
/// error. Suggests entries for variables that configure AWS or a proxy, because these are usually
/// wanted.
fn unsafe_keys_help(
    faulty: &BTreeMap<KeyFault, Vec<FaultyKey<'_>>>,
    entry: &Planned,
    object: &PlannedObject,
) -> String {
    let is_declared = matches!(entry.subject.origin, Origin::File { .. });
    let mut entries = Vec::new();
    for (fault, keys) in faulty {
        for FaultyKey { key, name } in keys {
            if let KeyFault::Unsafe(effect) = fault
                && is_configuration(effect)
                && is_quotable(key)
            {
                let reference = member_reference(key, entry, object);
                entries.push(if is_declared {
                    format!("{name}: {reference}")
                } else {
                    format!("--env {name}={reference}")
                });
            }
        }
    }

    if entries.is_empty() {
        return "leave it out with \"except\" in a declaration. If you know who writes the secret, an entry of its own can set any variable but PATH and SECRETS_EXEC_*".to_owned();
    }
    let added = if is_declared {
        format!("env: {{ {} }}", entries.join(", "))
    } else {
        entries.join(" ")
    };
    format!(
        "add {added} if your program needs it, and leave out the other keys with \"except\" in a declaration"
    )
}

/// The reference to an object's key, or the placeholder `SECRET:KEY` if the object is itself the
/// value of a key, or if messages mask part of the reference.
fn member_reference(key: &str, entry: &Planned, object: &PlannedObject) -> String {
    let SecretRef { locator, selector } = &object.reference;
    let rewritten = entry.subject.rewritten(|written| {
        if locator.is_path() {
            written.secret = written.secret.trim_end_matches('*').to_owned() + key;
        } else {
            written.selector = Selector::Key(key.to_owned());
        }
    });
    match rewritten {
        Some(reference) if *selector == Selector::Whole => reference,
        _ => "SECRET:KEY".to_owned(),
    }
}
