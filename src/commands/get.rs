//! `secrets-exec get`: prints one value, byte for byte.

use super::export::refuse_terminal;
use super::prepare::Asker;
use super::read::subcommand_values;
use crate::input::cli::Inputs;
use crate::input::declaration::{DeclarationChoice, Sections, load_declarations};
use crate::model::answer::{Answer, Cause, Denial, Missing};
use crate::model::entry::Subject;
use crate::model::environment::Inherited;
use crate::model::problem::Problem;
use crate::report::{self, Report, terminal};

/// Prints the value of the reference in `inputs`, with a newline after it if standard output is a
/// terminal. Prints a warning if the value is empty.
///
/// # Errors
/// If the value would be visible on a terminal ([`refuse_terminal`]), or can't be read or written.
pub fn get(mut inputs: Inputs, reveal: bool, inherited: &Inherited) -> Result<(), Report> {
    let remedy = "pipe the value to a program, or add --reveal to see it";
    inputs.errors.extend(refuse_terminal(reveal, remedy).err());

    // `subcommand_values` consumes the inputs, but `entry_name_problem` needs parts of them.
    let argument = inputs
        .layer
        .entries
        .first()
        .map(|entry| entry.subject.clone());
    let declarations = inputs.declarations.clone();

    let (values, report) = subcommand_values(inputs, Asker::Get, inherited, "nothing was printed")?;
    // If there is no such secret, or if access to it was denied, the argument may be the name of a
    // variable instead of a secret.
    if let (Some(argument), [failed]) = (argument, &report.problems[..])
        && values.fetched.values().any(is_absent_or_denied)
        && let Some(problem) = entry_name_problem(argument, declarations, failed)
    {
        return Err(problem.into());
    }
    report.into_result()?;

    terminal::print_unless_hidden(report::value_warnings(&values.outcomes.list));
    // The plan has only one entry, so the loop runs once.
    for (_, value) in values.outcomes.values() {
        terminal::output_whole(value.expose())?;
    }
    if terminal::is_output_terminal() {
        terminal::output("\n")?;
    }
    Ok(())
}

fn is_absent_or_denied(answer: &Answer) -> bool {
    let Err(failure) = answer else { return false };
    matches!(
        failure.error.cause,
        Cause::Absent(Missing::Secret)
            | Cause::Denied(Denial::Policy(_) | Denial::PolicyOrMissing(_))
    )
}

/// The error for an argument that is the name of an entry instead of a secret, as in
/// `secrets-exec get DB_PASSWORD`. `None` if no entry has this name, or if the entry has neither a
/// reference nor a variable.
///
/// Reads the declarations again. The first time, only their options and aliases were read, because
/// a mistake in an entry must not keep `get` from reading a secret. `failed` is the failure to read
/// the argument as a secret.
fn entry_name_problem(
    argument: Subject,
    mut choice: DeclarationChoice,
    failed: &Problem,
) -> Option<Problem> {
    // Skip a declaration that came from a pipe, because a pipe can be read only once.
    if let DeclarationChoice::Named { files, .. } = &mut choice {
        files.retain(|path| path.is_file());
    }
    let declarations = load_declarations(&choice, Sections::All);
    // A later declaration overrides an earlier one.
    let entry = declarations
        .layers
        .iter()
        .rev()
        .flat_map(|layer| &layer.entries)
        .find(|entry| Some(&*entry.subject.label) == argument.reference())?;

    let Subject { label, origin, .. } = &entry.subject;
    let text = format!("{label:?} is a name in a declaration ({origin}), not the name of a secret");
    let write = match entry.subject.reference() {
        Some(reference) => argument.rewritten_with(reference),
        None => format!(
            "secrets-exec [OPTIONS] -- printenv {}",
            entry.target.variable()?
        ),
    };
    Some(
        Problem::new(failed.status, text)
            .code(failed.code)
            .help(format!("to print its value, use {write}")),
    )
}
