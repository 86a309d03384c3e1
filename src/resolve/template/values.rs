//! Exposes a secret to MiniJinja, and prints values: text as it is, anything else as compact JSON. docs/reference.md,
//! "Composed values", defines the format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as JsonValue;

use crate::resolve::extract::Json;

/// Advice for a name that [`Names`] doesn't have.
const UNREAD_NAME_HELP: &str =
    "to use a part of a value, give it a name first: {% set x = db.host %}{{ x[:3] }}";

/// The levels of a value that is printed: itself and 127 lists and maps around it, as many as serde_json reads.
const DEEPEST: usize = 128;

/// The names of a template: the aliases, `env`, and MiniJinja's functions.
///
/// Any other name is an error rather than an undefined value, which `default` would replace: it may be an alias that
/// `undeclared_variables` overlooks, so that its secret was not read.
#[derive(Debug)]
pub struct Names(pub BTreeMap<String, Value>);

impl Object for Names {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        match self.0.get(name.as_str()?) {
            Some(value) => Some(value.clone()),
            None => Some(Value::from(own_error(
                format!("{name} cannot be used here"),
                Some(UNREAD_NAME_HELP),
            ))),
        }
    }
}

/// The last lookup of a key that does not exist or is null.
///
/// MiniJinja's error for an undefined value doesn't name the key. Since the template is strict, it fails where such a value is used, so the
/// last lookup is the one that failed. Without any, the error has another reason.
#[derive(Default)]
pub struct LastMiss(Mutex<Option<Miss>>);

impl LastMiss {
    fn set(&self, miss: Miss) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(miss);
    }

    pub fn take(&self) -> Option<Miss> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The lookup of a key that does not exist or is null.
pub struct Miss {
    /// `None` for a value from `fromjson`.
    pub alias: Option<String>,
    /// The keys and indexes from the root to the key.
    pub path: Vec<String>,
}

/// An object or array of a secret; the secret itself if `path` is empty.
#[derive(Clone)]
pub struct SecretObject {
    /// `None` for a value from `fromjson`.
    alias: Option<String>,
    secret: Arc<Json>,
    path: Vec<String>,
    last_miss: Arc<LastMiss>,
}

impl SecretObject {
    /// Returns the value of a whole secret, or of a text that `fromjson` parsed if `alias` is `None`.
    pub fn root(alias: Option<&str>, secret: Arc<Json>, last_miss: &Arc<LastMiss>) -> Value {
        let alias = alias.map(str::to_owned);
        let root = Self {
            alias,
            secret,
            path: Vec::new(),
            last_miss: last_miss.clone(),
        };
        root.value(root.secret.value(), Vec::new())
            .unwrap_or_default()
    }

    fn json(&self) -> &JsonValue {
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
            JsonValue::Array(_) | JsonValue::Object(_) => Value::from_object(Self {
                path,
                ..self.clone()
            }),
        })
    }
}

impl Object for SecretObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() {
            ObjectRepr::Seq
        } else {
            ObjectRepr::Map
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = match self.json() {
            JsonValue::Array(_) => key.as_usize()?.to_string(),
            _ => key.to_string(),
        };
        let path = self.path.iter().chain([&name]).cloned().collect::<Vec<_>>();
        let value = follow(self.json(), &[&name]).and_then(|json| self.value(json, path.clone()));
        if value.is_none() {
            self.last_miss.set(Miss {
                alias: self.alias.clone(),
                path,
            });
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

/// Stands for a secret that is not read yet, and for every key of it: a list of one text.
#[derive(Debug)]
pub struct UnreadSecret;

impl Object for UnreadSecret {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_object(Self))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(vec![Value::from("")])
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
    let integer = literal
        .parse::<i64>()
        .map(Value::from)
        .or_else(|_| literal.parse::<i128>().map(Value::from));
    let number = integer.or_else(|_| literal.parse::<f64>().map(Value::from));
    number
        .ok()
        .filter(|number| number.to_string() == literal)
        .unwrap_or_else(|| Value::from(literal))
}

/// Returns the text of a value: a string's characters, a number's literal, `true` or `false`, else compact JSON.
///
/// # Errors
/// `UndefinedError` for undefined and none, and those of [`json`].
pub fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Undefined | ValueKind::None) => Err(ErrorKind::UndefinedError.into()),
        (None, _) => json(value).map(Cow::from),
    }
}

/// Returns a value as compact JSON. A secret's objects and arrays keep the order of their keys and the literals of
/// their numbers.
///
/// # Errors
/// `UndefinedError` for an undefined item, and [`OwnError`] for a value without JSON (a function).
pub fn json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    write_json(&mut text, value, DEEPEST)?;
    Ok(text)
}

/// Writes a value of at most `depth` levels.
fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(own_error("a value is nested too deeply", None));
    };
    match (value.downcast_object_ref::<SecretObject>(), value.kind()) {
        (Some(secret), _) => write!(out, "{}", secret.json())?,
        (None, ValueKind::Undefined) => return Err(ErrorKind::UndefinedError.into()),
        (None, ValueKind::None) => out.push_str("null"),
        (None, ValueKind::Bool) => out.push_str(if value.is_true() { "true" } else { "false" }),
        (None, ValueKind::Number) => write!(out, "{value}")?,
        (None, ValueKind::String) => write!(
            out,
            "{}",
            JsonValue::from(value.as_str().unwrap_or_default())
        )?,
        (None, ValueKind::Seq | ValueKind::Iterable) => {
            out.push('[');
            for (at, item) in value.try_iter()?.checked().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_json(out, &item?, depth)?;
            }
            out.push(']');
        }
        (None, ValueKind::Map) => {
            out.push('{');
            let pairs = value.as_object().and_then(|map| map.try_iter_pairs());
            for (at, (key, item)) in pairs.into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write!(out, "{}:", JsonValue::from(&*text(&key)?))?;
                write_json(out, &item, depth)?;
            }
            out.push('}');
        }
        (None, _) => {
            return Err(own_error("a function cannot be printed", None));
        }
    }
    Ok(())
}

/// An error of ours within MiniJinja's. Its text is reported as it is, so it must not hold a value.
#[derive(Debug)]
pub struct OwnError {
    pub text: String,
    pub help: Option<&'static str>,
}

impl OwnError {
    /// Returns the error of ours that caused an error of MiniJinja, or `None` if it has another cause.
    pub fn cause_of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for OwnError {}

/// Returns MiniJinja's error for an [`OwnError`].
pub fn own_error(text: impl Into<String>, help: Option<&'static str>) -> Error {
    let text = text.into();
    Error::from(ErrorKind::InvalidOperation).with_source(OwnError { text, help })
}
