//! `secrets-exec get`: prints one value, byte for byte.

use std::path::PathBuf;

use super::export::refuse_terminal;
use super::prepare::Asker;
use super::read::subcommand_values;
use crate::input::cli::Inputs;
use crate::input::declaration::{Sections, load_declarations};
use crate::model::answer::{Answer, Cause, Denial, Missing};
use crate::model::entry::Subject;
use crate::model::environment::Inherited;
use crate::model::problem::Problem;
use crate::report::{self, Report, terminal};

/// Prints the value of the reference in `inputs`, and after it a newline if standard output is a
/// terminal. Warns of an empty value.
///
/// # Errors
/// Every reason why the value can't be read, or why the output can't be written.
pub fn get(mut inputs: Inputs, reveal: bool, inherited: &Inherited) -> Result<(), Report> {
    let remedy = "pipe the value to a program, or add --reveal to see it";
    inputs.errors.extend(refuse_terminal(reveal, remedy).err());

    // If the argument is the name of an entry, `error_of_entry_name` needs these.
    let first_entry = inputs.layer.entries.first();
    let argument = first_entry.map(|entry| entry.subject.clone());
    let (files, finds_file) = (inputs.files.clone(), inputs.find_file);
    let (values, report) = subcommand_values(inputs, Asker::Get, inherited, "nothing was printed")?;
    if let (Some(argument), [failed]) = (argument, report.problems())
        && values.fetched.values().any(is_unknown_secret)
        && let Some(problem) = error_of_entry_name(&argument, files, finds_file, failed)
    {
        return Err(problem.into());
    }
    report.into_result()?;

    terminal::print_unless_hidden(report::empty_value_warning(&values.outcomes));
    // The plan has only one entry, so the loop runs once.
    for (_, value) in values.outcomes.values() {
        terminal::output_whole(value.expose())?;
    }
    if terminal::is_output_terminal() {
        terminal::output("\n")?;
    }
    Ok(())
}

/// True if the secret doesn't exist, or if AWS has denied the request, which can mean the same.
fn is_unknown_secret(answer: &Answer) -> bool {
    let Err(failure) = answer else { return false };
    matches!(
        failure.error.cause,
        Cause::Absent(Missing::Secret)
            | Cause::Denied(Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata)
    )
}

/// Returns the error for an argument that is the name of an entry instead of a secret, as in
/// `secrets-exec get DB_PASSWORD`. Its remedy is the reference of the entry. Reads the declarations
/// again, because only their options and aliases have been read so far.
///
/// `failed` is the failure to read the argument as a secret. Returns `None` if no declaration has
/// an entry with this name and a reference.
fn error_of_entry_name(
    argument: &Subject,
    mut files: Vec<PathBuf>,
    finds_file: bool,
    failed: &Problem,
) -> Option<Problem> {
    // A pipe can be read only once.
    files.retain(|path| path.is_file());

    let declarations = load_declarations(&files, finds_file, Sections::All);
    let latest_first = declarations.layers.iter().rev();
    let mut entries = latest_first.flat_map(|layer| &layer.entries);
    let entry = entries.find(|entry| Some(&*entry.subject.label) == argument.reference())?;

    let Subject { label, origin, .. } = &entry.subject;
    let text = format!("{label:?} is a name in a declaration ({origin}), not the name of a secret");
    let write = argument.rewritten_with(entry.subject.reference()?);
    let problem = Problem::new(failed.status, text).code(failed.code);
    Some(problem.help(format!("to print its value, use {write}")))
}
