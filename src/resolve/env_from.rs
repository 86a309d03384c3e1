//! Turns the keys of a JSON object, or the parameters below a path, into environment variables, as `env-from` asks for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::extract::{ONE_VARIABLE, kind, print};
use crate::model::answer::Document;
use crate::model::entry::{Claim, NamingError, Origin, Subject};
use crate::model::env_name::EnvName;
use crate::model::plan::{EnvFrom, Plan};
use crate::model::problem::{About, Lacks, Problem};
use crate::model::quoting::is_quotable;
use crate::model::reference::Region;
use crate::model::secret_value::SecretValue;
use crate::model::suggest::{self, did_you_mean};

/// Returns the key, or a text in its place if it may not be quoted.
pub fn key_or_placeholder(key: &str) -> String {
    if is_quotable(key) { key.to_owned() } else { "a key that could be a value".to_owned() }
}

/// The keys of an object, or the names of the parameters below a path, in order, each once with its value; `None` for null.
pub type Members<'a> = Vec<(&'a str, Option<SecretValue>)>;

/// Returns the members of the object that the selector of `entry` has found.
///
/// # Errors
/// For JSON that is no object.
pub fn keys<'j>(json: &'j Value, entry: &EnvFrom) -> Result<Members<'j>, Problem> {
    let Value::Object(map) = json else {
        let place = entry.reference.selector.to_string();
        let place = if place.is_empty() { "is".to_owned() } else { format!("what is at {place} is") };
        let text = format!("{place} {}, not an object, so it has no keys to set variables from", kind(json));
        return Err(Problem::configuration(text).code("not-an-object").help(ONE_VARIABLE));
    };
    Ok(map.iter().map(|(key, value)| (key.as_str(), print(value))).collect())
}

/// Returns the members of a path.
pub fn parameters(document: &Document) -> Members<'_> {
    let value_of = |parameter: &Document| Some(SecretValue::new(parameter.body.expose()));
    document.parameters.iter().map(|(name, parameter)| (name.as_str(), value_of(parameter))).collect()
}

/// A key of an object and the variable that it becomes.
pub struct KeyVariable {
    pub key: String,
    pub name: EnvName,
    pub value: SecretValue,
}

/// Returns the variables of an object or a path, and every error in it. A key whose variable `is_set` already is skipped
/// silently; `is_set` takes the key and the variable.
pub fn variables(
    members: Members<'_>,
    entry: &EnvFrom,
    mut is_set: impl FnMut(&str, &str) -> bool,
) -> (Vec<KeyVariable>, Vec<Problem>) {
    let naming = &entry.naming;
    let mut errors = missing_keys(&members, entry);
    let mut variables = Vec::new();
    let mut key_of: BTreeMap<EnvName, &str> = BTreeMap::new();
    for (key, value) in members.into_iter().filter(|(key, _)| naming.selects(key)) {
        let Some(value) = value else { continue };
        let name = match naming.name(key) {
            Ok(name) if is_set(key, name.as_str()) => continue,
            Ok(name) => name,
            Err(NamingError::Unsafe(name)) if is_set(key, &name) => continue,
            Err(error) => {
                errors.push(unnamed(key, &error, entry));
                continue;
            }
        };
        if let Some(other) = key_of.insert(name.clone(), key) {
            errors.push(clash(&name, other, key, &entry.subject));
            continue;
        }
        variables.push(KeyVariable { key: key.to_owned(), name, value });
    }
    (variables, errors)
}

/// Returns an error for each key of `only` and `rename` that does not exist, and for each key of `only` that is null.
fn missing_keys(members: &Members<'_>, entry: &EnvFrom) -> Vec<Problem> {
    let naming = &entry.naming;
    let members: BTreeMap<&str, &Option<SecretValue>> = members.iter().map(|(key, value)| (*key, value)).collect();
    let missing = |key: &str, list| {
        let has_no = if entry.reference.locator.is_path() { "there is no" } else { "has no key" };
        let nearest = suggest::nearest(key, members.keys().copied().filter(|key| is_quotable(key)));
        let problem = Problem::configuration(format!("{has_no} {key:?}, which `{list}` names")).code("key-not-found");
        problem.help_if(nearest.map(did_you_mean))
    };
    let only = naming.only.iter().flatten().filter_map(|key| match members.get(key.as_str()) {
        None => Some(missing(key, "only")),
        Some(None) => {
            let text = format!("{key:?}, which `only` names, is null, which counts as absent");
            Some(Problem::configuration(text).code("null"))
        }
        Some(Some(_)) => None,
    });
    let rename =
        naming.rename.keys().filter(|key| !members.contains_key(key.as_str())).map(|key| missing(key, "rename"));
    only.chain(rename).collect()
}

/// Returns the error of a key that gives no legal name, or an unsafe one.
fn unnamed(key: &str, error: &NamingError, entry: &EnvFrom) -> Problem {
    let the_key = if entry.reference.locator.is_path() { "the parameter" } else { "the key" };
    let remedy = |in_file: &str| match (&entry.subject.origin, entry.subject.reference()) {
        // An option can only have a prefix.
        (Origin::Argument(option), Some(written)) => {
            format!("write {option} PREFIX_={written}, or declare it in a file, under `env-from`: {in_file}")
        }
        (Origin::Argument(_) | Origin::Inherited | Origin::File { .. }, _) => {
            format!("{in_file}, or give a `prefix`")
        }
    };
    let (text, help) = match error {
        _ if !is_quotable(key) => (
            "a key, which is not printed since it could be a value, cannot be a variable".to_owned(),
            "check the secret, or select keys with `only` in an entry under `env-from`".to_owned(),
        ),
        NamingError::Illegal(name) => (
            format!("{the_key} {key:?} gives the name {name:?}, which is not legal ([A-Za-z_][A-Za-z0-9_]*)"),
            remedy("`rename` it, or leave it out with `except`"),
        ),
        NamingError::Unsafe(name) => {
            let nevertheless = match name == "PATH" {
                true => "PATH itself takes only `value` under `env`".to_owned(),
                false => format!("to set it nevertheless, use --env {name}=REF or `env`"),
            };
            (
                format!(
                    "{the_key} {key:?} would set {name}, which makes programs run code or misread their environment"
                ),
                format!("{}; {nevertheless}", remedy("leave it out with `only` or `except`")),
            )
        }
    };
    Problem::configuration(text).code("variable-name").help(help)
}

/// Names the entry, and the secret that was read from `region`, in a problem.
pub fn with_entry(problem: Problem, entry: &EnvFrom, region: Option<&Region>) -> Problem {
    let about = Some(About::new(&entry.reference, region, false));
    Problem { about, ..problem }.of(entry.subject.clone(), Lacks::Value)
}

/// Returns the error of two keys of one object that both give `name`.
fn clash(name: &EnvName, first: &str, second: &str, subject: &Subject) -> Problem {
    let both = format!("{:?} and {:?} both give", key_or_placeholder(first), key_or_placeholder(second));
    let name = if is_quotable(second) { format!("the variable {name}") } else { "one variable".to_owned() };
    let in_file = "`rename` one of them, or leave it out with `except`";
    let help = match subject.origin {
        Origin::Argument(_) => format!("declare it in a file, under `env-from`: {in_file}"),
        Origin::Inherited | Origin::File { .. } => in_file.to_owned(),
    };
    Problem::configuration(format!("{both} {name}")).code("same-name").help(help)
}

/// Returns the errors in the names that `env-from` entries give to the keys that they list.
pub fn naming_errors(plan: &Plan) -> Vec<Problem> {
    let mut errors = Vec::new();
    let mut claimed: HashSet<String> = HashSet::new();
    for layer in &plan.layers {
        let claims = layer.bindings.iter().flat_map(|binding| binding.target.claims());
        claimed.extend(claims.filter_map(|claim| Claim::variable(&claim).map(str::to_owned)));
        for entry in &layer.env_from {
            let is_set = |name: &str| claimed.contains(name) || plan.kept.contains(name);
            errors.extend(errors_of(entry, is_set).into_iter().map(|error| with_entry(error, entry, None)));
        }
    }
    errors
}

/// Names the keys of `only` and `rename` as if the object had them.
fn errors_of(entry: &EnvFrom, is_set: impl Fn(&str) -> bool) -> Vec<Problem> {
    let naming = &entry.naming;
    let keys: BTreeSet<&str> = naming.only.iter().flatten().chain(naming.rename.keys()).map(String::as_str).collect();
    let members: Members<'_> = keys.into_iter().map(|key| (key, Some(SecretValue::new("")))).collect();
    variables(members, entry, |_, name| is_set(name)).1
}
