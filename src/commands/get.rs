//! `secrets-exec get`: prints one value.

use super::export::refuse_terminal;
use super::prepare::{Prepared, prepare};
use super::read::read;
use super::scope::EntryScope;
use super::worker::ThisProcess;
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::report::{self, Report, terminal};
use crate::resolve::Resolution;

/// Prints the value of the reference in `inputs` as it is; on a terminal, with a newline after it.
///
/// # Errors
/// Every reason why it cannot be read, or why standard output cannot be written.
pub fn get(mut inputs: Inputs, reveal: bool, inherited: &Inherited) -> Result<(), Report> {
    inputs.errors.extend(refuse_terminal(reveal, "pipe the value to a program, or add --reveal to see it").err());
    let Prepared { options, plan, backend, .. } = prepare(inputs, EntryScope::Argument, inherited)?;
    let mut fetched = Fetched::default();
    let Resolution { resolved, errors, .. } =
        read(backend, &options, &plan, &ThisProcess::new(inherited), &mut fetched, None)?;
    Report::of_values(errors, Vec::new(), "nothing was printed").into_result()?;
    if options.verbose {
        terminal::print_records(report::provenance(&resolved, &fetched));
    }
    terminal::print_notices(report::empty_values(&resolved), &options);
    for resolved in &resolved.values {
        terminal::print_whole(resolved.value.expose())?;
    }
    if terminal::is_output_terminal() {
        terminal::print("\n")?;
    }
    Ok(())
}
