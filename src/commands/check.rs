//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use super::prepare::{Prepared, prepare};
use super::read::read;
use crate::exec;
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::environment::check_variable;
use crate::model::inherited::Inherited;
use crate::model::options::CheckOptions;
use crate::report::Report;
use crate::resolve::Outcome;

/// Prints a table of the variables and files.
///
/// # Errors
/// Every reason why a launch would not run.
pub fn check(
    inputs: Inputs,
    command: Option<&CommandLine>,
    options: CheckOptions,
    inherited: &Inherited,
) -> Result<(), Report> {
    let _ = options;
    let prepared = prepare(inputs, inherited)?;
    command.map(|command| prepared.find(command)).transpose()?;
    let Prepared { options, plan, backend, .. } = prepared;
    let mut fetched = Fetched::default();
    let Outcome { resolved, errors } = read(backend, &options, &plan, inherited, &mut fetched)?;
    let limits = exec::limits();
    let unusable = resolved.variables.iter().filter_map(|variable| check_variable(variable, limits)).collect();
    Report::of_values(errors, unusable, &plan, "the command would not be started").check()
}
