//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts, signals or stops it when a secret
//! changes.

mod comparison;
mod delivery;
mod event_loop;
mod fingerprint;
mod mailbox;
mod manager;
mod notices;
mod poller;
mod polling;
mod timers;
mod values;

use std::process::ExitCode;

use crate::exec::ExecError;
use crate::model::inherited::Inherited;
use crate::model::options::{Options, Rotation};
use crate::report::{Failure, Report, terminal};
use crate::supervise::process::{Signals, adopt_orphans};
use event_loop::EventLoop;
use manager::Manager;
use notices::Notices;
pub use values::Launch;
use values::Values;

/// Runs the command with the first values until it has ended, on the main thread.
///
/// # Errors
/// When the command cannot be started.
pub fn supervise(
    rotation: &Rotation,
    options: &Options,
    launch: Launch<'_>,
    inherited: &Inherited,
) -> Result<ExitCode, Report> {
    let program = launch.command.program().into();
    let not_started = |errno| Failure::Exec { program, error: ExecError::NoProcess(errno) };
    // Before a thread of this process starts.
    let signals = Signals::block().map_err(not_started)?;
    adopt_orphans();
    terminal::background::begin();
    let mut values = Values::new(rotation, options, launch)?;
    values.prepare_first(options)?;
    let command = values.command().program().to_string_lossy().into_owned();
    let notices = Notices { rotation, options, command, pid: 0 };
    EventLoop::new(notices, values, signals, Manager::new(inherited, options.notify_ready)).run()
}
