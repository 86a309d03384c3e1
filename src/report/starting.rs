//! Messages about a command that cannot be started.

use std::path::Path;

use crate::exec::{ExecError, ProgramError};
use crate::model::environment::EnvironmentError;
use crate::system::os_error::describe;

pub fn program(command: &str, error: &ProgramError) -> String {
    match error {
        ProgramError::NotFound { path: Some(path) } => format!("{command}: command not found in PATH ({path})"),
        ProgramError::NotFound { path: None } => format!("{command}: no such file"),
        ProgramError::NotExecutable { file, why } => {
            format!("{command}: {} cannot be executed: {}", file.display(), describe(*why))
        }
    }
}

pub fn environment(error: &EnvironmentError) -> String {
    match error {
        EnvironmentError::Nul(subject) => format!(
            "{subject}: the value has a NUL byte, which no variable can hold; use `encode: base64`, or deliver it as a file"
        ),
        EnvironmentError::TooLong { subject, length, limit } => format!(
            "{subject}: the variable is {length} bytes long with its name, and the kernel takes {limit}; deliver it as a file"
        ),
        EnvironmentError::TotalTooLong { length, limit, longest } => format!(
            "all variables and arguments together are {length} bytes, and the kernel takes {limit}; the longest variable is {longest}; \
             pass fewer on with --clean-env or --unset, or raise the limit of the stack"
        ),
    }
}

pub fn exec(program: &Path, error: &ExecError) -> String {
    let program = program.display();
    match error {
        ExecError::NoInterpreter => format!(
            "{program}: the file is there, but its interpreter (the `#!` line) or its dynamic loader is not; is it made for this image?"
        ),
        ExecError::WrongFormat => {
            format!("{program}: neither a program for this machine nor a script; built for another architecture?")
        }
        ExecError::TooLarge(longest) => {
            format!("{program}: variables and arguments are too long together; the longest variable is {longest}")
        }
        ExecError::Other(why) => format!("{program}: cannot be executed: {}", describe(*why)),
    }
}
