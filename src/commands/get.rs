//! `secrets-exec get`: prints one value.

use super::export::refuse_terminal;
use super::read::read_values;
use super::scope::EntryScope;
use crate::input::cli::Inputs;
use crate::model::inherited::Inherited;
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
    let consequence = "nothing was printed";
    let (outcomes, report) = read_values(inputs, EntryScope::Argument, inherited, consequence)?;
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
