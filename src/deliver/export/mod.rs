//! The formats of `export`: functions from resolved variables to a text, or to the reason why a format cannot hold a value.
//!
//! - `shell`: commands of a shell, and `reserved`, the names that shells keep for themselves.
//! - `dotenv`: a file that python-dotenv and Node's dotenv read alike.
//! - `variable`: what is exported, and the errors.

mod dotenv;
mod reserved;
mod shell;
mod variable;

pub use variable::{ExportError, ExportProblem, Unfit, Variable};

use std::os::unix::ffi::OsStrExt;

use serde::Serializer;

use crate::model::entry::{Place, Subject};
use crate::model::environment::{Limits, check_variable};
use crate::model::options::ExportFormat;
use crate::model::resolved::{FileValue, Resolved, ResolvedVariable};
use crate::model::secret_value::SecretValue;
use variable::Entry;

/// The longest line that Docker and Podman read, without its line feed: `bufio.MaxScanTokenSize` is 64 KiB with it.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// Variables in a format.
#[derive(Debug)]
pub struct Exported {
    pub text: SecretValue,
    /// The variables that some shells do not let be set, and the names of these shells.
    pub reserved: Vec<(Subject, Vec<&'static str>)>,
}

/// Returns the variables that a launch would set, in its order: values, then paths of files; and an error for each that it could not
/// set, or that would have the path of a file in memory.
pub fn variables(resolved: &Resolved, limits: Limits) -> (Vec<Variable<'_>>, Vec<ExportError>) {
    let mut variables = Vec::new();
    let mut errors = Vec::new();
    for variable in &resolved.variables {
        let ResolvedVariable { name, value, subject, .. } = variable;
        match check_variable(variable, limits) {
            None => variables.push(Variable { name, value: value.expose(), entry: Entry::Value(subject) }),
            Some(error) => {
                errors.push(ExportError { subject: subject.clone(), problem: ExportProblem::Environment(error) });
            }
        }
    }
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
    let mut text = Vec::with_capacity(capacity(variables));
    let mut reserved = Vec::new();
    let errors = match format {
        ExportFormat::Shell => {
            reserved.extend(variables.iter().filter_map(|variable| shell::reserved(*variable)));
            write_each(variables, format, |variable| shell::write(variable, &mut text))
        }
        ExportFormat::Dotenv => write_each(variables, format, |variable| dotenv::write(variable, &mut text)),
        ExportFormat::Docker => write_each(variables, format, |variable| write_docker(variable, &mut text)),
        ExportFormat::Json => {
            let mut members = Vec::with_capacity(variables.len());
            let errors = write_each(variables, format, |variable| {
                // JSON text must be UTF-8 (RFC 8259, 8.1).
                members.push((variable.name.as_str(), variable.utf8().ok_or(Unfit::NotUtf8)?));
                Ok(())
            });
            // Writing to memory does not fail.
            let _ = serde_json::Serializer::pretty(&mut text).collect_map(members);
            text.push(b'\n');
            errors
        }
    };
    // Wiped when dropped, also if an error follows.
    let text = SecretValue::new(text);
    if errors.is_empty() { Ok(Exported { text, reserved }) } else { Err(errors) }
}

/// Writes each variable, and returns the errors.
fn write_each<'v>(
    variables: &[Variable<'v>],
    format: ExportFormat,
    mut write: impl FnMut(Variable<'v>) -> Result<(), Unfit>,
) -> Vec<ExportError> {
    let failed = variables.iter().filter_map(|variable| Some((variable, write(*variable).err()?)));
    let error = |(variable, unfit): (&Variable<'_>, Unfit)| ExportError {
        subject: variable.subject(),
        problem: ExportProblem::Unfit(format, unfit),
    };
    failed.map(error).collect()
}

/// Writes a variable for `docker run --env-file` and `podman run --env-file`: one `NAME=value` for each line, without quotes or escapes.
///
/// Both read the file with Go's `bufio.Scanner` (docker/cli `pkg/kvfile`, podman `pkg/env`) and trim a line at its start only, where the
/// name is. Docker refuses a file that is not UTF-8.
fn write_docker(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Unfit> {
    let value = variable.utf8().ok_or(Unfit::NotUtf8)?;
    let length = variable.name.as_str().len() + 1 + value.len();
    if value.contains('\n') {
        return Err(Unfit::LineFeed);
    } else if value.ends_with('\r') {
        return Err(Unfit::FinalCarriageReturn);
    } else if length > LONGEST_LINE {
        return Err(Unfit::TooLong { length, limit: LONGEST_LINE });
    }
    for part in [variable.name.as_str(), "=", value, "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(())
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
