//! References in inherited variables: the text around them is kept, and no error quotes it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use glob::Pattern;

use super::support::{CANARY, assert_quotes_no_value, plan, resolve_one};
use crate::input::env_references;
use crate::model::inherited::Inherited;
use crate::model::plan::Layer;
use crate::model::problem::Problem;

/// `data` is the value of a variable.
pub fn inherited(data: &[u8]) {
    // A NUL cannot be in a variable, and the canary marks values.
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

fn read(value: &[u8]) -> Result<Layer, Vec<Problem>> {
    let variables = [(OsString::from("A"), OsString::from_vec(value.to_vec()))];
    env_references::layer(
        &Inherited::new(variables.into_iter()),
        &[Pattern::default(), any()],
    )
}

fn any() -> Pattern {
    Pattern::new("*").unwrap_or_default()
}

/// Asserts that empty secrets leave the text around the references.
fn assert_keeps_text(value: &[u8], layer: Layer) {
    let Ok(plan) = plan(layer) else { return };
    let Some(made) = resolve_one(&plan, b"") else {
        return;
    };
    let text = String::from_utf8_lossy(value);
    let mut pieces = text.split("{{resolve:");
    let before = pieces.next().unwrap_or_default();
    // Without a dynamic reference, the whole value is an ARN.
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
