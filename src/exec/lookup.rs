//! Lookup of the command in its own PATH, as execvp(3) does it.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use crate::model::env_name::is_name;
use crate::model::problem::{Problem, Status};
use crate::system::os_error::{describe, errno};

/// The path of a file whose mode allows this process to execute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(pub CString);

impl Program {
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.0.as_bytes()))
    }
}

/// The search path if PATH is not set, as in musl's execvp(3).
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// Finds `program` in `path`, the command's PATH. A name with a slash is a path itself.
///
/// # Errors
/// When no file has the name, or none of them can be executed; the error has the first one.
pub fn find(program: &OsStr, path: Option<&OsStr>) -> Result<Program, Problem> {
    let name = program.to_string_lossy();
    // A value after the name may be a password.
    let shown = assigned(&name).map_or(name.to_string(), |variable| format!("{variable}=…"));
    if program.as_bytes().contains(&b'/') {
        return examine(Path::new(program)).map_err(|errno| match errno {
            Errno::ENOENT => not_found(format!("{shown}: no such file"), &name),
            errno => cannot_execute(&shown, errno),
        });
    }
    if program.is_empty() {
        return Err(
            Problem::new(Status::NotFound, "the command after `--` is empty")
                .help("a variable in its place, such as \"$COMMAND\", may be unset"),
        );
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut refused = None;
    for directory in path.as_bytes().split(|byte| *byte == b':') {
        // An empty element means the working directory.
        let directory = if directory.is_empty() {
            OsStr::new(".")
        } else {
            OsStr::from_bytes(directory)
        };
        let file = Path::new(directory).join(program);
        match examine(&file) {
            Ok(program) => return Ok(program),
            Err(errno @ (Errno::EACCES | Errno::EISDIR)) if refused.is_none() => {
                refused = Some(cannot_execute(
                    &format!("{name}: {}", file.display()),
                    errno,
                ));
            }
            Err(_) => {}
        }
    }
    let refused = refused.filter(|_| !BUILTINS.contains(&&*name));
    Err(refused.unwrap_or_else(|| {
        let searched = format!("PATH is {}", path.to_string_lossy());
        not_found(format!("{shown}: command not found in PATH"), &name).note(searched)
    }))
}

/// Commands that only a shell has.
const BUILTINS: [&str; 7] = [".", "cd", "eval", "exec", "export", "source", "ulimit"];

fn cannot_execute(what: &str, why: Errno) -> Problem {
    let help = "make it executable: chmod +x; in a Dockerfile COPY --chmod=755";
    let problem = Problem::new(
        Status::NotExecutable,
        format!("{what}: cannot be executed: {}", describe(why)),
    );
    problem.replace_help((why == Errno::EACCES).then_some(help))
}

/// Adds the remedy for a command that only a shell would understand.
fn not_found(text: String, command: &str) -> Problem {
    let is_syntax = command.contains(|c: char| c.is_whitespace() || "$|&;<>`*(".contains(c));
    let problem = Problem::new(Status::NotFound, text);
    if let Some(name) = assigned(command) {
        problem.help(format!(
            "for a variable of the command write: -- env {name}=… COMMAND"
        ))
    } else if BUILTINS.contains(&command) {
        problem.help(format!(
            "{command} is a shell's own command: write -- sh -c '{command} …'"
        ))
    } else if is_syntax {
        problem.help(
            "no shell reads the command; for variables, pipes and the like write: -- sh -c '…'",
        )
    } else {
        problem
    }
}

/// The name in `NAME=value`, which a shell sets for a command.
fn assigned(command: &str) -> Option<&str> {
    command
        .split_once('=')
        .map(|(name, _)| name)
        .filter(|name| is_name(name))
}

fn examine(file: &Path) -> Result<Program, Errno> {
    let metadata = std::fs::metadata(file).map_err(|error| errno(&error))?;
    if metadata.is_dir() {
        return Err(Errno::EISDIR);
    }
    // Only EACCES counts: old seccomp profiles refuse faccessat2(2) itself with another errno, and execve checks again.
    if faccessat(AT_FDCWD, file, AccessFlags::X_OK, AtFlags::AT_EACCESS) == Err(Errno::EACCES) {
        return Err(Errno::EACCES);
    }
    // No path with a NUL passes stat(2).
    CString::new(file.as_os_str().as_bytes())
        .map(Program)
        .map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_has_the_first_of_several_files_that_cannot_be_executed() {
        let refused = |path: &str| find("passwd".as_ref(), Some(path.as_ref())).unwrap_err();
        assert!(
            refused("/etc:/etc/../etc")
                .text
                .starts_with("passwd: /etc/passwd: cannot be executed")
        );
    }
}
