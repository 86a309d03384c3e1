//! Lets MiniJinja read a secret, prints values, and adds filters.
//!
//! Text is printed without any change, and anything else as compact JSON. Some of the filters are
//! new: MiniJinja doesn't have them, or has them only with features that aren't enabled. The others
//! replace MiniJinja's own ([`add_strict_filters`] says why), as does the test `divisibleby`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};
use serde_json::Value as JsonValue;

use crate::model::answer::SecretValue;
use crate::model::fault::Fault;
use crate::model::remark::Remark;
use crate::model::url::percent_encode;
use crate::resolve::extract::Json;

/// The maximum nesting of a value that is printed: the value itself and 127 lists and maps around
/// it. This is also serde_json's limit.
const DEEPEST: usize = 128;

/// The names that a template can use: its aliases, `env`, and MiniJinja's functions.
///
/// Looking up any other name is an error. If the name were only undefined, Jinja's `default` would
/// replace it. But the name may be an alias that MiniJinja's `undeclared_variables` has missed, so
/// that the secret of the alias wasn't read.
#[derive(Debug)]
pub struct Names(pub BTreeMap<Arc<str>, Value>);

impl Object for Names {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        if let Some(value) = self.0.get(name.as_str()?) {
            return Some(value.clone());
        }
        // `undeclared_variables` misses a name that is only used in a slice, so the help is about
        // slices. A value made from an error fails with this error as soon as it is used.
        let help = "give the value a name first: {% set NAME = … %}";
        Some(own_error(Fault::new(format!("{name} can't be used here")).help(help)).into())
    }
}

/// The lookups of one rendering whose keys don't exist or are null, and the remarks on the texts
/// that it printed.
#[derive(Default)]
pub(super) struct Misses {
    lookups: Mutex<Vec<FailedLookup>>,
    remarks: Mutex<BTreeSet<Remark>>,
    /// The undefined value that [`super::MARK`] creates.
    mark: OnceLock<Value>,
    /// The index in `lookups` of the failed lookup that returns `mark`.
    marked: Option<usize>,
}

impl Misses {
    pub fn with_mark_at(index: usize) -> Arc<Self> {
        Arc::new(Self {
            marked: Some(index),
            ..Self::default()
        })
    }

    /// Notes what is odd about a text that a `{{ … }}` prints.
    pub(super) fn note_printed(&self, text: &str) {
        let found = Remark::about_printed(text);
        if !found.is_empty() {
            let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
            remarks.extend(found);
        }
    }

    pub(super) fn take_remarks(&self) -> BTreeSet<Remark> {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *remarks)
    }

    pub fn take(&self) -> Vec<FailedLookup> {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *lookups)
    }

    /// Adds a failed lookup to the list. Returns its value for the template: the mark, or `None`
    /// for an undefined value like any other.
    fn add(&self, lookup: FailedLookup) -> Option<Value> {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let index = lookups.len();
        lookups.push(lookup);
        if self.marked == Some(index) {
            self.mark.get().cloned()
        } else {
            None
        }
    }
}

/// A lookup of a key that doesn't exist or is null.
pub(super) struct FailedLookup {
    /// The alias of the secret. `None` for a value that `fromjson` has parsed.
    pub alias: Option<Arc<str>>,
    /// The keys and indexes from the root of the secret to the key.
    pub path: Vec<String>,
    /// True for an index past the end of a list, which is a mistake in the template, not an absent
    /// key.
    pub(super) is_past_end: bool,
}

/// An object or array in a secret or in a result of `fromjson`. With an empty path, it is the whole
/// value.
#[derive(Clone)]
pub(super) struct SecretObject {
    /// The same as [`FailedLookup::alias`].
    alias: Option<Arc<str>>,
    secret: Arc<Json>,
    path: Vec<String>,
    misses: Arc<Misses>,
}

impl SecretObject {
    /// The value of a whole secret or, without an alias, of text that `fromjson` has parsed. A null
    /// is undefined.
    pub fn root(alias: Option<Arc<str>>, secret: Arc<Json>, misses: &Arc<Misses>) -> Value {
        let root = Self {
            alias,
            secret,
            path: Vec::new(),
            misses: misses.clone(),
        };
        root.value(root.secret.value(), Vec::new())
            .unwrap_or_default()
    }

    fn json(&self) -> &JsonValue {
        // The path existed when this object was made, so the default is never used.
        value_at(self.secret.value(), &self.path).unwrap_or(&JsonValue::Null)
    }

    /// Turns `json`, which is at `path`, into a MiniJinja value. The result is `None` for null,
    /// which Jinja sees as undefined.
    fn value(&self, json: &JsonValue, path: Vec<String>) -> Option<Value> {
        Some(match json {
            JsonValue::Null => return None,
            JsonValue::Bool(value) => Value::from(*value),
            JsonValue::Number(literal) => number_as_written(literal.as_str()),
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

    /// Looks up a key of an object or an index of an array. If the value doesn't exist or is null,
    /// the lookup has failed ([`Misses::add`]).
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = match self.json() {
            // In an array, only an index can be missing. Any other key is a mistake in the
            // template, so it isn't noted as missing.
            JsonValue::Array(_) => key.as_usize()?.to_string(),
            _ => key.to_string(),
        };
        let path: Vec<String> = self.path.iter().chain([&name]).cloned().collect();
        let found = value_at(self.json(), &[&name]);
        if let Some(json) = found
            && let Some(value) = self.value(json, path.clone())
        {
            return Some(value);
        }
        self.misses.add(FailedLookup {
            alias: self.alias.clone(),
            path,
            is_past_end: self.json().is_array() && found.is_none(),
        })
    }

    /// The items or keys for a loop. Keys whose value is null are skipped, as in `env-from`.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            JsonValue::Array(items) => Enumerator::Seq(items.len()),
            JsonValue::Object(map) => {
                let keys = map
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, _)| Value::from(key))
                    .collect();
                Enumerator::Values(keys)
            }
            _ => Enumerator::Empty,
        }
    }

    /// Writes compact JSON, as `Debug` does. MiniJinja calls this for `"x" ~ db`.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Writes compact JSON, because MiniJinja uses `Debug` for the items of its own lists, and for
/// `pprint`.
impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

/// A placeholder for an unread secret and each of its keys: a list of one empty string, so that
/// loops run.
#[derive(Debug)]
pub(super) struct UnreadSecret;

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

pub(super) fn value_at<'j>(json: &'j JsonValue, path: &[impl AsRef<str>]) -> Option<&'j JsonValue> {
    path.iter().try_fold(json, |json, key| match json {
        JsonValue::Array(items) => items.get(key.as_ref().parse::<usize>().ok()?),
        _ => json.get(key.as_ref()),
    })
}

/// A number, if MiniJinja prints it as it is written in the secret. Otherwise, its digits as text
/// (`1.10`, `-0`, `1e400`).
fn number_as_written(literal: &str) -> Value {
    let parsed = literal
        .parse::<i64>()
        .map(Value::from)
        .or_else(|_| literal.parse::<i128>().map(Value::from))
        .or_else(|_| literal.parse::<f64>().map(Value::from));
    match parsed {
        Ok(number) if number.to_string() == literal => number,
        _ => Value::from(literal),
    }
}

/// The text of a value: the characters of a string, a number as it was written, `true` or `false`,
/// and compact JSON for anything else.
pub(super) fn printed_text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Undefined | ValueKind::None) => Err(undefined_error(value)),
        (None, _) => compact_json(value).map(Cow::from),
    }
}

/// Writes a value as compact JSON. In the objects and arrays of a secret, the keys keep their
/// order, and numbers are as they were written.
pub(super) fn compact_json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    write_json(&mut text, value, DEEPEST)?;
    Ok(text)
}

/// Appends a value as compact JSON to `out`.
fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(depth_of_items) = depth.checked_sub(1) else {
        return Err(own_error("a value is nested too deeply"));
    };

    match (value.downcast_object_ref::<SecretObject>(), value.kind()) {
        // The nesting of a secret was limited when it was parsed.
        (Some(secret), _) => write!(out, "{}", secret.json())?,
        (None, ValueKind::Undefined) => return Err(undefined_error(value)),
        (None, ValueKind::None) => out.push_str("null"),
        (None, ValueKind::Bool) => write!(out, "{}", value.is_true())?,
        (None, ValueKind::Number) => write!(out, "{value}")?,
        (None, ValueKind::String) => write!(out, "{}", JsonValue::from(value.to_string()))?,
        (None, ValueKind::Seq | ValueKind::Iterable) => {
            out.push('[');
            // A list such as `[1] | chain(2)` computes its items only now, so computing an item can
            // fail.
            for (at, item) in value.try_iter()?.checked().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_json(out, &item?, depth_of_items)?;
            }
            out.push(']');
        }
        (None, ValueKind::Map) => {
            out.push('{');
            let pairs = value.as_object().and_then(|map| map.try_iter_pairs());
            for (at, (key, item)) in pairs.into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write!(out, "{}:", JsonValue::from(&*printed_text(&key)?))?;
                write_json(out, &item, depth_of_items)?;
            }
            out.push('}');
        }
        (None, _) => {
            let text = "a function such as range needs parentheses, as in {{ range(3) }}";
            return Err(own_error(text));
        }
    }
    Ok(())
}

/// MiniJinja's error about the use of an undefined value or of `none`. Only an error that MiniJinja
/// itself makes names the expression that an undefined value comes from, so this function causes
/// one: it looks up an attribute of the value.
pub(super) fn undefined_error(value: &Value) -> Error {
    value
        .get_attr("")
        .err()
        .unwrap_or_else(|| ErrorKind::UndefinedError.into())
}

/// Creates a MiniJinja error whose cause is a fault of our own. The fault is printed, so it must
/// not contain a value.
fn own_error(fault: impl Into<Fault>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(fault.into())
}

/// Adds our filters and our test to an environment. `fromjson` notes failed lookups in `misses`.
pub(super) fn add_filters(environment: &mut Environment<'_>, misses: &Arc<Misses>) {
    add_strict_filters(environment);
    environment.add_test("divisibleby", is_divisible_by);

    environment.add_filter("urlencode", |value: &Value| {
        Ok(percent_encode(&printed_text(value)?))
    });
    environment.add_filter("b64encode", |value: &Value| {
        text_value(&bytes_of(value)?.base64_encoded())
    });
    environment.add_filter("b64decode", |value: &Value| {
        let decoded = bytes_of(value)?.base64_decoded();
        text_value(&decoded.ok_or_else(|| own_error("the value for \"b64decode\" isn't base64"))?)
    });
    environment.add_filter("tojson", compact_json);

    let noted = misses.clone();
    environment.add_filter("fromjson", move |value: &Value| {
        let json = Json::parse(printed_text(value)?.as_bytes())
            .map_err(|_| own_error("the value for \"fromjson\" isn't JSON"))?;
        Ok(SecretObject::root(None, Arc::new(json), &noted))
    });

    // Only `super::MARK` uses this filter.
    let marked = misses.clone();
    environment.add_filter("secrets_exec_marks_misses", move |undefined: Value| {
        marked.mark.get_or_init(|| undefined);
        ""
    });
}

/// Makes an array of filters, each with its name and its function in `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Replaces those filters of MiniJinja that treat an undefined input or argument as an empty value,
/// fail for it with a misleading error, or panic.
fn add_strict_filters(environment: &mut Environment<'_>) {
    let builtins = builtins![
        abs batch chain dictsort escape first format groupby indent items join last lines list max min pprint reverse
        round slice sort split trim zip
    ];
    let short_escape = ("e", Value::from_function(filters::escape));
    for (name, filter) in builtins.into_iter().chain([short_escape]) {
        environment.add_filter(
            name,
            move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
                let given = arguments.into_values();
                expect_usable(name, &given, state)?;
                filter.call(state, &given)
            },
        );
    }
}

/// Checks a filter's input, which is the first value in `given`, and its arguments.
fn expect_usable(filter: &str, given: &[Value], state: &mut State<'_, '_>) -> Result<(), Error> {
    let Some(input) = given.first() else {
        // The filter itself fails without an input.
        return Ok(());
    };
    for undefined in given.iter().filter(|value| value.is_undefined()) {
        // Formatting fails for the undefined value of a missing key, but not for that of a missing
        // `else`.
        state.format(undefined.clone())?;
    }
    if filter == "join"
        && let Some(item) = input.try_iter()?.find(Value::is_undefined)
    {
        return Err(undefined_error(&item));
    } else if filter == "format" && input.as_str().is_some_and(has_non_ascii_name) {
        return Err(own_error("a name in %(name)s isn't ASCII"));
    }
    Ok(())
}

/// True if a name in `%(name)s` isn't ASCII. MiniJinja's `format` would panic.
fn has_non_ascii_name(format: &str) -> bool {
    let without_literal_percents = format.replace("%%", "");
    without_literal_percents
        .split("%(")
        .skip(1)
        .any(|name| !name.split(')').next().is_some_and(str::is_ascii))
}

/// Runs MiniJinja's test `divisibleby`, which would panic if the divisor were zero.
fn is_divisible_by(number: &Value, divisor: &Value) -> Result<bool, Error> {
    match i128::try_from(divisor.clone()) {
        Ok(0) => Err(own_error("\"divisibleby\" divides by zero")),
        _ => Ok(minijinja::tests::is_divisibleby(number, divisor)),
    }
}

/// The text that a template prints for a value, as bytes.
fn bytes_of(value: &Value) -> Result<SecretValue, Error> {
    Ok(SecretValue::new(printed_text(value)?.as_bytes()))
}

/// Converts bytes that `b64encode` or `b64decode` has returned to text.
fn text_value(coded: &SecretValue) -> Result<Value, Error> {
    let text = std::str::from_utf8(coded.expose())
        .map_err(|_| own_error("the result of \"b64decode\" isn't UTF-8"))?;
    Ok(Value::from(text))
}
