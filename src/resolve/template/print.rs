//! What a value looks like when it is printed, and how printing and filters refuse one.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value};
use zeroize::Zeroizing;

use super::LONGEST;
use super::node::{Literal, Node};

/// Lists within lists; a namespace can hold itself.
const DEEPEST: usize = 128;

/// Our own reason for an error, which is safe to tell. It travels as the source of MiniJinja's error.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A key is asked of something that has none.
    NoKeys {
        /// It may come out of a secret.
        key: String,
    },
    /// Anything else.
    Other(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys { .. } => f.write_str("no keys"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refusal {}

/// An error that says `what`.
pub(super) fn refuse(what: &'static str) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(Refusal::Other(what))
}

/// Our own reason for `error`, if it has one.
pub(super) fn refusal(error: &Error) -> Option<&Refusal> {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref())
}

/// Prints `{{ … }}`, up to [`LONGEST`] bytes in all.
pub(super) fn formatter() -> impl Fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error> + Send + Sync {
    let printed = AtomicUsize::new(0);
    move |output, _, value| {
        // Only the missing `else` of `{{ x if y }}` gets here as undefined.
        if value.is_undefined() {
            return Ok(());
        }
        let text = text(value)?;
        if printed.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len()) > LONGEST {
            return Err(too_long());
        }
        Ok(output.write_str(&text)?)
    }
}

pub(super) fn too_long() -> Error {
    refuse("the text becomes longer than 1 MiB")
}

/// README, "References": a string's characters, a number's literal, `true` or `false`, compact JSON; null counts as absent.
pub(super) fn text(value: &Value) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::new());
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::String => text.push_str(value.as_str().unwrap_or_default()),
        _ => write_json(&mut text, value, DEEPEST)?,
    }
    Ok(text)
}

/// Compact JSON, the order of keys and the spelling of numbers kept.
pub(super) fn json(value: &Value) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::new());
    write_json(&mut text, value, DEEPEST)?;
    Ok(text)
}

fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    use fmt::Write;

    let Some(deeper) = depth.checked_sub(1) else {
        return Err(refuse("lists or maps are nested too deeply"));
    };
    if let Some(node) = value.downcast_object_ref::<Node>() {
        return Ok(write!(out, "{}", node.json())?);
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
            for (at, (key, item)) in
                value.as_object().and_then(|map| map.try_iter_pairs()).into_iter().flatten().enumerate()
            {
                out.push_str(if at == 0 { "" } else { "," });
                write!(out, "{}:", serde_json::Value::from(text(&key)?.as_str()))?;
                write_json(out, &item, deeper)?;
            }
            out.push('}');
        }
        _ => match value.downcast_object_ref::<Literal>() {
            Some(literal) => out.push_str(literal.as_str()),
            None => return Err(refuse("neither text nor data")),
        },
    }
    if out.len() > LONGEST { Err(too_long()) } else { Ok(()) }
}
