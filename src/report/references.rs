//! What is wrong with a declaration, a local file or a reference.

use crate::model::reference::{ReferenceError, SecretIdError, Store};

/// What is wrong with a reference, and what it should be.
pub fn reference(written: &str, error: &ReferenceError) -> String {
    match error {
        ReferenceError::Empty => "the reference is empty; expected SECRET[:KEY[:STAGE[:VERSION-ID]]]".to_owned(),
        ReferenceError::TooManyFields => format!("{written:?} has more fields than SECRET:KEY:STAGE:VERSION-ID"),
        ReferenceError::BadPath { path, column } => {
            let place = column.map(|column| format!(" at column {column}")).unwrap_or_default();
            format!("{path:?} is not a JSONPath (RFC 9535){place}; a key that begins with $ is written $['$key']")
        }
        ReferenceError::BadVariable => format!("{written:?}: expected ${{NAME}} or ${{NAME:-default}}"),
        ReferenceError::Unset(name) => {
            format!("{written:?}: the variable {name} is not set; set it, or write ${{{name}:-default}}")
        }
        ReferenceError::NotText(name) => format!("{written:?}: the value of the variable {name} is not UTF-8"),
        ReferenceError::Colon(name) => format!(
            "{written:?}: the value of {name} holds a colon, which it may only where ${{{name}}} is the whole SECRET, as an ARN"
        ),
        ReferenceError::Prefix(name) => {
            format!(
                "{written:?}: the value of {name} begins with \"ssm:\"; take that out of {name} and write ssm:${{{name}}}"
            )
        }
        ReferenceError::IllegalCharacter(c) => format!("{written:?}: {c:?} cannot stand in a STAGE or VERSION-ID"),
        ReferenceError::Id(error) => id(error),
        ReferenceError::Expanded(why) => format!("{written:?}: what its variables hold {why}"),
        ReferenceError::LabelAndVersion => {
            format!("{written:?}: a parameter has a label or a version, not both: ssm:NAME:KEY:LABEL:VERSION")
        }
        ReferenceError::NoAlias { name, nearest: Some(nearest) } => {
            format!("the template names {name:?}, which is no alias under `secrets`; did you mean {nearest:?}?")
        }
        ReferenceError::NoAlias { name, nearest: None } => {
            format!("the template names {name:?}, which is no alias under `secrets` here or in an earlier file")
        }
        ReferenceError::EcsFields { text, count, store: Store::SecretsManager } => format!(
            "{text:?} has {count} fields; ECS takes the 7 of a secret's ARN, or 10 with all of \
             :JSON-KEY:VERSION-STAGE:VERSION-ID, of which each may be empty"
        ),
        ReferenceError::EcsFields { text, count, store: Store::ParameterStore } => {
            format!("{text:?} has {count} fields; ECS takes the 6 of a parameter's ARN")
        }
    }
}

pub fn id(error: &SecretIdError) -> String {
    match error {
        SecretIdError::Empty => "the secret's name is empty; expected SECRET[:KEY[:STAGE[:VERSION-ID]]]".to_owned(),
        SecretIdError::IllegalCharacter { name, character } => {
            format!("{name:?} cannot be a secret's name: {character:?} is not one of A-Z a-z 0-9 / _ + = . @ ! -")
        }
        SecretIdError::TooLong => "a secret's name has at most 512 characters".to_owned(),
        SecretIdError::ArnCutShort(arn) => {
            format!(
                "{arn:?} is an ARN cut short; expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX[:KEY[:STAGE[:VERSION-ID]]]"
            )
        }
        SecretIdError::BadArn { arn, why } => format!("{arn:?} {why}"),
    }
}
