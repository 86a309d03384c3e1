//! A JSON object of strings.

use serde::Serializer;

use super::unfit::Unfit;
use super::variable::Variable;

/// Returns the name and the value of a variable.
///
/// # Errors
/// When the value is not UTF-8, which JSON text must be (RFC 8259, 8.1).
pub fn member(variable: Variable<'_>) -> Result<(&str, &str), Unfit> {
    Ok((variable.name.as_str(), variable.utf8().ok_or(Unfit::NotUtf8)?))
}

/// Writes the object of these members, in their order.
pub fn write(members: &[(&str, &str)], text: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::Serializer::pretty(&mut *text).collect_map(members.iter().copied());
    text.push(b'\n');
}
