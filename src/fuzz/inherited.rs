//! Fuzzes references in inherited variables. The text around them must stay as it is, and no error
//! may show it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use glob::Pattern;

use super::support::{CANARY, assert_quotes_no_value, plan, resolve_one};
use crate::input::env_references::inherited_layer;
use crate::model::env_variables::Inherited;
use crate::model::plan::Layer;
use crate::model::problem::Problem;

/// Parses `data` as the value of a variable, also with the canary before or after it.
pub fn inherited(data: &[u8]) {
    // A variable can't contain a NUL, and the canary must only be where this function puts it.
    if data.contains(&0) || String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for value in [
        data.to_vec(),
        [CANARY.as_bytes(), data].concat(),
        [data, CANARY.as_bytes()].concat(),
    ] {
        match read(&value) {
            Err(errors) => errors
                .into_iter()
                .for_each(|error| assert_quotes_no_value(&error)),
            Ok(layer) if layer.entries.is_empty() => {}
            Ok(layer) => assert_keeps_text(&value, layer),
        }
    }
}

/// Returns the entry that the variable A with this value gives.
fn read(value: &[u8]) -> Result<Layer, Vec<Problem>> {
    let variables = [(OsString::from("A"), OsString::from_vec(value.to_vec()))];
    inherited_layer(
        &Inherited::new(variables.into_iter()),
        &[Pattern::default(), any()],
    )
}

/// Returns the pattern that matches every name.
fn any() -> Pattern {
    Pattern::new("*").unwrap_or_default()
}

/// Asserts that only the text around the references is left if every secret is empty.
fn assert_keeps_text(value: &[u8], layer: Layer) {
    let Ok(plan) = plan(layer) else { return };
    let Some(made) = resolve_one(&plan, b"") else {
        return;
    };
    let text = String::from_utf8_lossy(value);
    let mut pieces = text.split("{{resolve:");
    let before = pieces.next().unwrap_or_default();
    // If the value doesn't have a dynamic reference, all of it is an ARN.
    let first = if text.contains("{{resolve:") {
        before
    } else {
        ""
    };
    let around = pieces
        .filter_map(|piece| piece.split_once("}}"))
        .map(|(_, after)| after);
    let expected: String = std::iter::once(first).chain(around).collect();
    assert_eq!(String::from_utf8_lossy(&made), expected, "of {text:?}");
}
