//! Messages about a command that cannot be executed, and about values that its environment cannot hold.

use std::path::Path;

use super::line::Line;
use crate::exec::{ExecError, ProgramError};
use crate::model::entry::{Origin, Subject};
use crate::model::env_name::is_name;
use crate::model::environment::EnvironmentError;
use crate::system::os_error::describe;

pub fn program(command: &str, error: &ProgramError) -> Vec<Line> {
    let what = match error {
        ProgramError::NotFound { .. } if command.is_empty() => {
            let hint = "a variable in its place, such as \"$COMMAND\", may be unset";
            return vec![Line::error("the command after `--` is empty"), Line::help(hint)];
        }
        ProgramError::NotFound { path: Some(_) } => format!("{}: command not found in PATH", without_value(command)),
        ProgramError::NotFound { path: None } => format!("{command}: no such file"),
        ProgramError::NotExecutable { file, why } if file == Path::new(command) => {
            format!("{command}: cannot be executed: {}", describe(*why))
        }
        ProgramError::NotExecutable { file, why } => {
            format!("{command}: {} cannot be executed: {}", file.display(), describe(*why))
        }
    };
    let (note, hint) = match error {
        ProgramError::NotFound { path } => {
            (path.as_ref().map(|path| Line::note(format!("PATH is {path}"))), command_hint(command).map(Line::help))
        }
        ProgramError::NotExecutable { .. } => (None, None),
    };
    std::iter::once(Line::error(what)).chain(note).chain(hint).collect()
}

/// Commands that only a shell has.
const BUILTINS: [&str; 14] = [
    ".", "alias", "cd", "eval", "exec", "exit", "export", "set", "shift", "source", "trap", "ulimit", "umask", "unset",
];

/// Returns the hint for a command that only a shell would understand.
fn command_hint(command: &str) -> Option<String> {
    if BUILTINS.contains(&command) {
        return Some(format!("only a shell has {command}; write: -- sh -c '…'"));
    }
    if let Some(name) = assigned(command) {
        return Some(format!("for a variable of the command write: -- env {name}=… COMMAND"));
    }
    is_shell_syntax(command)
        .then(|| "no shell reads the command; for variables, pipes and the like write: -- sh -c '…'".to_owned())
}

/// The name in `NAME=value`, which a shell sets for a command.
fn assigned(command: &str) -> Option<&str> {
    command.split_once('=').map(|(name, _)| name).filter(|name| is_name(name))
}

/// Returns a command, of `NAME=value` without the value, which may be a password.
fn without_value(command: &str) -> String {
    assigned(command).map_or_else(|| command.to_owned(), |name| format!("{name}=…"))
}

/// True for a text that only a shell would take apart into a command and its arguments.
fn is_shell_syntax(command: &str) -> bool {
    command.contains(|c: char| c.is_whitespace() || "$|&;<>`*(".contains(c))
}

pub fn environment(error: &EnvironmentError) -> Vec<Line> {
    let hint = match error {
        EnvironmentError::Nul(subject) => as_base64_or_file(subject),
        EnvironmentError::TooLong { subject, .. } => as_file(subject),
        EnvironmentError::TotalTooLong { .. } => {
            "pass on fewer with --clean-env or --unset, or raise the stack limit (ulimit -s)".to_owned()
        }
    };
    let variable = match error {
        EnvironmentError::Nul(subject) | EnvironmentError::TooLong { subject, .. } => &subject.label,
        EnvironmentError::TotalTooLong { longest, .. } => longest,
    };
    let line = Line::error(environment_message(error)).with("variables", vec![variable.as_str()]);
    vec![line, Line::help(hint)]
}

pub fn environment_message(error: &EnvironmentError) -> String {
    match error {
        EnvironmentError::Nul(subject) => format!("{subject}: the value has a NUL byte, which a variable cannot hold"),
        EnvironmentError::TooLong { subject, length, limit } => {
            format!("{subject}: with its name the variable has {length} bytes, and the kernel allows {limit}")
        }
        EnvironmentError::TotalTooLong { length, limit, longest } => format!(
            "variables and arguments together have {length} bytes, and the kernel allows {limit}; the longest variable is \
             {longest}"
        ),
    }
}

fn as_base64_or_file(subject: &Subject) -> String {
    format!("{}, or declare it under `env` with `encode: base64`", as_file(subject))
}

fn as_file(subject: &Subject) -> String {
    let label = &subject.label;
    match (&subject.origin, subject.reference()) {
        (Origin::File { .. }, _) => "deliver it as a file, under `files`".to_owned(),
        (Origin::Argument("--env"), Some(written)) => format!("deliver it as a file: --as-file {label}={written}"),
        (Origin::Argument(_) | Origin::Inherited, _) => {
            format!("deliver it as a file: --as-file {label}=SECRET:KEY")
        }
    }
}

pub fn exec(program: &Path, error: &ExecError) -> String {
    let program = program.display();
    match error {
        ExecError::NoInterpreter => format!(
            "{program}: the file exists, but its interpreter (`#!` line) or its dynamic loader does not; was it built for \
             this image?"
        ),
        ExecError::WrongFormat => {
            format!(
                "{program}: neither a program for this machine nor a script; was it built for another architecture?"
            )
        }
        ExecError::TooLarge(longest) => {
            format!("{program}: variables and arguments together are too long; the longest variable is {longest}")
        }
        ExecError::NoProcess(why) => format!("{program}: cannot be started: {}", describe(*why)),
        ExecError::Other(why) => format!("{program}: cannot be executed: {}", describe(*why)),
    }
}
