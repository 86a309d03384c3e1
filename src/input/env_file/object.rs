//! Reads a flat JSON object.

use super::binding::Binding;
use super::error::{EnvFileProblem, Found};
use crate::input::syntax::Format;
use crate::model::secret_value::SecretValue;
use crate::model::tree::{Kind, Node, Typed};

/// Returns the members of the object.
///
/// # Errors
/// The first error of syntax, every duplicate key, or every member that is an object or a list.
pub fn bindings(text: &str) -> Result<Vec<Binding>, Vec<Found>> {
    let node = Format::Json.parse(text).map_err(|errors| {
        let found = errors.into_iter();
        found.map(|error| (error.position.map(|at| at.line), EnvFileProblem::Syntax(error.message))).collect::<Vec<_>>()
    })?;
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

fn binding(name: String, Node { position, kind }: Node) -> Result<Binding, Found> {
    let (value, is_literal) = match kind {
        Kind::Text(text) | Kind::Plain(text) => (Some(text), false),
        Kind::Typed(Typed::Number(literal)) => (Some(literal), true),
        Kind::Typed(Typed::Bool(value)) => (Some(value.to_string()), true),
        Kind::Typed(Typed::Null) => (None, false),
        Kind::Typed(Typed::Other) | Kind::List(_) | Kind::Table(_) => {
            return Err((Some(position.line), EnvFileProblem::Nested(name)));
        }
    };
    Ok(Binding { name, value: value.map(SecretValue::new), is_literal, line: position.line })
}
