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

use crate::model::env_name::is_name;
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
    let why = match errno {
        Errno::ENOENT if first_line(program).is_ok_and(|line| line.starts_with(b"#!") && line.ends_with(b"\r\n")) => {
            "its lines end with CRLF, and no interpreter's name ends with a carriage return; save it with LF line ends"
                .to_owned()
        }
        // For a file that exists.
        Errno::ENOENT => {
            "the file exists, but its interpreter (`#!` line) or its dynamic loader does not; was it built for \
                          this image?"
                .to_owned()
        }
        Errno::ENOEXEC => {
            "neither a program for this machine nor a script; was it built for another architecture?".to_owned()
        }
        Errno::E2BIG => {
            let longest = environment.longest();
            format!("variables and arguments together are too long; the longest variable is {longest}")
        }
        other => format!("cannot be executed: {}", describe(other)),
    };
    Err(Problem::new(
        Status::NotExecutable,
        format!("{}: {why}", program.as_path().display()),
    ))
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
                .starts_with("passwd: /etc/passwd: cannot be executed")
        );
    }
}
