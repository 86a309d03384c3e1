//! The placeholders in SECRET and in the path of a file, `${NAME}` and `${NAME:-default}`, which
//! are replaced by inherited variables.

use super::secret_id::ReferenceError;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// A part of SECRET, or of a path.
pub enum Piece<'a> {
    Text(&'a str),
    /// `${NAME}` or `${NAME:-default}`
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// Splits SECRET or a path into text and placeholders.
///
/// # Errors
/// If `${` isn't followed by the name of a variable and `}`, or is in a default.
pub fn split_pieces(text: &str) -> Result<Vec<Piece<'_>>, ReferenceError> {
    let malformed = || {
        ReferenceError::new("has a ${ that isn't followed by a variable's name and a closing }")
            .help("write ${NAME} or ${NAME:-default}")
    };

    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').ok_or_else(malformed)?;
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        if !is_name(name) || default.is_some_and(|default| default.contains("${")) {
            return Err(malformed());
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Variable { name, default });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Replaces each placeholder in the path of a file.
///
/// # Errors
/// If a placeholder is malformed, or if its variable isn't set and doesn't have a default, or isn't
/// UTF-8.
pub fn expand_path(path: &str, inherited: &Inherited) -> Result<String, ReferenceError> {
    let mut expanded = String::new();
    for piece in split_pieces(path)? {
        expanded += match piece {
            Piece::Text(text) => text,
            Piece::Variable { name, default } => variable_value(name, default, inherited)?,
        };
    }
    Ok(expanded)
}

/// What is wrong with the value of a variable that can't be part of a secret's name.
const COLON: &str = "contains a colon, so it can't be part of a secret's name";

/// Replaces each placeholder in SECRET with the value of its variable, or with its default.
///
/// If SECRET consists of nothing but a variable, the value may be an ARN. Any other value must not
/// contain a colon, so that it can't select another account, region or service. A value must never
/// begin with `ssm:`, so that it can't select a parameter.
///
/// # Errors
/// If a variable isn't set and doesn't have a default, isn't UTF-8, or has a value that isn't
/// allowed.
pub fn expand(pieces: &[Piece<'_>], inherited: &Inherited) -> Result<String, ReferenceError> {
    let mut expanded = String::new();
    for piece in pieces {
        let (name, default) = match piece {
            Piece::Text(text) => {
                expanded.push_str(text);
                continue;
            }
            Piece::Variable { name, default } => (name, default),
        };

        let value = variable_value(name, *default, inherited)?;
        if pieces.len() > 1 && value.contains(':') {
            return Err(wrong_value(name, COLON));
        }
        if value.starts_with("ssm:") {
            let help = format!("remove \"ssm:\" from the value, and write ssm:${{{name}}}");
            return Err(wrong_value(name, "begins with \"ssm:\"").help(help));
        }
        // Only an ARN may contain a colon. With `DB=prod/db:host`, the key would be part of the
        // name.
        if value.contains(':') && !value.starts_with("arn:") {
            let help = format!(
                "keep only the name in {name}, and write the key after it: ${{{name}}}:KEY"
            );
            return Err(wrong_value(name, COLON).help(help));
        }
        expanded.push_str(value);
    }
    Ok(expanded)
}

/// Returns the value of a variable, or the default. As in a shell, the default after `:-` also
/// replaces an empty value.
///
/// # Errors
/// If the variable isn't set and there isn't a default, or if the value isn't UTF-8.
fn variable_value<'a>(
    name: &str,
    default: Option<&'a str>,
    inherited: &'a Inherited,
) -> Result<&'a str, ReferenceError> {
    let value = inherited
        .get(name)
        .filter(|value| default.is_none() || !value.is_empty());
    match (value, default) {
        (Some(value), _) => value
            .to_str()
            .ok_or_else(|| wrong_value(name, "is not UTF-8")),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            let help = format!("set {name}, or write a default value: ${{{name}:-default}}");
            let defect = format!("needs the variable {name}, which is not set");
            Err(ReferenceError::new(defect).help(help))
        }
    }
}

/// Returns the error for a variable with a wrong value. `defect` must not quote the value.
fn wrong_value(name: &str, defect: &str) -> ReferenceError {
    ReferenceError::new(format!("uses the variable {name}, whose value {defect}"))
}
