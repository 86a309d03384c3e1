//! `secrets-exec get`: prints one value.

use std::path::PathBuf;

use super::export::refuse_terminal;
use super::read::read_values;
use super::scope::EntryScope;
use crate::input::cli::Inputs;
use crate::input::declaration;
use crate::model::entry::Subject;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::report::{self, Report, terminal};

/// Prints the value of the reference in `inputs` as it is; on a terminal, with a newline after it.
///
/// # Errors
/// Every reason why it cannot be read, or why standard output cannot be written.
pub fn get(mut inputs: Inputs, reveal: bool, inherited: &Inherited) -> Result<(), Report> {
    inputs.errors.extend(
        refuse_terminal(
            reveal,
            "pipe the value to a program, or add --reveal to see it",
        )
        .err(),
    );
    let argument = inputs.layer.entries.first();
    let argument = argument.map(|entry| entry.subject.clone());
    let (files, finds_file) = (inputs.files.clone(), inputs.find_file);
    let consequence = "nothing was printed";
    let (outcomes, report) = read_values(inputs, EntryScope::Argument, inherited, consequence)?;
    if let (Some(argument), [failed]) = (argument, report.problems()) {
        let mistaken = name_of_entry(&argument, files, finds_file, failed);
        mistaken.map_or(Ok(()), |problem| Err(Report::from(problem)))?;
    }
    report.into_result()?;
    terminal::print_notices(report::empty_values(&outcomes));
    for (_, value) in outcomes.values() {
        terminal::output_whole(value.expose())?;
    }
    if terminal::is_output_terminal() {
        terminal::output("\n")?;
    }
    Ok(())
}

/// Returns the error of an argument that is the name of an entry, as `secrets-exec get DB_PASSWORD`, with the entry's reference as its remedy.
/// `failed` is the problem of the secret that has this name. `None` if that exists, or if no declaration has such an entry with a reference.
fn name_of_entry(
    argument: &Subject,
    mut files: Vec<PathBuf>,
    finds_file: bool,
    failed: &Problem,
) -> Option<Problem> {
    if !matches!(failed.code, "not-found" | "denied") {
        return None;
    }
    // A pipe can be read only once.
    files.retain(|path| path.is_file());
    let (declarations, _) = declaration::load(&files, finds_file, true);
    let mut entries = declarations
        .iter()
        .rev()
        .flat_map(|declaration| &declaration.layer.entries);
    let entry = entries.find(|entry| Some(&*entry.subject.label) == argument.reference())?;
    let Subject { label, origin, .. } = &entry.subject;
    let text = format!("{label:?} is the name of an entry ({origin}), not of a secret");
    let write = argument.write(entry.subject.reference()?);
    let problem = Problem::new(failed.status, text).code(failed.code);
    Some(problem.help(format!("write the reference of this entry: {write}")))
}
