//! Execution of the command: its lookup in its own PATH as execvp(3) does it, the limits on its environment, and `execve`.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, FcntlArg, FdFlag, fcntl};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{AccessFlags, SysconfVar, execve, faccessat, sysconf};

use crate::model::env_name::assigned_name;
use crate::model::environment::{CommandLine, Environment, Limits};
use crate::model::problem::{Problem, Status};
use crate::system::os_error::{describe, errno};
use crate::system::signals;

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
    if program.as_bytes().contains(&b'/') {
        let file = Path::new(program);
        return examine(file).map_err(|errno| match errno {
            errno if errno == Errno::ENOENT || assigned_name(&name).is_some() => {
                not_found(&name, None)
            }
            errno => cannot_execute(file, errno),
        });
    }
    if program.is_empty() {
        return Err(
            Problem::new(Status::NotFound, "the command after `--` is empty")
                .help("if you wrote a variable there, such as \"$COMMAND\", set it"),
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
                refused = Some(cannot_execute(&file, errno));
            }
            Err(_) => {}
        }
    }
    let refused = refused.filter(|_| !BUILTINS.contains(&&*name));
    Err(refused.unwrap_or_else(|| not_found(&name, Some(path))))
}

/// Commands that only a shell has.
const BUILTINS: [&str; 7] = [".", "cd", "eval", "exec", "export", "source", "ulimit"];

fn cannot_execute(file: &Path, why: Errno) -> Problem {
    let file = file.display();
    let text = match why {
        Errno::EISDIR => format!("\"{file}\" is a directory, not a program"),
        why => format!("\"{file}\" can't be executed: {}", describe(why)),
    };
    let help = format!("make it executable: chmod +x {file}; in a Dockerfile: COPY --chmod=755");
    Problem::new(Status::NotExecutable, text).replace_help((why == Errno::EACCES).then_some(help))
}

/// Returns the problem of a command that does not exist: a path that leads to no file, or a name that is not in `path`.
fn not_found(command: &str, path: Option<&OsStr>) -> Problem {
    let no_program = format!("there is no program named \"{command}\"");
    let is_syntax = command.contains(|c| "$|&;<>`*('\"".contains(c));
    let (text, help) = if let Some(name) = assigned_name(command) {
        // The value may be a password.
        (
            format!("\"{name}=…\" is not a program: only a shell sets variables before a command"),
            format!("write env before it: -- env {name}=… COMMAND"),
        )
    } else if BUILTINS.contains(&command) {
        (
            format!("\"{command}\" is not a program, but a command of the shell"),
            format!("write: -- sh -c '{command} …'"),
        )
    } else if is_syntax {
        let script = if command.contains('\'') {
            "…"
        } else {
            command
        };
        (
            format!("{no_program}: secrets-exec doesn't start a shell for the command"),
            format!("for variables, pipes and the like, write: -- sh -c '{script}'"),
        )
    } else if command.contains(char::is_whitespace) {
        let words = Vec::from_iter(command.split_whitespace()).join("\", \"");
        (
            format!("{no_program}: the command and its arguments were given as one word"),
            format!("leave out the quotes: -- {command}; in a JSON array: \"{words}\""),
        )
    } else {
        return not_there(command, path);
    };
    Problem::new(Status::NotFound, text).help(help)
}

/// Returns the same problem for a command that looks like a program.
fn not_there(command: &str, path: Option<&OsStr>) -> Problem {
    let text = match path {
        Some(_) => format!("the command \"{command}\" was not found in PATH"),
        None if command == "/bin/sh" => "this image has no /bin/sh".to_owned(),
        None => format!("the file \"{command}\" does not exist"),
    };
    let problem = Problem::new(Status::NotFound, text);
    let problem = match path {
        Some(path) => problem.note(format!("PATH is {}", path.to_string_lossy())),
        None => problem,
    };
    if matches!(command, "sh" | "/bin/sh") {
        problem.help("write CMD as an array, which needs no shell: CMD [\"node\", \"app.js\"]")
    } else if path.is_some() && Path::new(command).is_file() {
        problem.help(format!("for the file in this directory, write ./{command}"))
    } else {
        problem
    }
}

fn examine(file: &Path) -> Result<Program, Errno> {
    let metadata = fs::metadata(file).map_err(|error| errno(&error))?;
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

/// Replaces the process with `program`, which inherits the process id, the signal mask and dispositions that this process inherited,
/// and `descriptors` despite FD_CLOEXEC. A held signal that is pending ends the process instead.
///
/// # Errors
/// When execve fails; the process continues.
pub fn exec<'a>(
    program: &Program,
    command: &CommandLine,
    environment: &Environment,
    descriptors: impl Iterator<Item = BorrowedFd<'a>>,
) -> Result<Infallible, Problem> {
    for descriptor in descriptors {
        let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()));
    }
    signals::restore();
    let errno = execute(program, command, environment);
    signals::hold();
    Err(not_executed(program, environment, errno))
}

/// Returns the problem of an execve that failed, although the file exists.
fn not_executed(program: &Program, environment: &Environment, why: Errno) -> Problem {
    let file = program.as_path().display();
    let first_line = first_line(program).unwrap_or_default();
    let interpreter = first_line.strip_prefix(b"#!").map(String::from_utf8_lossy);
    let (text, help) = match (why, interpreter) {
        (Errno::ENOENT, Some(line)) if line.ends_with("\r\n") => (
            format!("\"{file}\" can't be executed, because it has Windows line endings (CRLF)"),
            format!("convert it: sed -i 's/\\r$//' {file}"),
        ),
        (Errno::ENOENT, Some(line)) => {
            let name = line.split_whitespace().next().unwrap_or_default();
            (
                format!("\"{file}\" can't be executed: its interpreter {name} does not exist"),
                "install the interpreter, or correct the first line of the script".to_owned(),
            )
        }
        (Errno::ENOENT, None) => (
            format!("\"{file}\" can't be executed: its dynamic loader does not exist here"),
            "build it for the C library of this image (glibc or musl), or link it statically"
                .to_owned(),
        ),
        (Errno::ENOEXEC, _) => (
            format!("\"{file}\" is neither a script nor a program for this machine"),
            "it may be for another architecture: build it for this one (docker build --platform)"
                .to_owned(),
        ),
        (Errno::E2BIG, _) => (
            format!(
                "the variables and arguments of the command are too long together; the longest variable is {}",
                environment.longest()
            ),
            "pass on fewer variables, with --clean-env or --unset".to_owned(),
        ),
        (why, _) => return cannot_execute(program.as_path(), why),
    };
    Problem::new(Status::NotExecutable, text).help(help)
}

/// Calls execve, for a script without a `#!` line with /bin/sh, as shells and glibc's execvp do; musl's does not.
fn execute(program: &Program, command: &CommandLine, environment: &Environment) -> Errno {
    // Arguments of this process have no NUL.
    let arguments = command
        .arguments()
        .filter_map(|argument| CString::new(argument.as_bytes()).ok());
    let arguments: Vec<_> = arguments.collect();
    let Err(errno) = execve(&program.0, &arguments, &environment.0);
    // The first line of a script has no NUL; the header of a program for another machine has some.
    if errno != Errno::ENOEXEC || !first_line(program).is_ok_and(|line| !line.contains(&0)) {
        return errno;
    }
    let words = [c"/bin/sh".to_owned(), program.0.clone()].into_iter();
    let words: Vec<_> = words.chain(arguments.into_iter().skip(1)).collect();
    let Err(errno) = execve(c"/bin/sh", &words, &environment.0);
    errno
}

/// Returns the first line of a file, with its end.
fn first_line(program: &Program) -> io::Result<Vec<u8>> {
    /// The limit for the length of the first line, so that a large program is not read to its end.
    const LONGEST: u64 = 1024 * 1024;
    let mut line = Vec::new();
    BufReader::new(File::open(program.as_path())?.take(LONGEST)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Returns the limits of execve(2), "Limits on size of arguments and environment", in bytes. Where the kernel has others, execve itself fails.
pub fn limits() -> Limits {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|size| usize::try_from(size).ok());
    let stack = match getrlimit(Resource::RLIMIT_STACK) {
        Ok((RLIM_INFINITY, _)) | Err(_) => usize::MAX,
        Ok((soft, _)) => usize::try_from(soft).unwrap_or(usize::MAX),
    };
    limits_on_linux(page.unwrap_or(4096), stack)
}

/// Returns the limits for the size of a page and the soft limit of the stack, in bytes.
fn limits_on_linux(page: usize, stack: usize) -> Limits {
    Limits {
        string: 32 * page,
        total: (stack / 4).clamp(128 * 1024, 6 * 1024 * 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_string_may_have_32_pages_of_4_or_64_kib_whatever_the_stack() {
        for (page, stack, string, total) in [
            (4 << 10, 8 << 20, 128 << 10, 2 << 20),
            (64 << 10, 8 << 20, 2 << 20, 2 << 20),
            (64 << 10, usize::MAX, 2 << 20, 6 << 20),
            (64 << 10, 0, 2 << 20, 128 << 10),
        ] {
            let limits = limits_on_linux(page, stack);
            assert_eq!(
                (limits.string, limits.total),
                (string, total),
                "a page of {page} bytes"
            );
        }
    }

    #[test]
    fn the_error_has_the_first_of_several_files_that_cannot_be_executed() {
        let refused = |path: &str| find("passwd".as_ref(), Some(path.as_ref())).unwrap_err();
        assert!(
            refused("/etc:/etc/../etc")
                .text
                .starts_with("\"/etc/passwd\" can't be executed")
        );
    }
}
