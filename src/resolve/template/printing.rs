//! Prints the values of a template: text as it is, anything else as compact JSON. docs/reference.md, "Composed values",
//! defines the format.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value};

use super::secret_object::SecretObject;

/// The maximum length of a template's value, and of each text printed on the way, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// The maximum nesting of lists and maps. A namespace can contain itself.
const MAX_DEPTH: usize = 128;

/// The kind that marks this module's errors, whose text holds no value. MiniJinja uses it for `include` alone, which is
/// not enabled.
pub const OWN_ERROR: ErrorKind = ErrorKind::BadInclude;

pub const TOO_LONG: &str = "the text is longer than 1 MiB";

/// Returns an error whose text is reported as it is, so that it must not hold a value.
pub fn own_error(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(OWN_ERROR, text)
}

/// Returns the function that prints each `{{ … }}`, at most [`MAX_LENGTH`] bytes in all.
///
/// The limit of the output buffer does not suffice, as text that `{% set %}` captures does not go there.
pub fn formatter() -> impl Fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error> + Send + Sync {
    let printed = AtomicUsize::new(0);
    move |output, _, value| {
        // Strict mode lets one undefined value pass: the missing `else` of `{{ x if y }}`.
        if value.is_undefined() {
            return Ok(());
        }
        let text = text(value)?;
        if printed.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len()) > MAX_LENGTH {
            return Err(own_error(TOO_LONG));
        }
        Ok(output.write_str(&text)?)
    }
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
/// `UndefinedError` for an undefined item, and [`own_error`] for a value without JSON (a function, NaN), a text longer
/// than [`MAX_LENGTH`] and nesting deeper than [`MAX_DEPTH`].
pub fn json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    write_json(&mut text, value, MAX_DEPTH)?;
    Ok(text)
}

fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(own_error("lists or maps are nested too deeply"));
    };
    match (value.downcast_object_ref::<SecretObject>(), value.kind()) {
        (Some(secret), _) => write!(out, "{}", secret.json())?,
        (None, ValueKind::Undefined) => return Err(ErrorKind::UndefinedError.into()),
        (None, ValueKind::None) => out.push_str("null"),
        (None, ValueKind::Bool) => out.push_str(if value.is_true() { "true" } else { "false" }),
        (None, ValueKind::Number) if f64::try_from(value.clone()).is_ok_and(f64::is_finite) => write!(out, "{value}")?,
        (None, ValueKind::String) => write!(out, "{}", serde_json::Value::from(value.as_str().unwrap_or_default()))?,
        (None, ValueKind::Seq | ValueKind::Iterable) => {
            out.push('[');
            for (at, item) in value.try_iter()?.checked().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_json(out, &item?, deeper)?;
            }
            out.push(']');
        }
        (None, ValueKind::Map) => {
            out.push('{');
            let pairs = value.as_object().and_then(|map| map.try_iter_pairs());
            for (at, (key, item)) in pairs.into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write!(out, "{}:", serde_json::Value::from(&*text(&key)?))?;
                write_json(out, &item, deeper)?;
            }
            out.push('}');
        }
        (None, _) => return Err(own_error("the value cannot be printed as text or JSON")),
    }
    // Checked after each item, so that a list repeated by `*` is not written to its end.
    if out.len() > MAX_LENGTH { Err(own_error(TOO_LONG)) } else { Ok(()) }
}
