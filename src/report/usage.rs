//! What is wrong with the command line, with variables, and with AWS's own configuration.

use super::declaring::reference;
use crate::cli::UsageError;
use crate::source::{SetupError, VariableError};
use crate::suggest;

pub(super) fn usage(error: &UsageError) -> Vec<String> {
    let line = match error {
        UsageError::Syntax(lines) => return lines.clone(),
        UsageError::MissingSeparator(word) => {
            format!("unexpected {word:?}: the command comes after `--`, as in: secrets-exec --env NAME=REF -- {word}")
        }
        UsageError::NoCommand => "no command: name it after `--`, as in: secrets-exec --env NAME=REF -- COMMAND".to_owned(),
        UsageError::NoEquals(text) => format!("--env {text}: expected NAME=REF, as in: --env DB_PASSWORD=prod/db:password"),
        UsageError::IllegalName(name) => format!("--env {name}=…: {name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)"),
        UsageError::Twice(name) => format!("--env {name}=…: {name} is given twice; keep one of them"),
        UsageError::Path => {
            "--env PATH=…: PATH decides which command runs and cannot come from a secret; set it by `value` in a declaration".to_owned()
        }
        UsageError::Reference { name, text, error } => format!("--env {name}={text}: {}", reference(text, error)),
        UsageError::Value { name, text, expected } => format!("{name}: {text:?} is not {expected}"),
        UsageError::ExternalIdAlone => "--external-id is for a role: add --role-arn".to_owned(),
        UsageError::NothingToResolve([]) => {
            "nothing to resolve: give --env NAME=REF, or -f FILE with entries under `env`".to_owned()
        }
        UsageError::NothingToResolve(names) => {
            let names = names.join(", ");
            format!("nothing to resolve: give --env NAME=REF or -f FILE; of {names} in the working directory none has an entry")
        }
    };
    vec![line]
}

pub(super) fn variable(error: &VariableError) -> Vec<String> {
    let VariableError { name, text, expected } = error;
    let found = if text.is_empty() { "its value".to_owned() } else { format!("{text:?}") };
    vec![format!("{name}: {found} is not {expected}")]
}

pub(super) fn setup(error: &SetupError) -> Vec<String> {
    vec![match error {
        SetupError::NoProfile { name, known } => {
            let hint = match (suggest::nearest(name, known.iter().map(String::as_str)), known.is_empty()) {
                (Some(nearest), _) => format!("did you mean {nearest:?}?"),
                (None, true) => "there are no profiles at all; is HOME right, or AWS_CONFIG_FILE?".to_owned(),
                (None, false) => format!("there are: {}", known.join(", ")),
            };
            format!("the AWS profile {name:?} (--profile or AWS_PROFILE) does not exist; {hint}")
        }
        SetupError::Files(why) => format!("AWS's configuration files cannot be read: {why}"),
        SetupError::Setting { profile, key, text, expected } => {
            format!("the AWS profile {profile:?}: {key}: {text:?} is not {expected}")
        }
    }]
}
