//! Execution of the command: its lookup in PATH, the process state that it inherits, and `execve`.

mod lookup;
mod process;

pub use lookup::{Program, ProgramError, find};
pub use process::{STACK, StackShortage, check_stack, die_of_signals, hide_memory, limits};

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::unistd::execve;

use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;

/// The reason why execve failed for a program that was found.
#[derive(Debug, PartialEq, Eq)]
pub enum ExecError {
    /// ENOENT for a file that exists: its interpreter or dynamic loader is missing.
    NoInterpreter,
    /// ENOEXEC: neither a program for this machine nor a script.
    WrongFormat,
    /// E2BIG: variables and arguments exceed the limits. Holds the name of the longest variable.
    TooLarge(String),
    /// Any other errno.
    Other(Errno),
}

/// Replaces the process with `program`, which inherits the process id, the descriptors and the inherited signal dispositions.
///
/// # Errors
/// When execve fails; the process continues unchanged.
pub fn exec(program: &Program, command: &CommandLine, environment: &Environment) -> Result<Infallible, ExecError> {
    // Arguments of this process have no NUL.
    let arguments: Vec<CString> =
        command.arguments().filter_map(|argument| CString::new(argument.as_bytes()).ok()).collect();
    let error = process::with_inherited_sigpipe(|| {
        let Err(error) = execve(program.path(), &arguments, environment.strings());
        if error != Errno::ENOEXEC || !is_script(program) {
            return error;
        }
        // Run a script without a `#!` line by /bin/sh, as shells and glibc's execvp do; musl's does not. A path with a leading
        // `-` gets `./`, so that sh does not take it for an option.
        let path = program.path().to_bytes();
        let script = if path.starts_with(b"-") { [b"./", path].concat() } else { path.to_owned() };
        let shell = [c"/bin/sh".to_owned()].into_iter().chain(CString::new(script));
        let arguments: Vec<CString> = shell.chain(arguments.into_iter().skip(1)).collect();
        let Err(error) = execve(c"/bin/sh", &arguments, environment.strings());
        error
    });
    Err(match error {
        Errno::ENOENT => ExecError::NoInterpreter,
        Errno::ENOEXEC => ExecError::WrongFormat,
        Errno::E2BIG => ExecError::TooLarge(environment.longest()),
        other => ExecError::Other(other),
    })
}

/// True for a file whose first line has no NUL, as a script's; the header of a program for another machine has some.
fn is_script(program: &Program) -> bool {
    /// The limit for the length of the first line, so that a large program is not read to its end.
    const LONGEST: u64 = 1024 * 1024;
    let mut line = Vec::new();
    let file = File::open(program.as_path()).map(|file| BufReader::new(file.take(LONGEST)));
    file.and_then(|mut file| file.read_until(b'\n', &mut line)).is_ok() && !line.contains(&0)
}

impl Program {
    fn path(&self) -> &CStr {
        &self.0
    }
}
