//! How a template sees a secret: its objects and arrays as MiniJinja's maps and lists, its numbers as they were written.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value as JsonValue;

use super::super::json::Json;
use crate::suggest;

/// A secret, or what `fromjson` read.
pub(super) struct Source {
    pub(super) alias: Option<String>,
    pub(super) json: Arc<Json>,
    pub(super) misses: Arc<Misses>,
}

/// An object or an array within a source.
pub(super) struct Node {
    source: Arc<Source>,
    path: Vec<String>,
}

/// A number that MiniJinja's own would print in another way: `1.10`, `-0`, `1e+400`.
pub(super) struct Literal(String);

/// What a template looked for in vain. MiniJinja's error for using it does not know what it was.
pub(super) struct Misses {
    /// Keys that the template itself writes. Any other is computed from a secret, so it is not told.
    written: BTreeSet<String>,
    last: Mutex<Option<Miss>>,
}

/// A key that is not there.
#[derive(Clone)]
pub(super) struct Miss {
    pub(super) alias: Option<String>,
    pub(super) key: String,
    pub(super) nearest: Option<String>,
}

impl Misses {
    pub(super) fn new(written: BTreeSet<String>) -> Self {
        Self { written, last: Mutex::new(None) }
    }

    /// What the latest undefined value is, when it is a key that a secret does not have.
    pub(super) fn last(&self) -> Option<Miss> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what the latest undefined value is: a key, or something of the template's own.
    pub(super) fn note(&self, miss: Option<Miss>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = miss;
    }
}

/// The whole of a source, as a template sees it.
pub(super) fn root(source: Source) -> Value {
    let source = Arc::new(source);
    value(&source, Vec::new(), source.json.value()).unwrap_or_default()
}

/// The value below `json` at the end of `path`.
pub(super) fn follow<'j>(json: &'j JsonValue, path: &[String]) -> Option<&'j JsonValue> {
    path.iter().try_fold(json, |json, key| match json {
        JsonValue::Object(map) => map.get(key),
        JsonValue::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => None,
    })
}

/// A null is undefined.
fn value(source: &Arc<Source>, path: Vec<String>, json: &JsonValue) -> Option<Value> {
    Some(match json {
        JsonValue::Null => return None,
        JsonValue::Bool(value) => Value::from(*value),
        JsonValue::Number(number) => self::number(number.as_str()),
        JsonValue::String(text) => Value::from(text.as_str()),
        JsonValue::Array(_) | JsonValue::Object(_) => Value::from_object(Node { source: source.clone(), path }),
    })
}

/// A number that can be calculated with, if that loses nothing of how it is written.
fn number(literal: &str) -> Value {
    let integer = literal.parse::<i64>().map(Value::from).or_else(|_| literal.parse::<i128>().map(Value::from));
    let native = integer.ok().or_else(|| literal.parse::<f64>().ok().map(Value::from));
    native
        .filter(|native| native.to_string() == literal)
        .unwrap_or_else(|| Value::from_object(Literal(literal.to_owned())))
}

impl Node {
    pub(super) fn json(&self) -> &JsonValue {
        // Only what was found became a node.
        follow(self.source.json.value(), &self.path).unwrap_or(&JsonValue::Null)
    }

    fn miss(&self, key: &str, exists: bool) {
        let misses = &self.source.misses;
        let may_be_told = exists || misses.written.contains(key);
        let nearest = match self.json() {
            JsonValue::Object(map) if may_be_told && !exists => {
                suggest::nearest(key, map.keys().map(String::as_str)).map(str::to_owned)
            }
            _ => None,
        };
        let keys = self.path.iter().map(String::as_str).chain([if may_be_told { key } else { "…" }]);
        let key = keys.collect::<Vec<_>>().join(".");
        misses.note(Some(Miss { alias: self.source.alias.clone(), key, nearest }));
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.to_string();
        let found = follow(self.json(), std::slice::from_ref(&key));
        let value = found.and_then(|json| {
            let path = self.path.iter().chain([&key]).cloned().collect();
            value(&self.source, path, json)
        });
        if value.is_none() {
            self.miss(&key, found.is_some());
        }
        value
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            JsonValue::Array(items) => Enumerator::Seq(items.len()),
            JsonValue::Object(map) => Enumerator::Values(map.keys().map(Value::from).collect()),
            JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => Enumerator::Empty,
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        if self.json() == other.json() {
            return Some(Ordering::Equal);
        }
        Some(self.json().to_string().cmp(&other.json().to_string()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

impl Literal {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_integer(&self) -> bool {
        !self.0.contains(['.', 'e', 'E'])
    }

    /// The number that is nearest.
    pub(super) fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

impl Object for Literal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.to_f64() != 0.0
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(self.to_f64().total_cmp(&other.to_f64()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node(redacted)")
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Literal(redacted)")
    }
}
