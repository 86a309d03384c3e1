//! A secret as MiniJinja sees it: its objects and arrays as maps and lists that note each key that is not there.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, Value};
use serde_json::Value as JsonValue;

use super::super::json::Json;
use super::printing::refuse;
use crate::suggest;
use crate::template::Template;

/// The number of bytes that one rendering may read out of secrets and build with filters. A secret is at most 64 KiB, but a
/// list repeated by `*` gives its items any number of times.
const MAX_WORK: usize = 64 << 20;
/// The work of one lookup besides its text, as bytes.
const LOOKUP_WORK: usize = 128;

/// What one rendering may still read, and what it missed.
pub(super) struct Access {
    template: Template,
    work: AtomicUsize,
    misses: Mutex<Vec<Miss>>,
    is_in_filter: AtomicBool,
}

/// A key that does not exist or is null.
#[derive(Clone)]
pub(super) struct Miss {
    pub(super) alias: Option<String>,
    /// The path, if it may be named.
    pub(super) key: Option<String>,
    pub(super) nearest: Option<String>,
}

impl Access {
    pub(super) fn new(template: Template) -> Self {
        let (work, misses) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        Self { template, work, misses, is_in_filter: AtomicBool::new(false) }
    }

    /// The latest key that was missed and not forgiven. MiniJinja's error for its use does not know it.
    pub(super) fn last_miss(&self) -> Option<Miss> {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// Forgets the latest miss, as the template provides for it.
    pub(super) fn forgive(&self) {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).pop();
    }

    /// Runs a filter: the keys that it looks up come from its arguments, so they are not named.
    pub(super) fn within_filter<T>(&self, filter: impl FnOnce() -> T) -> T {
        let outer = self.is_in_filter.swap(true, Ordering::Relaxed);
        let result = filter();
        self.is_in_filter.store(outer, Ordering::Relaxed);
        result
    }

    /// Counts bytes that are read or built, and fails once they are too many.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Error> {
        let spent = self.work.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if spent > MAX_WORK { Err(refuse("the template reads and builds more than 64 MiB")) } else { Ok(()) }
    }

    fn note(&self, miss: Miss) {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).push(miss);
    }
}

/// A secret, or an object or array inside of one.
pub(super) struct SecretObject {
    /// `None` for what `fromjson` read.
    alias: Option<String>,
    secret: Arc<Json>,
    path: Vec<String>,
    access: Arc<Access>,
}

impl SecretObject {
    /// A whole secret, or what `fromjson` read.
    pub(super) fn root(alias: Option<&str>, secret: Arc<Json>, access: &Arc<Access>) -> Value {
        let root = Self { alias: alias.map(str::to_owned), secret, path: Vec::new(), access: access.clone() };
        root.value(root.secret.value(), Vec::new()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> &JsonValue {
        // Only what was found became an object.
        follow(self.secret.value(), &self.path).unwrap_or(&JsonValue::Null)
    }

    /// The value of `json`, which is at `path`; nothing for null.
    fn value(&self, json: &JsonValue, path: Vec<String>) -> Option<Value> {
        Some(match json {
            JsonValue::Null => return None,
            JsonValue::Bool(value) => Value::from(*value),
            JsonValue::Number(number) => self::number(number.as_str()),
            JsonValue::String(text) => Value::from(text.as_str()),
            JsonValue::Array(_) | JsonValue::Object(_) => Value::from_object(Self {
                alias: self.alias.clone(),
                secret: self.secret.clone(),
                path,
                access: self.access.clone(),
            }),
        })
    }

    fn note_miss(&self, key: &str, is_null: bool, path: &[String]) {
        let written = self.alias.iter().chain(path).cloned().collect::<Vec<_>>();
        let is_in_filter = self.access.is_in_filter.load(Ordering::Relaxed);
        let may_be_named = self.alias.is_some() && !is_in_filter && self.access.template.spells_out(&written);
        let nearest = match self.json() {
            JsonValue::Object(map) if may_be_named && !is_null => suggest::nearest(key, map.keys().map(String::as_str)),
            _ => None,
        };
        self.access.note(Miss {
            alias: self.alias.clone(),
            key: may_be_named.then(|| path.join(".")),
            nearest: nearest.map(str::to_owned),
        });
    }
}

impl Object for SecretObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.to_string();
        let found = match self.json() {
            JsonValue::Array(items) => items.get(key.as_usize()?),
            JsonValue::Object(map) => map.get(&name),
            JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => None,
        };
        let path = self.path.iter().chain([&name]).cloned().collect::<Vec<_>>();
        let length = found.and_then(JsonValue::as_str).map_or(0, str::len);
        if let Err(error) = self.access.spend(length + LOOKUP_WORK) {
            return Some(Value::from(error));
        }
        if found.is_none_or(JsonValue::is_null) {
            self.note_miss(&name, found.is_some(), &path);
        }
        self.value(found?, path)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if self.access.spend(LOOKUP_WORK).is_err() {
            // Ends what iterates without looking at errors: the text of a list repeated by `*`.
            return Enumerator::Empty;
        }
        match self.json() {
            JsonValue::Array(items) => Enumerator::Seq(items.len()),
            JsonValue::Object(map) => Enumerator::Values(map.keys().map(Value::from).collect()),
            JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => Enumerator::Empty,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Compact JSON: MiniJinja prints by `Debug` what a list of its own holds. Nothing else formats a value by `Debug`.
impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.access.spend(LOOKUP_WORK).is_err() {
            // An error here would make `to_string` panic. The rendering ends with that of `spend`.
            return Ok(());
        }
        let text = self.json().to_string();
        self.access.spend(text.len()).map_or(Ok(()), |()| f.write_str(&text))
    }
}

/// The value below `json` at the end of `path`.
pub(super) fn follow<'j>(json: &'j JsonValue, path: &[String]) -> Option<&'j JsonValue> {
    path.iter().try_fold(json, |json, key| match json {
        JsonValue::Object(map) => map.get(key),
        JsonValue::Array(items) => items.get(key.parse::<usize>().ok()?),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => None,
    })
}

/// A number that can be computed with if MiniJinja prints it as it is written; else its text (`1.10`, `-0`, `1e+400`).
fn number(literal: &str) -> Value {
    let integer = literal.parse::<i64>().map(Value::from).or_else(|_| literal.parse::<i128>().map(Value::from));
    let number = integer.or_else(|_| literal.parse::<f64>().map(Value::from));
    number.ok().filter(|number| number.to_string() == literal).unwrap_or_else(|| Value::from(literal))
}
