//! The steps of a launch: its values are resolved, its files delivered, and the command is executed.

use super::prepare::Prepared;
use super::read::{Pass, ReadValues, read_usable};
use crate::deliver::{Delivery, Files};
use crate::exec::{self, Program};
use crate::model::environment::{CommandLine, Environment};
use crate::report::{self, Report, terminal};
use crate::time::Deadline;

/// A command whose values are not resolved yet.
pub struct Launch<'a> {
    pub prepared: Prepared,
    pub command: &'a CommandLine,
    pub program: Program,
}

impl<'a> Launch<'a> {
    /// Looks the command up before any request, so that a mistyped one fails at once.
    ///
    /// # Errors
    /// When the command is not found or cannot be executed.
    pub fn new(prepared: Prepared, command: &'a CommandLine) -> Result<Self, Report> {
        let program = prepared.find(command)?;
        Ok(Self {
            prepared,
            command,
            program,
        })
    }

    /// Resolves every value.
    ///
    /// # Errors
    /// Every value that cannot be read, or that cannot be delivered as far as that is known.
    pub fn resolve(&self, pass: Pass, deadline: &Deadline) -> Result<ReadValues, Report> {
        let consequence = format!(
            "the command {} was not started",
            self.command.quoted_program()
        );
        let (values, mut report) = read_usable(&self.prepared, pass, deadline, &consequence)?;
        if !report.is_empty() {
            let undeliverable = Files::find(values.outcomes.files()).undeliverable();
            report.extend(undeliverable.into_iter().map(|(_, problem)| problem));
            return Err(report);
        }
        Ok(values)
    }

    /// Writes the files under temporary names, and makes the environment. Dropping the files removes those that are temporary or new.
    ///
    /// # Errors
    /// Every file that cannot be written, or the length of an environment that the kernel would not accept.
    pub fn stage(
        &self,
        pass: Pass,
        ReadValues { outcomes, fetched }: ReadValues,
    ) -> Result<(Delivery, Environment), Report> {
        let Prepared {
            options, retained, ..
        } = &self.prepared;
        if options.verbose {
            terminal::print(report::provenance(&outcomes, &fetched));
        }
        let files = Files::find(outcomes.files());
        if pass == Pass::First {
            terminal::print_notices(report::unexpanded_arguments(&outcomes, self.command));
            terminal::print_notices(report::empty_values(&outcomes));
            terminal::print_notices(report::disk_notices(files.persistent_files()));
        }
        let delivery = Delivery::stage(files).map_err(Report::from_iter)?;
        let values = outcomes
            .variables()
            .map(|variable| (variable.name, variable.value));
        let environment = Environment::new(retained, values.chain(delivery.variables()));
        environment.expect_fit(Some((self.command, self.program.as_path())), exec::limits())?;
        Ok((delivery, environment))
    }
}
