//! Execution of the command: its lookup in PATH, the limits on its environment, and `execve`.

mod lookup;

pub use lookup::{Program, find};

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{SysconfVar, execve, sysconf};

use crate::model::command_line::CommandLine;
use crate::model::environment::{Environment, Limits};
use crate::model::problem::{Problem, Status};
use crate::system::os_error::describe;
use crate::system::signals;

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

/// Returns the limits of execve(2), "Limits on size of arguments and environment", in bytes.
pub fn limits() -> Limits {
    let variable = |name| {
        sysconf(name)
            .ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
    };
    if cfg!(target_os = "macos") {
        // A single limit holds for arguments and variables together.
        let total = variable(SysconfVar::ARG_MAX).unwrap_or(1024 * 1024);
        return Limits {
            string: total,
            total,
        };
    }
    let page = variable(SysconfVar::PAGE_SIZE).unwrap_or(4096);
    let stack = match getrlimit(Resource::RLIMIT_STACK) {
        Ok((RLIM_INFINITY, _)) | Err(_) => usize::MAX,
        Ok((soft, _)) => usize::try_from(soft).unwrap_or(usize::MAX),
    };
    limits_on_linux(page, stack)
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
}
