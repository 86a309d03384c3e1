//! `secrets-exec export`: prints the variables that a launch would set, or writes them to a file.

use std::path::PathBuf;

use super::read::read_values;
use super::scope::EntryScope;
use crate::deliver::{Delivery, Files};
use crate::exec;
use crate::input::cli::{ExportArguments, ExportFormat, Inputs};
use crate::model::entry::{FilePlace, FileTarget, Mode, Origin, Subject};
use crate::model::inherited::Inherited;
use crate::model::outcome::FileValue;
use crate::model::plan::EntryId;
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::report::export::{export as export_variables, shell_warning, variables};
use crate::report::{Record, Report, terminal};

/// Refuses to print values on a terminal without `--reveal`.
///
/// # Errors
/// The problem, with the remedy.
pub fn refuse_terminal(reveal: bool, remedy: &str) -> Result<(), Problem> {
    if reveal || !terminal::is_output_terminal() {
        return Ok(());
    }
    Err(Problem::usage(
        "standard output is a terminal, so everyone who looks at it would see the values",
    )
    .help(remedy))
}

/// Prints the variables, or writes them to a file.
///
/// # Errors
/// Every reason why a value cannot be exported, or why standard output or the file cannot be written.
pub fn export(
    mut inputs: Inputs,
    arguments: &ExportArguments,
    inherited: &Inherited,
) -> Result<(), Report> {
    let output = arguments
        .output
        .as_ref()
        .filter(|path| path.as_os_str() != "-");
    let remedy = "write the values to a file with --output FILE, pipe them to a program, or add --reveal to see them";
    inputs
        .errors
        .extend(refuse_terminal(arguments.reveal || output.is_some(), remedy).err());
    let consequence = "nothing was exported";
    let (outcomes, mut report) = read_values(inputs, EntryScope::Launch, inherited, consequence)?;
    let variables = variables(&outcomes, exec::limits());
    let exported = report.value_of(export_variables(&variables, arguments.format));
    let Some(text) = exported.filter(|_| report.is_empty()) else {
        return Err(report);
    };
    if arguments.format == ExportFormat::Shell {
        let warnings = variables.iter().copied().filter_map(shell_warning);
        terminal::print_notices(warnings.map(Record::warning));
    }
    terminal::print_notices(outcomes.files().map(unwritten));
    match output {
        Some(path) => write(path.clone(), text),
        None => Ok(terminal::output_whole(text.expose())?),
    }
}

/// Returns the warning about a file, which a launch writes and `export` does not.
fn unwritten(
    FileValue {
        target, subject, ..
    }: FileValue<'_>,
) -> Record {
    Record::warning(match &target.place {
        FilePlace::Path(path) => {
            format!(
                "the file {} ({}) is not written, because only a launch writes files",
                path.display(),
                subject.origin
            )
        }
        FilePlace::Memory => format!(
            "{subject} is left out, because a file in memory disappears with the process that made it"
        ),
    })
}

/// Writes a file that only its owner can read, as a launch delivers one: complete or not at all. A `.env` file belongs in a project,
/// so one on a disk is not warned of.
fn write(path: PathBuf, value: SecretValue) -> Result<(), Report> {
    let subject = Subject::of_path(&path, Origin::Argument("--output"));
    let target = FileTarget {
        place: FilePlace::Path(path),
        env: None,
        mode: Mode::PRIVATE_WRITABLE,
        owner: None,
    };
    let files = Files::find([FileValue {
        id: EntryId::default(),
        target: &target,
        value: &value,
        subject: &subject,
    }]);
    Delivery::stage(files)
        .map_err(Report::from_iter)?
        .place()?
        .keep();
    Ok(())
}
