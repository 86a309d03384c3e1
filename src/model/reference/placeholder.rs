//! Placeholders in SECRET, `${NAME}` and `${NAME:-default}`, which stand for inherited variables.

use super::reference_error::ReferenceError;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// One `${NAME}` or `${NAME:-default}`.
pub struct Placeholder<'a> {
    /// The position in the text, in bytes.
    pub span: std::ops::Range<usize>,
    name: &'a str,
    default: Option<&'a str>,
}

/// Returns the placeholders of a text, in order.
///
/// # Errors
/// [`ReferenceError::BadVariable`].
pub fn placeholders(text: &str) -> Result<Vec<Placeholder<'_>>, ReferenceError> {
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

/// Replaces each placeholder of SECRET with the value of its variable, or with its default.
///
/// A variable that is all of SECRET may hold an ARN. Next to other text a value must not hold a colon, so that it
/// cannot select another account, region or service. No value may begin with `ssm:`, so that it cannot select a
/// parameter.
///
/// # Errors
/// For a malformed placeholder, and for a variable that is not set, is not UTF-8, or holds a colon or `ssm:`.
pub fn expand(text: &str, inherited: &Inherited) -> Result<String, ReferenceError> {
    let mut expanded = String::new();
    let mut from = 0;
    for placeholder in placeholders(text)? {
        expanded.push_str(&text[from..placeholder.span.start]);
        from = placeholder.span.end;
        let value = placeholder.value(inherited)?;
        if placeholder.span.len() < text.len() && value.contains(':') {
            return Err(ReferenceError::Colon(placeholder.name.to_owned()));
        }
        if value.starts_with("ssm:") {
            return Err(ReferenceError::Prefix(placeholder.name.to_owned()));
        }
        expanded.push_str(value);
    }
    expanded.push_str(&text[from..]);
    Ok(expanded)
}

impl<'a> Placeholder<'a> {
    /// Returns the variable's value, or the default. As in a shell, `:-` also replaces an empty value.
    fn value(&self, inherited: &'a Inherited) -> Result<&'a str, ReferenceError> {
        let value = inherited.get(self.name).filter(|value| self.default.is_none() || !value.is_empty());
        match (value, self.default) {
            (Some(value), _) => value.to_str().ok_or_else(|| ReferenceError::NotText(self.name.to_owned())),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(ReferenceError::Unset(self.name.to_owned())),
        }
    }
}
