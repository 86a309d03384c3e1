//! A JSON object of strings.

use serde::Serializer;

use super::unfit::Unfit;
use super::variable::Variable;

/// # Errors
/// When the value is not UTF-8, which JSON text must be (RFC 8259, 8.1).
pub fn check(variable: Variable<'_>) -> Result<(), Unfit> {
    variable.utf8().map(drop).ok_or(Unfit::NotUtf8)
}

/// Writes variables that have passed [`check`], in their order.
pub fn write(variables: &[Variable<'_>], text: &mut Vec<u8>) {
    let members = variables.iter().filter_map(|variable| Some((variable.name.as_str(), variable.utf8()?)));
    // Writing to memory does not fail.
    let _ = serde_json::Serializer::pretty(&mut *text).collect_map(members);
    text.push(b'\n');
}
