//! The text of a value where a template prints it, and errors of our own.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value};
use zeroize::Zeroizing;

use super::MAX_LENGTH;
use super::secret_object::SecretObject;

/// The depth of lists within lists; a namespace can hold itself.
const MAX_DEPTH: usize = 128;

/// The text of an error of ours, which holds no value. It travels as the source of MiniJinja's error.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// An error that says `what`, which must not hold a value.
pub(super) fn refuse(what: impl Into<String>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(Refusal(what.into()))
}

/// Our own reason for `error`, if it has one.
pub(super) fn refusal(error: &Error) -> Option<&Refusal> {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref())
}

pub(super) fn too_long(what: &str) -> String {
    format!("{what} would be longer than 1 MiB")
}

/// Prints `{{ … }}`, at most [`MAX_LENGTH`] bytes in all, as what `{% set %}` captures does not reach the output at once.
pub(super) fn formatter() -> impl Fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error> + Send + Sync {
    let printed = AtomicUsize::new(0);
    move |output, _, value| {
        // Strict mode refuses anything undefined but the missing `else` of `{{ x if y }}`.
        if value.is_undefined() {
            return Ok(());
        }
        let text = text(value)?;
        if printed.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len()) > MAX_LENGTH {
            return Err(refuse(too_long("the text")));
        }
        Ok(output.write_str(&text)?)
    }
}

/// The text of a value as in a variable: characters, the literal of a number, `true` or `false`, compact JSON.
///
/// # Errors
/// When it is undefined or none, or too long.
pub(super) fn text(value: &Value) -> Result<Zeroizing<String>, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Err(ErrorKind::UndefinedError.into()),
        ValueKind::String => Ok(Zeroizing::new(value.to_string())),
        _ => json(value),
    }
}

/// Compact JSON; objects and arrays of a secret keep the order of their keys and the literals of their numbers.
///
/// # Errors
/// When it holds anything undefined or that JSON has not, or is too long.
pub(super) fn json(value: &Value) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::new());
    write_json(&mut text, value, MAX_DEPTH)?;
    Ok(text)
}

fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(refuse("lists or maps are nested too deeply"));
    };
    if let Some(object) = value.downcast_object_ref::<SecretObject>() {
        write!(out, "{}", object.json())?;
        return Ok(());
    }
    match value.kind() {
        ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(f64::is_finite) => write!(out, "{value}")?,
        ValueKind::String => write!(out, "{}", serde_json::Value::from(value.as_str().unwrap_or_default()))?,
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (at, item) in value.try_iter()?.checked().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_json(out, &item?, deeper)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            let pairs = value.as_object().and_then(|map| map.try_iter_pairs());
            for (at, (key, item)) in pairs.into_iter().flatten().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write!(out, "{}:", serde_json::Value::from(text(&key)?.as_str()))?;
                write_json(out, &item, deeper)?;
            }
            out.push('}');
        }
        _ => return Err(refuse("neither text nor data")),
    }
    if out.len() > MAX_LENGTH { Err(refuse(too_long("the text"))) } else { Ok(()) }
}
