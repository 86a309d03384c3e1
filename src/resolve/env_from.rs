//! Turns the keys of a JSON object into environment variables, as `env-from` asks for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::extract::{ExtractError, kind, print};
use super::json::quotable_keys;
use crate::model::entry::{Naming, NamingError};
use crate::model::env_name::EnvName;
use crate::model::quoting::is_quotable;
use crate::model::secret_value::SecretValue;
use crate::model::suggest::Suggestions;

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

/// A key of an object and the variable that it becomes.
pub struct KeyVariable {
    pub key: String,
    pub name: EnvName,
    pub value: SecretValue,
}

/// Returns the variables of an object, and every error in it. A key whose variable `is_set` already is skipped
/// silently.
pub fn variables(
    json: &Value,
    naming: &Naming,
    suggestions: &Suggestions,
    is_set: impl Fn(&str) -> bool,
) -> (Vec<KeyVariable>, Vec<EnvFromError>) {
    let Value::Object(map) = json else {
        return (Vec::new(), vec![EnvFromError::NotAnObject(kind(json))]);
    };
    let mut errors = missing_keys(map, naming, suggestions);
    let mut variables = Vec::new();
    let mut key_of: BTreeMap<EnvName, &str> = BTreeMap::new();
    for (key, value) in map.iter().filter(|(key, value)| naming.selects(key) && !value.is_null()) {
        let name = match naming.name(key) {
            Ok(name) if is_set(name.as_str()) => continue,
            Ok(name) => name,
            Err(NamingError::Unsafe(name)) if is_set(&name) => continue,
            Err(error) => {
                errors.push(EnvFromError::Name { key: key.clone(), error });
                continue;
            }
        };
        if let Some(other) = key_of.insert(name.clone(), key) {
            let keys = [key_or_placeholder(other), key_or_placeholder(key)];
            errors.push(EnvFromError::clash(&name, key, keys));
            continue;
        }
        // Only null has no text, and nulls are filtered out above.
        if let Ok(value) = print(value) {
            variables.push(KeyVariable { key: key.clone(), name, value });
        }
    }
    (variables, errors)
}

/// Returns an error for each key of `only` and `rename` that does not exist, and for each key of `only` that is null.
fn missing_keys(map: &Map<String, Value>, naming: &Naming, suggestions: &Suggestions) -> Vec<EnvFromError> {
    let missing = |key: &str, list| EnvFromError::NoKey {
        key: key.to_owned(),
        list,
        nearest: suggestions.nearest(key, quotable_keys(map)).map(str::to_owned),
    };
    let only = naming.only.iter().flatten().filter_map(|key| match map.get(key) {
        None => Some(missing(key, "only")),
        Some(Value::Null) => Some(EnvFromError::Null(key.clone())),
        Some(_) => None,
    });
    let rename = naming.rename.keys().filter(|key| !map.contains_key(*key)).map(|key| missing(key, "rename"));
    only.chain(rename).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables_of(text: &str, naming: &Naming) -> (Vec<(String, String)>, Vec<EnvFromError>) {
        let json: Value = serde_json::from_str(text).unwrap();
        let (variables, errors) = variables(&json, naming, &Suggestions::default(), |_| false);
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
        let error = EnvFromError::NotAnObject("an array");
        assert_eq!(variables_of("[1]", &Naming::default()), (Vec::new(), vec![error]));
    }
}
