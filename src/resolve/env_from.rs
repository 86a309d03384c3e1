//! `env-from`: an object's keys as variables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extract::{ExtractError, print};
use super::json::quotable_keys;
use crate::model::entry::{Naming, NamingError};
use crate::model::env_name::EnvName;
use crate::model::quoting::is_quotable;
use crate::model::secret_value::SecretValue;
use crate::model::suggest;

/// Why an object does not become variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvFromError {
    /// The secret is there, and is no object.
    Extract(ExtractError),
    /// What was found is this, and no object.
    NotAnObject(&'static str),
    /// A key that is named does not exist.
    NoKey {
        /// The key.
        key: String,
        /// Where it is named: `only` or `rename`.
        list: &'static str,
        /// An existing key that is much like it.
        nearest: Option<String>,
    },
    /// A key that `only` names is null.
    Null(String),
    /// A key that cannot, or must not, be a variable.
    Name {
        /// The key.
        key: String,
        /// Why not.
        error: NamingError,
    },
    /// Two keys that make one name.
    Clash {
        /// `the variable NAME`; `None` when a key that may not be quoted makes it.
        name: Option<String>,
        /// The keys, or what stands for those that may not be quoted; the first may be another entry's.
        keys: [String; 2],
    },
}

impl EnvFromError {
    /// Two keys that make `name`, as messages call them.
    pub fn clash(name: &EnvName, key: &str, keys: [String; 2]) -> Self {
        Self::Clash { name: is_quotable(key).then(|| format!("the variable {name}")), keys }
    }
}

/// A key, or what stands for one that may not be quoted.
pub fn shown(key: &str) -> String {
    if is_quotable(key) { key.to_owned() } else { "a key that could be a value".to_owned() }
}

/// The variables of one object, and everything that is wrong with it. What `is_settled` already is neither.
pub fn expand(
    json: &Value,
    naming: &Naming,
    is_settled: impl Fn(&str) -> bool,
) -> (Vec<(String, EnvName, SecretValue)>, Vec<EnvFromError>) {
    let Value::Object(map) = json else {
        return (Vec::new(), vec![EnvFromError::NotAnObject(super::extract::kind(json))]);
    };
    let mut errors = Vec::new();
    let missing = |key: &str, list| EnvFromError::NoKey {
        key: key.to_owned(),
        list,
        nearest: suggest::nearest(key, quotable_keys(map)).map(str::to_owned),
    };
    for key in naming.only.iter().flatten() {
        match map.get(key) {
            None => errors.push(missing(key, "only")),
            Some(Value::Null) => errors.push(EnvFromError::Null(key.clone())),
            Some(_) => {}
        }
    }
    errors.extend(naming.rename.keys().filter(|key| !map.contains_key(*key)).map(|key| missing(key, "rename")));
    let mut variables = Vec::new();
    let mut given: BTreeMap<EnvName, &str> = BTreeMap::new();
    for (key, value) in map.iter().filter(|(key, value)| naming.takes(key) && !value.is_null()) {
        let name = match naming.name(key) {
            Ok(name) if is_settled(name.as_str()) => continue,
            Ok(name) => name,
            Err(NamingError::Refused(name)) if is_settled(&name) => continue,
            Err(error) => {
                errors.push(EnvFromError::Name { key: key.clone(), error });
                continue;
            }
        };
        if let Some(other) = given.insert(name.clone(), key) {
            errors.push(EnvFromError::clash(&name, key, [shown(other), shown(key)]));
            continue;
        }
        // A null is the only value that does not print.
        if let Ok(value) = print(value) {
            variables.push((key.clone(), name, value));
        }
    }
    (variables, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_text(text: &str, naming: &Naming) -> (Vec<(String, String)>, Vec<EnvFromError>) {
        let json: Value = serde_json::from_str(text).unwrap();
        let (variables, errors) = expand(&json, naming, |_| false);
        let text = |value: SecretValue| String::from_utf8(value.expose().to_vec()).unwrap();
        (variables.into_iter().map(|(_, name, value)| (name.to_string(), text(value))).collect(), errors)
    }

    #[test]
    fn every_key_that_is_not_null_becomes_a_variable() {
        let (variables, errors) =
            expand_text(r#"{"host":"h","port":5432,"tags":["a"],"gone":null}"#, &Naming::default());
        assert_eq!(errors, []);
        let expected = [("HOST", "h"), ("PORT", "5432"), ("TAGS", r#"["a"]"#)];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn everything_wrong_with_an_object_is_told_at_once() {
        let naming = Naming {
            only: Some(["a", "A", "path", "1", "nul", "hots"].map(str::to_owned).to_vec()),
            rename: BTreeMap::from([("nope".to_owned(), "X".to_owned())]),
            ..Naming::default()
        };
        let (variables, errors) = expand_text(r#"{"a":1,"A":2,"path":"x","1":"y","nul":null,"host":"h"}"#, &naming);
        assert_eq!(variables.len(), 1);
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert!(errors.contains(&EnvFromError::Null("nul".into())));
        let nearest = Some("host".to_owned());
        assert!(errors.contains(&EnvFromError::NoKey { key: "hots".into(), list: "only", nearest }));
    }

    #[test]
    fn what_is_no_object_has_no_keys() {
        let error = EnvFromError::NotAnObject("an array");
        assert_eq!(expand_text("[1]", &Naming::default()), (Vec::new(), vec![error]));
    }
}
