//! A template and what its aliases lead to become one value. The README ("Composed values") says how things print.
//!
//! MiniJinja runs the template: `secret_object` shows it a secret, `printing` writes values, `filters` adds ours and limits its
//! own. The text of a MiniJinja error may quote a value: only its kind, its line and unknown names leave this module.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value};

use super::secret_object::SecretObject;

/// The length of a template's value, and of any text on the way to it, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// The depth of lists within lists; a namespace can hold itself.
const MAX_DEPTH: usize = 128;

/// The kind of our own errors, whose text holds no value. MiniJinja has no use for it without other templates to include.
pub const REFUSED: ErrorKind = ErrorKind::BadInclude;

pub const TOO_LONG: &str = "the text would be longer than 1 MiB";

/// An error that says `what`, which must not hold a value.
pub fn refuse(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(REFUSED, what)
}

/// Prints `{{ … }}`, at most [`MAX_LENGTH`] bytes in all, as what `{% set %}` captures does not reach the output at once.
pub fn formatter() -> impl Fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error> + Send + Sync {
    let printed = AtomicUsize::new(0);
    move |output, _, value| {
        // Strict mode refuses anything undefined but the missing `else` of `{{ x if y }}`.
        if value.is_undefined() {
            return Ok(());
        }
        let text = text(value)?;
        if printed.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len()) > MAX_LENGTH {
            return Err(refuse(TOO_LONG));
        }
        Ok(output.write_str(&text)?)
    }
}

/// The text of a value as in a variable: characters, the literal of a number, `true` or `false`, compact JSON.
///
/// # Errors
/// When it is undefined or none, or too long.
pub fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Undefined | ValueKind::None) => Err(ErrorKind::UndefinedError.into()),
        (None, _) => json(value).map(Cow::from),
    }
}

/// Compact JSON; objects and arrays of a secret keep the order of their keys and the literals of their numbers.
///
/// # Errors
/// When it holds anything undefined or that JSON has not, or is too long.
pub fn json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    write_json(&mut text, value, MAX_DEPTH)?;
    Ok(text)
}

fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(refuse("lists or maps are nested too deeply"));
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
        (None, _) => return Err(refuse("neither text nor data")),
    }
    // Also for each item of a list, so that one repeated by `*` is not written to its end.
    if out.len() > MAX_LENGTH { Err(refuse(TOO_LONG)) } else { Ok(()) }
}
