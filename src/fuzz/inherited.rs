//! References in inherited variables: what stands around them is kept, and told to nobody.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use glob::Pattern;

use super::support::{CANARY, plan, resolve_one, tells_no_value};
use crate::input::env_references;
use crate::model::inherited::Inherited;
use crate::model::plan::Layer;
use crate::report::Failure;

/// `data` is what a variable holds.
pub fn inherited(data: &[u8]) {
    // Neither can be in a variable: one ends it, the other is how this target knows a value.
    if data.contains(&0) || String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for value in [data.to_vec(), [CANARY.as_bytes(), data].concat(), [data, CANARY.as_bytes()].concat()] {
        match read(&value) {
            Err(errors) => errors.into_iter().map(Failure::EnvReference).for_each(|error| tells_no_value(&error)),
            Ok(layer) if layer.entries.is_empty() => {}
            Ok(layer) => composed(&value, layer),
        }
    }
}

fn read(value: &[u8]) -> Result<Layer, Vec<env_references::EnvReferenceError>> {
    let variables = [(OsString::from("A"), OsString::from_vec(value.to_vec()))];
    env_references::layer(&Inherited::new(variables.into_iter()), &[Pattern::default(), any()])
}

fn any() -> Pattern {
    Pattern::new("*").unwrap_or_default()
}

/// With nothing in its secrets, what is left of a value is what stands around its references.
fn composed(value: &[u8], layer: Layer) {
    let Ok(plan) = plan(layer) else { return };
    let Some(made) = resolve_one(&plan, b"") else { return };
    let text = String::from_utf8_lossy(value);
    let mut pieces = text.split("{{resolve:");
    let before = pieces.next().unwrap_or_default();
    // Without a dynamic reference the whole of it is one.
    let first = if text.contains("{{resolve:") { before } else { "" };
    let around = pieces.filter_map(|piece| piece.split_once("}}")).map(|(_, after)| after);
    let expected: String = std::iter::once(first).chain(around).collect();
    assert_eq!(String::from_utf8_lossy(&made), expected, "of {text:?}");
}
