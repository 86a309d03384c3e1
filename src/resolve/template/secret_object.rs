//! A secret as MiniJinja sees it: its objects and arrays as maps and lists that note each key that is not there.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value as JsonValue;

use crate::model::quoting::is_quotable;
use crate::resolve::json::Json;

/// More than a template ever has pending.
const MOST_MISSES: usize = 64;

/// The keys that one rendering did not find: MiniJinja's error for the use of an undefined value does not know them.
#[derive(Default)]
pub struct LookupMisses(Mutex<Vec<LookupMiss>>);

/// A key that does not exist or is null.
#[derive(Clone)]
pub struct LookupMiss {
    /// `None` inside what `fromjson` read.
    pub alias: Option<String>,
    /// The keys and indexes that lead there; none where one of them may not be quoted.
    pub path: Vec<String>,
}

impl LookupMisses {
    /// The latest one that was not forgiven.
    pub fn last(&self) -> Option<LookupMiss> {
        self.list().last().cloned()
    }

    /// Forgets the latest one if it gave `value`, as the template provides for it.
    pub fn forget(&self, value: &Value) {
        if value.is_undefined() {
            self.list().pop();
        }
    }

    /// `in` looks keys up as well, any number of times and of any length: what is too old, or too long to be told, is not kept.
    fn note(&self, mut miss: LookupMiss) {
        let mut list = self.list();
        if list.len() == MOST_MISSES {
            list.remove(0);
        }
        if !miss.path.iter().all(|key| is_quotable(key)) {
            miss.path.clear();
        }
        list.push(miss);
    }

    fn list(&self) -> MutexGuard<'_, Vec<LookupMiss>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A secret, or an object or array inside of one.
#[derive(Clone)]
pub struct SecretObject {
    /// `None` for what `fromjson` read.
    alias: Option<String>,
    secret: Arc<Json>,
    path: Vec<String>,
    misses: Arc<LookupMisses>,
}

impl SecretObject {
    /// A whole secret, or what `fromjson` read.
    pub fn root(alias: Option<&str>, secret: Arc<Json>, misses: &Arc<LookupMisses>) -> Value {
        let root = Self { alias: alias.map(str::to_owned), secret, path: Vec::new(), misses: misses.clone() };
        root.value(root.secret.value(), Vec::new()).unwrap_or_default()
    }

    pub fn json(&self) -> &JsonValue {
        // Only what was found became an object.
        follow(self.secret.value(), &self.path).unwrap_or(&JsonValue::Null)
    }

    /// The value of `json`, which is at `path`; nothing for null.
    fn value(&self, json: &JsonValue, path: Vec<String>) -> Option<Value> {
        Some(match json {
            JsonValue::Null => return None,
            JsonValue::Bool(value) => Value::from(*value),
            JsonValue::Number(literal) => number(literal.as_str()),
            JsonValue::String(text) => Value::from(text.as_str()),
            JsonValue::Array(_) | JsonValue::Object(_) => Value::from_object(Self { path, ..self.clone() }),
        })
    }
}

impl Object for SecretObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = match self.json() {
            JsonValue::Array(_) => key.as_usize()?.to_string(),
            _ => key.to_string(),
        };
        let path = self.path.iter().chain([&name]).cloned().collect::<Vec<_>>();
        let found = follow(self.json(), &[&name]);
        let value = found.and_then(|json| self.value(json, path.clone()));
        if value.is_none() {
            self.misses.note(LookupMiss { alias: self.alias.clone(), path });
        }
        value
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            JsonValue::Array(items) => Enumerator::Seq(items.len()),
            JsonValue::Object(map) => Enumerator::Values(map.keys().map(Value::from).collect()),
            _ => Enumerator::Empty,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Compact JSON: MiniJinja prints by `Debug` what a list of its own holds. Nothing else formats a value by `Debug`.
impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

/// The value below `json` at the end of `path`.
pub fn follow<'j>(json: &'j JsonValue, path: &[impl AsRef<str>]) -> Option<&'j JsonValue> {
    path.iter().try_fold(json, |json, key| match json {
        JsonValue::Array(items) => items.get(key.as_ref().parse::<usize>().ok()?),
        _ => json.get(key.as_ref()),
    })
}

/// A number that can be computed with if MiniJinja prints it as it is written; else its text (`1.10`, `-0`, `1e+400`).
fn number(literal: &str) -> Value {
    let integer = literal.parse::<i64>().map(Value::from).or_else(|_| literal.parse::<i128>().map(Value::from));
    let number = integer.or_else(|_| literal.parse::<f64>().map(Value::from));
    number.ok().filter(|number| number.to_string() == literal).unwrap_or_else(|| Value::from(literal))
}
