//! The formats of `export`: functions from resolved variables to a text, or to the reason why a format cannot hold a value.
//!
//! - `shell`: commands of a shell, and `reserved`, the names that shells keep for themselves.
//! - `dotenv`: a file that python-dotenv and Node's dotenv read alike.
//! - `docker`: a file for `docker run --env-file` and `podman run --env-file`.
//! - `json`: an object.
//! - `variable`, `unfit`: what is exported, and the errors.

mod docker;
mod dotenv;
mod json;
mod reserved;
mod shell;
mod unfit;
mod variable;

pub use unfit::{ExportError, ExportProblem, Unfit};
pub use variable::Variable;

use std::os::unix::ffi::OsStrExt;

use crate::model::entry::{Place, Subject};
use crate::model::options::ExportFormat;
use crate::model::resolved::{FileValue, Resolved, ResolvedVariable};
use crate::model::secret_value::SecretValue;
use variable::Entry;

/// Variables in a format.
#[derive(Debug)]
pub struct Exported {
    pub text: SecretValue,
    /// The variables that some shells do not let be set, and the names of these shells.
    pub reserved: Vec<(Subject, Vec<&'static str>)>,
}

/// Returns the variables that a launch would set, in its order: values, then paths of files; and an error for each that would have
/// the path of a file in memory.
pub fn variables<'a>(resolved: &'a Resolved) -> (Vec<Variable<'a>>, Vec<ExportError>) {
    let value_of = |variable: &'a ResolvedVariable| {
        let ResolvedVariable { name, value, subject, .. } = variable;
        Variable { name, value: value.expose(), entry: Entry::Value(subject) }
    };
    let mut variables: Vec<_> = resolved.variables.iter().map(value_of).collect();
    let mut errors = Vec::new();
    for FileValue { target, origin, .. } in &resolved.files {
        let Some(name) = &target.env else { continue };
        let entry = Entry::File(origin);
        match &target.place {
            Place::Path(path) => variables.push(Variable { name, value: path.as_os_str().as_bytes(), entry }),
            Place::Memory => {
                let subject = Variable { name, value: b"", entry }.subject();
                errors.push(ExportError { subject, problem: ExportProblem::FileInMemory });
            }
        }
    }
    (variables, errors)
}

/// Writes variables in a format.
///
/// # Errors
/// One for each variable whose value the format cannot hold.
pub fn export(variables: &[Variable<'_>], format: ExportFormat) -> Result<Exported, Vec<ExportError>> {
    let errors: Vec<_> = variables.iter().filter_map(|variable| error(*variable, format)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut text = Vec::with_capacity(capacity(variables));
    let mut reserved = Vec::new();
    match format {
        ExportFormat::Shell => {
            variables.iter().for_each(|variable| shell::write(*variable, &mut text));
            reserved.extend(variables.iter().filter_map(|variable| shell::reserved(*variable)));
        }
        ExportFormat::Dotenv => variables.iter().for_each(|variable| dotenv::write(*variable, &mut text)),
        ExportFormat::Docker => variables.iter().for_each(|variable| docker::write(*variable, &mut text)),
        ExportFormat::Json => json::write(variables, &mut text),
    }
    Ok(Exported { text: SecretValue::new(text), reserved })
}

fn error(variable: Variable<'_>, format: ExportFormat) -> Option<ExportError> {
    let fits = match format {
        ExportFormat::Shell => Ok(()),
        ExportFormat::Dotenv => dotenv::check(variable),
        ExportFormat::Json => json::check(variable),
        ExportFormat::Docker => docker::check(variable),
    };
    let problem = ExportProblem::Unfit(format, fits.err()?);
    Some(ExportError { subject: variable.subject(), problem })
}

/// The most bytes that any format needs: a buffer that grows would leave copies of values in memory.
fn capacity(variables: &[Variable<'_>]) -> usize {
    /// An escape of JSON, such as `\u001f`.
    const MOST_FOR_ONE_BYTE: usize = 6;
    /// The longest guard of a shell command.
    const MOST_FOR_SYNTAX: usize = 128;
    let most = |variable: &Variable<'_>| {
        variable.name.as_str().len() + MOST_FOR_ONE_BYTE * variable.value.len() + MOST_FOR_SYNTAX
    };
    variables.iter().map(most).sum::<usize>() + MOST_FOR_SYNTAX
}
