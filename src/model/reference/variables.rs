//! `${NAME}` and `${NAME:-default}` in the name of a secret.

use super::reference_error::ReferenceError;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// One `${NAME}` or `${NAME:-default}` in a text: where it stands, and what it says.
pub struct Placeholder<'a> {
    pub span: std::ops::Range<usize>,
    name: &'a str,
    default: Option<&'a str>,
}

pub fn variables(text: &str) -> Result<Vec<Placeholder<'_>>, ReferenceError> {
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
        found.push(Placeholder { span: start..end + 1, name, default });
        from = end + 1;
    }
    Ok(found)
}

/// Replaces every variable of SECRET by its value, or by its default.
///
/// A variable that is all of SECRET may hold an ARN. Elsewhere a value with a colon would change the account, the
/// region or the service of the text around it, and no variable may turn a secret's name into a parameter's.
///
/// # Errors
/// For a variable that is not set, is not text, or holds a colon where it must not.
pub fn expand(text: &str, inherited: &Inherited) -> Result<String, ReferenceError> {
    let mut expanded = String::new();
    let mut from = 0;
    for variable in variables(text)? {
        expanded.push_str(&text[from..variable.span.start]);
        from = variable.span.end;
        let value = variable.value(inherited)?;
        if variable.span.len() < text.len() && value.contains(':') {
            return Err(ReferenceError::Colon(variable.name.to_owned()));
        }
        if value.starts_with("ssm:") {
            return Err(ReferenceError::Prefix(variable.name.to_owned()));
        }
        expanded.push_str(value);
    }
    expanded.push_str(&text[from..]);
    Ok(expanded)
}

impl<'a> Placeholder<'a> {
    /// The variable's value, or its default: as in a shell, `:-` also covers a variable that is set to nothing.
    fn value(&self, inherited: &'a Inherited) -> Result<&'a str, ReferenceError> {
        let value = inherited.get(self.name).filter(|value| self.default.is_none() || !value.is_empty());
        match (value, self.default) {
            (Some(value), _) => value.to_str().ok_or_else(|| ReferenceError::NotText(self.name.to_owned())),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(ReferenceError::Unset(self.name.to_owned())),
        }
    }
}
