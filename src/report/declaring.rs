//! What is wrong with a declaration, a local file or a reference.

use crate::alias::AliasNameError;
use crate::manifest::{ManifestError, ManifestProblem};
use crate::markup::Mark;
use crate::reference::{LocatorError, ReferenceError};
use crate::source::{LocalError, LocalProblem};

pub(super) fn manifest(error: &ManifestError) -> String {
    let ManifestError { path, mark, subject, problem } = error;
    let place = place(&path.display().to_string(), *mark);
    let subject = subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    format!("{place}: {subject}{}", manifest_problem(problem))
}

pub(super) fn local(error: &LocalError) -> String {
    let LocalError { path, mark, id, problem } = error;
    let id = id.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    let problem = match problem {
        LocalProblem::Unreadable(why) => unreadable(why),
        LocalProblem::NotUtf8 => "is not UTF-8".to_owned(),
        LocalProblem::Syntax(why) => why.clone(),
        LocalProblem::Expected(what) => format!("expected {what}"),
    };
    format!("{}: {id}{problem}", place(&path.display().to_string(), *mark))
}

/// Rust adds the error's number, which helps nobody.
fn unreadable(why: &str) -> String {
    let words = why.split_once(" (os error").map_or(why, |(words, _)| words);
    format!("cannot be read: {}", words.to_lowercase())
}

fn place(path: &str, mark: Option<Mark>) -> String {
    match mark {
        Some(Mark { line, column }) => format!("{path}:{line}:{column}"),
        None => path.to_owned(),
    }
}

fn manifest_problem(problem: &ManifestProblem) -> String {
    match problem {
        ManifestProblem::Unreadable(why) => unreadable(why),
        ManifestProblem::NotUtf8 => "is not UTF-8".to_owned(),
        ManifestProblem::Several(names) => {
            format!("there is more than one declaration here ({}); name one with -f", names.join(", "))
        }
        ManifestProblem::Untrusted(why) => format!("not read, since {why}; name it with -f if it is yours"),
        ManifestProblem::Syntax(why) => why.clone(),
        ManifestProblem::UnknownKey { key, nearest } => match nearest {
            Some(nearest) => format!("unknown key {key:?}; did you mean {nearest:?}?"),
            None => format!("unknown key {key:?}"),
        },
        ManifestProblem::NotYet(key) => format!("{key:?} is not supported yet"),
        ManifestProblem::Expected { expected, found } => format!("expected {expected}, found {found}"),
        ManifestProblem::IllegalName(name) => {
            format!("{name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)")
        }
        ManifestProblem::AliasName(name, AliasNameError::Illegal) => {
            format!("{name:?} cannot be the name of an alias ([A-Za-z_][A-Za-z0-9_]*)")
        }
        ManifestProblem::AliasName(name, AliasNameError::Reserved) => {
            format!("{name:?} cannot be the name of an alias, since it has a meaning of its own")
        }
        ManifestProblem::AliasWithKey(text) => {
            format!("{text:?}: an alias is a secret's id alone; KEY, STAGE and VERSION-ID go where it is used")
        }
        ManifestProblem::NotOneSource => "expected exactly one of `from` and `value`".to_owned(),
        ManifestProblem::DefaultAndOptional => "`default` and `optional` exclude each other".to_owned(),
        ManifestProblem::PathOnlyValue => "PATH decides which command runs and takes only `value`".to_owned(),
        ManifestProblem::Reference { text, error } => reference(text, error),
        ManifestProblem::Value { text, expected } => format!("{text:?} is not {expected}"),
        ManifestProblem::ExternalIdAlone => "`external-id` is for a role: add `role-arn`".to_owned(),
        ManifestProblem::NotInDeclaration => "cannot be given in a declaration".to_owned(),
    }
}

/// What is wrong with a reference, and what it should be.
pub(super) fn reference(written: &str, error: &ReferenceError) -> String {
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
        ReferenceError::IllegalCharacter(c) => format!("{written:?}: {c:?} cannot stand in a STAGE or VERSION-ID"),
        ReferenceError::Id(error) => id(error),
        ReferenceError::Expanded(why) => format!("{written:?}: what its variables hold {why}"),
    }
}

fn id(error: &LocatorError) -> String {
    match error {
        LocatorError::Empty => "the secret's name is empty; expected SECRET[:KEY[:STAGE[:VERSION-ID]]]".to_owned(),
        LocatorError::IllegalCharacter { name, character } => {
            format!("{name:?} cannot be a secret's name: {character:?} is not one of A-Z a-z 0-9 / _ + = . @ ! -")
        }
        LocatorError::TooLong => "a secret's name has at most 512 characters".to_owned(),
        LocatorError::ArnCutShort(arn) => {
            format!(
                "{arn:?} is an ARN cut short; expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX[:KEY[:STAGE[:VERSION-ID]]]"
            )
        }
        LocatorError::BadArn { arn, why } => format!("{arn:?} {why}"),
    }
}
