//! The steps of a launch, except for the last one: find the command, read the values, and write the files under temporary names.
//!
//! An ordinary launch and the forked launches of a rotation take the same steps.

use super::prepare::Prepared;
use super::read::{Pass, ReadValues, read_and_check};
use crate::deliver::{Delivery, Files};
use crate::exec::{self, Program};
use crate::model::environment::{CommandLine, Environment};
use crate::report::{self, Report, terminal};
use crate::time::Deadline;

/// A command whose values have not been read yet.
pub struct Launch<'a> {
    pub prepared: Prepared,
    pub command: &'a CommandLine,
    /// The program that was found for the command.
    pub program: Program,
}

impl<'a> Launch<'a> {
    /// Looks for the command before anything is requested, so that a mistyped command fails immediately.
    ///
    /// # Errors
    /// If the command isn't found or can't be executed.
    pub fn new(prepared: Prepared, command: &'a CommandLine) -> Result<Self, Report> {
        let program = prepared.find_program(command)?;
        Ok(Self {
            prepared,
            command,
            program,
        })
    }

    /// Reads every value, which can take until the deadline.
    ///
    /// # Errors
    /// Every value that can't be read. In this case, the report also has every file that could not be written, so that one report has everything.
    pub fn read_values(&self, pass: Pass, deadline: &Deadline) -> Result<ReadValues, Report> {
        let consequence = format!(
            "the command {} was not started",
            self.command.quoted_program()
        );
        let (values, mut report) = read_and_check(&self.prepared, pass, deadline, &consequence)?;
        if !report.is_empty() {
            let undeliverable = Files::open_directories(values.outcomes.files()).undeliverable();
            report.extend(undeliverable.into_iter().map(|(_, problem)| problem));
            return Err(report);
        }
        Ok(values)
    }

    /// With `--verbose`, prints where the values come from. Except in a poll, prints the warnings about the values. Then writes the files under
    /// temporary names, and makes the environment.
    ///
    /// Dropping the returned delivery removes the temporary files. It also removes the files that have been renamed already, unless they replaced
    /// an older file.
    ///
    /// # Errors
    /// Every file that can't be written, or an environment that is too large for the kernel.
    pub fn stage(
        &self,
        pass: Pass,
        ReadValues { outcomes, fetched }: ReadValues,
    ) -> Result<(Delivery, Environment), Report> {
        if self.prepared.options.verbose {
            terminal::print_always(report::provenance_notes(&outcomes, &fetched));
        }
        let files = Files::open_directories(outcomes.files());
        if pass == Pass::First {
            let warnings = report::unexpanded_argument_warnings(&outcomes, self.command);
            terminal::print_unless_hidden(warnings);
            terminal::print_unless_hidden(report::empty_value_warning(&outcomes));
            terminal::print_unless_hidden(report::disk_warnings(files.persistent_files()));
        }

        let delivery = Delivery::stage(files).map_err(Report::from_iter)?;
        let variables = outcomes.variables();
        let values = variables.map(|variable| (variable.name, variable.value));
        let environment =
            Environment::new(&self.prepared.retained, values.chain(delivery.variables()));
        let command = (self.command, self.program.as_path());
        environment.expect_fit(Some(command), exec::argument_limits())?;
        Ok((delivery, environment))
    }
}
