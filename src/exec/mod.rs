//! Execution of the command: its lookup in PATH, the process state that it inherits, and `execve`.

mod image;
mod lookup;
mod memory;
mod process;

pub use image::Image;
pub use lookup::{Program, ProgramError, find};
pub use memory::{STACK, WipingAllocator, wipe_freed_memory, wipe_stack};
pub use process::{die_of_signals, hide_memory, limits};

use std::convert::Infallible;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;
use crate::system::os_error::SpawnError;

/// The reason why execve failed for a program that was found.
#[derive(Debug, PartialEq, Eq)]
pub enum ExecError {
    /// ENOENT for a file that exists: its interpreter or dynamic loader is missing.
    NoInterpreter,
    /// ENOEXEC: neither a program for this machine nor a script.
    WrongFormat,
    /// E2BIG: variables and arguments exceed the limits. Holds the name of the longest variable.
    TooLarge(String),
    /// No process can be started for the command.
    NoProcess(Errno),
    /// Any other errno.
    Other(Errno),
}

/// Replaces the process with `program`, which inherits the process id, the inherited signal dispositions, and `descriptors` despite
/// FD_CLOEXEC.
///
/// # Errors
/// When execve fails; the process continues.
pub fn exec(
    program: &Program,
    command: &CommandLine,
    environment: &Environment,
    descriptors: Vec<BorrowedFd<'_>>,
) -> Result<Infallible, ExecError> {
    let image = Image::new(program, command, environment).inheriting(descriptors);
    match through_shell_if_needed(image, |image| Err::<Infallible, _>(SpawnError::NotExecuted(image.execute()))) {
        Ok(never) => match never {},
        Err(error) => Err(ExecError::new(error, environment)),
    }
}

/// Calls `spawn`, which executes an image in another process, and which variables name by its id. That process inherits `descriptors`
/// despite FD_CLOEXEC.
///
/// # Errors
/// When there is no process, or its execve fails.
pub fn start(
    program: &Program,
    command: &CommandLine,
    environment: &Environment,
    descriptors: Vec<BorrowedFd<'_>>,
    spawn: impl FnMut(&mut Image<'_>) -> Result<(), SpawnError>,
) -> Result<(), ExecError> {
    let image = Image::new(program, command, environment).rename_process(environment).inheriting(descriptors);
    through_shell_if_needed(image, spawn).map_err(|error| ExecError::new(error, environment))
}

/// Calls `execute` again with the shell for a script without a `#!` line.
fn through_shell_if_needed<T>(
    mut image: Image<'_>,
    mut execute: impl FnMut(&mut Image<'_>) -> Result<T, SpawnError>,
) -> Result<T, SpawnError> {
    let result = execute(&mut image);
    match result {
        Err(SpawnError::NotExecuted(Errno::ENOEXEC)) => match image.through_shell() {
            Some(mut shell) => execute(&mut shell),
            None => result,
        },
        Ok(_) | Err(_) => result,
    }
}

impl ExecError {
    fn new(error: SpawnError, environment: &Environment) -> Self {
        match error {
            SpawnError::NoProcess(errno) => Self::NoProcess(errno),
            SpawnError::NotExecuted(Errno::ENOENT) => Self::NoInterpreter,
            SpawnError::NotExecuted(Errno::ENOEXEC) => Self::WrongFormat,
            SpawnError::NotExecuted(Errno::E2BIG) => Self::TooLarge(environment.longest()),
            SpawnError::NotExecuted(other) => Self::Other(other),
        }
    }
}
