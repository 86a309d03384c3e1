//! Messages about declarations, `--local` files and references in inherited variables.

use super::line::Line;
use super::reference_errors::{literal_hint, reference};
use super::usage_errors::quoted_value;
use crate::input::declaration::{DeclarationError, DeclarationProblem};
use crate::input::env_references::{EnvReferenceError, EnvReferenceProblem};
use crate::input::local_file::{LocalError, LocalProblem};
use crate::model::entry::template::TemplateError;
use crate::model::env_name::is_name;
use crate::model::options::find_option;
use crate::model::quoting::file_name;
use crate::model::reference::{AliasNameError, ReferenceError};
use crate::model::tree::Position;

/// Returns the message, and a hint.
pub fn declaration(error: &DeclarationError) -> Vec<Line> {
    let message = Line::error(declaration_message(error));
    std::iter::once(message).chain(declaration_hint(error).map(Line::help)).collect()
}

fn declaration_hint(error: &DeclarationError) -> Option<String> {
    // Only the top level has no subject.
    let hint = match (&error.problem, error.subject.as_deref()) {
        (DeclarationProblem::Reference { error, .. }, _) => return literal_hint(error, "write "),
        (DeclarationProblem::Value { text, .. }, Some(key)) => {
            return find_option(key)?.nearest_value(text).map(|nearest| format!("did you mean {nearest}?"));
        }
        (DeclarationProblem::Toml, _) => "write it as YAML, as in: env: { NAME: REF }",
        (DeclarationProblem::TaskDefinition, _) => "docs/migrating.md has the jq line that makes a declaration of it",
        (DeclarationProblem::UnknownKey { key, nearest: None, .. }, None) if is_variable(key) => {
            return Some(format!("variables stand under `env:`, as in: env: {{ {key}: prod/db:key }}"));
        }
        (DeclarationProblem::UnknownKey { key, .. }, None)
            if ["environment", "vars", "variables"].contains(&&**key) =>
        {
            "variables stand under `env:`"
        }
        (DeclarationProblem::UnknownKey { key, nearest: None, .. }, Some(_)) if key == "key" => {
            "the key stands in the reference, as in: from: \"prod/db:host\""
        }
        (DeclarationProblem::Expected { found: "a list", .. }, Some("env")) => {
            "write NAME: REF for each variable, without a hyphen"
        }
        (DeclarationProblem::Expected { found: "a scalar", .. }, None) => {
            "write env: { NAME: REF }; a .env file is no declaration"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn is_variable(key: &str) -> bool {
    is_name(key) && !key.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Quotes an unknown key, unless it could be a value in the place of a key.
fn quoted_key(key: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    ((1..=64).contains(&key.len()) && key.bytes().all(is_plain)).then(|| format!("{key:?}"))
}

fn declaration_message(error: &DeclarationError) -> String {
    let DeclarationError { path, position, subject, problem } = error;
    let place = place(&file_name(path), *position);
    let subject = subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    format!("{place}: {subject}{}", declaration_problem(problem))
}

pub fn local(error: &LocalError) -> String {
    let LocalError { path, position, id, problem } = error;
    let id = id.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    let problem = match problem {
        LocalProblem::Unreadable(failure) => format!("cannot be read: {}", failure.why),
        LocalProblem::NotUtf8 => "is not UTF-8".to_owned(),
        LocalProblem::Syntax(why) => why.clone(),
        LocalProblem::Expected(what) => format!("expected {what}"),
    };
    format!("{}: {id}{problem}", place(&path.display().to_string(), *position))
}

/// Returns a message that does not quote the value, which may contain a secret next to the reference.
pub fn env_reference(error: &EnvReferenceError) -> String {
    let EnvReferenceError { name, problem } = error;
    let problem = match problem {
        EnvReferenceProblem::Reference(ReferenceError::Id(error)) | EnvReferenceProblem::Id(error) => {
            format!("a reference in its value {}", error.kind())
        }
        EnvReferenceProblem::Reference(ReferenceError::Version { error, .. }) | EnvReferenceProblem::Version(error) => {
            format!("a reference in it {}", error.kind())
        }
        EnvReferenceProblem::Reference(ReferenceError::Path(error)) | EnvReferenceProblem::ParameterPath(error) => {
            format!("a reference in it {}", error.kind())
        }
        EnvReferenceProblem::Reference(ReferenceError::TooManyFields) | EnvReferenceProblem::TooManyFields => {
            "a reference in its value has too many fields".to_owned()
        }
        EnvReferenceProblem::Reference(_) => "its value begins like an ARN, but is not a valid reference".to_owned(),
        EnvReferenceProblem::Unterminated => "{{resolve: is not closed by }}".to_owned(),
        EnvReferenceProblem::IllegalName => "its name cannot be set; expected [A-Za-z_][A-Za-z0-9_]*".to_owned(),
        EnvReferenceProblem::UnknownService(service) if service.len() > 20 => {
            "{{resolve:…}} must name secretsmanager, ssm or ssm-secure".to_owned()
        }
        EnvReferenceProblem::UnknownService(service) => {
            format!("{{{{resolve:{service}:…}}}} must name secretsmanager, ssm or ssm-secure")
        }
        EnvReferenceProblem::NotSecretString => "the field after the secret's id must be SecretString".to_owned(),
        EnvReferenceProblem::NotText => "its value is not UTF-8".to_owned(),
        EnvReferenceProblem::Path => "PATH decides which command runs and cannot come from a secret".to_owned(),
    };
    format!("{name} (--resolve-env): {problem}")
}

fn place(path: &str, position: Option<Position>) -> String {
    match position {
        Some(Position { line, column }) => format!("{path}:{line}:{column}"),
        None => path.to_owned(),
    }
}

fn declaration_problem(problem: &DeclarationProblem) -> String {
    match problem {
        DeclarationProblem::Unreadable(failure) => format!("cannot be read: {}", failure.why),
        DeclarationProblem::NotUtf8 => "is not UTF-8".to_owned(),
        DeclarationProblem::NoEntry => {
            "cannot be looked for: the working directory may not be entered; --no-file turns the look-up off".to_owned()
        }
        DeclarationProblem::Several(names) => {
            format!("the directory has several declarations ({}); choose one with -f", names.join(", "))
        }
        DeclarationProblem::Untrusted { what, why } => {
            format!("not read, since {what} {why}; to read it anyway, name it with -f")
        }
        DeclarationProblem::Syntax(why) => why.clone(),
        DeclarationProblem::Toml => "is TOML, and a declaration is YAML".to_owned(),
        DeclarationProblem::TaskDefinition => "is a task definition of ECS, not a declaration".to_owned(),
        DeclarationProblem::UnknownKey { key, nearest, known } => match (quoted_key(key), nearest) {
            (None, _) => "unknown key, which is not printed, since it could be a value".to_owned(),
            (Some(key), Some(nearest)) => format!("unknown key {key}; did you mean {nearest:?}?"),
            (Some(key), None) => format!("unknown key {key}; expected one of {}", known.join(", ")),
        },
        DeclarationProblem::Expected { expected, found } => format!("expected {expected}, found {found}"),
        DeclarationProblem::Literal(text) => format!("{text} is no reference; for a literal write {{ value: {text} }}"),
        DeclarationProblem::IllegalName(name) => {
            format!("{name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)")
        }
        DeclarationProblem::AliasName(name, AliasNameError::Illegal) => {
            format!("{name:?} cannot be the name of an alias ([A-Za-z_][A-Za-z0-9_]*)")
        }
        DeclarationProblem::AliasName(name, AliasNameError::Reserved) => {
            format!("{name:?} cannot be the name of an alias: it is a reserved word")
        }
        DeclarationProblem::AliasWithKey(text) => {
            format!(
                "{text:?}: an alias takes only a secret's id; write KEY, STAGE and VERSION-ID in the references to it"
            )
        }
        DeclarationProblem::NotOneSource => "expected exactly one of `from`, `value` and `template`".to_owned(),
        DeclarationProblem::NotOneCredentialSource => "expected exactly one of `from` and `template`".to_owned(),
        DeclarationProblem::Template(TemplateError { line, message }) => {
            format!("line {line} of the template: {message}")
        }
        DeclarationProblem::DefaultAndOptional => "`default` and `optional` exclude each other".to_owned(),
        DeclarationProblem::DuplicateTarget(claim) => format!("{claim} is set twice in this declaration"),
        DeclarationProblem::FileWithoutTarget => {
            "expected `path`, or `env` (the variable for the path of a file in memory), or both".to_owned()
        }
        DeclarationProblem::PathOnlyValue => "PATH decides which command runs and takes only `value`".to_owned(),
        DeclarationProblem::Reference { text, error } => reference(text, error),
        DeclarationProblem::Value { text, expected } => format!("{} is not {expected}", quoted_value(text)),
        DeclarationProblem::Pattern { pattern, why } => format!("{pattern:?} is not a glob pattern: {why}"),
        DeclarationProblem::ExternalIdAlone => "`external-id` requires `role-arn`".to_owned(),
        DeclarationProblem::NotInDeclaration => "cannot be set in a declaration".to_owned(),
    }
}
