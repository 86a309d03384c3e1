//! Placeholders in SECRET, `${NAME}` and `${NAME:-default}`, which stand for inherited variables.

use super::secret_id::ReferenceError;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// A part of SECRET.
pub enum Piece<'a> {
    Text(&'a str),
    /// `${NAME}` or `${NAME:-default}`
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// Returns the pieces of SECRET, in order.
///
/// # Errors
/// For `${` without `}`, or without the name of a variable in it.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ReferenceError> {
    let malformed = || {
        ReferenceError::of(text, "has ${ without a variable's name and } after it")
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
        if !is_name(name) {
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

/// Replaces each variable of SECRET with its value, or with its default.
///
/// A variable that is all of SECRET may hold an ARN. Next to other text a value must not hold a colon, so that it
/// cannot select another account, region or service. No value may begin with `ssm:`, so that it cannot select a
/// parameter.
///
/// # Errors
/// A variable that is not set, is not UTF-8, or contains a colon or `ssm:`.
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
        let value = value(name, *default, inherited)?;
        if pieces.len() > 1 && value.contains(':') {
            let defect = "contains a colon, so it can't be part of a secret's name";
            return Err(wrong_value(name, defect));
        }
        if value.starts_with("ssm:") {
            let help = format!("remove \"ssm:\" from the value, and write ssm:${{{name}}}");
            return Err(wrong_value(name, "begins with \"ssm:\"").help(help));
        }
        expanded.push_str(value);
    }
    Ok(expanded)
}

/// Returns a variable's value, or the default. As in a shell, `:-` also replaces an empty value.
fn value<'a>(
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
            Err(ReferenceError::of_variable(format!("the variable {name} is not set")).help(help))
        }
    }
}

/// Returns the error of a variable's value, which `defect` does not quote.
fn wrong_value(name: &str, defect: &str) -> ReferenceError {
    ReferenceError::of_variable(format!("the value of the variable {name} {defect}"))
}
