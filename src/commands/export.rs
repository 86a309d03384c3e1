//! `secrets-exec export`: prints the variables that a launch would set, or writes them to a file.

use std::path::PathBuf;

use super::prepare::{Prepared, Scope, prepare};
use super::read::read;
use crate::deliver::export::{Exported, export as export_variables, variables};
use crate::deliver::{Delivery, Files};
use crate::exec;
use crate::input::cli::{Inputs, Subcommand, UsageError};
use crate::model::answer::Fetched;
use crate::model::entry::{FileTarget, Mode, Origin, Place};
use crate::model::inherited::Inherited;
use crate::model::options::ExportOptions;
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::Outcome;

/// Prints the variables, or writes them to a file.
///
/// # Errors
/// Every reason why a value cannot be exported, or why standard output or the file cannot be written.
pub fn export(mut inputs: Inputs, own: &ExportOptions, inherited: &Inherited) -> Result<(), Report> {
    let is_shown = own.output.is_none() && !own.reveal && terminal::is_output_terminal();
    inputs.errors.extend(is_shown.then_some(UsageError::ValuesOnTerminal(Subcommand::Export)));
    let Prepared { options, plan, backend, .. } = prepare(inputs, Scope::Launch, inherited)?;
    let mut fetched = Fetched::default();
    let Outcome { resolved, errors } = read(backend, &options, &plan, inherited, &mut fetched)?;
    let mut report = Report::of_values(errors, Vec::new(), &plan, "nothing was exported");
    let (variables, errors) = variables(&resolved, exec::limits());
    report.extend(errors, Failure::Export);
    let exported = report.value_of(export_variables(&variables, own.format), Failure::Export);
    let Some(Exported { text, reserved }) = exported.filter(|_| report.is_empty()) else { return Err(report) };
    if options.verbose {
        terminal::print_lines(report::provenance(&resolved, &fetched));
    }
    if !options.quiet {
        terminal::print_lines(report::reserved_names(&reserved));
        terminal::print_lines(report::unwritten_files(&resolved.files));
    }
    match &own.output {
        Some(path) => write(path.clone(), text),
        None => Ok(terminal::print_whole(text.expose()).map_err(Failure::Output)?),
    }
}

/// Writes a file that only its owner can read, as a launch delivers one: complete or not at all. A `.env` file belongs in a project,
/// so one on a disk is not warned of.
fn write(path: PathBuf, value: SecretValue) -> Result<(), Report> {
    let target = FileTarget { place: Place::Path(path), env: None, mode: Mode::PRIVATE_WRITABLE, owner: None };
    let files = Files::find(vec![FileValue { target, value, origin: Origin::Argument("--output") }]);
    let signals = files.hold_signals();
    let report = |errors: Vec<_>| errors.into_iter().map(Failure::Deliver).collect::<Report>();
    let mut delivery = Delivery::stage(files).map_err(report)?;
    delivery.place_unless_interrupted(&signals).map_err(report)?;
    delivery.keep();
    Ok(())
}
