//! `secrets-exec -- COMMAND`: reads every value, writes the files, and replaces this process with
//! the command.
//!
//! A launch uses two threads, because reading can hang in a file or in a DNS lookup, and the
//! deadline must not wait for that:
//!
//! ```text
//! main thread                        worker
//!
//! read ── run_prepared ────────────▶ prepare        reads the declarations, makes the plan,
//!   waits for the result, a signal                  and finds all mistakes
//!   or the deadline                  find_program   finds a mistyped command before any request
//!                                    read_values    sends the requests, and makes the values
//! become_program ◀─────────────────────┘
//!   write_files       under temporary names; also makes the warnings and the environment
//!   print_and_rename  prints the warnings, and gives the files their names
//!   exec              never returns
//! ```
//!
//! With `--on-rotation`, the worker ends before `read_values`, and the trials of
//! `commands/rotation` take the remaining steps.

use std::convert::Infallible;

use super::prepare::{Prepared, run_prepared};
use super::read::{read_values, reading_notices};
use super::task::Task;
use crate::deliver::{Delivery, Files};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::model::environment::{CommandLine, Environment, Inherited};
use crate::model::message::Problem;
#[cfg(target_os = "linux")]
use crate::model::options::RotationOptions;
use crate::model::outcome::Values;
use crate::model::shown::quoted_program;
use crate::report::{
    self, Record, Report,
    terminal::{self, Patience},
};
use crate::system::systemd::Notifier;
use crate::time::Deadline;

/// A launch that can start: its inputs are valid, and its program was found.
pub enum Mode<'a> {
    /// This process becomes the program, which gets these values.
    Once(Launch<'a>, Values),
    /// With `--on-rotation`, which needs Linux: this process stays, and trials read the values.
    #[cfg(target_os = "linux")]
    Supervised(Launch<'a>, RotationOptions),
}

/// Prepares the inputs, finds the program and, without `--on-rotation`, reads the values.
pub fn read<'a>(
    inputs: Inputs,
    command: &'a CommandLine,
    inherited: &Inherited,
) -> Result<Mode<'a>, Report> {
    run_prepared(inputs, Task::LAUNCH, inherited, |mut prepared, deadline| {
        let program = prepared.find_program(command)?;
        let rotation = prepared.options.rotation.take();
        let launch = Launch {
            prepared,
            command,
            program,
        };
        match rotation {
            #[cfg(target_os = "linux")]
            Some(rotation) => Ok(Mode::Supervised(launch, rotation.value)),
            _ => {
                let values = launch.all_values(deadline)?;
                Ok(Mode::Once(launch, values))
            }
        }
    })
}

/// Prints `notices`, and then gives the files their final names.
pub(super) fn print_and_rename(
    delivery: Delivery,
    notices: Vec<Record>,
) -> Result<Delivery, Problem> {
    terminal::print(Patience::Brief, notices);
    delivery.rename_all()
}

pub struct Launch<'a> {
    prepared: Prepared,
    pub command: &'a CommandLine,
    program: Program,
}

/// These methods are only for `--on-rotation`.
#[cfg(target_os = "linux")]
impl Launch<'_> {
    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Turns this launch into a poll ([`Prepared::for_poll`]).
    pub(super) fn for_poll(self) -> Self {
        Self {
            prepared: self.prepared.for_poll(),
            ..self
        }
    }

    /// Replaces `parent` with this process's id in LISTEN_PID and WATCHDOG_PID, so that the command
    /// accepts what the service manager passed to the parent.
    pub(super) fn replace_process_id(&mut self, parent: i32) {
        let retained = &mut self.prepared.plan.retained;
        retained.replace_process_id(parent, std::process::id());
    }
}

impl Launch<'_> {
    /// Reads every value. This can take until the deadline.
    pub(super) fn all_values(&self, deadline: &Deadline) -> Result<Values, Report> {
        let values = read_values(&self.prepared, deadline)?;
        let mut problems = values.problems(exec::argument_limits());
        if problems.is_empty() {
            return Ok(values);
        }
        // Also report the files that can't be delivered. If there were no problems, `write_files`
        // would do that later.
        problems.extend(Files::open_directories(values.outcomes.files()).undeliverable());
        let name = quoted_program(self.command);
        let consequence = format!("the command {name} was not started");
        let mut report = Report::from_values(problems, &consequence);
        report.notices = reading_notices(&self.prepared, &values);
        Err(report)
    }

    /// Writes the files, prints the notices, and replaces this process with the program. With
    /// `--notify-ready`, sends READY=1 right before `execve`.
    pub fn become_program(
        &self,
        values: Values,
        inherited: &Inherited,
    ) -> Result<Infallible, Report> {
        let (delivery, environment, notices) = self.write_files(values)?;
        // If a termination signal has arrived, `unless_interrupted` removes the new files and ends
        // the process.
        let delivered = print_and_rename(delivery, notices)?.unless_interrupted();
        if self.prepared.options.notify_ready {
            Notifier::new(inherited).send("READY=1");
        }
        let Err(problem) = exec::exec(
            &self.program,
            self.command,
            &environment,
            delivered.descriptors(),
        );
        Err(problem.into())
    }

    /// Writes the files under temporary names. Also returns the environment, and the notices to
    /// print before the files get their final names. A poll only warns about the values themselves.
    pub(super) fn write_files(
        &self,
        values: Values,
    ) -> Result<(Delivery, Environment, Vec<Record>), Report> {
        let outcomes = &values.outcomes;
        let files = Files::open_directories(outcomes.files());
        let mut notices = Vec::new();
        let warns = self.prepared.task.warns;
        if warns {
            notices = reading_notices(&self.prepared, &values);
        }
        if self.prepared.options.verbose {
            notices.extend(report::account(&values));
        }
        let retained = &self.prepared.plan.retained;
        if warns {
            notices.extend(report::argument_warnings(outcomes, retained, self.command));
            notices.extend(files.disk_warnings());
        }
        notices.extend(report::value_warnings(&outcomes.list));

        let delivery = Delivery::write_temporary(files)?;
        let environment = Environment::new(
            retained,
            outcomes
                .variables()
                .map(|variable| (variable.name, variable.value))
                .chain(delivery.variables()),
        );
        let command = (self.command, self.program.as_path());
        exec::expect_fit(&environment, Some(command), exec::argument_limits().total)?;
        Ok((delivery, environment, notices))
    }
}
