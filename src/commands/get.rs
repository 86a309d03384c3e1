//! `secrets-exec get`: prints one value, byte for byte.

use super::output::refuse_terminal;
use super::read::read_to_print;
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

    let (values, report) = read_to_print(inputs, Task::GET, inherited, "nothing was printed")?;
    let mut notices = report.into_result()?;
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
