//! `secrets-exec get`: prints one value, byte for byte.

use super::output::refuse_terminal;
use super::read::{prepare_and_read, values_report};
use super::task::Task;
use crate::input::cli::{GetArguments, Inputs};
use crate::model::environment::Inherited;
use crate::report::{self, Record, Report, terminal};

/// Prints the value, followed by a newline on a terminal. Returns the notices to print after it.
pub fn get(
    mut inputs: Inputs,
    arguments: &GetArguments,
    inherited: &Inherited,
) -> Result<Vec<Record>, Report> {
    if !arguments.reveal {
        let remedy = "pipe the value to a program, or add --reveal to see it";
        inputs.errors.extend(refuse_terminal(remedy).err());
    }

    let (prepared, values) = prepare_and_read(inputs, Task::GET, inherited)?;
    let mut notices = values_report(&prepared, &values, "nothing was printed").into_result()?;
    // Wipe the settings, because the output may wait for its reader.
    drop(prepared);

    notices.extend(report::value_warnings(&values.outcomes.list));
    // The plan has only one entry.
    if let Some((_, made)) = values.outcomes.values().next() {
        terminal::output_whole(made.value.expose())?;
    }
    if terminal::is_output_terminal() {
        terminal::output("\n")?;
    }
    Ok(notices)
}
