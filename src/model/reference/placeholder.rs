//! Placeholders in SECRET, `${NAME}` and `${NAME:-default}`, which stand for inherited variables.

use super::secret_id::ReferenceError;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// A `${NAME}` or `${NAME:-default}`.
pub struct Placeholder<'a> {
    /// The position in the text, in bytes.
    pub span: std::ops::Range<usize>,
    pub name: &'a str,
    default: Option<&'a str>,
}

/// Returns the placeholders of a text, in order.
///
/// # Errors
/// For `${` without `}`, or without the name of a variable in it.
pub fn placeholders(text: &str) -> Result<Vec<Placeholder<'_>>, ReferenceError> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let end = text[start..]
            .find('}')
            .map(|at| start + at)
            .ok_or_else(|| malformed(text))?;
        let (name, default) = match text[start + 2..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&text[start + 2..end], None),
        };
        if !is_name(name) {
            return Err(malformed(text));
        }
        found.push(Placeholder {
            span: start..end + 1,
            name,
            default,
        });
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
            return Err(placeholder
                .error("has a colon, which is allowed only for an ARN if it is all of SECRET"));
        }
        if value.starts_with("ssm:") {
            let name = placeholder.name;
            return Err(placeholder.error(&format!(
                "begins with \"ssm:\"; remove that from it and write ssm:${{{name}}}"
            )));
        }
        expanded.push_str(value);
    }
    expanded.push_str(&text[from..]);
    Ok(expanded)
}

/// The error of `${` without the name of a variable and `}` after it.
fn malformed(text: &str) -> ReferenceError {
    ReferenceError {
        help: Some("write ${NAME} or ${NAME:-default}"),
        ..ReferenceError::of(text, "has a malformed variable")
    }
}

impl<'a> Placeholder<'a> {
    /// Returns the variable's value, or the default. As in a shell, `:-` also replaces an empty value.
    fn value(&self, inherited: &'a Inherited) -> Result<&'a str, ReferenceError> {
        let value = inherited
            .get(self.name)
            .filter(|value| self.default.is_none() || !value.is_empty());
        match (value, self.default) {
            (Some(value), _) => value.to_str().ok_or_else(|| self.error("is not UTF-8")),
            (None, Some(default)) => Ok(default),
            (None, None) => {
                let name = self.name;
                let text = format!(
                    "the variable {name} is not set; set it, or write ${{{name}:-default}}"
                );
                Err(ReferenceError::of_variable(text))
            }
        }
    }

    /// The error of a value, which `defect` does not quote.
    fn error(&self, defect: &str) -> ReferenceError {
        ReferenceError::of_variable(format!("the value of the variable {} {defect}", self.name))
    }
}
