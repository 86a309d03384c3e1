//! `${NAME}` and `${NAME:-default}` in the name of a secret.

use super::ReferenceError;
use crate::binding::is_name;
use crate::environment::Inherited;

/// One `${NAME}` or `${NAME:-default}` in a text: where it stands, and what it says.
pub(super) struct Variable<'a> {
    pub(super) span: std::ops::Range<usize>,
    name: &'a str,
    default: Option<&'a str>,
}

pub(super) fn variables(text: &str) -> Result<Vec<Variable<'_>>, ReferenceError> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let end = text[start..].find('}').map(|at| start + at).ok_or(ReferenceError::BadVariable)?;
        let (name, default) = match text[start + 2..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&text[start + 2..end], None),
        };
        if !is_name(name) {
            return Err(ReferenceError::BadVariable);
        }
        found.push(Variable { span: start..end + 1, name, default });
        from = end + 1;
    }
    Ok(found)
}

pub(super) fn expand(text: &str, inherited: &Inherited) -> Result<String, ReferenceError> {
    let mut expanded = String::new();
    let mut from = 0;
    for variable in variables(text)? {
        expanded.push_str(&text[from..variable.span.start]);
        from = variable.span.end;
        let value = inherited.get(variable.name);
        // As in a shell, `:-` also covers a variable that is set to nothing.
        let value = value.filter(|value| variable.default.is_none() || !value.is_empty());
        match (value, variable.default) {
            (Some(value), _) => {
                expanded.push_str(value.to_str().ok_or_else(|| ReferenceError::NotText(variable.name.to_owned()))?)
            }
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => return Err(ReferenceError::Unset(variable.name.to_owned())),
        }
    }
    expanded.push_str(&text[from..]);
    Ok(expanded)
}
