//! The formats of `export`: functions from resolved variables to a text, or to the reason why a format cannot hold a value.

mod dotenv;
mod shell;
mod variable;

pub use shell::warning as shell_warning;

use std::os::unix::ffi::OsStrExt;

use serde::Serializer;

use crate::input::cli::ExportFormat;
use crate::model::entry::FilePlace;
use crate::model::environment::{Limits, variable_problem};
use crate::model::outcome::{FileValue, Outcomes, Variable};
use crate::model::problem::{Impact, Problem};
use crate::model::secret_value::SecretValue;
use variable::{unfit, utf8};

/// The longest line that Docker, Podman and the kubelet read, without its line feed: `bufio.MaxScanTokenSize` is 64 KiB with it.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// Returns the variables that a launch would set, in its order: values, then paths of files, but for files in memory, which end with the
/// process that made them, and for values that no variable can hold.
pub fn variables(outcomes: &Outcomes, limits: Limits) -> Vec<Variable<'_>> {
    let mut variables = Vec::from_iter(outcomes.variables());
    variables.retain(|variable| variable_problem(*variable, limits).is_none());
    for FileValue {
        target, subject, ..
    } in outcomes.files()
    {
        if let (Some(name), FilePlace::Path(path)) = (&target.env, &target.place) {
            variables.push(Variable {
                name,
                value: path.as_os_str().as_bytes(),
                subject,
            });
        }
    }
    variables
}

/// Writes variables in a format.
///
/// # Errors
/// An error for each variable whose value the format cannot hold.
pub fn export(
    variables: &[Variable<'_>],
    format: ExportFormat,
) -> Result<SecretValue, Vec<Problem>> {
    let mut text = Vec::new();
    let errors = match format {
        ExportFormat::Shell => {
            variables
                .iter()
                .for_each(|variable| shell::write(*variable, &mut text));
            Vec::new()
        }
        ExportFormat::Dotenv => {
            write_each(variables, |variable| dotenv::write(variable, &mut text))
        }
        ExportFormat::Docker => write_each(variables, |variable| write_docker(variable, &mut text)),
        ExportFormat::Kubernetes => {
            write_each(variables, |variable| write_kubernetes(variable, &mut text))
        }
        ExportFormat::Json => {
            let mut members = Vec::with_capacity(variables.len());
            let errors = write_each(variables, |variable| {
                // JSON text must be UTF-8 (RFC 8259, 8.1).
                members.push((variable.name.as_str(), utf8(variable, "JSON")?));
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
    if errors.is_empty() {
        Ok(text)
    } else {
        Err(errors)
    }
}

/// Writes each variable, and returns the errors.
fn write_each<'v>(
    variables: &[Variable<'v>],
    mut write: impl FnMut(Variable<'v>) -> Result<(), Problem>,
) -> Vec<Problem> {
    let mut errors = Vec::new();
    for variable in variables {
        if let Err(problem) = write(*variable) {
            errors.push(problem.of(variable.subject.clone(), Impact::Undelivered));
        }
    }
    errors
}

/// Writes a variable for `docker run --env-file` and `podman run --env-file`: one `NAME=value` for each line, without quotes or escapes.
///
/// Both read the file with Go's `bufio.Scanner` (docker/cli `pkg/kvfile`, podman `pkg/env`) and trim a line at its start only, where the
/// name is. Docker refuses a file that is not UTF-8.
fn write_docker(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let value = utf8(variable, "Docker's --env-file")?;
    let length = variable.name.as_str().len() + 1 + value.len();
    if value.contains('\n') {
        return Err(unfit(
            "the value has a line feed, and Docker's --env-file has one line for each variable",
        ));
    } else if value.ends_with('\r') {
        return Err(unfit(
            "the value ends with a carriage return, which Docker's --env-file drops",
        ));
    } else if length > LONGEST_LINE {
        return Err(unfit(&format!(
            "with its name the variable has {length} bytes, and Docker's --env-file allows {LONGEST_LINE}"
        )));
    }
    for part in [variable.name.as_str(), "=", value, "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// Writes a variable for `fileKeyRef` of a pod: `NAME='value'`, in which every character but the quote is literal, line feeds too
/// (<https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file>).
///
/// The kubelet (`pkg/kubelet/util/env`) reads the file with Go's `bufio.Scanner`, which drops a carriage return at the end of a line and
/// fails for the whole file at a line that is too long. It treats an empty value as a missing key.
fn write_kubernetes(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let value = utf8(variable, "the file of `fileKeyRef`")?;
    let start = text.len();
    for part in [variable.name.as_str(), "='", value, "'\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    let mut lines = text[start..].split(|byte| *byte == b'\n');

    let why = if value.contains('\'') {
        "the value has a single quote, which cannot be escaped in a file of `fileKeyRef`"
    } else if value.is_empty() {
        "the value is empty, which the kubelet treats as a missing key of `fileKeyRef`"
    } else if value.contains("\r\n") {
        "the value has Windows line endings (CRLF), and the kubelet drops the carriage returns from a file of `fileKeyRef`"
    } else if lines.any(|line| line.len() > LONGEST_LINE) {
        "a line of the value has more than 65,535 bytes with the name and the quotes, and the kubelet reads no file of `fileKeyRef` with \
         such a line"
    } else {
        return Ok(());
    };
    let help = "let secrets-exec start the program in its own container instead (secrets-exec install); docs/kubernetes.md has other ways";
    Err(Problem::configuration(why).help(help))
}
