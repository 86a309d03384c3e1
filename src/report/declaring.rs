//! What is wrong with a declaration, a local file or a reference.

use super::usage::found;
use crate::alias::AliasNameError;
use crate::binding::Claim;
use crate::inherited::{InheritedError, InheritedProblem};
use crate::manifest::{ManifestError, ManifestProblem};
use crate::markup::Mark;
use crate::reference::{LocatorError, ReferenceError, Store};
use crate::source::{LocalError, LocalProblem};
use crate::template::TemplateError;

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

/// What a variable holds is not told: whatever else stands in it may be a secret already.
pub(super) fn inherited(error: &InheritedError) -> String {
    let InheritedError { name, problem } = error;
    let problem = match problem {
        InheritedProblem::Reference(ReferenceError::Id(error)) | InheritedProblem::Id(error) => {
            format!("a reference in it {}", error.kind())
        }
        InheritedProblem::Reference(ReferenceError::TooManyFields) | InheritedProblem::TooManyFields => {
            "a reference in it has too many fields".to_owned()
        }
        InheritedProblem::Reference(_) => "its value begins as an ARN, but is no reference".to_owned(),
        InheritedProblem::Unterminated => "{{resolve: is not closed by }}".to_owned(),
        InheritedProblem::IllegalName => "its name is none that can be set ([A-Za-z_][A-Za-z0-9_]*)".to_owned(),
        InheritedProblem::UnknownService(service) if service.len() > 20 => {
            "{{resolve:…}} is of something else than secretsmanager, ssm and ssm-secure".to_owned()
        }
        InheritedProblem::UnknownService(service) => {
            format!("{{{{resolve:{service}:…}}}} is not one of secretsmanager, ssm and ssm-secure")
        }
        InheritedProblem::NotSecretString => "the field after the secret's id must be SecretString".to_owned(),
        InheritedProblem::NotText => "its value is not UTF-8".to_owned(),
        InheritedProblem::Path => "PATH decides which command runs and cannot come from a secret".to_owned(),
    };
    format!("{name} (--resolve-env): {problem}")
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
        ManifestProblem::Untrusted { what, why } => {
            format!("not read, since {what} {why}; to read it anyway, name it with -f")
        }
        ManifestProblem::Syntax(why) => why.clone(),
        ManifestProblem::UnknownKey { key, nearest } => match nearest {
            Some(nearest) => format!("unknown key {key:?}; did you mean {nearest:?}?"),
            None => format!("unknown key {key:?}"),
        },
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
        ManifestProblem::NotOneSource => "expected exactly one of `from`, `value` and `template`".to_owned(),
        ManifestProblem::Template(TemplateError { line, message }) => format!("line {line} of the template: {message}"),
        ManifestProblem::DefaultAndOptional => "`default` and `optional` exclude each other".to_owned(),
        ManifestProblem::Claimed(Claim::Variable(name)) => {
            format!("the variable {name} is given twice in this declaration")
        }
        ManifestProblem::Claimed(Claim::Path(path)) => {
            format!("the file {} is given twice in this declaration", path.display())
        }
        ManifestProblem::FileWithoutPlace => {
            "expected `path`, or `env` for a file in memory whose path a variable holds, or both".to_owned()
        }
        ManifestProblem::PathOnlyValue => "PATH decides which command runs and takes only `value`".to_owned(),
        ManifestProblem::Reference { text, error } => reference(text, error),
        ManifestProblem::Value { text, expected } => format!("{} is not {expected}", found(text)),
        ManifestProblem::ExternalIdAlone => "`external-id` is for a role: add `role-arn`".to_owned(),
        ManifestProblem::NotInDeclaration => "cannot be given in a declaration".to_owned(),
        ManifestProblem::Missing(key) => format!("has no `{key}`"),
        ManifestProblem::NoContainer => "has no containers".to_owned(),
        ManifestProblem::ContainerChoice(names) => {
            format!("has several containers ({}); choose one with --container", names.join(", "))
        }
        ManifestProblem::NoSuchContainer { name, nearest, known } => no_such_container(name, nearest.as_deref(), known),
        ManifestProblem::Twice { name, line } => format!("{name:?} is already on line {line}"),
        ManifestProblem::EnvironmentFiles => {
            "`environmentFiles` are not read; write their variables under `environment` or into a declaration"
                .to_owned()
        }
        ManifestProblem::ValueFrom { text, error } => value_from(text, error),
    }
}

fn no_such_container(name: &str, nearest: Option<&str>, known: &[String]) -> String {
    let instead = match (nearest, known) {
        (Some(nearest), _) => format!("; did you mean {nearest:?}?"),
        (None, []) => "; its containers have no names".to_owned(),
        (None, known) => format!("; it has {}", known.join(", ")),
    };
    format!("has no container {name:?}{instead}")
}

/// ECS takes less than a reference of ours may say, and says other things with it.
fn value_from(text: &str, error: &ReferenceError) -> String {
    match error {
        ReferenceError::Id(LocatorError::IllegalCharacter { name, character }) => {
            format!("{name:?} is no ARN, so it names a parameter, in which {character:?} cannot stand")
        }
        ReferenceError::Id(LocatorError::ArnCutShort(arn)) => {
            format!("{arn:?} is an ARN cut short; expected {ECS_SECRET} or {ECS_PARAMETER}")
        }
        ReferenceError::Empty => "`valueFrom` is empty; expected an ARN, or the name of a parameter".to_owned(),
        error => reference(text, error),
    }
}

const ECS_SECRET: &str = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX[:JSON-KEY:VERSION-STAGE:VERSION-ID]";
const ECS_PARAMETER: &str = "arn:aws:ssm:REGION:ACCOUNT:parameter/NAME";

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
