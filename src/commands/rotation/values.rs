//! The values of the command: those that it starts with, and those that a poll finds.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;

use crate::deliver::{Files, deliver};
use crate::exec::{self, Image};
use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;
use crate::model::resolved::Resolved;
use crate::model::retention::Retained;
use crate::report::{Failure, Report};
use crate::supervise::PollResult;
use crate::system::os_error::SpawnError;

/// The command, and the sources of its environment.
pub struct Values<'a> {
    pub command: &'a CommandLine,
    /// The inherited variables that the command keeps.
    pub retained: Retained,
    /// The PATH in which the command is looked up at each start.
    pub path: Option<OsString>,
    /// The values of the next start.
    pub resolved: Option<Resolved>,
}

impl Values<'_> {
    /// Returns a descriptor that is readable once a poll has ended.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Begins a poll.
    pub fn request(&mut self) {}

    /// Drops the poll in flight.
    pub fn cancel(&mut self) {}

    /// Returns the result of a poll that has ended.
    pub fn polled(&mut self) -> Option<PollResult> {
        None
    }

    /// Does with the kept values what can fail before the command is touched.
    pub fn prepare(&mut self) -> Result<(), Report> {
        Ok(())
    }

    /// Wipes the kept values.
    pub fn discard(&mut self) {}

    /// Delivers the files, and calls `spawn` with the program and its environment.
    ///
    /// # Errors
    /// Every reason why the command is not started.
    pub fn start(&mut self, spawn: impl FnMut(&mut Image<'_>) -> Result<(), SpawnError>) -> Result<(), Report> {
        let program = exec::find(self.command.program(), self.path.as_deref())
            .map_err(|error| Failure::program(self.command, error))?;
        let resolved = self.resolved.take().unwrap_or_default();
        let files = Files::find(resolved.files);
        let signals = files.hold_signals();
        let mut delivered =
            deliver(files, &signals).map_err(|errors| errors.into_iter().map(Failure::Deliver).collect::<Report>())?;
        let environment = Environment::new(self.retained.clone(), &resolved.variables, delivered.variables());
        environment.check(self.command, program.as_path(), exec::limits()).map_err(Failure::Environment)?;
        delivered.commit(&signals).map_err(|errors| errors.into_iter().map(Failure::Deliver).collect::<Report>())?;
        if let Err(error) = exec::start(&program, self.command, &environment, spawn) {
            signals.hold_again();
            let mut failures = vec![Failure::Exec { program: program.as_path().to_owned(), error }];
            failures.extend(delivered.undo().into_iter().map(Failure::Deliver));
            return Err(failures.into_iter().collect());
        }
        delivered.keep();
        Ok(())
    }

    /// Removes the files.
    pub fn remove(self) {}
}
