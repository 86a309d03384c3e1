//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts, signals or stops it when a secret
//! changes.

mod event_loop;
mod manager;
mod timers;
mod values;

use std::process::ExitCode;

use crate::exec::ExecError;
use crate::model::inherited::Inherited;
use crate::model::options::Rotation;
use crate::report::{Failure, Report};
use crate::supervise::process::{Signals, adopt_orphans};
use event_loop::EventLoop;
use manager::Manager;
pub use values::Values;

/// Runs the command with the first values until it has ended, on the main thread.
///
/// # Errors
/// When the command cannot be started.
pub fn supervise(
    options: &Rotation,
    values: Values<'_>,
    inherited: &Inherited,
    notify_ready: bool,
) -> Result<ExitCode, Report> {
    let signals = Signals::block().map_err(|errno| Failure::Exec {
        program: values.command.program().into(),
        error: ExecError::NoProcess(errno),
    })?;
    adopt_orphans();
    EventLoop::new(options, values, signals, Manager::new(inherited, notify_ready)).run()
}
