//! Exposes a secret to MiniJinja: its objects and arrays as maps and lists that record each failed lookup.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value as JsonValue;

use crate::model::quoting::is_quotable;
use crate::resolve::json::Json;

/// The number of recorded lookups. Only the latest one that was not forgotten is ever reported.
const MAX_MISSES: usize = 64;

/// The failed lookups of one rendering. MiniJinja's error for an undefined value does not name the key.
#[derive(Default)]
pub struct LookupMisses(Mutex<Vec<LookupMiss>>);

/// The lookup of a key that does not exist or is null.
#[derive(Clone)]
pub struct LookupMiss {
    /// `None` for a value from `fromjson`.
    pub alias: Option<String>,
    /// The keys and indexes from the root to the key; empty if one of them may not be quoted.
    pub path: Vec<String>,
}

impl LookupMisses {
    /// Returns the latest lookup that was not forgotten.
    pub fn last(&self) -> Option<LookupMiss> {
        self.list().last().cloned()
    }

    /// Forgets the latest lookup if `value` is its undefined result: `default` or `is defined` handled it.
    pub fn forget(&self, value: &Value) {
        if value.is_undefined() {
            self.list().pop();
        }
    }

    /// Records a lookup, without its path if that may not be quoted. The number is bounded, since `in` in a loop looks
    /// up any number of keys.
    fn record(&self, mut miss: LookupMiss) {
        let mut list = self.list();
        if list.len() == MAX_MISSES {
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

/// An object or array of a secret; the secret itself if `path` is empty.
#[derive(Clone)]
pub struct SecretObject {
    /// `None` for a value from `fromjson`.
    alias: Option<String>,
    secret: Arc<Json>,
    path: Vec<String>,
    misses: Arc<LookupMisses>,
}

impl SecretObject {
    /// Returns the value of a whole secret, or of a text that `fromjson` parsed if `alias` is `None`.
    pub fn root(alias: Option<&str>, secret: Arc<Json>, misses: &Arc<LookupMisses>) -> Value {
        let root = Self { alias: alias.map(str::to_owned), secret, path: Vec::new(), misses: misses.clone() };
        root.value(root.secret.value(), Vec::new()).unwrap_or_default()
    }

    pub fn json(&self) -> &JsonValue {
        // `path` was found when this object was made, so the default is never used.
        follow(self.secret.value(), &self.path).unwrap_or(&JsonValue::Null)
    }

    /// Returns the value of `json`, which is at `path`; `None` for null.
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
            self.misses.record(LookupMiss { alias: self.alias.clone(), path });
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

/// Formats compact JSON, since MiniJinja prints the items of its own lists with `Debug`. Nothing else formats a value
/// with `Debug`.
impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

/// Returns the value at `path`, a sequence of keys and indexes from `json`.
pub fn follow<'j>(json: &'j JsonValue, path: &[impl AsRef<str>]) -> Option<&'j JsonValue> {
    path.iter().try_fold(json, |json, key| match json {
        JsonValue::Array(items) => items.get(key.as_ref().parse::<usize>().ok()?),
        _ => json.get(key.as_ref()),
    })
}

/// Returns a number if MiniJinja prints it with the same literal, else the literal as text (`1.10`, `-0`, `1e+400`).
fn number(literal: &str) -> Value {
    let integer = literal.parse::<i64>().map(Value::from).or_else(|_| literal.parse::<i128>().map(Value::from));
    let number = integer.or_else(|_| literal.parse::<f64>().map(Value::from));
    number.ok().filter(|number| number.to_string() == literal).unwrap_or_else(|| Value::from(literal))
}
