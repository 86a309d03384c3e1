//! Turns the keys of a JSON object, or the parameters below a path, into environment variables, as `env-from` asks for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extract::{ExtractError, kind, print};
use crate::model::answer::Document;
use crate::model::entry::{Naming, NamingError};
use crate::model::env_name::EnvName;
use crate::model::quoting::is_quotable;
use crate::model::secret_value::SecretValue;
use crate::model::suggest;

/// The reason that an object, or one of its keys, does not become variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvFromError {
    /// The selector finds nothing.
    Extract(ExtractError),
    /// The selector finds this kind of JSON instead of an object.
    NotAnObject(&'static str),
    /// A key of `only` or `rename` does not exist.
    NoKey {
        key: String,
        /// `only` or `rename`.
        list: &'static str,
        /// The most similar key that exists.
        nearest: Option<String>,
    },
    /// A key of `only` is null.
    Null(String),
    /// A key that gives no legal name, or an unsafe one.
    Name { key: String, error: NamingError },
    /// Two keys that set one variable.
    Clash {
        /// `the variable NAME`; `None` if a key that may not be quoted gives the name.
        name: Option<String>,
        /// The keys, each from [`key_or_placeholder`]. The first may be another object's.
        keys: [String; 2],
    },
}

impl EnvFromError {
    /// Returns the error for `keys` that both set `name`. `key` is the one that the name is derived from.
    pub fn clash(name: &EnvName, key: &str, keys: [String; 2]) -> Self {
        Self::Clash { name: is_quotable(key).then(|| format!("the variable {name}")), keys }
    }
}

/// Returns the key, or a text in its place if it may not be quoted.
pub fn key_or_placeholder(key: &str) -> String {
    if is_quotable(key) { key.to_owned() } else { "a key that could be a value".to_owned() }
}

/// The value under a key: JSON, or the parameter whose name below the path is the key.
#[derive(Clone, Copy)]
pub enum Member<'a> {
    Json(&'a Value),
    Parameter(&'a Document),
}

impl Member<'_> {
    fn is_null(self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }

    /// The text that the variable gets; `None` for null.
    fn text(self) -> Option<SecretValue> {
        match self {
            Self::Json(value) => print(value).ok(),
            Self::Parameter(document) => Some(SecretValue::new(document.body.expose())),
        }
    }
}

/// The members of an object or of a path, in order, each key once.
pub type Members<'a> = Vec<(&'a str, Member<'a>)>;

/// Returns the members of an object.
///
/// # Errors
/// For JSON that is no object.
pub fn keys(json: &Value) -> Result<Members<'_>, EnvFromError> {
    match json {
        Value::Object(map) => Ok(map.iter().map(|(key, value)| (key.as_str(), Member::Json(value))).collect()),
        other => Err(EnvFromError::NotAnObject(kind(other))),
    }
}

/// Returns the members of a path.
pub fn parameters(document: &Document) -> Members<'_> {
    document.parameters.iter().map(|(name, parameter)| (name.as_str(), Member::Parameter(parameter))).collect()
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
    members: &Members<'_>,
    naming: &Naming,
    mut is_set: impl FnMut(&str, &str) -> bool,
) -> (Vec<KeyVariable>, Vec<EnvFromError>) {
    let mut errors = missing_keys(members, naming);
    let mut variables = Vec::new();
    let mut key_of: BTreeMap<EnvName, &str> = BTreeMap::new();
    for &(key, member) in members.iter().filter(|(key, member)| naming.selects(key) && !member.is_null()) {
        let name = match naming.name(key) {
            Ok(name) if is_set(key, name.as_str()) => continue,
            Ok(name) => name,
            Err(NamingError::Unsafe(name)) if is_set(key, &name) => continue,
            Err(error) => {
                errors.push(EnvFromError::Name { key: key.to_owned(), error });
                continue;
            }
        };
        if let Some(other) = key_of.insert(name.clone(), key) {
            let keys = [key_or_placeholder(other), key_or_placeholder(key)];
            errors.push(EnvFromError::clash(&name, key, keys));
            continue;
        }
        // Only null has no text, and nulls are filtered out above.
        variables.extend(member.text().map(|value| KeyVariable { key: key.to_owned(), name, value }));
    }
    (variables, errors)
}

/// Returns an error for each key of `only` and `rename` that does not exist, and for each key of `only` that is null.
fn missing_keys(members: &Members<'_>, naming: &Naming) -> Vec<EnvFromError> {
    let members: BTreeMap<&str, Member<'_>> = members.iter().copied().collect();
    let quotable = || members.keys().copied().filter(|key| is_quotable(key));
    let missing = |key: &str, list| EnvFromError::NoKey {
        key: key.to_owned(),
        list,
        nearest: suggest::nearest(key, quotable()).map(str::to_owned),
    };
    let only = naming.only.iter().flatten().filter_map(|key| match members.get(key.as_str()) {
        None => Some(missing(key, "only")),
        Some(member) if member.is_null() => Some(EnvFromError::Null(key.clone())),
        Some(_) => None,
    });
    let rename =
        naming.rename.keys().filter(|key| !members.contains_key(key.as_str())).map(|key| missing(key, "rename"));
    only.chain(rename).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables_of(text: &str, naming: &Naming) -> (Vec<(String, String)>, Vec<EnvFromError>) {
        let json: Value = serde_json::from_str(text).unwrap();
        let (variables, errors) = variables(&keys(&json).unwrap(), naming, |_, _| false);
        let text = |value: SecretValue| String::from_utf8(value.expose().to_vec()).unwrap();
        (variables.into_iter().map(|variable| (variable.name.to_string(), text(variable.value))).collect(), errors)
    }

    #[test]
    fn every_key_that_is_not_null_becomes_a_variable() {
        let (variables, errors) =
            variables_of(r#"{"host":"h","port":5432,"tags":["a"],"gone":null}"#, &Naming::default());
        assert_eq!(errors, []);
        let expected = [("HOST", "h"), ("PORT", "5432"), ("TAGS", r#"["a"]"#)];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn every_error_of_an_object_is_reported_at_once() {
        let naming = Naming {
            only: Some(["a", "A", "path", "1", "nul", "hots"].map(str::to_owned).to_vec()),
            rename: BTreeMap::from([("nope".to_owned(), "X".to_owned())]),
            ..Naming::default()
        };
        let (variables, errors) = variables_of(r#"{"a":1,"A":2,"path":"x","1":"y","nul":null,"host":"h"}"#, &naming);
        assert_eq!(variables.len(), 1);
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert!(errors.contains(&EnvFromError::Null("nul".into())));
        let nearest = Some("host".to_owned());
        assert!(errors.contains(&EnvFromError::NoKey { key: "hots".into(), list: "only", nearest }));
    }

    #[test]
    fn an_array_has_no_keys() {
        assert_eq!(keys(&serde_json::json!([1])).err(), Some(EnvFromError::NotAnObject("an array")));
    }

    #[test]
    fn a_parameter_below_a_path_is_named_by_the_rest_of_its_name() {
        let document = |text: &str| Document::new(SecretValue::new(text));
        let found = vec![("db/pass-word".to_owned(), document("p")), ("log".to_owned(), document("null"))];
        let path = Document { parameters: found, ..document("") };
        let naming = Naming { rename: BTreeMap::from([("log".to_owned(), "Level".to_owned())]), ..Naming::default() };
        let (variables, errors) = variables(&parameters(&path), &naming, |_, _| false);
        assert_eq!(errors, []);
        let names: Vec<_> = variables.iter().map(|variable| (variable.key.as_str(), variable.name.as_str())).collect();
        assert_eq!(names, [("db/pass-word", "DB_PASS_WORD"), ("log", "Level")]);
        assert_eq!(variables[1].value.expose(), b"null");
    }
}
