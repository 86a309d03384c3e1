//! Becoming the command: where it is, what the process must look like, and the one `execve`.

mod lookup;
mod process;

pub use lookup::{Program, ProgramError, find};
pub use process::{die_of_signals, hide_memory, limits};

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::unistd::execve;

use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;

/// Why execve refused a program that was found.
#[derive(Debug, PartialEq, Eq)]
pub enum ExecError {
    /// The file is there, so it is its interpreter or loader that is not.
    NoInterpreter,
    /// Neither a program for this machine nor a script.
    WrongFormat,
    /// Variables and arguments are more than the kernel takes; the longest variable is named.
    TooLarge(String),
    /// Whatever else the kernel says.
    Refused(String),
}

/// Becomes `program`: same process, same descriptors, signals as they were inherited.
///
/// # Errors
/// What the kernel says when it does not; only it can tell whether a file is a program.
pub fn exec(program: &Program, command: &CommandLine, environment: &Environment) -> Result<Infallible, ExecError> {
    // No argument that came through execve once has a NUL.
    let arguments: Vec<CString> =
        command.arguments().filter_map(|argument| CString::new(argument.as_bytes()).ok()).collect();
    let error = process::with_inherited_sigpipe(|| {
        let Err(error) = execve(program.path(), &arguments, environment.strings());
        if error != Errno::ENOEXEC || !is_script(program) {
            return error;
        }
        // What a shell and glibc do with a script that has no `#!` line, and musl does not. A path is no option.
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
        other => ExecError::Refused(other.desc().to_owned()),
    })
}

/// A script's first line holds no NUL; a program for another machine begins with many.
fn is_script(program: &Program) -> bool {
    /// No script's first line is longer, and a program need not be read to its end.
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
