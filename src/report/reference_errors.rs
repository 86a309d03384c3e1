//! Messages about references and secret ids.

use crate::model::reference::{ReferenceError, SecretIdError};

pub fn reference(written: &str, error: &ReferenceError) -> String {
    match error {
        ReferenceError::Empty => "the reference is empty; expected SECRET[:KEY[:STAGE[:VERSION-ID]]]".to_owned(),
        ReferenceError::TooManyFields => format!("{written:?} has more fields than SECRET:KEY:STAGE:VERSION-ID"),
        ReferenceError::BadPath { path, column } => {
            let place = column.map(|column| format!(" at column {column}")).unwrap_or_default();
            format!("{path:?} is not a JSONPath (RFC 9535){place}; a key that begins with $ is written $['$key']")
        }
        ReferenceError::BadVariable => format!("{written:?}: expected ${{NAME}} or ${{NAME:-default}}"),
        ReferenceError::Unset(_)
        | ReferenceError::NotText(_)
        | ReferenceError::Colon(_)
        | ReferenceError::Prefix(_) => {
            format!("{written:?}: {}", variable(error).unwrap_or_default())
        }
        ReferenceError::IllegalCharacter(c) => format!("a STAGE or VERSION-ID cannot contain {c:?}"),
        ReferenceError::Id(error) => id(error),
        ReferenceError::Expanded(why) => format!("{written:?}: with its variables expanded, it {why}"),
        ReferenceError::Version { error, instead: None } => format!("{written:?} {}", error.kind()),
        ReferenceError::Version { error, instead: Some(instead) } => {
            format!("{written:?} {}; for that version write {instead}", error.kind())
        }
        ReferenceError::Path(error) => format!("{written:?} {}", error.kind()),
        ReferenceError::NoAlias { name, nearest: Some(nearest) } => {
            format!("the template uses {name:?}, which is not an alias under `secrets`; did you mean {nearest:?}?")
        }
        ReferenceError::NoAlias { name, nearest: None } => {
            format!("the template uses {name:?}, which is not an alias under `secrets` here or in an earlier file")
        }
    }
}

/// Returns the hint for a text that is most likely no reference, but a literal, a variable or a template. `declare` is the way to declare
/// those, if it is another one.
pub fn literal_hint(error: &ReferenceError, declare: &str) -> Option<String> {
    match error {
        ReferenceError::Id(SecretIdError::IllegalCharacter('$')) | ReferenceError::IllegalCharacter('$') => {
            Some("a variable in a reference is written ${NAME}".to_owned())
        }
        ReferenceError::Id(SecretIdError::IllegalCharacter('{')) => {
            Some(format!("a template is no reference; {declare}NAME: {{ template: \"…\" }}"))
        }
        ReferenceError::Id(SecretIdError::IllegalCharacter(_)) => {
            Some(format!("a literal is no reference; {declare}NAME: {{ value: … }}"))
        }
        ReferenceError::Id(_)
        | ReferenceError::IllegalCharacter(_)
        | ReferenceError::Empty
        | ReferenceError::TooManyFields
        | ReferenceError::BadPath { .. }
        | ReferenceError::BadVariable
        | ReferenceError::Unset(_)
        | ReferenceError::NotText(_)
        | ReferenceError::Colon(_)
        | ReferenceError::Prefix(_)
        | ReferenceError::Expanded(_)
        | ReferenceError::Version { .. }
        | ReferenceError::Path(_)
        | ReferenceError::NoAlias { .. } => None,
    }
}

/// Returns the message about a variable, which several references may name.
pub fn variable(error: &ReferenceError) -> Option<String> {
    match error {
        ReferenceError::Unset(name) => {
            Some(format!("the variable {name} is not set; set it, or write ${{{name}:-default}}"))
        }
        ReferenceError::NotText(name) => Some(format!("the value of the variable {name} is not UTF-8")),
        ReferenceError::Colon(name) => Some(format!(
            "the value of {name} has a colon, which is allowed only for an ARN if ${{{name}}} is all of SECRET"
        )),
        ReferenceError::Prefix(name) => {
            Some(format!("the value of {name} begins with \"ssm:\"; remove that from {name} and write ssm:${{{name}}}"))
        }
        ReferenceError::Empty
        | ReferenceError::TooManyFields
        | ReferenceError::BadPath { .. }
        | ReferenceError::BadVariable
        | ReferenceError::IllegalCharacter(_)
        | ReferenceError::Id(_)
        | ReferenceError::Expanded(_)
        | ReferenceError::Version { .. }
        | ReferenceError::Path(_)
        | ReferenceError::NoAlias { .. } => None,
    }
}

fn id(error: &SecretIdError) -> String {
    match error {
        SecretIdError::Empty => "the secret's name is empty; expected SECRET[:KEY[:STAGE[:VERSION-ID]]]".to_owned(),
        SecretIdError::IllegalCharacter(character) => {
            format!("a secret's name cannot contain {character:?}, only A-Z a-z 0-9 / _ + = . @ ! -")
        }
        SecretIdError::TooLong => "a secret's name has at most 512 characters".to_owned(),
        SecretIdError::DoubleSlash(id) => {
            let mut right = id.clone();
            while right.contains("//") {
                right = right.replace("//", "/");
            }
            format!("{id:?} {}; write {right}", error.kind())
        }
        SecretIdError::ArnCutShort(arn) => {
            format!(
                "{arn:?} is an ARN cut short; expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX[:KEY[:STAGE[:VERSION-ID]]]"
            )
        }
        SecretIdError::BadArn { arn, why } => format!("{arn:?} {why}"),
    }
}
