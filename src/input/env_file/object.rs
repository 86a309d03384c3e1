//! Reads a flat JSON object.

use super::binding::Binding;
use super::error::{EnvFileProblem, Found};
use crate::input::yaml;
use crate::model::secret_value::SecretValue;
use crate::model::tree::{Kind, Node};

/// Returns the members of the object.
///
/// # Errors
/// The first error of syntax, every duplicate key, or every member that is an object or a list.
pub fn bindings(text: &str) -> Result<Vec<Binding>, Vec<Found>> {
    let (node, errors) = yaml::parse(text);
    let Some(node) = node.filter(|_| errors.is_empty()) else {
        let found = errors.into_iter();
        return Err(found.map(|error| (Some(error.position.line), EnvFileProblem::Syntax(error.message))).collect());
    };
    let Kind::Table(members) = node.kind else {
        return Err(vec![(Some(node.position.line), EnvFileProblem::NotAnObject)]);
    };
    let (mut bindings, mut errors) = (Vec::new(), Vec::new());
    for (key, value) in members {
        match binding(key.text, value) {
            Ok(binding) => bindings.push(binding),
            Err(found) => errors.push(found),
        }
    }
    if errors.is_empty() { Ok(bindings) } else { Err(errors) }
}

fn binding(name: String, node: Node) -> Result<Binding, Found> {
    let (is_null, position) = (node.is_null(), node.position);
    let (value, is_literal) = match node.kind {
        _ if is_null => (None, false),
        Kind::Text(text) => (Some(text), false),
        Kind::Plain(text) => (Some(text), true),
        Kind::List(_) | Kind::Table(_) => return Err((Some(position.line), EnvFileProblem::Nested(name))),
    };
    Ok(Binding { name, value: value.map(SecretValue::new), is_literal, line: position.line })
}
