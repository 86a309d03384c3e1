//! Messages about the file of `migrate`. They name variables, and never a value.

use std::path::Path;

use super::line::{Line, list};
use crate::input::env_file::{EnvFileError, EnvFileNotice, EnvFileProblem, Variable};

pub fn lines(error: &EnvFileError) -> Vec<Line> {
    let EnvFileError { path, line, problem } = error;
    let (what, hint) = match problem {
        EnvFileProblem::Unreadable(failure) => (format!("cannot be read: {}", failure.why), None),
        EnvFileProblem::NotUtf8 => ("is not UTF-8".to_owned(), None),
        EnvFileProblem::Syntax => {
            let hint = "correct it: expected NAME=VALUE, where nothing but a comment follows a closing quote";
            ("python-dotenv cannot read this".to_owned(), Some(hint))
        }
        EnvFileProblem::IllegalName => {
            let what = "expected a name of letters, digits and underscores, which does not begin with a digit";
            (what.to_owned(), Some("correct the name, or choose the others with --only"))
        }
        EnvFileProblem::Pem => {
            let what = "only the first line of this PEM is the value, and the others are taken for names";
            (what.to_owned(), Some("put the whole of it in quotes"))
        }
        EnvFileProblem::TooLarge(most) => {
            (format!("more than {most} bytes, the most that a secret has"), Some("split the file"))
        }
        EnvFileProblem::Empty => {
            let hint = "AWS_*, SECRETS_EXEC_*, PATH, and what --only does not match are left out";
            ("there is no variable to move".to_owned(), Some(hint))
        }
    };
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let error = Line::error(format!("{}{line}: {what}", path.display()));
    std::iter::once(error).chain(hint.map(Line::help)).collect()
}

pub fn env_file_notices(path: &Path, notices: &[EnvFileNotice]) -> Vec<Line> {
    notices.iter().map(|notice| Line::warning(text(path, notice))).collect()
}

fn text(path: &Path, notice: &EnvFileNotice) -> String {
    let located = |variables: &[Variable]| {
        let place = |(name, line): &Variable| format!("{name} ({}:{line})", path.display());
        let places: Vec<String> = variables.iter().map(place).collect();
        list(&places.iter().map(String::as_str).collect::<Vec<_>>())
    };
    match notice {
        EnvFileNotice::NoValue(line) => format!("{}:{line}: a name without a value is left out", path.display()),
        EnvFileNotice::LeftOut(variables) => format!(
            "left out: {}; a launch reads the secret with the AWS_* variables that it inherits, and takes PATH and SECRETS_EXEC_* \
             from no secret",
            located(variables)
        ),
        EnvFileNotice::Docker(variables) => format!(
            "Docker's --env-file reads {} otherwise, since it knows no quotes, escapes, `export` and comments after a value",
            located(variables)
        ),
        EnvFileNotice::Dollar(variables) => format!(
            "other readers of .env files expand the `$` in the value of {}; it is kept as it is",
            located(variables)
        ),
    }
}
