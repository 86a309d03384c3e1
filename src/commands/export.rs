//! `secrets-exec export`: prints the variables that a launch would set.

use super::prepare::{Prepared, prepare};
use super::read::read;
use crate::exec;
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::environment::check_variable;
use crate::model::inherited::Inherited;
use crate::model::options::ExportOptions;
use crate::report::Report;
use crate::resolve::Outcome;

/// Prints the variables, or writes them to a file.
///
/// # Errors
/// Every reason why a value cannot be exported.
pub fn export(inputs: Inputs, options: &ExportOptions, inherited: &Inherited) -> Result<(), Report> {
    let _ = options;
    let Prepared { options, plan, backend, .. } = prepare(inputs, inherited)?;
    let mut fetched = Fetched::default();
    let Outcome { resolved, errors } = read(backend, &options, &plan, inherited, &mut fetched)?;
    let limits = exec::limits();
    let unusable = resolved.variables.iter().filter_map(|variable| check_variable(variable, limits)).collect();
    Report::of_values(errors, unusable, &plan, "nothing was exported").check()
}
