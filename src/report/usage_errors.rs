//! Messages about the command line, variables, and the profiles of AWS.

use std::path::PathBuf;

use super::line::Line;
use super::reference_errors::reference;
use crate::backend::aws::{SetupError, VariableError};
use crate::input::cli::UsageError;
use crate::model::options::OptionConflict;
use crate::model::quoting::quoted_unless_secret;
use crate::model::suggest;

pub fn usage(error: &UsageError) -> Vec<Line> {
    let line = match error {
        UsageError::Syntax(lines) => return syntax(lines),
        UsageError::MissingSeparator(word) => {
            format!("unexpected {word:?}: the command comes after `--`, as in: secrets-exec --env NAME=REF -- {word}")
        }
        UsageError::NoCommand => {
            "no command: name it after `--`, as in: secrets-exec --env NAME=REF -- COMMAND".to_owned()
        }
        UsageError::NoEquals { option, text } => {
            format!("{option} {text}: expected NAME=REF, as in: {option} DB_PASSWORD=prod/db:password")
        }
        UsageError::IllegalName { option, name } => {
            format!("{option} {name}=…: {name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)")
        }
        UsageError::Twice { option, name } => format!("{option} {name}=…: {name} is given twice; keep one of them"),
        UsageError::Path(option) => format!(
            "{option} PATH=…: PATH decides which command runs and cannot come from a secret; set it with `value` in a declaration"
        ),
        UsageError::Reference { option, argument, reference: written, error } => {
            format!("{option} {argument}: {}", reference(written, error))
        }
        UsageError::ContainerAlone => {
            "--container selects a container of an ECS task definition, and no declaration is one; name it with -f"
                .to_owned()
        }
        UsageError::Value { name, text, expected } => {
            format!("{name}: {} is not {expected}", quoted_unless_secret(text))
        }
        UsageError::NothingToResolve { files, default_names } => nothing_to_resolve(files, default_names),
        UsageError::StdinTwice => "-f -: standard input can be read only once".to_owned(),
    };
    vec![Line::error(line)]
}

/// Returns the lines of clap's message, of which those after the first are tips.
fn syntax(lines: &[String]) -> Vec<Line> {
    let label = |number| if number == 0 { Line::error } else { Line::help };
    lines.iter().enumerate().map(|(number, line)| label(number)(line.as_str())).collect()
}

pub fn conflict(conflict: OptionConflict) -> String {
    match conflict {
        OptionConflict::Alone { option, without } => format!("{option} requires {without}"),
        OptionConflict::Together { options: [one, other], why } => {
            format!("{one} and {other} exclude each other: {why}")
        }
    }
}

fn nothing_to_resolve(files: &[PathBuf], default_names: &[&str]) -> String {
    let looked_at = match (files, default_names) {
        ([], []) => "no declaration was looked for (--no-file)".to_owned(),
        ([], names) => format!("the working directory has no {} with an entry", names.join(", ")),
        (files, _) => {
            let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            format!("there is no entry in {}", names.join(", "))
        }
    };
    format!("nothing to resolve: no --env, --env-from, --as-file or --resolve-env, and {looked_at}")
}

pub fn variable(error: &VariableError) -> Line {
    let VariableError { name, text, expected } = error;
    Line::error(format!("{name}: {} is not {expected}", quoted_unless_secret(text.as_deref().unwrap_or_default())))
}

pub fn setup(error: &SetupError) -> Line {
    Line::error(match error {
        SetupError::NoProfile { name, known, named_by } => {
            let hint = match (suggest::nearest(name, known.iter().map(String::as_str)), known.is_empty()) {
                (Some(nearest), _) => format!("did you mean {nearest:?}?"),
                (None, true) => "there are no profiles; check HOME and AWS_CONFIG_FILE".to_owned(),
                (None, false) => format!("the profiles are {}", known.join(", ")),
            };
            let whose = match named_by {
                Some(other) => format!("source_profile of {other:?}"),
                None => "--profile, AWS_DEFAULT_PROFILE or AWS_PROFILE".to_owned(),
            };
            format!("the AWS profile {name:?} ({whose}) does not exist; {hint}")
        }
        SetupError::Files(failure) => format!("the AWS configuration files cannot be read: {}", failure.why),
        SetupError::Setting { profile, key, text, expected } => {
            format!("the AWS profile {profile:?}: {key}: {} is not {expected}", quoted_unless_secret(text))
        }
    })
}
